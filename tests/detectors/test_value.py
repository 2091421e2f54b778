"""Written values are held against those written before, once these are a habit."""

from __future__ import annotations

from otmon.detectors.value import Value
from otmon.thresholds import Limit, ValueThresholds
from tests.detectors.seeing import operation, restarted, said, types

HOUR = 3600


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
