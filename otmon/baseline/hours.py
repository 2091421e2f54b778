"""The hours of the week in which changes are usual, on the clocks of the site."""

from __future__ import annotations

from collections.abc import Sequence

from otmon.baseline.learn import DAY_NS, WATCHED
from otmon.model.statement import Edge

WEEK_HOURS = 168
MIN_WEEKS = 2
"""Weeks in which an hour was watched, so that its silence says something."""
MIN_COUNT = 20
"""Changes that make a habit."""
MOST_HOURS = 84
"""Hours of the week from which on there is no usual time."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def note(edge: Edge, operation_class: str, hour: int) -> None:
    """Counts a change in its hour of the week, 0 being Monday from midnight."""
    week = edge.hours.setdefault(operation_class, [0] * WEEK_HOURS)
    week[hour] += 1


def is_unusual(edge: Edge, operation_class: str, hour: int) -> bool:
    """Whether changes of a class have usual hours on an edge, and this is none of them.

    The hours beside a usual one are usual, too.
    """
    week, watched = edge.hours.get(operation_class), edge.hours.get(WATCHED)
    if week is None or watched is None or edge.enforcing_ns is None:
        return False
    if edge.enforcing_ns - edge.first_seen_ns < 7 * MIN_WEEKS * DAY_NS - DAY_NS:
        return False
    near = ((hour - 1) % WEEK_HOURS, hour, (hour + 1) % WEEK_HOURS)
    if any(week[one] for one in near) or min(watched[one] for one in near) < MIN_WEEKS:
        return False
    return sum(week) >= MIN_COUNT and sum(map(bool, week)) <= MOST_HOURS


def usual(week: Sequence[int]) -> str:
    """The hours in which something was done, in words: `Mon 06-14, Tue 06-14`."""
    spans = []
    for day, name in enumerate(_DAYS):
        hours = [hour for hour in range(24) if week[day * 24 + hour]]
        if hours:
            spans.append(f"{name} {hours[0]:02d}-{hours[-1] + 1:02d}")
    return ", ".join(spans)


def name(hour: int) -> str:
    """An hour of the week in words: `Sun 03`."""
    return f"{_DAYS[hour // 24]} {hour % 24:02d}"
