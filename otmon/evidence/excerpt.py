"""The first bytes of the first frames behind alerts, for who may see payload elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from otmon import _engine
from otmon.errors import CaptureError
from otmon.evidence.source import KnownCapture, find
from otmon.model.alert import Alert, Excerpt

MOST_FRAMES = 10
"""Frames of an excerpt."""
FRAME_BYTES = 512
"""Bytes of a frame in it."""
MOST_BYTES = 4096
"""Bytes of all of them."""
SPAN_NS = 3_600 * 1_000_000_000
"""How far outside of its alert a frame may be; beyond it is of another capture."""
_AT_A_TIME = 500
"""Alerts whose frames are in memory at a time."""
_READ_BYTES = 64 << 20
"""Bytes of those frames: more than all of them have."""


def excerpts(alerts: Sequence[Alert], known: Sequence[KnownCapture]) -> dict[int, Excerpt]:
    """Of each alert the first bytes of its first frames, by its number.

    One whose frames cannot be had any more, or are another's, has none.

    Args:
        alerts: The alerts.
        known: What the state remembers of the files.
    """
    places: dict[str, str | None] = {}
    found: dict[int, Excerpt] = {}
    for start in range(0, len(alerts), _AT_A_TIME):
        found |= _some(alerts[start : start + _AT_A_TIME], known, places)
    return found


def _some(
    alerts: Sequence[Alert], known: Sequence[KnownCapture], places: dict[str, str | None]
) -> dict[int, Excerpt]:
    wanted: dict[str, set[int]] = {}
    for one in alerts:
        if one.evidence.file is None:
            continue
        if one.evidence.file not in places:
            places[one.evidence.file] = _place(one.evidence.file, known)
        place = places[one.evidence.file]
        if place is not None:
            wanted.setdefault(place, set()).update(one.evidence.frames[:MOST_FRAMES])
    if not wanted:
        return {}
    try:
        selection = _engine.select_frames(
            [(place, sorted(numbers)) for place, numbers in wanted.items()],
            context=0,
            most_frames=2 * _AT_A_TIME * MOST_FRAMES,
            most_bytes=_READ_BYTES,
        )
    except CaptureError:
        return {}
    frames = {(frame.file, frame.number): frame for frame in selection.frames}
    made = {one.id: _excerpt(one, places.get(one.evidence.file or ""), frames) for one in alerts}
    return {number: excerpt for number, excerpt in made.items() if excerpt is not None}


def _place(file: str, known: Sequence[KnownCapture]) -> str | None:
    try:
        place, _ = find(file, known)
    except CaptureError:
        return None
    return str(Path(place))


def _excerpt(
    alert: Alert, place: str | None, frames: dict[tuple[str, int], _engine.SelectedFrame]
) -> Excerpt | None:
    if place is None:
        return None
    numbers: list[int] = []
    parts: list[str] = []
    room = MOST_BYTES
    for number in alert.evidence.frames[:MOST_FRAMES]:
        frame = frames.get((place, number))
        if frame is None or not room:
            continue
        if not alert.first_seen - SPAN_NS <= frame.time_ns <= alert.last_seen + SPAN_NS:
            continue
        data = frame.data[: min(FRAME_BYTES, room)]
        room -= len(data)
        numbers.append(number)
        parts.append(data.hex())
    return Excerpt(tuple(numbers), tuple(parts)) if numbers else None
