"""What is learned in one operating mode is not held against another."""

from __future__ import annotations

from collections.abc import Callable

from otmon.detectors.detector import Detector
from otmon.detectors.periodicity import Periodicity
from otmon.detectors.sequence import Sequence
from otmon.detectors.watchers import Watchers
from otmon.model.event import Event
from otmon.model.observed import event_from_rhythm
from tests.detectors.seeing import at, restarted, said
from tests.detectors.test_sequence import BATCH, changes
from tests.records import SECOND, Rhythm


def hourly(seconds: float) -> str:
    """Two modes that take turns."""
    return "slow" if seconds // 3_600 % 2 else "fast"


def by_mode(detector: Detector, mode: Callable[[float], str]) -> Watchers:
    """A detector at a site whose mode depends on the seconds after the start."""
    watchers = Watchers((detector,))
    watchers.by_mode(lambda time_ns: mode((time_ns - at(0)) / SECOND))
    return watchers


def types(watchers: Watchers, *events: Event) -> list[object]:
    return [one.get("anomaly.type") for one in said(watchers, *events)]


def pace(seconds: float, before_s: float, now_s: float) -> Event:
    """What came every `before_s` comes every `now_s`."""
    return event_from_rhythm(
        Rhythm(
            kind="period_change",
            time_ns=at(seconds),
            last_seen_ns=at(seconds),
            period_ns=before_s * SECOND,
            observed_ns=now_s * SECOND,
        )
    )


def test_each_mode_has_an_order_of_its_own() -> None:
    """The other order is told where it comes in the wrong mode, or where nobody knows of modes."""
    first, second = changes(BATCH), changes("fedcba" * 20, 1_000)
    wrong = changes("fedcb", 2_000)

    known = by_mode(Sequence(), lambda seconds: "two" if 1_000 <= seconds < 2_000 else "one")
    assert ([], [], ["unknown_transition"] * 2) == (
        types(known, *first), types(known, *second), types(known, *wrong)
    )  # fmt: skip
    assert "unknown_transition" in types(by_mode(Sequence(), lambda _: "any"), *first, *second)


def test_where_a_mode_begins_nothing_follows_what_was_before() -> None:
    known = by_mode(Sequence(), lambda seconds: "two" if 500 <= seconds < 600 else "one")
    said(known, *changes(BATCH), *changes("xyz", 500))

    # After f comes a: where the mode begins anew, c is only where one starts to look.
    assert [] == types(known, *changes("cdefabdef", 600))


def test_the_pace_of_a_mode_that_has_just_begun_is_only_learned() -> None:
    known = by_mode(Periodicity(), hourly)

    assert [] == types(known, pace(3_900, 2, 5))
    assert [] == types(known, pace(7_500, 5, 2))
    assert [] == types(known, pace(3 * 3_600 + 300, 2, 5.1))
    assert ["period_change"] == types(known, pace(5 * 3_600 + 300, 2, 9))


def test_another_pace_within_a_mode_is_told_the_first_time() -> None:
    known = by_mode(Periodicity(), lambda _: "fast")

    assert ["period_change"] == types(known, pace(3_900, 2, 5))


def test_the_paces_of_modes_survive_a_restart() -> None:
    old = Periodicity()
    types(by_mode(old, hourly), pace(3_900, 2, 5))
    new = restarted(old, Periodicity())

    assert ["period_change"] == types(by_mode(new, hourly), pace(3 * 3_600 + 300, 2, 9))
