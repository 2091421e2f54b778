"""Every alert title of Defender for IoT has its rule, or a reason why it has none."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from places import ROOT

from otmon.ruleset import attack
from otmon.ruleset.coverage import Covered, navigator, shown, techniques, titles
from otmon.ruleset.load import load_rules
from otmon.ruleset.taxonomy import DefenderTitle

GOLDEN = Path(__file__).with_name("defender_titles.tsv")
RULES = load_rules()
REASONS = tomllib.loads((ROOT / "docs" / "coverage.toml").read_text(encoding="utf-8"))
MIN_SHARE = 0.9
"""Of the titles other than malware that protocols with a dissector can show."""


@pytest.fixture(scope="module")
def found() -> list[tuple[DefenderTitle, Covered]]:
    return list(titles(RULES, REASONS["titles"]))


def test_each_title_is_covered_as_before(found):
    rows = [
        "\t".join(
            (
                title.title,
                covered.state,
                covered.reason or ",".join(one.rule.id for one in covered.rules),
            )
        )
        for title, covered in found
    ]
    text = "\n".join(["title\tstate\trules or reason", *rows]) + "\n"
    if os.environ.get("OTMON_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")

    assert GOLDEN.read_text(encoding="utf-8") == text, "intended? then: make golden"


def test_all_of_the_titles_are_mapped(found):
    assert 202 == len(found)
    assert set() == set(REASONS["titles"]) - {title.title for title, _ in found}


def test_no_reason_is_left_where_a_rule_covers():
    covered = [title.title for title, one in titles(RULES, REASONS["titles"]) if one.rules]
    covered += [entry.id for entry, one in techniques(RULES, REASONS["techniques"]) if one.rules]

    assert set() == {*covered} & {*REASONS["titles"], *REASONS["techniques"]}


def test_most_titles_that_covered_protocols_can_show_have_a_rule(found):
    visible = [
        covered
        for title, covered in found
        if title.engine != "malware"
        and covered.state != "out_of_scope"
        and not covered.reason.startswith("protocol")
    ]
    states = Counter(covered.state for covered in visible)

    assert MIN_SHARE <= states["covered"] / len(visible)


def test_every_visible_technique_has_a_rule_or_a_reason():
    rows = list(techniques(RULES, REASONS["techniques"]))

    assert {"D": 34, "C": 14} == dict(Counter(entry.rating for entry, _ in rows))
    assert set() == set(REASONS["techniques"]) - {entry.id for entry, _ in rows}


def test_a_capture_shows_a_technique_once_however_many_of_its_rules_alert():
    stopped, both = "s7comm/stop_start.pcapng", "demo/plant.pcapng"
    fired = [
        ("S7 controller stopped", stopped),
        ("Controller started", stopped),
        ("S7 controller stopped", both),
        ("No rule of ours", "modbus/functions.pcapng"),
    ]

    assert {"s7comm": 1, "demo": 1} == shown(RULES, fired)["T0858"]


def test_a_rule_goes_before_a_reason_why_there_is_none():
    covered = next(
        title.title for title, one in titles(RULES, REASONS["titles"]) if one.state == "covered"
    )
    told = {**REASONS["titles"], covered: {"waiting": "nothing"}}
    again = {title.title: one.state for title, one in titles(RULES, told)}

    assert "covered" == again[covered]


def test_a_title_without_rule_and_reason_is_an_error():
    with pytest.raises(ValueError, match="has neither a rule nor a reason"):
        list(titles(RULES, {}))


def test_the_layer_names_techniques_that_there_are():
    made = navigator(RULES, REASONS["techniques"])

    assert "ics-attack" == made["domain"]
    assert {one["techniqueID"] for one in made["techniques"]} <= set(attack.techniques())
    assert {34 + 14} == {len({one["techniqueID"] for one in made["techniques"]})}
