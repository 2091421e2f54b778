"""What a rule has to see one by one is worked out from its condition, never too narrowly."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from otmon.ruleset.condition import EventRule
from otmon.ruleset.load import load_rules
from otmon.ruleset.wanted import Wish, asks_too_much, of_rule, wishes
from otmon.wanted import given, protocol_names

PROTOCOLS = ("modbus", "s7comm")
HEAD = """
title: Something was read
id: 11111111-2222-4333-8444-555555555555
status: test
level: low
otmon: {impact: view, confidence: 0.4}
"""


@pytest.fixture
def rule(tmp_path: Path):
    def made(detection: str, logsource: str = "service: modbus, category: ot_operation"):
        path = tmp_path / "rule.yml"
        source = f"logsource: {{product: otmon, {logsource}}}\n"
        path.write_text(f"{HEAD}{source}detection: {detection}\n")
        found = load_rules([path])
        assert () == found.errors
        (one,) = found.events
        return one

    return made


def selecting(*fields: str, condition: str = "selection") -> str:
    return f"{{selection: {{{', '.join(fields)}}}, condition: {condition}}}"


READ = "ot.operation.class: read"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([READ, "ot.value_number: 7"], {"values": (7.0, 7.0)}),
        ([READ, "ot.value_number|gt: 7"], {"values": (7.0, math.inf)}),
        ([READ, "ot.value_number|gte: 7", "ot.value_number|lt: 9"], {"values": (7.0, math.inf)}),
        ([READ, "ot.value: 'true'", "ot.object.type: coil"], {"space": "coil"}),
        ([READ, "ot.value: 5", "ot.unit.id: 3"], {"unit": 3}),
        (
            [
                READ,
                "ot.value: 5",
                "ot.object.address_low|lte: 40",
                "ot.object.address_high|gte: 40",
            ],
            {"addresses": (40, 40)},
        ),
        ([READ, "ot.value: 5", "ot.object.address_low: 12"], {"addresses": (12, 12)}),
        ([READ, "ot.object.quantity|gt: 120", "ot.function.code: 3"], {"function_code": 3}),
    ],
)
def test_a_rule_on_single_reads_says_what_the_engine_can_judge(rule, fields, expected):
    wish = Wish("modbus", operation_class="read", **expected)

    assert (wish,) == of_rule(rule(selecting(*fields)), PROTOCOLS)


@pytest.mark.parametrize(
    "fields",
    [
        [READ],
        [READ, "ot.first_seen: true", "ot.value: 5"],
        [READ, "ot.value: 5", "event.outcome: failure"],
        [READ, "ot.value: 5", "ot.anomaly: unanswered"],
        ["ot.operation.class: write", "ot.value: 5"],
        ["ot.operation.is_write: true", "ot.value: 5"],
    ],
)
def test_what_is_told_anyway_is_not_asked_for(rule, fields):
    assert () == of_rule(rule(selecting(*fields)), PROTOCOLS)


def test_each_value_of_a_list_is_asked_for(rule):
    one = rule(selecting(READ, "ot.value_number: [1, 2]", "ot.unit.id: [5, 6]"))

    assert {
        Wish("modbus", operation_class="read", unit=unit, values=(value, value))
        for unit in (5, 6)
        for value in (1.0, 2.0)
    } == set(of_rule(one, PROTOCOLS))


def test_what_must_not_hold_narrows_nothing(rule):
    text = (
        "{selection: {ot.operation.class: read, ot.value_number: 7}, "
        "known: {ot.unit.id: 1}, condition: selection and not known}"
    )

    assert (Wish("modbus", operation_class="read", values=(7.0, 7.0)),) == of_rule(
        rule(text), PROTOCOLS
    )


def test_a_rule_for_every_protocol_is_asked_of_each(rule):
    one = rule(selecting(READ, "ot.value_number: 7"), "category: ot_operation")

    assert set(PROTOCOLS) == {wish.protocol for wish in of_rule(one, PROTOCOLS)}


def test_a_field_of_a_protocol_is_one_of_single_operations(rule):
    one = rule(
        selecting("ot.function.name: read_szl", "s7comm.pdu_reference: 0"),
        "service: s7comm, category: ot_operation",
    )

    assert (Wish("s7comm", operation="read_szl"),) == of_rule(one, PROTOCOLS)


def test_a_rule_that_wants_everything_asks_too_much(rule):
    assert asks_too_much(rule(selecting("ot.value: 'x*'")), PROTOCOLS)
    assert not asks_too_much(rule(selecting(READ, "ot.value: 'x*'")), PROTOCOLS)


def test_other_events_than_operations_ask_for_nothing(rule):
    one = rule(selecting("ot.value: 5"), "category: ot_anomaly")

    assert () == of_rule(one, PROTOCOLS)
    assert not asks_too_much(one, PROTOCOLS)


def test_what_the_shipped_rules_ask_for_is_written_down_beside_them():
    place = Path(__file__).parents[2] / "otmon" / "ruleset" / "shipped_wishes.json"
    rules: tuple[EventRule, ...] = load_rules().events

    assert json.loads(place.read_text()) == [given(one) for one in wishes(rules, protocol_names())]
