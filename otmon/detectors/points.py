"""What a device says of the quality of its points: forced, offline, out of range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmon.detectors.bounded import Json, Recent

if TYPE_CHECKING:
    from otmon._engine import PointQuality

MAX_POINTS = 20_000
"""Points with a condition that are known; the one that was told longest ago goes first."""

ONLINE, RESTART, COMM_LOST, REMOTE_FORCED, LOCAL_FORCED, OVER_RANGE, REFERENCE = (
    1 << bit for bit in range(7)
)
"""The flags of DNP3 [S: IEEE 1815-2012, 11.6]; of a state the sixth says that it chatters."""
_ANALOG = ("g30", "g40")

_WORDS = {
    "point_forced": "forced",
    "point_offline": "offline",
    "point_comm_lost": "not reached by the device",
    "point_out_of_range": "out of range",
    "point_chatters": "chattering",
}
"""Conditions of points, each as people say it."""


@dataclass(slots=True)
class _Condition:
    """A condition of a point."""

    lasts: bool
    last_ns: int
    """When it began or ended."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said of points."""

    type: str
    expected: str
    observed: str
    names: tuple[str, ...]


class Points:
    """The conditions of points that are known, over a restart, too."""

    def __init__(self, flap_ns: int) -> None:
        """Takes how long a condition must be away before it is news again."""
        self._flap_ns = flap_ns
        self._known: Recent[tuple[object, ...], _Condition] = Recent(MAX_POINTS)

    @property
    def evicted_count(self) -> int:
        """Conditions that were forgotten because there were too many."""
        return self._known.evicted_count

    def take(self, device: tuple[object, ...], quality: PointQuality) -> Iterator[Said]:
        """What is to be said of points whose quality is another now."""
        before = quality.before
        old = set() if before is None else _conditions(quality.space, before)
        new = _conditions(quality.space, quality.now)
        for name in sorted(old - new):
            yield from self._ended(device, quality, name)
        for name in sorted(new - old):
            yield from self._began(device, quality, name)

    def _began(
        self, device: tuple[object, ...], quality: PointQuality, name: str
    ) -> Iterator[Said]:
        fresh: list[int] = []
        seen = quality.before is not None
        for point in quality.points:
            key = (*device, name, quality.space, point)
            known = self._known.get(key)
            if known is None:
                self._known.put(key, _Condition(lasts=True, last_ns=quality.time_ns))
                fresh.append(point)
                continue
            news = not known.lasts and quality.time_ns - known.last_ns >= self._flap_ns
            # What a run before this one saw to end is no first sight.
            seen = seen or news
            known.lasts, known.last_ns = True, quality.time_ns
            if news:
                fresh.append(point)
        if not fresh:
            return
        # Of what was so when somebody looked first, only what a person did is worth a word.
        if seen:
            yield _said(name, quality, fresh, "as they should be", _how(name, quality.now))
        elif name == "point_forced":
            how = f"{_how(name, quality.now)}, since nobody knows when"
            yield _said("point_found_forced", quality, fresh, "as they should be", how)

    def _ended(
        self, device: tuple[object, ...], quality: PointQuality, name: str
    ) -> Iterator[Said]:
        for point in quality.points:
            known = self._known.get((*device, name, quality.space, point))
            if known is not None:
                known.lasts, known.last_ns = False, quality.time_ns
        if name == "point_forced":
            yield _said("point_released", quality, quality.points, "forced", "not forced any more")

    def written(self) -> Json:
        """It as JSON."""
        return self._known.written(lambda one: [one.lasts, one.last_ns])

    def read(self, written: Json) -> None:
        """Takes what `written` gave."""
        self._known.read(written, lambda one: _Condition(*one))


def _conditions(space: str, flags: int) -> set[str]:
    """What flags say; what a device has not measured since its restart, it says by that."""
    found = set()
    if flags & (REMOTE_FORCED | LOCAL_FORCED):
        found.add("point_forced")
    if flags & COMM_LOST:
        found.add("point_comm_lost")
    elif not flags & (ONLINE | RESTART):
        found.add("point_offline")
    if space in _ANALOG and flags & (OVER_RANGE | REFERENCE):
        found.add("point_out_of_range")
    elif flags & OVER_RANGE:
        found.add("point_chatters")
    return found


def _how(name: str, flags: int) -> str:
    """A condition in words; of what is forced, where that was done."""
    if name != "point_forced":
        return _WORDS[name]
    places = ("remotely", flags & REMOTE_FORCED), ("at the device", flags & LOCAL_FORCED)
    return f"forced {' and '.join(place for place, so in places if so)}"


def _said(
    type: str, quality: PointQuality, points: list[int], expected: str, observed: str
) -> Said:
    names = tuple(f"{quality.space}:{point}" for point in points)
    more = quality.count - len(quality.points)
    shown = ", ".join(names[:8]) + (f" and {more + len(names) - 8} more" if len(names) > 8 else "")
    return Said(type, expected, f"{shown}: {observed}", names)
