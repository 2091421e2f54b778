"""Written values are held against those written before, once these are a habit."""

from __future__ import annotations

import json
from dataclasses import dataclass

from otmon.detectors.detector import Detector
from otmon.detectors.holding import CERTAIN_NS
from otmon.detectors.quality import Quality
from otmon.detectors.value import Value
from otmon.detectors.watchers import Watchers
from otmon.model.event import Event
from otmon.model.observed import event_from_health, event_from_loss
from otmon.thresholds import Limit, ValueThresholds
from tests.detectors.seeing import at, operation, restarted
from tests.detectors.seeing import said as said_of
from tests.records import Flow, Health

HOUR = 3600


def said(detectors: list[Detector], *events: Event) -> list[Event]:
    """What it says of events, with what waited until the end."""
    watchers = Watchers(detectors)
    return [*said_of(watchers, *events), *watchers.finish()]


def types(detector: Detector, *events: Event) -> list[str]:
    """The types of it."""
    return [str(one.get("anomaly.type")) for one in said([detector], *events)]


def write(seconds: float, value, target: str = "hr:100", protocol: str = "modbus", **facts):
    """A write of one value."""
    return operation(
        seconds,
        operation_class="write",
        operation="write_single_register",
        targets=(target,),
        values=[value],
        protocol=protocol,
        **facts,
    )


def habit(values, protocol: str = "modbus"):
    """Writes of these values again and again over an hour and a half."""
    return [write(turn * 180, values[turn % len(values)], protocol=protocol) for turn in range(30)]


def test_a_member_that_a_small_set_never_had_is_told():
    (found,) = said([Value()], *habit([1, 2]), write(2 * HOUR, 7))

    assert ("value_set", "one of 1, 2", "7 to hr:100") == (
        found.get("anomaly.type"),
        found.get("anomaly.expected"),
        found.get("anomaly.observed"),
    )


def test_a_few_minutes_make_no_habit():
    quick = [write(turn, turn % 2) for turn in range(60)]

    assert [] == types(Value(), *quick, write(70, 7))


def test_raw_words_are_judged_as_sets_alone():
    assert [] == types(Value(), *habit(list(range(30))), write(2 * HOUR, 60_000))


def test_a_typed_value_outside_the_range_is_told():
    values = [20.0 + turn / 3 for turn in range(30)]

    assert ["value_range"] == types(
        Value(), *habit(values, "dnp3"), write(2 * HOUR, 90.0, protocol="dnp3")
    )


def test_a_step_larger_than_any_is_told():
    values = [float(turn) for turn in range(30)]

    assert ["value_step"] == types(
        Value(), *habit(values, "dnp3"), write(2 * HOUR, 1.0, protocol="dnp3")
    )


def test_a_value_that_rests_for_far_too_long_is_told_once():
    rests = [write(2 * HOUR + turn * 600, 2) for turn in range(1, 5)]

    assert ["value_stuck"] == types(Value(), *habit([1, 2]), *rests)


def test_hard_limits_need_no_habit():
    limits = (Limit("10.0.0.11", "hr:100", low=0, high=50),)
    detector = Value(ValueThresholds(limits=limits))

    assert ["limit_crossed"] == types(detector, write(0, 49), write(1, 51))


def test_a_refused_write_changes_nothing():
    refused = write(2 * HOUR, 7, status="illegal_data_value", status_code=3)

    assert [] == types(Value(), *habit([1, 2]), refused)


def test_each_register_of_a_write_is_an_object_of_its_own():
    writes = [
        operation(
            turn * 180, operation_class="write", targets=("hr:100-101",), values=[1, turn % 2 + 5]
        )
        for turn in range(30)
    ]
    (found,) = said([Value()], *writes, write(2 * HOUR, 9, target="hr:101"))

    assert ("hr:101",) == found.get("ot.object.id")


def test_habits_survive_a_restart():
    old = Value()
    said([old], *habit([1, 2]))

    assert ["value_set"] == types(restarted(old, Value()), write(2 * HOUR, 7))


@dataclass(frozen=True)
class Loss(Flow):
    """Bytes of a conversation that were not seen."""

    from_ns: int = 0
    until_ns: int = 0
    gap_count: int = 1
    gap_bytes: int = 12


def lost(seconds: float, **facts) -> Event:
    """A loss in the ten seconds before, in a conversation of somebody else with the device."""
    between = {"from_ns": at(seconds - 10), "until_ns": at(seconds)}
    return event_from_loss(Loss(**({"client_ip": "10.0.0.99"} | between | facts)))


def health(kind: str, from_s: float, until_s: float, **facts) -> Event:
    """What happened to the interface."""
    return event_from_health(Health(kind=kind, from_ns=at(from_s), until_ns=at(until_s), **facts))


def guarded(*events: Event, settings: ValueThresholds | None = None) -> list[str]:
    """The types of what it says where it knows how well was seen."""
    quality = Quality()
    watchers = Watchers([Value(settings, quality)], quality)
    found: list[Event] = []
    for event in events:
        # As a run does it: what was missed is known before time passes.
        if event.category != "ot_sensor":
            found += watchers.advance(event.time_ns)
        found += watchers.show(event)
    found += watchers.finish()
    return [str(one.get("anomaly.type")) for one in found]


