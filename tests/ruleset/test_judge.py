"""Rules are held against the events that they can hold on, and correlations count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otmon.model.event import event_from_transaction
from otmon.model.statement import Verdict
from otmon.ruleset.condition import And, CorrelationRule, Equals, EventRule, Not, Test
from otmon.ruleset.correlate import Grouping
from otmon.ruleset.judge import Judge
from tests.records import RULE, SECOND, START, Transaction

STOPPED = EventRule(
    RULE, "stopped", "ot_operation", None, Test("ot.operation.class", Equals(("mode_stop",)))
)
REFUSED = EventRule(
    replace(RULE, id="r-2"),
    "refused",
    "ot_operation",
    None,
    Test("event.outcome", Equals(("failure",))),
)
STORM = CorrelationRule(
    rule=replace(RULE, id="r-3"),
    name=None,
    kind="event_count",
    members=("r-2",),
    group_by=("client.address", "server.address"),
    aliases={},
    timespan_s=60,
    threshold=3,
    field=None,
    generate=False,
)
SWEEP = replace(STORM, rule=replace(RULE, id="r-4"), kind="value_count", field="ot.function.code")


def refusal(at_s: float, code: int = 3, client: str = "10.0.0.66"):
    return event_from_transaction(
        Transaction(
            client_ip=client,
            time_ns=START + int(at_s * SECOND),
            function_code=code,
            status="illegal_function",
        )
    )


def fired(judge: Judge, *events) -> list[list[tuple[int, bool]]]:
    return [[(one.event_count, one.continues) for one in judge.judge(event)] for event in events]


def test_a_rule_is_held_only_against_the_classes_that_it_needs():
    judge = Judge([STOPPED])

    assert judge.wants("ot_operation", "modbus", "mode_stop")
    assert not judge.wants("ot_operation", "modbus", "read")
    assert not judge.wants("ot_file", "modbus", None)


def test_a_rule_of_one_service_is_silent_on_another():
    judge = Judge([replace(STOPPED, service="s7comm")])
    stop = Transaction(operation_class="mode_stop", protocol="s7comm")

    assert 1 == len(judge.judge(event_from_transaction(stop)))
    assert 0 == len(judge.judge(event_from_transaction(replace(stop, protocol="umas"))))


def test_a_match_tells_what_held():
    (match,) = Judge([STOPPED]).judge(
        event_from_transaction(Transaction(operation_class="mode_stop"))
    )

    assert ("ot.operation.class is mode_stop",) == match.reasons()


def test_a_correlation_fires_when_its_condition_turns_true_and_then_counts_on():
    judge = Judge([REFUSED], [STORM])

    assert [[], [], [(3, False)], [(1, True)]] == fired(
        judge, refusal(0), refusal(1), refusal(2), refusal(3)
    )


def test_a_window_slides_over_the_turn_of_a_minute():
    judge = Judge([REFUSED], [STORM])

    assert [[], [], [], [(3, False)]] == fired(
        judge, refusal(0), refusal(50), refusal(70), refusal(100)
    )


def test_a_correlation_fires_again_only_after_its_timespan():
    judge = Judge([REFUSED], [STORM])
    times = [0, 1, 2, *range(12, 70, 10)]
    found = fired(judge, *(refusal(at) for at in times))

    assert [2, 62] == [
        at for at, some in zip(times, found, strict=True) if (1, True) not in some and some
    ]


def test_groups_are_counted_apart():
    judge = Judge([REFUSED], [STORM])

    assert [[], [], [], []] == fired(
        judge,
        refusal(0),
        refusal(1),
        refusal(2, client="10.0.0.67"),
        refusal(3, client="10.0.0.67"),
    )


def test_events_that_lack_a_field_are_a_group_of_their_own():
    by_unit = replace(STORM, group_by=("server.address", "ot.unit.id"))
    judge = Judge([REFUSED], [by_unit])

    def without_unit(at_s: float):
        return event_from_transaction(replace(refusal(at_s).record, unit=None))

    events = [without_unit(1), refusal(2), without_unit(3), without_unit(4)]

    assert [[], [], [], [(3, False)]] == fired(judge, *events)


def test_distinct_values_are_counted_once_each():
    judge = Judge([REFUSED], [SWEEP])

    assert [[], [], [], [(4, False)], [(1, True)]] == fired(
        judge, refusal(0, 1), refusal(1, 1), refusal(2, 2), refusal(3, 3), refusal(4, 9)
    )


def test_a_value_leaves_the_window_when_it_was_not_seen_for_a_timespan():
    judge = Judge([REFUSED], [SWEEP])

    assert [[], [], []] == fired(judge, refusal(0, 1), refusal(50, 2), refusal(61, 3))


def test_a_late_event_does_not_move_time_back():
    judge = Judge([REFUSED], [STORM])

    assert [[], [], [(3, False)]] == fired(judge, refusal(100), refusal(99), refusal(100))


def test_groups_past_the_bound_are_forgotten_and_counted(monkeypatch):
    monkeypatch.setattr("otmon.ruleset.correlate.MAX_GROUPS", 2)
    judge = Judge([REFUSED], [STORM])
    fired(judge, *(refusal(n, client=f"10.0.0.{n}") for n in range(5)))

    assert 3 == judge.evicted_count


def test_what_groups_remember_is_bounded(monkeypatch):
    monkeypatch.setattr("otmon.ruleset.correlate.MAX_REMEMBERED", 4)
    monkeypatch.setattr("otmon.ruleset.correlate.MAX_HELD", 3)
    grouping = Grouping([SWEEP], {"r-2": ("client.address",)})
    for client in range(20):
        for code in range(2):
            grouping.observe("r-2", refusal(0, code, client=f"10.0.0.{client}"))

    assert grouping._remembered <= 4 + SWEEP.threshold
    assert grouping._held <= 3


def test_correlations_of_one_grouping_count_apart():
    judge = Judge([REFUSED], [STORM, SWEEP])

    assert [[], [], [(3, False)], [(1, True), (4, False)]] == fired(
        judge, refusal(0, 1), refusal(1, 1), refusal(2, 2), refusal(3, 3)
    )


def test_no_event_is_counted_twice():
    judge = Judge([REFUSED], [STORM])
    times = [0, 1, 2, 3, 70, 71, 72, 200, 201, 202]
    found = fired(judge, *(refusal(at) for at in times))

    assert len(times) == sum(count for some in found for count, _ in some)


def test_members_are_no_alerts_unless_the_correlation_lets_them():
    loud = replace(STORM, generate=True)

    assert [[(1, False)]] == fired(Judge([REFUSED], [loud]), refusal(0))
    assert [[]] == fired(Judge([REFUSED], [STORM]), refusal(0))


def test_the_members_of_a_group_are_evidence():
    judge = Judge([REFUSED], [STORM])
    *_, (match,) = (judge.judge(refusal(at)) for at in range(3))

    assert [START, START + SECOND] == [event.time_ns for event in match.members]
    assert (
        ("client.address", "10.0.0.66"),
        ("server.address", "10.0.0.11"),
    ) == match.group
    assert ("3 events within 60 s",) == match.reasons()


def test_new_rules_go_on_with_the_windows_of_those_that_are_the_same():
    before = Judge([REFUSED], [STORM, SWEEP])
    fired(before, refusal(0), refusal(1))
    changed = replace(SWEEP, rule=replace(SWEEP.rule, version="1"), threshold=2)
    after = Judge([REFUSED], [STORM, changed], before=before)

    assert [[(3, False)]] == fired(after, refusal(2))
    assert [[(1, True), (4, False)]] == fired(after, refusal(3, code=9))


def test_a_changed_rule_begins_anew():
    before = Judge([REFUSED], [STORM])
    fired(before, refusal(0), refusal(1))
    changed = replace(STORM, rule=replace(STORM.rule, version="1"))

    assert [[]] == fired(Judge([REFUSED], [changed], before=before), refusal(2))


@pytest.mark.parametrize("has_baseline", [True, False])
def test_without_a_baseline_nothing_is_normal_and_nothing_deviates(has_baseline: bool):
    normal = Test("baseline.normal", Equals((True,)))
    enforcing = Test("baseline.state", Equals(("enforcing",)))
    beyond = replace(STOPPED, condition=And((STOPPED.condition, Not(normal))))
    deviates = replace(REFUSED, condition=And((STOPPED.condition, enforcing)))
    judge = Judge([beyond, deviates], has_baseline=has_baseline)
    stop = event_from_transaction(Transaction(operation_class="mode_stop"))

    assert ["r-1"] == [one.rule.id for one in judge.judge(stop)]


def test_what_is_normal_is_judged_where_there_is_a_baseline():
    normal = Test("baseline.normal", Equals((True,)))
    judge = Judge([replace(STOPPED, condition=And((STOPPED.condition, Not(normal))))])
    stop = event_from_transaction(Transaction(operation_class="mode_stop"))
    stop.verdict = Verdict("enforcing", statement_state="approved")

    assert [] == judge.judge(stop)


def test_what_is_normal_counts_but_does_not_make_hold_what_asks_for_more():
    judge = Judge([REFUSED], [replace(STORM, unless_normal=True)])
    normal = [refusal(at_s) for at_s in (0, 1, 2, 3)]
    for event in normal:
        event.verdict = Verdict("enforcing", statement_state="learned")

    assert [[], [], [], []] == fired(judge, *normal)
    assert [[(5, False)]] == fired(judge, refusal(4))
