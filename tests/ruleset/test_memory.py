"""What correlations counted is written down and read back, and nothing of it is lost."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from ruleset.test_correlations import MEMBERS, correlation, step

from otmon.model.event import Event
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule
from otmon.ruleset.judge import Judge

RULES = {
    "events": correlation("event_count", "a", "b", threshold=4),
    "values": correlation("value_count", "a", "b", threshold=3, field="ot.unit.id"),
    "more than so many": correlation("event_count", "a", threshold=2, operator="gt"),
    "too few": correlation("event_count", "a", "b", threshold=3, operator="lt"),
    "few values": correlation("value_count", "a", threshold=2, field="ot.unit.id", operator="lt"),
    "sum": correlation("value_sum", "a", threshold=9, field="ot.value_number"),
    "average": correlation("value_avg", "a", "b", threshold=3, field="ot.value_number"),
    "percentile": correlation(
        "value_percentile", "a", threshold=4, field="ot.value_number", percentile=50
    ),
    "together": correlation("temporal", "a", "b", "c"),
    "in order": correlation("temporal_ordered", "a", "b", "c"),
    "one twice": correlation("temporal_ordered", "a", "b", "b", "c"),
}


def some_events(seed: int) -> list[Event]:
    """Operations at random times on two servers."""
    chance = random.Random(seed)
    at_s, found = 0.0, []
    for _ in range(150):
        at_s += chance.choice((0.5, 2.0, 5.0, 9.0, 45.0))
        found.append(
            step(
                chance.choice("abc"),
                at_s,
                unit=chance.randrange(4),
                values=[chance.randrange(1, 7)],
                server_ip=f"10.0.0.{chance.randrange(2)}",
            )
        )
    return found


def said(match: Match) -> tuple[object, ...]:
    """All that people can see of a match."""
    events = [*match.members, match.event]
    return (
        match.rule.id,
        match.group,
        match.continues,
        match.event_count,
        match.reasons(),
        [(one.time_ns, one.text("ot.function.name"), one.text("ot.unit.id")) for one in events],
        [one.frames for one in events],
    )


def gone_on(judge: Judge, rule: CorrelationRule, now_ns: int) -> Judge:
    """Another judge, with what this one remembered as a state keeps it."""
    memory = json.loads(json.dumps(judge.memory(str, now_ns)))
    other = Judge(MEMBERS, [rule])
    other.restore(memory, int)
    return other


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", RULES)
def test_a_restart_at_any_event_changes_no_match(name: str, seed: int) -> None:
    rule = RULES[name]
    whole, again = Judge(MEMBERS, [rule]), Judge(MEMBERS, [rule])
    expected, actual = [], []
    for event in some_events(seed):
        expected += [*whole.advance(event.time_ns), *whole.judge(event)]
        again = gone_on(again, rule, event.time_ns)
        actual += [*again.advance(event.time_ns), *again.judge(event)]

    assert expected
    assert [said(one) for one in expected] == [said(one) for one in actual]


def test_windows_of_a_rule_that_has_changed_are_forgotten() -> None:
    rule = RULES["events"]
    judge = Judge(MEMBERS, [rule])
    for at_s in (0, 1, 2):
        judge.judge(step("a", at_s))
    changed = replace(rule, rule=replace(rule.rule, version="another"))
    other = Judge(MEMBERS, [changed])
    other.restore(json.loads(json.dumps(judge.memory(str, 0))), int)

    assert [] == [*other.judge(step("a", 3))]


def test_what_no_window_can_hold_any_more_is_not_written() -> None:
    rule = RULES["events"]
    judge = Judge(MEMBERS, [rule])
    event = step("a", 0)
    judge.judge(event)

    assert judge.memory(str, event.time_ns)["counted"]
    assert {"counted": [], "events": []} == judge.memory(str, event.time_ns + 61 * 10**9)


def test_interfaces_have_no_frames_of_earlier_runs() -> None:
    rule = RULES["together"]
    judge = Judge(MEMBERS, [rule])
    judge.judge(step("a", 0))
    judge.judge(step("b", 1))
    other = Judge(MEMBERS, [rule])
    other.restore(json.loads(json.dumps(judge.memory(str, 0))), None)
    (match,) = other.judge(step("c", 2))

    assert [(), ()] == [one.frames for one in match.members]
