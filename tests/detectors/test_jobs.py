"""A transfer that comes at even intervals is missed when it does not come."""

from __future__ import annotations

import pytest

from otmon.detectors.jobs import Jobs
from otmon.detectors.quality import Quality
from otmon.detectors.watchers import Watchers
from otmon.model.observed import event_from_health
from tests.detectors.seeing import at, operation, restarted
from tests.records import Health

HOUR, DAY = 3_600, 86_400


def backup(seconds: float, **facts):
    """A part of a file is read."""
    more = {"protocol": "dnp3", "operation": "read", "operation_class": "file_read"}
    return operation(seconds, **(more | facts))


class Site:
    """A day and night watch of one interface."""

    def __init__(self, jobs: Jobs | None = None) -> None:
        quality = Quality()
        self.jobs = jobs or Jobs(quality=quality)
        self.jobs._quality = quality
        self.watchers = Watchers([self.jobs], quality)
        self.said: list[str] = []

    def runs(self, *seconds: float, **facts) -> Site:
        """The job runs, three parts each time."""
        for begin in seconds:
            for part in range(3):
                self.until(begin + part * 60)
                self.watchers.show(backup(begin + part * 60, **facts))
        return self

    def until(self, seconds: float) -> list[str]:
        """What was said by then."""
        found = self.watchers.advance(at(seconds))
        self.said += [str(one.get("anomaly.observed")) for one in found]
        return self.said

    def blind(self, start: float, end: float) -> None:
        """The sensor sees nothing for a time."""
        hole = Health(kind="hole", from_ns=at(start), until_ns=at(end))
        self.watchers.show(event_from_health(hole))


HOURLY = [HOUR * n for n in range(6)]


def test_a_run_that_does_not_come_is_told_once_when_it_is_late():
    site = Site().runs(*HOURLY)
    late = HOUR * 6 + 900

    assert ([], ["none for 1.25 h"]) == (list(site.until(late - 1)), site.until(late))
    assert 1 == len(site.until(late + 9 * HOUR))


def test_a_job_that_always_comes_is_no_news():
    assert [] == Site().runs(*[HOUR * n for n in range(40)]).said


def test_what_comes_at_uneven_times_is_no_job():
    assert [] == Site().runs(0, 4000, 9000, 11_000, 20_000, 23_600).until(DAY)


def test_what_comes_more_often_than_once_an_hour_belongs_to_the_watchdogs():
    assert [] == Site().runs(*[1_200 * n for n in range(20)]).until(DAY)


def test_a_daily_job_must_have_run_over_a_weekend():
    week = [DAY * n for n in range(9)]

    assert [] == Site().runs(*week[:5]).until(DAY * 7)
    assert 1 == len(Site().runs(*week).until(DAY * 10))


@pytest.mark.parametrize(("start", "end"), [(-600, 600), (-300, 1), (600, 7200)])
def test_what_the_sensor_did_not_see_is_not_missed(start, end):
    due = HOUR * 6
    site = Site().runs(*HOURLY)
    site.blind(due + start, due + end)

    assert [] == site.until(due + HOUR - 1)


def test_after_a_blind_time_the_next_run_is_missed_as_well():
    due = HOUR * 6
    site = Site().runs(*HOURLY)
    site.blind(due - 60, due + 60)

    assert ["none for 2.25 h"] == site.until(due + HOUR + 900)


def test_jobs_go_on_after_a_restart_as_without_one():
    whole = Site().runs(*HOURLY).until(HOUR * 8)
    first = Site().runs(*HOURLY[:4])
    second = Site(restarted(first.jobs, Jobs())).runs(*HOURLY[4:])

    assert whole == second.until(HOUR * 8)


def test_a_job_that_came_back_must_show_its_pace_anew():
    site = Site().runs(*HOURLY)
    site.until(HOUR * 8)
    site.runs(*[HOUR * n for n in range(20, 23)])

    assert 1 == len(site.until(HOUR * 40))
