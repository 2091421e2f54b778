"""What can be known of dashboards, searches and rules without a Kibana."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import kql
import pytest
from lens import LensPanel, panels
from places import ROOT

from otmon.fields import FIELDS
from otmon.inventory.role import ROLES
from otmon.sinks.elastic.catalogue import STREAMS
from otmon.sinks.elastic.kibana.boards import BOARDS, SEARCHES
from otmon.sinks.elastic.kibana.objects import TYPE_VERSIONS, ndjson, saved_objects
from otmon.sinks.elastic.kibana.panels import COLUMNS, Bars, Heat, Latest, Number, Table, Words
from otmon.sinks.elastic.kibana.rules import promotion_rule
from otmon.sinks.elastic.kibana.views import ALERTS, VIEWS

OBJECTS = [json.loads(line) for line in ndjson(saved_objects()).splitlines()]
DASHBOARDS = [one for one in OBJECTS if one["type"] == "dashboard"]
PANELS = list(panels(OBJECTS))
VIEW = {view.id: view for view in VIEWS}
NEWEST = {
    "dashboard": (8, 9, 0),
    "search": (10, 2, 0),
    "index-pattern": (8, 0, 0),
    "tag": (8, 0, 0),
}
"""Of the forms that Kibana 8.13 knows."""
CLOSED = {
    **{name: field.values for name, field in FIELDS.items() if field.values is not None},
    "otmon.asset.roles": ROLES,
    "otmon.asset.state": {"active", "stale", "gone", "archived"},
    "otmon.behaviour.state": {"new", "known", "deviating"},
    "otmon.conversation.state": {"new", "known"},
    "otmon.boundary.kind": {"it_ot", "cell", "internet", "policy"},
    "event.severity": {"21", "47", "73", "99"},
    "event.kind": {"alert", "event", "metric", "asset"},
}
every_panel = pytest.mark.parametrize(
    "panel", PANELS, ids=[f"{one.board}-{one.id}" for one in PANELS]
)


def test_there_are_eight_dashboards_and_a_view_for_each_stream():
    assert 8 == len(DASHBOARDS) == len(BOARDS)
    assert list(STREAMS) == sorted((view.stream for view in VIEWS), key=list(STREAMS).index)


def test_ids_are_there_once_and_begin_with_the_name_of_the_package():
    ids = Counter((one["type"], one["id"]) for one in OBJECTS)

    assert [] == [name for name, count in ids.items() if count > 1]
    assert {"otmon"} == {one["id"].partition("-")[0] for one in OBJECTS}
    for one in DASHBOARDS:
        inside = Counter(panel["panelIndex"] for panel in content(one))
        assert [] == [name for name, count in inside.items() if count > 1]


def test_the_same_otmon_makes_the_same_bytes():
    assert ndjson(saved_objects()) == ndjson(saved_objects())


def test_json_inside_json_can_be_read():
    for one in OBJECTS:
        for name, text in strings_of_json(one["attributes"]):
            assert isinstance(json.loads(text), dict | list), name


def strings_of_json(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from strings_of_json(inner)
        elif name.endswith("JSON"):
            yield name, inner


@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: one["id"])
def test_no_form_is_newer_than_the_oldest_kibana_that_is_supported(one):
    assert tuple(map(int, one["typeMigrationVersion"].split("."))) <= NEWEST[one["type"]]
    assert TYPE_VERSIONS[one["type"]] == one["typeMigrationVersion"]
    assert "8.8.0" == one["coreMigrationVersion"]


def test_references_lead_to_something_and_every_view_is_used():
    there = {(one["type"], one["id"]) for one in OBJECTS}
    used = {(ref["type"], ref["id"]) for one in OBJECTS for ref in one["references"]}

    assert set() == used - there
    assert {view.id for view in VIEWS} == {name for kind, name in used if kind == "index-pattern"}


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one["id"])
def test_what_a_panel_needs_is_named_by_its_dashboard_too(one):
    named = {ref["name"]: (ref["type"], ref["id"]) for ref in one["references"]}
    needed: dict[str, tuple[str, str]] = {}
    for panel in content(one):
        inner = panel["embeddableConfig"].get("attributes", {})
        for ref in inner.get("references", ()):
            needed[f"{panel['panelIndex']}:{ref['name']}"] = (ref["type"], ref["id"])
        layers = inner.get("state", {}).get("datasourceStates", {}).get("formBased", {})
        for layer in layers.get("layers", {}):
            assert f"{panel['panelIndex']}:indexpattern-datasource-layer-{layer}" in needed
        for one_filter in inner.get("state", {}).get("filters", ()):
            assert f"{panel['panelIndex']}:{one_filter['meta']['index']}" in needed
    assert needed.items() <= named.items()
    others = set(named) - set(needed)
    assert {"controlGroup", "tag-ref-otmon-tag"} <= {
        name.partition("_")[0] for name in others if "drilldown" not in name
    }


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one["id"])
def test_panels_fill_the_grid_and_do_not_overlap(one):
    taken: Counter[tuple[int, int]] = Counter()
    for panel in content(one):
        place = panel["gridData"]
        assert panel["panelIndex"] == place["i"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= COLUMNS
        taken.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )

    assert {1} == set(taken.values())
    assert COLUMNS * (max(y for _, y in taken) + 1) == len(taken)


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one["id"])
def test_a_dashboard_is_short_enough_to_be_read_at_night(one):
    assert 13 >= len(content(one))
    for panel in content(one):
        assert 3 <= len(panel["title"]) <= 45


def content(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(json.loads(one["attributes"]["panelsJSON"]))


@every_panel
def test_no_column_is_lost_for_having_the_id_of_another(panel):
    (described,) = [
        one
        for board in BOARDS
        if board.id == panel.board
        for row in board.rows
        for _, one in row.panels
        if one.title == panel.title and not isinstance(one, Words)
    ]
    match described:
        case Number():
            expected = 1
        case Bars(metrics=metrics, split=split):
            expected = 1 + len(metrics) + (split is not None)
        case Table(by=by, metrics=metrics):
            expected = len(by) + len(metrics)
        case Heat():
            expected = 3
        case Latest(columns=columns):
            expected = 2 + len(columns)
    assert expected == len(panel.columns)


@every_panel
def test_every_column_of_a_layer_is_shown_and_nothing_else(panel):
    state = panel.attributes["state"]
    visualization = state["visualization"]
    shown = set(accessors(visualization))

    assert sorted(panel.layer["columnOrder"]) == sorted(panel.layer["columns"])
    assert set(panel.columns) == shown
    for column in panel.columns.values():
        order = column["params"].get("orderBy", {})
        assert order.get("columnId") is None or order["columnId"] in panel.columns


def accessors(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from accessors(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "columnId" or name.endswith(("Accessor", "accessors")):
                yield from inner if isinstance(inner, list) else [inner]
            else:
                yield from accessors(inner)


@every_panel
def test_every_field_is_mapped_with_a_type_that_fits_what_is_worked_out(panel):
    fields = VIEW[panel.view].fields
    for column in panel.columns.values():
        name = column["sourceField"]
        if name == "___records___":
            assert "count" == column["operationType"]
            continue
        kind = fields[name]
        match column["operationType"]:
            case "terms":
                assert kind in ("keyword", "ip", "boolean", "long", "float")
                # Only text can say that it is missing.
                assert kind == "keyword" or not column["params"]["missingBucket"]
            case "date_histogram":
                assert kind == "date"
            case "sum":
                assert kind in ("long", "float", "double")
            case "max" | "min":
                assert kind in ("long", "float", "double", "date")
            case "unique_count" | "last_value":
                assert kind not in ("text", "flattened")
            case other:
                raise AssertionError(other)
        expected = {"keyword": "string", "long": "number", "float": "number", "double": "number"}
        if column["operationType"] != "unique_count":
            assert expected.get(kind, kind) == column["dataType"]


@every_panel
def test_each_panel_is_of_one_dataset(panel):
    view = VIEW[panel.view]
    (one,) = panel.attributes["state"]["filters"]

    assert {"match_phrase": {view.dataset_field: view.dataset}} == one["query"]
    assert view.dataset_field in view.fields


@every_panel
def test_kql_of_a_panel_can_be_read_and_names_fields_and_values_that_there_are(panel):
    for query in panel.queries:
        sensible(query, VIEW[panel.view].fields)


def sensible(query: str, fields: Mapping[str, str]) -> None:
    if not query:
        return
    kql.check(query, fields)
    for one in kql.tests_of(kql.read(query)):
        if one.sign == ":" and one.value.text != "*" and one.field in CLOSED:
            assert one.value.text in CLOSED[one.field], one


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: one.id)
def test_searches_have_kql_and_columns_that_there_are(search):
    sensible(search.query, search.view.fields)
    assert [] == [name for name in search.columns if name not in search.view.fields]


@pytest.mark.parametrize("board", BOARDS, ids=lambda one: one.id)
def test_what_is_picked_above_a_dashboard_is_a_field_of_every_panel(board):
    views = {panel.view for panel in PANELS if panel.board == board.id and not alone(panel)}
    for control in board.controls:
        for view in views:
            assert control.field in VIEW[view].fields, (control.title, view)


def alone(panel: LensPanel) -> bool:
    return bool(panel.layer["ignoreGlobalFilters"])


def test_links_of_the_way_lead_to_dashboards_and_searches():
    ids = {one["id"] for one in OBJECTS}
    for board in BOARDS:
        (words,) = (
            panel for row in board.rows for _, panel in row.panels if isinstance(panel, Words)
        )
        links = [part.partition(")")[0] for part in words.text.split("#/view/")[1:]]
        assert 7 <= len(links)
        assert set() == set(links) - ids


def test_the_promotion_rule_is_off_and_takes_alerts_by_the_time_they_came_in():
    rule = promotion_rule()

    sensible(rule["query"], ALERTS.fields)
    assert (False, "event.ingested") == (rule["enabled"], rule["timestamp_override"])
    assert {"21", "47", "73", "99"} == {one["value"] for one in rule["severity_mapping"]}
    assert rule["rule_name_override"] in ALERTS.fields


@pytest.mark.parametrize(
    "wrong",
    [
        "event.severity: high",
        "no.such.field: 1",
        "(event.kind: alert",
        "event.kind alert",
        "host.name > 3",
        "ot.operation.is_write: yes",
        "client.ip: 10.0.0.0/99",
        "event.kind: alert and",
    ],
)
def test_kql_that_is_wrong_is_seen(wrong):
    with pytest.raises(kql.KqlError):
        kql.check(wrong, {**ALERTS.fields, "ot.operation.is_write": "boolean"})


WORDS = {
    "FROM",
    "WHERE",
    "STATS",
    "SORT",
    "LIMIT",
    "BY",
    "AND",
    "OR",
    "NOT",
    "DESC",
    "ASC",
    "SUM",
    "MAX",
    "MIN",
    "COUNT",
    "COUNT_DISTINCT",
    "NOW",
    "true",
    "false",
    "hour",
}


@pytest.mark.parametrize(
    "text",
    [
        part.partition("\n```")[0]
        for name in ("elastic.md", "kibana.md")
        for part in (ROOT / "docs" / name).read_text("utf8").split("```esql\n")[1:]
    ],
)
def test_esql_of_the_documentation_names_streams_fields_and_words_that_there_are(text):
    first, *further = [line.strip("| ") for line in text.splitlines()]
    (view,) = (one for one in VIEWS if f"FROM {one.pattern}" == first)
    made: set[str] = set()
    for line in further:
        command, _, rest = line.partition(" ")
        assert command in WORDS
        names = re.findall(r"[@A-Za-z_][\w.]*", re.sub(r'"[^"]*"', "", rest))
        made |= set(re.findall(r"(\w+) = ", rest))
        assert [] == [one for one in names if one not in view.fields and one not in WORDS | made]
