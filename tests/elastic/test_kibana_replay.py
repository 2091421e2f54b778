"""Every panel and every documented query, asked of a real Elasticsearch with documents of otmon.

The requests are made from the dashboards as they are shipped, so that what is
proven here is what Kibana will ask.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kql
import pytest
from elastic_server import Node
from elasticsearch import Elasticsearch
from lens import MISSING, LensPanel, figure, panels, rows
from places import PCAPS, ROOT

from otmon.cli import main
from otmon.cli.elastic_setup import event_rules
from otmon.config import load
from otmon.fields import CHANGE_CLASSES
from otmon.sinks.elastic import documents, setup
from otmon.sinks.elastic.documents import Sensor
from otmon.sinks.elastic.kibana.boards import BOARDS, SEARCHES
from otmon.sinks.elastic.kibana.objects import ndjson, saved_objects
from otmon.sinks.elastic.kibana.views import VIEWS
from otmon.sinks.elastic.tactics import threat_fields
from otmon.state.site_file import now_ns

PANELS = list(panels([json.loads(line) for line in ndjson(saved_objects()).splitlines()]))
VIEW = {view.id: view for view in VIEWS}
PLANT = PCAPS / "demo" / "plant.pcapng"
SITE = """
[site]
name = "waterworks"
[[zones]]
name = "office"
level = 4.0
assets = ["10.20.1.66"]
[[zones]]
name = "stations"
level = 2.0
subnets = ["10.20.1.0/24"]
[[zones]]
name = "controllers"
level = 1.0
subnets = ["10.20.2.0/24", "10.20.3.0/24"]
[[assets]]
match = "10.20.2.11"
role = "safety_controller"
safety = true
[elastic]
namespace = "%s"
"""


ADVISORIES = """id,vendor,model,firmware,title,cve,score
TEST-1,Siemens,CPU 315-2 PN/DP,<3.3,Made for this test,CVE-2099-0001,9.8
TEST-2,Schneider Electric,BMX P34 2020,<2.0,Made for this test,CVE-2099-0002,5.0
TEST-3,Schweitzer,SEL-3530,<1.0,Made for this test,CVE-2099-0003,
"""
"""Of weaknesses that nobody has published."""


@dataclass(frozen=True)
class Plant:
    """A plant that is in Elasticsearch."""

    client: Elasticsearch
    result: Mapping[str, Any]
    """What `analyze` said of it."""
    plain: str
    """The namespace of the capture alone."""
    rich: str
    """That of a site with zones, the internet, sensors, and things that people did."""

    @property
    def both(self) -> tuple[str, str]:
        """Both namespaces."""
        return self.plain, self.rich

    def ask(self, panel: LensPanel, *namespaces: str) -> dict[str, Any]:
        """What the server says to a panel."""
        stream = VIEW[panel.view].stream
        index = ",".join(f"{stream}-{name}" for name in namespaces)
        answer = self.client.search(index=index, ignore_unavailable=True, **panel.request())
        return dict(answer)

    def rows(self, board: str, title: str) -> list[dict[str, Any]]:
        """What a panel shows of the capture alone."""
        panel = named(board, title)
        return rows(panel, self.ask(panel, self.plain))

    def number(self, board: str, title: str) -> Any:
        """The figure of a panel of the capture alone."""
        (row,) = self.rows(board, title)
        (value,) = row.values()
        return value


def named(board: str, title: str) -> LensPanel:
    (panel,) = (one for one in PANELS if (one.board, one.title) == (board, title))
    return panel


@pytest.fixture(scope="module")
def plant(es_server: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("kibana")
    plain, rich = "plain", "rich"
    with es_server.client() as client:
        [*setup.install(client, "none")]
        shipped = ("--elastic", es_server.url)
        configs = {name: folder / f"{name}.toml" for name in (plain, rich)}
        configs[plain].write_text(f'[elastic]\nnamespace = "{plain}"\n')
        configs[rich].write_text(SITE % rich)
        given = ("--no-keep", "--config", configs[plain], *shipped, PLANT)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            run("analyze", "--format", "json", *given)
        state = folder / "site.otmon"
        given = ("--state", state, "--config", configs[rich])
        for name in ("public_peer", "known", "firmware"):
            run("analyze", *given, *shipped, PCAPS / "inventory" / f"{name}.pcapng")
        lists = folder / "lists.csv"
        lists.write_text(ADVISORIES)
        run("analyze", *given, "--advisories", lists, *shipped, PLANT)
        run("alerts", "ack", "--state", state, "--author", "kim", "--note", "known work", "1")
        run("elastic", "send", *given, *shipped)
        for draft in further():
            made = documents.finished(Sensor("waterworks/tap-1", "waterworks", "tap-1", rich),
                                      draft, 1, now_ns())  # fmt: skip
            assert not isinstance(made, tuple)
            client.index(index=made.target, id=made.id, op_type="create", document=made.body)
        client.indices.refresh(index="_all")
        yield Plant(client, json.loads(said.getvalue()), plain, rich)


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    assert not ended.value.code


def further() -> Iterator[documents.Draft]:
    """What no capture gives: health, as a monitor writes it; weaknesses; a device of today."""
    sensor = Sensor("waterworks/tap-1", "waterworks", "tap-1", "rich")
    now = now_ns()
    figures = {
        "uptime_s": 60, "packets": 1000, "bytes": 64000, "dropped_kernel": 3, "dropped_queue": 0,
        "capture_interfaces": ["eth1"], "rss_bytes": 1 << 26, "disk_free_bytes": 1 << 34,
        "remarks": ["3 frames were lost"], "outbox_rows": 7, "outbox_bytes": 7000,
        "outbox_oldest_age_s": 9, "delivered": 100, "duplicates": 0, "retried": 0,
        "dead_letter": 1, "dropped_documents": 0,
    }  # fmt: skip
    yield documents.sensor_health(sensor, now, figures)
    new = documents.sensor_health(sensor, now + 1, {})
    yield dataclasses.replace(
        new,
        stream="asset-latest",
        fields={
            **{name: value for name, value in new.fields.items() if "data_stream" not in name},
            "event.dataset": "otmon.asset_latest",
            "related.ip": ["10.20.1.99"],
            "otmon.asset.id": "a-new",
            "otmon.asset.zone": "stations",
            "otmon.asset.state": "stale",
            "otmon.asset.vendor": "Siemens",
            "otmon.asset.order_code": "6ES7 315",
            "otmon.asset.firmware": "V3.2",
            "otmon.asset.first_seen_at": documents.Moment(now),
            "otmon.asset.last_seen_at": documents.Moment(now),
        },
        version=0,
    )


@pytest.mark.parametrize("panel", PANELS, ids=[f"{one.board}-{one.id}" for one in PANELS])
def test_each_panel_shows_something(plant, panel):
    found = rows(panel, plant.ask(panel, *plant.both))

    assert found
    if not any(column["isBucketed"] for column in panel.columns.values()):
        (row,) = found
        assert all(value > 0 for value in row.values())
    else:
        labels = [column["label"] for column in panel.columns.values()]
        assert [] == [label for label in labels if all(row[label] is None for row in found)]


@pytest.mark.parametrize("board", BOARDS, ids=lambda one: one.id)
def test_what_is_picked_above_a_dashboard_is_in_the_documents_of_every_panel(plant, board):
    views = {
        panel.view
        for panel in PANELS
        if panel.board == board.id and not panel.layer["ignoreGlobalFilters"]
    }
    for control in board.controls:
        for view in views:
            index = f"{VIEW[view].stream}-{plant.rich}"
            count = plant.client.count(index=index, query={"exists": {"field": control.field}})
            assert count["count"], (control.title, view)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: one.id)
def test_each_saved_search_finds_documents_with_its_columns(plant, search):
    answer = plant.client.search(
        index=f"{search.view.stream}-{plant.rich}",
        query=kql.dsl(search.query),
        fields=list(search.columns),
        size=1000,
        source=False,
    )
    there = {name for hit in answer["hits"]["hits"] for name in hit.get("fields", {})}

    assert set() == set(search.columns) - there


class TestFigures:
    """What panels show of the plant is what its result document says."""

    def test_alerts_by_severity(self, plant):
        levels = Counter(one["level"] for one in plant.result["alerts"])

        assert levels["critical"] == plant.number("otmon-overview", "Critical alerts")
        assert levels["high"] == plant.number("otmon-overview", "High alerts")
        over_time = plant.rows("otmon-overview", "Alerts by severity over time")
        for level, count in levels.items():
            assert count == sum(row[level.title()] for row in over_time)

    def test_addresses_rules_and_devices_of_alerts(self, plant):
        alerts = plant.result["alerts"]
        ends = Counter(
            end for one in alerts for end in {one["client"], one["server"]} if end is not None
        )
        found = plant.rows("otmon-overview", "Addresses in most alerts")
        assert ends == {row["Address"]: row["Alerts"] for row in found}
        assert ends.most_common(1)[0][0] == found[0]["Address"]
        rules = Counter(one["rule"]["title"] for one in alerts)
        found = plant.rows("otmon-overview", "Rules that fired most")
        assert {row["Alerts"] for row in found} <= set(rules.values())
        assert all(rules[row["Rule"]] == row["Alerts"] for row in found)
        found = plant.rows("otmon-overview", "Devices affected most")
        assert len(alerts) == sum(row["Alerts"] for row in found)

    def test_newest_alerts_have_the_number_by_which_they_are_explained(self, plant):
        found = plant.rows("otmon-overview", "Newest alerts")

        assert {(one["id"], one["message"]) for one in plant.result["alerts"]} == {
            (int(row["ID"][0]), row["What happened"][0]) for row in found
        }
        times = [row["Time"] for row in found]
        assert times == sorted(times, reverse=True)

    def test_techniques_and_tactics(self, plant):
        names: Counter[str] = Counter()
        tactics: Counter[str] = Counter()
        for one in plant.result["alerts"]:
            threat = threat_fields(one["techniques"])
            names.update(threat.get("threat.technique.name", ()))
            tactics.update(threat.get("threat.tactic.name", ()))

        found = plant.rows("otmon-attack", "Techniques")
        assert names == {row["Technique"]: row["Alerts"] for row in found}
        cells = plant.rows("otmon-attack", "How far it has come, by device")
        seen: Counter[str] = Counter()
        for row in cells:
            seen[row["Tactic"]] += row["Alerts"]
        assert tactics == seen

    def test_devices(self, plant):
        assets = plant.result["assets"]

        assert len(assets) == plant.number("otmon-assets-board", "Devices known")
        roles = Counter(role for one in assets for role in one["roles"])
        found = plant.rows("otmon-assets-board", "Roles")
        assert roles == {row["Role"]: row["Devices"] for row in found}
        levels = Counter(one["purdue_level"] for one in assets if one["purdue_level"] is not None)
        found = plant.rows("otmon-assets-board", "Purdue levels")
        assert levels == {float(row["Level"]): row["Devices"] for row in found}
        controllers = [one for one in assets if {"plc", "rtu"} & set(one["roles"])]
        assert len(controllers) == plant.number("otmon-assets-board", "Controllers")
        discovered = plant.rows("otmon-assets-board", "Changes")
        assert len(assets) == len(discovered)

    def test_operations(self, plant):
        behaviours = plant.result["behaviours"]
        changes = [one for one in behaviours if one["class"] in CHANGE_CLASSES]
        refused = [one for one in behaviours if one["status"] not in (None, "ok")]

        assert sum(one["count"] for one in changes) == plant.number(
            "otmon-operations-board", "Writes"
        )
        assert sum(one["count"] for one in refused) == plant.number(
            "otmon-operations-board", "Refused"
        )
        address = {one["id"]: one["ip"][0] for one in plant.result["assets"]}
        told: Counter[tuple[str, ...]] = Counter()
        for one in changes:
            ends = (address[one["client"]], address[one["server"]])
            told[(*ends, one["class"], one["operation"])] += one["count"]
        found = plant.rows("otmon-operations-board", "Writes and program changes: who, to whom")
        assert told == {
            (row["Client"], row["Server"], row["What"], row["Function"]): row["Times"]
            for row in found
            if row["What"] in CHANGE_CLASSES
        }

    def test_conversations_from_zone_to_zone(self, plant):
        zone = {one["id"]: one["zone"] for one in plant.result["assets"]}
        messages: defaultdict[tuple[str, str], int] = defaultdict(int)
        for one in plant.result["conversations"]:
            messages[zone[one["client"]], zone[one["server"]]] += one["pdus"]

        found = plant.rows("otmon-boundary", "From zone to zone, in messages")
        assert messages == {(row["From zone"], row["To zone"]): row["Messages"] for row in found}

    def test_a_row_does_not_vanish_for_what_is_not_known(self, plant):
        talked: Counter[tuple[str, ...]] = Counter()
        for one in plant.result["conversations"]:
            ends = (one["client_ip"], one["server_ip"])
            talked[(*ends, one["protocol"] or MISSING)] += one["bytes"]

        found = plant.rows("otmon-investigation", "Who talked to whom")
        assert MISSING in {protocol for _, _, protocol in talked}
        assert talked == {
            (row["Client"], row["Server"], row["Protocol"]): row["Bytes"] for row in found
        }
        firmware = Counter(one["firmware"] for one in plant.result["assets"] if one["firmware"])
        found = plant.rows("otmon-assets-board", "Firmware")
        shown: Counter[str] = Counter()
        for row in found:
            shown[row["Firmware"]] += row["Devices"]
        assert firmware == shown

    def test_what_an_analyst_sees_of_one_address(self, plant):
        panel = named("otmon-investigation", "Its alerts")
        request = panel.request()
        request["query"]["bool"]["filter"].append({"term": {"related.ip": "10.20.1.66"}})
        answer = plant.client.search(index=f"logs-otmon.alert-{plant.plain}", **request)

        mine = [
            one for one in plant.result["alerts"] if "10.20.1.66" in (one["client"], one["server"])
        ]
        assert len(mine) == len(rows(panel, answer))

    def test_the_office_is_seen_to_write_over_the_boundary(self, plant):
        panel = named("otmon-boundary", "Writes over a boundary: who, to whom")
        found = rows(panel, plant.ask(panel, plant.rich))

        assert "10.20.1.66" in {row["Client"] for row in found}
        panel = named("otmon-boundary", "With the internet: who, to whom")
        peers = {end for row in rows(panel, plant.ask(panel, *plant.both))
                 for end in (row["Client"], row["Server"])}  # fmt: skip
        assert any(not end.startswith("10.") for end in peers)


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


def test_figures_of_an_empty_answer_are_not_made_up():
    column = {"operationType": "count", "sourceField": "___records___"}
    assert 0 == figure(column, "x", {"hits": {"total": {"value": 0}}})
