"""Correlations of every type, on sliding event time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ruleset.test_judge import REFUSED, STOPPED

from otmon.model.event import NEVER_NS, Event, event_from_transaction
from otmon.ruleset.condition import CorrelationRule, Equals, EventRule, Test
from otmon.ruleset.judge import Judge
from tests.records import RULE, SECOND, START, Transaction


def member(name: str) -> EventRule:
    """A rule that holds on operations of one name."""
    return EventRule(
        replace(RULE, id=f"m-{name}"),
        name,
        "ot_operation",
        None,
        Test("ot.function.name", Equals((name,))),
    )


MEMBERS = [member(name) for name in "abc"]
EVER = EventRule(
    replace(RULE, id="m-any"), "any", "ot_operation", None, Test("ot.answered", Equals((True,)))
)


def correlation(kind: str, *members: str, **other) -> CorrelationRule:
    """A correlation within a minute, grouped by the server."""
    return CorrelationRule(
        rule=replace(RULE, id=other.pop("id", "r-1")),
        name=None,
        kind=kind,
        members=tuple(f"m-{name}" for name in members),
        group_by=("server.address",),
        aliases=other.pop("aliases", {}),
        timespan_s=60,
        threshold=other.pop("threshold", len(members)),
        field=other.pop("field", None),
        generate=False,
        **other,
    )


def step(name: str, at_s: float, **facts) -> Event:
    """An operation `at_s` seconds after the start."""
    time_ns = START + round(at_s * SECOND)
    frames = [(0, round(at_s * 1000))]
    return event_from_transaction(
        Transaction(operation=name, time_ns=time_ns, frames=frames, **facts)
    )


def fired(judge: Judge, *events: Event) -> list[float]:
    """When something fired, in seconds after the start."""
    return [
        (match.event.time_ns - START) / SECOND
        for event in events
        for match in judge.judge(event)
        if not match.continues
    ]


def steps(text: str) -> list[Event]:
    """Operations such as `a0 b10`, each a name and its second."""
    return [step(word[0], float(word[1:])) for word in text.split()]


ORDERED = correlation("temporal_ordered", "a", "b", "c")
TOGETHER = correlation("temporal", "a", "b", "c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a0 b1 c2", [2]),
        ("a0 c1 b2", []),
        ("a0 c1 b2 c3", [3]),
        ("a0 b1 c61", []),
        ("a0 b1 c60", [60]),
        ("a0 b1 a50 c61", []),
        ("a0 b1 a50 b55 c61", [61]),
        ("a0 a1 b2 c3 c4", [3]),
        ("b0 c1 a2", []),
    ],
)
def test_rules_in_order_hold_only_in_that_order_and_within_the_timespan(text, expected):
    assert expected == fired(Judge(MEMBERS, [ORDERED]), *steps(text))


def test_an_order_fires_again_once_it_has_not_held_for_a_while():
    text = "a0 b1 c2 a30 b31 c32 a100 b101 c102"

    assert [2, 102] == fired(Judge(MEMBERS, [ORDERED]), *steps(text))


def test_an_order_that_goes_on_holding_fires_once_a_timespan():
    text = " ".join(f"a{n} b{n + 1} c{n + 2}" for n in range(0, 130, 10))

    assert [2, 62, 122] == fired(Judge(MEMBERS, [ORDERED]), *steps(text))


def test_a_rule_can_be_a_step_twice():
    twice = correlation("temporal_ordered", "a", "b", "b", "c")

    assert [] == fired(Judge(MEMBERS, [twice]), *steps("a0 b1 c2"))
    assert [3] == fired(Judge(MEMBERS, [twice]), *steps("a0 b1 b2 c3"))


def test_one_event_is_one_step_of_an_order():
    judge = Judge([*MEMBERS, EVER], [correlation("temporal_ordered", "a", "any")])

    assert [] == fired(judge, step("a", 0))
    assert [5] == fired(judge, step("x", 5))


def test_a_step_may_be_the_next_one_of_an_earlier_order():
    judge = Judge([*MEMBERS, EVER], [correlation("temporal_ordered", "a", "any")])

    assert [5] == fired(judge, step("a", 0), step("a", 5))


def test_rules_together_hold_in_any_order():
    assert [2] == fired(Judge(MEMBERS, [TOGETHER]), *steps("c0 a1 b2"))
    assert [] == fired(Judge(MEMBERS, [TOGETHER]), *steps("c0 a1 b61"))


def test_fewer_of_the_rules_may_be_enough():
    two = replace(TOGETHER, threshold=2)

    assert [1] == fired(Judge(MEMBERS, [two]), *steps("c0 a1 b2"))
    assert [] == fired(Judge(MEMBERS, [two]), *steps("c0 c1 c2"))


def test_the_steps_are_the_evidence_and_count_as_one():
    judge = Judge(MEMBERS, [ORDERED])
    *_, (match,) = (judge.judge(event) for event in steps("a0 b1 c2"))

    assert ["a", "b"] == [event.get("ot.function.name") for event in match.members]
    assert 1 == match.event_count
    assert ("3 rules held one after the other within 60 s",) == match.reasons()


def test_groups_are_kept_apart():
    events = [step("a", 0), step("b", 1, server_ip="10.0.0.12"), step("c", 2)]

    assert [] == fired(Judge(MEMBERS, [TOGETHER]), *events)


def test_an_alias_is_another_field_in_each_member():
    meeting = replace(
        correlation("temporal", "a", "b"),
        group_by=("device",),
        aliases={"device": {"m-a": "server.address", "m-b": "client.address"}},
    )
    answered = step("b", 1, client_ip="10.0.0.11", server_ip="10.0.0.99")

    assert [1] == fired(Judge(MEMBERS, [meeting]), step("a", 0), answered)


def test_a_correlation_can_be_a_step_of_another():
    pair = correlation("temporal_ordered", "a", "b", id="m-pair")
    outer = correlation("temporal_ordered", "pair", "c", id="r-2")
    judge = Judge(MEMBERS, [outer, pair])
    found = [match.rule.id for event in steps("a0 b1 c2") for match in judge.judge(event)]

    assert ["r-2"] == found


def measured(kind: str, *values: float, **other) -> list[float]:
    """When a measure of values that come a second apart fires."""
    events = [step("a", at, values=[value]) for at, value in enumerate(values)]
    rule = correlation(kind, "a", field="ot.value_number", **other)
    return fired(Judge(MEMBERS, [rule]), *events)


def test_a_sum_is_over_the_window():
    assert [2] == measured("value_sum", 1, 2, 3, threshold=6)
    assert [] == measured("value_sum", 1, 2, 3, threshold=6, operator="gt")


def test_an_average_is_over_the_window():
    assert [3] == measured("value_avg", 1, 1, 1, 9, threshold=3)


def test_a_percentile_is_a_value_that_so_many_do_not_exceed():
    assert [] == measured("value_percentile", *[1] * 19, 9, threshold=9, percentile=95)
    assert [1] == measured("value_percentile", 1, 9, threshold=9, percentile=95)


def test_a_sum_that_has_left_the_window_is_exactly_nothing():
    events = [step("a", 0, values=[0.1]), step("a", 1, values=[0.2]), step("a", 90, values=[0.3])]
    rule = correlation("value_sum", "a", field="ot.value_number", threshold=0.3)

    assert [1, 90] == fired(Judge(MEMBERS, [rule]), *events)


@pytest.mark.parametrize(
    ("operator", "threshold", "expected"),
    [("lt", 3, 1), ("lte", 2, 1), ("eq", 2, 1), ("lt", 2, 0), ("eq", 3, 0)],
)
def test_too_few_are_told_when_the_window_ends(operator, threshold, expected):
    judge = Judge(
        MEMBERS, [correlation("event_count", "a", operator=operator, threshold=threshold)]
    )

    assert [] == fired(judge, *steps("a0 a10"))
    assert START + 60 * SECOND == judge.due_ns
    assert () == tuple(judge.advance(judge.due_ns - 1))
    assert expected == len(judge.advance(judge.due_ns))
    assert NEVER_NS == judge.due_ns


def test_a_window_that_has_ended_is_told_before_the_next_begins():
    judge = Judge(MEMBERS, [correlation("event_count", "a", operator="lt", threshold=2)])

    assert [0, 100] == fired(judge, *steps("a0 a100 a200"))


def test_a_count_beyond_what_is_remembered_is_kept_by_the_second(monkeypatch):
    monkeypatch.setattr("otmon.ruleset.measure.MAX_MOMENTS", 10)
    monkeypatch.setattr("otmon.ruleset.correlate.MAX_COUNT", 10)
    judge = Judge(MEMBERS, [correlation("event_count", "a", threshold=100)])

    assert [9.9] == fired(judge, *(step("a", turn / 10) for turn in range(120)))
    assert 0 < judge.merged_count


def test_groups_past_the_bound_are_forgotten_and_counted(monkeypatch):
    monkeypatch.setattr("otmon.ruleset.group.MAX_GROUPS", 2)
    below = correlation("event_count", "a", operator="lt", threshold=2, id="r-2")
    judge = Judge(MEMBERS, [TOGETHER, below])
    for number in range(5):
        judge.judge(step("a", number, server_ip=f"10.0.0.{number}"))

    assert 6 == judge.evicted_count
    assert 2 == len(judge.advance(NEVER_NS))


def test_event_rules_beside_correlations_go_on_alerting():
    judge = Judge([STOPPED, REFUSED, *MEMBERS], [ORDERED])
    stop = event_from_transaction(Transaction(operation_class="mode_stop"))

    assert ["r-1"] == [match.rule.id for match in judge.judge(stop)]


def test_events_that_no_match_can_want_any_more_are_let_go(monkeypatch):
    """What groups hold on to is bounded: old events must not keep new ones out of a match."""
    monkeypatch.setattr("otmon.ruleset.correlate.MAX_HELD", 6)
    judge = Judge([MEMBERS[0]], [correlation("event_count", "a", threshold=3)])
    for number in range(5):
        judge.judge(step("a", number, server_ip=f"10.0.1.{number}"))
    later = [step("a", 100 + second) for second in range(3)]
    matches = [match for event in later for match in judge.judge(event)]
    assert [tuple(later[:2])] == [match.members for match in matches]
    (grouping,) = judge._groupings
    assert 3 >= grouping._held == sum(len(one.members) for one in grouping._groups.values())


def test_groups_that_are_over_make_room_and_are_not_counted_as_evicted():
    judge = Judge([MEMBERS[0]], [correlation("event_count", "a", threshold=2)])
    for number in range(5):
        judge.judge(step("a", number, server_ip=f"10.0.1.{number}"))
    judge.judge(step("a", 63, server_ip="10.0.1.9"))
    (grouping,) = judge._groupings
    over = [key for key in grouping._groups if key[0] in ("10.0.1.0", "10.0.1.1", "10.0.1.2")]

    assert (0, [], 3) == (judge.evicted_count, over, len(grouping._groups))


def test_a_group_that_is_over_begins_anew():
    judge = Judge([MEMBERS[0]], [correlation("event_count", "a", threshold=2)])
    judge.judge(step("a", 0))
    judge.judge(step("a", 61, server_ip="10.0.1.9"))

    assert [] == judge.judge(step("a", 62))
    assert ["r-1"] == [match.rule.id for match in judge.judge(step("a", 63))]
