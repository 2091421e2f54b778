"""An explanation says what a person asks at three in the morning."""

from __future__ import annotations

from dataclasses import replace

import pytest
from places import PCAPS

import otmon
from otmon.evidence.explain import KnownRule, explain
from otmon.evidence.message import message_lines
from otmon.model.alert import Alert, AlertBaseline

STOP = PCAPS / "s7comm" / "stop_start.pcapng"
RULE = KnownRule(
    "A client sent the stop function.",
    "an operation of s7comm",
    ("all of:", "  ot.operation.class is mode_stop", "  not: ot.role is event"),
    "s7comm/s7_controller_stopped.yml",
    "0",
)


@pytest.fixture(scope="module")
def stopped() -> Alert:
    return next(
        one for one in otmon.analyze(STOP).alerts if one.rule.title == "S7 controller stopped"
    )


def explained(alert: Alert, rule: KnownRule | None = RULE, deviations=()):
    asset = {
        "id": "a-1",
        "ip": [alert.server],
        "mac": [],
        "roles": ["plc"],
        "role_candidates": [],
        "vendor": "Siemens",
        "model": "CPU 315",
        "firmware": None,
        "hostname": None,
    }
    return explain(
        alert,
        rule=rule,
        assets=[asset],
        class_meanings={"mode_stop": "Stops a controller."},
        deviations=deviations,
        related=(),
        frames=(),
        remarks=(),
    )


def test_each_condition_shows_the_value_on_which_it_held(stopped):
    lines = explained(stopped).rule.lines

    assert [None, "mode_stop", None] == [line.met for line in lines]


def test_an_end_is_told_as_the_inventory_knows_it(stopped):
    client, server = explained(stopped).devices

    assert ("server", "a-1", "plc, Siemens, CPU 315") == (server.part, server.asset, server.words)
    assert "no device of the inventory: it has not answered anybody" == client.words


def test_the_meaning_goes_from_the_rule_to_the_protocol(stopped):
    rule, operation, protocol = explained(stopped).meaning

    assert RULE.description == rule
    assert "The class mode_stop means: stops a controller." == operation
    assert protocol.startswith("S7comm of S7-300 and S7-400 has no log-in")


def test_the_factors_of_the_severity_stand_one_by_one(stopped):
    factors = explained(stopped).severity

    assert factors[0].startswith("impact control")
    assert f"together {stopped.severity}" == factors[-1]


def test_a_rule_that_has_changed_since_says_so(stopped):
    same = replace(RULE, version=stopped.rule.version)

    assert explained(stopped).rule.changed
    assert not explained(stopped, same).rule.changed


def test_without_its_rule_the_conditions_that_held_are_left(stopped):
    rule = explained(stopped, None).rule

    assert rule.path is None
    assert ["ot.operation.class is mode_stop"] == [line.text for line in rule.lines]


def test_what_was_expected_is_what_the_baseline_said(stopped):
    baseline = AlertBaseline("enforcing", ("peer", "value_set"), "hmi-01 alone", "a stop", None)

    said = explained(replace(stopped, baseline=baseline, statements=("b-1",))).baseline

    assert (
        "Not in the baseline; new is: peer, value set",
        "normal is: hmi-01 alone",
        "seen was: a stop (b-1)",
    ) == said


def test_what_is_still_learned_is_not_told_as_known(stopped):
    learning = AlertBaseline("learning", (), None, None, None)

    said = explained(replace(stopped, baseline=learning)).baseline

    assert ("It was still being learned then: nothing was told as new.",) == said


def test_what_was_normal_is_told_once(stopped):
    baseline = AlertBaseline("enforcing", ("peer",), "hmi-01 alone", "a stop", None)
    why = ("normal is: hmi-01 alone", "seen was: a stop", *stopped.why)

    lines = explained(replace(stopped, baseline=baseline, why=why)).rule.lines

    assert [] == [line.text for line in lines if "hmi-01" in line.text]


def test_short_names_of_targets_are_said_in_words(stopped):
    assert ("pi: a service of the controller itself",) == explained(stopped).notation


def test_a_message_is_told_in_lines():
    ask, answer = [pdu for pdu in otmon.pdus(STOP) if pdu["operation"] == "plc_stop"][:2]

    first, target, *_ = message_lines(ask)
    assert "s7comm: request plc_stop (function 41, mode_stop)" == first
    assert "on pi:P_PROGRAM" == target
    assert f"answers frame {ask['frame']}, after 4.0 ms" in [*message_lines(answer)]


def test_what_differed_from_the_baseline_in_its_frames_is_told(stopped):
    about = {"state": "pending", "observed": "a stop", "expected": "reads alone"}
    deviations = [
        {**about, "statement": "b-1", "frames": [stopped.evidence.frames[0]]},
        {**about, "statement": "b-2", "frames": [99_999]},
    ]

    said = explained(stopped, deviations=deviations).baseline
    assert ("seen: a stop (b-1, pending)", "  expected: reads alone") == said
