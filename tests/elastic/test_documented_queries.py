"""Converted rules and every documented query, asked of a real Elasticsearch."""

from __future__ import annotations

import json

import kql
import pytest
from exception_lists import let_pass
from places import ROOT

from otmon.cli.elastic_setup import event_rules
from otmon.config import load
from otmon.sinks.elastic.kibana.views import VIEWS

RULES = event_rules(load(None))


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one["name"])
def test_the_query_of_each_converted_rule_is_taken_by_the_server(plant, rule):
    query = {"query_string": {"query": rule["query"]}}
    found = plant.client.count(index=f"logs-otmon.operation-{plant.plain}", query=query)["count"]

    fired = {one["rule"]["title"] for one in plant.result["alerts"]}
    assert found > 0 or rule["name"] not in fired


def test_converted_rules_find_in_stored_operations_what_raised_alerts(plant):
    """Not all of the alerts come from rules that a query can say: sweeps and orders do not."""
    fired = {one["rule"]["title"] for one in plant.result["alerts"]}

    assert {"S7 controller stopped", "Controller started", "Program read out of a controller"} <= (
        fired & {rule["name"] for rule in RULES}
    )


STOP = "S7 controller stopped"
WHO = {
    "who did it": ("{source.ip: 10.20.1.66}", lambda one: one["ip"] == "10.20.1.66"),
    "somebody else": ("{source.ip: 10.20.1.99}", lambda one: False),
    "a network": ("{source.ip|cidr: 10.20.1.64/26}", lambda one: one["ip"].startswith("10.20.1.6")),
    "a pattern": ("{source.address|cased|startswith: '10.20.1.6'}", lambda one: "1.6" in one["ip"]),
    "a zone, any": ("{source.asset.zone|exists: true}", lambda one: "zone" in one["asset"]),
    "no zone": ("{source.asset.zone|exists: false}", lambda one: "zone" not in one["asset"]),
}
"""Exceptions, and from whom they let operations pass."""


@pytest.mark.parametrize("who", WHO)
def test_the_exceptions_of_a_converted_rule_let_pass_what_those_of_the_site_do(
    plant, tmp_path, who
):
    selection, passes = WHO[who]
    (tmp_path / "filter.yml").write_text(
        "title: known\nlogsource: {product: otmon, service: s7comm, category: ot_operation}\n"
        f"filter:\n  rules: [{STOP}]\n  a: {selection}\n  condition: not a\n"
        "otmon: {reason: r, author: a, expires: 2099-01-01}\n"
    )
    (tmp_path / "otmon.toml").write_text('[rules]\nfilters = ["filter.yml"]\n')
    made = event_rules(load(tmp_path / "otmon.toml"))
    (rule,) = (one for one in made if one.get("name") == STOP)
    raised = {"query_string": {"query": rule["query"]}}
    index = f"logs-otmon.operation-{plant.plain}"
    found = plant.client.search(index=index, query=raised, size=1000)["hits"]["hits"]
    left = plant.client.count(
        index=index, query={"bool": {"must": [raised], "must_not": [let_pass(made)]}}
    )["count"]

    assert found
    assert sum(not passes(one["_source"]["source"]) for one in found) == left


def documented(language: str) -> list[str]:
    """Each query of the documentation in a language."""
    text = "".join((ROOT / "docs" / name).read_text("utf8") for name in ("elastic.md", "kibana.md"))
    return [part.partition("\n```")[0].strip() for part in text.split(f"```{language}\n")[1:]]


@pytest.mark.parametrize("text", documented("json"))
def test_each_search_of_the_documentation_finds_something(plant, text):
    head, _, body = text.partition("\n")
    _, path = head.split()
    pattern = path.removesuffix("-*/_search")
    index = ",".join(f"{pattern}-{name}" for name in plant.both)
    answer = plant.client.search(index=index, ignore_unavailable=True, **json.loads(body))

    (found,) = answer["aggregations"].values()
    assert found["buckets"]


@pytest.mark.parametrize("query", documented("kql"))
def test_documented_kql_names_fields_that_there_are_and_finds_something(plant, query):
    fields: dict[str, str] = {}
    for view in VIEWS:
        fields |= view.fields
    kql.check(query, fields)
    indices = ",".join(f"{view.stream}-{name}" for view in VIEWS for name in plant.both)
    assert plant.client.count(index=indices, ignore_unavailable=True, query=kql.dsl(query))["count"]


@pytest.mark.parametrize(
    ("dataset", "of", "figure", "counted"),
    [
        ("otmon.alert", "alerts", "otmon.alert.count", "count"),
        ("otmon.asset_latest", "assets", None, None),
        ("otmon.operation", "behaviours", "otmon.behaviour.count", "count"),
        ("otmon.conversation", "conversations", "network.packets", "packets"),
    ],
)
def test_documented_queries_find_everything_of_the_result_document(
    plant, dataset, of, figure, counted
):
    query = f"event.dataset: {dataset}"
    assert query in documented("kql")
    aggregations = {} if figure is None else {"sum": {"sum": {"field": figure}}}
    answer = plant.client.search(
        index=",".join(f"{view.stream}-{plant.plain}" for view in VIEWS),
        ignore_unavailable=True,
        query=kql.dsl(query),
        aggs=aggregations,
        size=0,
        track_total_hits=True,
    )
    if figure is None or of == "alerts":
        assert len(plant.result[of]) == answer["hits"]["total"]["value"]
    if figure is not None:
        assert (
            sum(one[counted] for one in plant.result[of])
            == (answer["aggregations"]["sum"]["value"])
        )
