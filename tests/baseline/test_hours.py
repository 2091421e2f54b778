"""A change at an hour at which there never is one."""

from __future__ import annotations

from otmon.baseline import hours
from otmon.baseline.learn import DAY_NS, WATCHED
from otmon.model.statement import Edge

SUNDAY_AT_THREE = 6 * 24 + 3
MONDAY_AT_NINE = 9


def edge(days: int = 28, weeks: int = 4) -> Edge:
    """One on which writes happen from Monday to Friday, 8 to 12 o'clock."""
    week = [0] * 168
    for day in range(5):
        week[day * 24 + 8 : day * 24 + 12] = [4] * 4
    made = Edge("hmi", "plc", "modbus", True, 0, days * DAY_NS, 0)
    made.enforcing_ns = days * DAY_NS
    made.hours = {"write": week, WATCHED: [weeks] * 168}
    return made


def test_an_hour_without_changes_in_weeks_of_watching_is_unusual():
    assert hours.is_unusual(edge(), "write", SUNDAY_AT_THREE)
    assert not hours.is_unusual(edge(), "write", MONDAY_AT_NINE)


def test_the_hours_beside_a_usual_one_are_usual():
    assert not hours.is_unusual(edge(), "write", 7)
    assert not hours.is_unusual(edge(), "write", 12)
    assert hours.is_unusual(edge(), "write", 13)


def test_a_few_days_of_learning_say_nothing_of_hours():
    assert not hours.is_unusual(edge(days=3), "write", SUNDAY_AT_THREE)


def test_an_hour_that_nobody_watched_is_not_unusual():
    assert not hours.is_unusual(edge(weeks=1), "write", SUNDAY_AT_THREE)


def test_a_handful_of_changes_make_no_habit():
    seldom = edge()
    seldom.hours["write"] = [1 if hour == 9 else 0 for hour in range(168)]

    assert not hours.is_unusual(seldom, "write", SUNDAY_AT_THREE)


def test_usual_hours_are_told_by_day():
    week = edge().hours["write"]

    assert "Mon 08-12, Tue 08-12, Wed 08-12, Thu 08-12, Fri 08-12" == hours.usual(week)
    assert "Sun 03" == hours.name(SUNDAY_AT_THREE)
