"""A clock that is set far from the time is told; local time is not."""

from __future__ import annotations

import pytest

from otmon.detectors.clock import EARLIEST_NS, Clock
from otmon.model.event import Event
from otmon.thresholds import ClockThresholds
from tests.detectors.seeing import at, operation, said

HOUR = 3_600 * 10**9


def told(*hours: float, settings: ClockThresholds | None = None, **facts) -> list[str | None]:
    """What is said of a clock that is set so many hours ahead of the packet."""
    values = tuple(at(0) + round(one * HOUR) for one in hours)
    return observed(written(values, **facts), settings)


def written(values: tuple[object, ...], seconds: float = 0, **facts) -> Event:
    more = {"protocol": "dnp3", "operation_class": "time_set", "values": values}
    return operation(seconds, **(more | facts))


def observed(event: Event, settings: ClockThresholds | None = None) -> list[str | None]:
    return [one.text("anomaly.observed") for one in said([Clock(settings)], event)]


@pytest.mark.parametrize("hours", [0, 14, -12, 20, -24, 24])
def test_local_time_and_a_day_by_mistake_are_no_news(hours: int):
    assert [] == told(hours)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (25, "25 hours ahead"),
        (-25, "25 hours back"),
        (24 * 30, "30 days ahead"),
        (-24 * 365 * 10, "10 years back"),
    ],
)
def test_a_clock_that_is_set_far_off_is_told(hours: int, words: str):
    assert [words] == told(hours)


def test_a_refused_one_was_tried():
    assert ["25 hours ahead"] == told(25, status="parameter_error")


def test_a_site_says_how_far_is_far():
    assert ["3 hours ahead"] == told(3, settings=ClockThresholds(off_h=2.0))


def test_one_that_asks_for_no_time_is_no_news():
    assert [] == told(operation="record_current_time")


def test_a_sensor_whose_clock_nobody_set_judges_none():
    seconds = (EARLIEST_NS - at(0)) / 10**9 - 1

    assert [] == observed(written((at(0),), seconds))
