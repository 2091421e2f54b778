"""Every panel, asked of a real Elasticsearch with documents of otmon.

The requests are made from the dashboards as they are shipped, so that what is
proven here is what Kibana will ask.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import kql
import pytest
from kibana_plant import PANELS, VIEW, named
from lens import MISSING, figure, rows

from otmon.fields import CHANGE_CLASSES
from otmon.sinks.elastic.kibana.boards import BOARDS, SEARCHES
from otmon.sinks.elastic.tactics import threat_fields


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


TIMES = re.compile(r", [\d,]+ times$")


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

        # How often is said where a sentence alone does not say it.
        assert {(one["id"], one["message"]) for one in plant.result["alerts"]} == {
            (int(row["ID"][0]), TIMES.sub("", row["What happened"][0])) for row in found
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


def test_figures_of_an_empty_answer_are_not_made_up():
    column = {"operationType": "count", "sourceField": "___records___"}
    assert 0 == figure(column, "x", {"hits": {"total": {"value": 0}}})
