"""A site's rule on a single read sees each of them; without it none leaves the engine."""

from __future__ import annotations

from pathlib import Path

from places import PCAPS

import otmon
from otmon.config import Config, Rules

RULE = """
title: Level of the tank above its mark
id: 11111111-2222-4333-8444-555555555555
status: test
level: medium
logsource: {product: otmon, service: modbus, category: ot_operation}
detection:
    selection:
        ot.function.name: read_holding_registers
        ot.object.address_low|lte: 100
        ot.object.address_high|gte: 100
        ot.value_number: 514
    condition: selection
otmon: {impact: view, confidence: 0.6}
"""
CAPTURE = PCAPS / "modbus" / "operator_writes.pcapng"


def with_rule(folder: Path) -> Config:
    rules = folder / "rules" / "modbus"
    rules.mkdir(parents=True)
    (rules / "level_of_the_tank_above_its_mark.yml").write_text(RULE)
    return Config(rules=Rules(directories=(str(rules.parent),)))


def test_a_rule_names_a_value_that_is_read(tmp_path: Path) -> None:
    result = otmon.analyze(CAPTURE, config=with_rule(tmp_path))

    (alert,) = (one for one in result.alerts if one.rule.title.startswith("Level of the tank"))
    shown = [
        pdu
        for pdu in otmon.pdus(CAPTURE)
        if pdu["role"] == "response" and pdu["target"] == "hr:100-103" and 514 in pdu["values"]
    ]
    assert 1 < len(shown) == alert.count
    assert {pdu["frame"] for pdu in shown} <= set(alert.evidence.frames)
    assert ["514, 730, 12, 0"] == [row.value for row in alert.violations]


def test_reads_that_no_rule_asks_for_stay_in_their_behaviour(tmp_path: Path) -> None:
    plain = otmon.analyze(CAPTURE)
    asked = otmon.analyze(CAPTURE, config=with_rule(tmp_path))

    assert [*plain.behaviours] == [*asked.behaviours]
    assert {one.rule.title for one in asked.alerts} - {one.rule.title for one in plain.alerts} == {
        "Level of the tank above its mark"
    }
