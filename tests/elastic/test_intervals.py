"""Counts that only rise, cut into intervals."""

from __future__ import annotations

from dataclasses import dataclass

from otmon.sinks.elastic.intervals import Intervals

MINUTE = 60 * 10**9


@dataclass(frozen=True)
class Row:
    last_seen_ns: int
    count: int
    new: bool = False


def told(*rows: Row, end_ns: int | None = None) -> list[tuple[int, int, bool]]:
    intervals: Intervals[Row, int] = Intervals(MINUTE, 0)
    over = [one for row in rows if (one := intervals.see(1, row, row.count)) is not None]
    over += intervals.end(end_ns)
    return [(one.now.last_seen_ns, one.now.count - one.before, one.new) for one in over]


def test_each_interval_has_what_was_counted_in_it():
    rows = (Row(10, 3, new=True), Row(MINUTE + 5, 10), Row(3 * MINUTE, 11))

    assert [(10, 3, True), (MINUTE + 5, 7, False), (3 * MINUTE, 1, False)] == told(*rows)


def test_several_counts_of_one_interval_are_one():
    assert [(20, 5, True)] == told(Row(10, 1, new=True), Row(15, 3), Row(20, 5))


def test_an_interval_that_goes_on_is_not_told():
    assert [] == told(Row(10, 3), end_ns=MINUTE - 1)
    assert [(10, 3, False)] == told(Row(10, 3), end_ns=MINUTE)


def test_nothing_is_told_where_nothing_was_counted():
    assert [(10, 3, False)] == told(Row(10, 3), Row(MINUTE, 3))
