"""Exceptions of a site become exception lists of Kibana that say the same, or are refused."""

from __future__ import annotations

import datetime
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from exception_lists import complaints

from otmon._engine import protocols
from otmon.config import load
from otmon.fields import catalogue
from otmon.ruleset.convert import Conversion, converted
from otmon.ruleset.describe import described
from otmon.ruleset.site import site_rules

FIELDS = catalogue(protocols())
DAY = datetime.date(2026, 11, 26)
STOP = "S7 controller stopped"
FILTER = """\
title: The engineering station stops controllers
logsource: {{product: otmon, service: s7comm, category: ot_operation}}
filter:
    rules: [3d09cac6-3ca4-49cd-bdfe-91a2e02141e2]
{selections}
    condition: {condition}
otmon: {{reason: "it is their work", author: J. Doe, expires: 2030-01-01}}
"""


def site(tmp_path: Path, selections: str, condition: str = "not a") -> Conversion:
    """What becomes of the rule about stopped controllers, with an exception."""
    text = FILTER.format(selections=textwrap.indent(selections, "    "), condition=condition)
    (tmp_path / "filter.yml").write_text(text)
    path = tmp_path / "otmon.toml"
    path.write_text('[rules]\nfilters = ["filter.yml"]')
    rules = site_rules(load(path), FIELDS, folded=False)
    assert () == rules.errors
    return converted([one for one in described(rules) if one.title == STOP], FIELDS, DAY)


def entries(done: Conversion) -> list[list[tuple[Any, ...]]]:
    """Field, operator, type and value of each entry, by item."""
    return [
        [tuple(entry.get(key) for key in ("field", "operator", "type", "value")) for entry in each]
        for each in (one["entries"] for one in done.made if "entries" in one)
    ]


@pytest.mark.parametrize(
    ("selections", "condition", "expected"),
    [
        (
            "a: {source.ip: 10.0.0.5}",
            "not a",
            [[("source.ip", "included", "match", "10.0.0.5")]],
        ),
        (
            "a: {source.ip: [10.0.0.5, 10.0.0.6], ot.role: [request, event]}",
            "not a",
            [
                [
                    ("source.ip", "included", "match_any", ["10.0.0.5", "10.0.0.6"]),
                    ("ot.role", "included", "match_any", ["request", "event"]),
                ]
            ],
        ),
        (
            "a: {source.ip|cidr: 10.0.0.0/24}\nb: {ot.unit.id: 3}",
            "not (a and not b)",
            [
                [
                    ("source.ip", "included", "match", "10.0.0.0/24"),
                    ("ot.unit.id", "excluded", "match", "3"),
                ]
            ],
        ),
        (
            "a: {source.ip: 10.0.0.5}\nb: {source.asset.zone|cased: Cell1}",
            "not (a or b)",
            [
                [("source.ip", "included", "match", "10.0.0.5")],
                [("source.asset.zone", "included", "match", "Cell1")],
            ],
        ),
        (
            "a: {source.mac|startswith: '00:1b:1b:'}",
            "not a",
            [[("source.mac", "included", "wildcard", "00-1B-1B-*")]],
        ),
        (
            "a: {source.asset.zone|exists: false}",
            "not a",
            [[("source.asset.zone", "excluded", "exists", None)]],
        ),
    ],
)
def test_what_an_exception_lets_pass_is_what_an_item_lets_pass(
    tmp_path, selections, condition, expected
):
    done = site(tmp_path, selections, condition)

    assert [] == done.refused
    assert expected == entries(done)
    assert [] == complaints(done.made)


@pytest.mark.parametrize(
    ("selections", "why"),
    [
        ("a: {source.asset.zone: cell1}", r"write source\.asset\.zone\|cased"),
        ("a: {ot.function.code|gte: 5}", r"no such test of ot\.function\.code"),
        ("a: {ot.phase: select}", r"stored without ot\.phase"),
        ("a: {source.asset.zone|cased|contains: 'a\\*'}", "no word for"),
    ],
)
def test_what_kibana_cannot_except_costs_the_rule_and_is_told(tmp_path, selections, why):
    done = site(tmp_path, selections)

    assert [] == done.made
    (line,) = done.refused
    assert line.startswith(f"{STOP}: its exception 'The engineering station stops controllers': ")
    assert re.search(why, line)


def test_the_query_of_a_rule_has_no_exception_in_it(tmp_path):
    (rule, *_) = site(tmp_path, "a: {source.ip: 10.0.0.5}").made

    assert "10.0.0.5" not in rule["query"] and "@timestamp" not in rule["query"]


def test_an_exception_says_why_by_whom_and_until_when(tmp_path):
    (rule, about, item) = site(tmp_path, "a: {source.ip: 10.0.0.5}").made

    assert "it is their work (J. Doe, until 2030-01-01)" == about["description"]
    assert "2030-01-01T00:00:00.000Z" == item["expire_time"]
    assert [about["list_id"]] == [one["list_id"] for one in rule["exceptions_list"]]


def test_an_exception_whose_time_is_over_is_none(tmp_path):
    (tmp_path / "otmon.toml").write_text('[rules]\nfilters = ["filter.yml"]')
    text = FILTER.format(selections="    a: {source.ip: 10.0.0.5}", condition="not a")
    (tmp_path / "filter.yml").write_text(text)
    rules = site_rules(load(tmp_path / "otmon.toml"), FIELDS, folded=False)
    every = [one for one in described(rules) if one.title == STOP]

    for day, lists in ((datetime.date(2029, 12, 31), 2), (datetime.date(2030, 1, 1), 0)):
        (rule, *aside) = converted(every, FIELDS, day).made
        assert (lists, bool(lists)) == (len(aside), bool(rule["exceptions_list"]))


def test_another_exception_makes_another_rule_of_it(tmp_path):
    made = [
        json.dumps(site(tmp_path, f"a: {{source.ip: {ip}}}").made[0]["meta"])
        for ip in ("10.0.0.5", "10.0.0.5", "10.0.0.6")
    ]

    assert made[0] == made[1] != made[2]
