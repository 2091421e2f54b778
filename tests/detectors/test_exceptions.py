"""Refusals are news where there was a habit of none."""

from __future__ import annotations

from otmon.detectors.exceptions import Exceptions
from tests.detectors.seeing import operation, restarted, said, types
from tests.records import START, History

HOUR = 3600


def refusal(seconds: float, reads: int = 1000, status: str = "illegal_data_address"):
    """A refused read of a client with this history."""
    return operation(seconds, status=status, status_code=2, history=History(reads, 0, START))


def test_the_first_refusal_after_hours_is_news_and_the_second_is_not():
    assert ["novel_exception"] == types(
        Exceptions(), operation(0), refusal(HOUR + 1), refusal(HOUR + 2)
    )


def test_another_status_is_another_first():
    assert ["novel_exception"] * 2 == types(
        Exceptions(),
        operation(0),
        refusal(HOUR + 1),
        refusal(HOUR + 2, status="server_device_busy"),
    )


def test_a_client_without_habits_has_no_first():
    assert [] == types(Exceptions(), operation(0), refusal(HOUR + 1, reads=50))
    assert [] == types(Exceptions(), operation(0), refusal(HOUR - 1))


def test_more_than_ever_is_told_once():
    quiet = [refusal(n * 60) for n in range(60)]
    storm = [refusal(HOUR + n) for n in range(100)]
    found = types(Exceptions(), *quiet, *storm)

    assert ["exception_rate"] == found


def test_a_server_that_always_refused_as_much_is_left_alone():
    assert [] == types(Exceptions(), *[refusal(n) for n in range(2 * HOUR)])


def test_it_goes_on_after_a_restart():
    old = Exceptions()
    said([old], operation(0), refusal(HOUR + 1))

    assert [] == types(restarted(old, Exceptions()), refusal(HOUR + 2))
