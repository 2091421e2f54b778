"""How detectors say what they found."""

from __future__ import annotations

from collections.abc import Mapping

from otmon.detectors.detector import Detector
from otmon.model.event import Event, FieldValue, Frame
from otmon.model.observed import Ends, event_from_ends

MAX_FRAMES = 16
"""Frames that a finding of many points at."""


def finding(
    detector: Detector,
    event: Event,
    type: str,
    *,
    category: str,
    expected: str,
    observed: str,
    since_ns: int | None = None,
    own: Mapping[str, FieldValue] | None = None,
    frames: tuple[Frame, ...] | None = None,
) -> Event:
    """What `detector` says of one event: the same ends, operation and frames.

    Args:
        detector: Who says it.
        event: What it is about.
        type: One of `detector.says`.
        category: The kind of event it becomes.
        expected: What would have been normal.
        observed: What was seen instead.
        since_ns: Since when the normal held.
        own: Further fields of its own.
        frames: The frames behind it, where they are not just those of the event.
    """
    said = _said(detector, type, expected, observed, since_ns)
    return event.derive(category, said if own is None else {**said, **own}, frames)


def finding_between(
    detector: Detector,
    ends: Ends,
    time_ns: int,
    type: str,
    *,
    category: str,
    expected: str,
    observed: str,
    since_ns: int | None = None,
    own: Mapping[str, FieldValue] | None = None,
    near: Event | None = None,
) -> Event:
    """What `detector` says of more than one event.

    Args:
        detector: Who says it.
        ends: Who and whom it is about, and the frames behind it.
        time_ns: When it came to be true.
        type: One of `detector.says`.
        category: The kind of event it becomes.
        expected: What would have been normal.
        observed: What was seen instead.
        since_ns: Since when the normal held.
        own: Further fields of its own.
        near: An event of the same run, of which it takes the context.
    """
    said = _said(detector, type, expected, observed, since_ns)
    fields = said if own is None else {**said, **own}
    context = None if near is None else near.context
    return event_from_ends(category, time_ns, ends, {**fields, "@timestamp": time_ns}, context)


def _said(
    detector: Detector, type: str, expected: str, observed: str, since_ns: int | None
) -> dict[str, FieldValue]:
    return {
        "event.provider": detector.name,
        "anomaly.type": type,
        "anomaly.expected": expected,
        "anomaly.observed": observed,
        "anomaly.since": since_ns,
    }


def some_frames(frames: tuple[Frame, ...], more: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Frames of a finding with those of another event, as far as there is room."""
    return frames if len(frames) >= MAX_FRAMES else (*frames, *more)[:MAX_FRAMES]