MEMBER = write(2 * HOUR, 7)
STUCK = [write(2 * HOUR + turn * 200, 2) for turn in range(1, 5)]


def test_a_write_that_was_missed_may_have_made_a_value_usual():
    dropped = {"dropped_packets": 9}

    assert ["value_set"] == guarded(*habit([1, 2]), MEMBER)
    assert [] == guarded(*habit([1, 2]), lost(5_000), MEMBER)
    assert [] == guarded(*habit([1, 2]), health("silent", 5_000, 6_000), MEMBER)
    assert [] == guarded(*habit([1, 2]), health("dropped", 0, 5_000, **dropped), MEMBER)
    assert [] == guarded(
        *habit([1, 2]), health("window", 4_990, 5_000, frames=9, bytes=900, gap_bytes=90), MEMBER
    )


def test_a_change_that_was_missed_may_have_ended_a_rest():
    assert ["value_stuck"] == guarded(*habit([1, 2]), *STUCK)
    assert [] == guarded(*habit([1, 2]), lost(2 * HOUR), *STUCK)
    assert [] == guarded(*habit([1, 2]), health("silent", 5_300, 7_100), *STUCK)


def test_a_loss_of_another_device_hides_nothing():
    assert ["value_set"] == guarded(*habit([1, 2]), lost(5_000, server_ip="10.0.0.12"), MEMBER)


def test_ten_writes_over_an_hour_after_a_loss_are_a_habit_again():
    again = [write(2 * HOUR + turn * 180, turn % 2 + 1) for turn in range(30)]

    assert ["value_set"] == guarded(*habit([1, 2]), lost(HOUR), *again, write(4 * HOUR, 7))


def test_a_loss_that_is_known_only_afterwards_counts_as_well():
    late = lost(2 * HOUR + 5)

    assert [] == guarded(*habit([1, 2]), MEMBER, late, write(2 * HOUR + 100, 1))


def test_what_was_not_seen_after_a_write_may_have_refused_it():
    cut = health("silent", 2 * HOUR, 2 * HOUR + 900)

    assert [] == guarded(*habit([1, 2]), MEMBER, cut, write(3 * HOUR, 1))


def test_a_write_without_an_answer_at_the_end_may_have_been_refused():
    unanswered = write(2 * HOUR, 7, answered=False, status=None, latency_ns=None)

    assert [] == guarded(*habit([1, 2]), unanswered)
    assert ["value_set"] == guarded(*habit([1, 2]), unanswered, write(2 * HOUR + 100, 1))


def test_a_datagram_that_was_missed_leaves_no_trace():
    datagrams = [write(turn * 180, turn % 2 + 1, transport="udp") for turn in range(30)]

    assert [] == guarded(*datagrams, write(2 * HOUR, 7, transport="udp"))


def test_a_pause_between_two_captures_ends_a_rest_but_no_habit():
    pause = health("hole", 5_300, 7_100)

    assert [] == guarded(*habit([1, 2]), pause, *STUCK)
    assert ["value_set"] == guarded(*habit([1, 2]), pause, MEMBER)


def test_several_changes_over_a_pause_are_no_step():
    ramp = habit([float(turn) for turn in range(30)], "dnp3")
    back = write(2 * HOUR, 1.0, protocol="dnp3")

    assert ["value_step"] == guarded(*ramp, back)
    assert [] == guarded(*ramp, health("hole", 5_300, 7_100), back)


def test_limits_are_told_whatever_was_missed():
    limits = (Limit("10.0.0.11", "hr:100", low=0, high=50),)

    assert ["limit_crossed"] == guarded(
        lost(5), write(6, 51), settings=ValueThresholds(limits=limits)
    )


def test_it_is_told_when_it_is_known_what_was_missed():
    watchers = Watchers([Value()])
    said_of(watchers, *habit([1, 2]), MEMBER)

    assert [] == list(watchers.advance(MEMBER.time_ns + CERTAIN_NS))
    assert ["value_set"] == [
        one.get("anomaly.type") for one in watchers.advance(MEMBER.time_ns + CERTAIN_NS + 1)
    ]


def test_a_loss_and_what_waits_are_known_over_a_restart():
    quality = Quality()
    old = Watchers([Value(quality=quality)], quality)
    said_of(old, *habit([1, 2]), write(2 * HOUR, 7), lost(2 * HOUR, server_ip="10.0.0.12"))
    new = Watchers([Value()])
    new.restore(json.loads(json.dumps(old.memories())))
    new.resume(json.loads(json.dumps(old.pending(str))), int)
    assert ["value_set"] == [one.get("anomaly.type") for one in new.finish()]

    said_of(old, lost(2 * HOUR + 50), write(2 * HOUR + 60, 1))
    new = Watchers([Value()])
    new.restore(json.loads(json.dumps(old.memories())))
    assert [] == [*said_of(new, write(2 * HOUR + 90, 9)), *new.finish()]
