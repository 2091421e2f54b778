"""How well a time was seen, as events carry it and as detectors ask for it."""

from __future__ import annotations

import pytest

from otmon.detectors.quality import Quality
from otmon.model.observed import event_from_health
from tests.detectors.seeing import at, operation
from tests.records import Health, Transaction


def seen(**facts: object) -> Quality:
    """The quality of an interface of which one record of ten seconds is known."""
    quality = Quality()
    start = Health(kind="start", from_ns=at(-60), until_ns=at(-60))
    quality.take(event_from_health(start))
    quality.take(event_from_health(Health(**facts)))
    return quality


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "good"),
        ({"kind": "dropped", "dropped_packets": 20}, "lossy"),
        ({"mirror_gap_frames": 20}, "lossy"),
        ({"gap_bytes": 5_000}, "lossy"),
        ({"truncated_frames": 1}, "lossy"),
        ({"late_frames": 1}, "lossy"),
        ({"one_sided_frames": 900}, "one_sided"),
        ({"kind": "hole"}, "blind"),
        ({"kind": "silent"}, "blind"),
        ({"kind": "end"}, "blind"),
        # Another interface says nothing of this one.
        ({"kind": "hole", "interface": 1}, "good"),
    ],
)
def test_an_event_near_a_bad_time_carries_its_quality(
    facts: dict[str, object], expected: str
) -> None:
    assert expected == seen(**facts).of(operation(11))


def test_what_is_far_from_a_bad_time_is_good() -> None:
    quality = seen(mirror_gap_frames=20)

    assert ("lossy", "good") == (quality.of(operation(20)), quality.of(operation(60)))


def test_what_reaches_back_before_the_first_frame_is_blind() -> None:
    quality = seen()

    assert ("blind", "good") == (
        quality.over(0, at(-120), at(0)),
        quality.over(0, at(-30), at(0)),
    )


@pytest.mark.parametrize(
    "facts", [{"gap_bytes": 5_000}, {"one_sided_frames": 900}, {"kind": "end"}]
)
def test_what_loss_could_explain_is_not_judged(facts: dict[str, object]) -> None:
    assert not seen(**facts).good(Transaction(), at(5), at(6))
