"""What was done in each interval, out of counts that only rise.

The engine tells counts since the beginning, again and again. What is told is
the difference to what was told before, once for each interval of packet time
in which something happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MOST_TOLD = 400_000
"""Rows of which it is remembered what was told: more than the engine counts at a time."""


class _Counted(Protocol):
    @property
    def last_seen_ns(self) -> int: ...
    @property
    def new(self) -> bool: ...


Seen = TypeVar("Seen", bound=_Counted)
Total = TypeVar("Total")


@dataclass(frozen=True, slots=True)
class Interval(Generic[Seen, Total]):
    """What was counted at the end of an interval, and at its beginning."""

    now: Seen
    before: Total
    new: bool
    """Whether it was new when the interval began."""


class Intervals(Generic[Seen, Total]):
    """Cuts what rises into intervals, aligned to packet time."""

    def __init__(self, every_ns: int, nothing: Total) -> None:
        """Takes the length of an interval, and what was counted of something new."""
        self._every_ns = every_ns
        self._nothing = nothing
        self._told: dict[int, Total] = {}
        self._pending: dict[int, tuple[Seen, Total, bool]] = {}
        """The latest of each row since it was told, what it has come to, whether it was new."""

    def see(self, key: int, now: Seen, total: Total) -> Interval[Seen, Total] | None:
        """Takes what a row has come to; gives its interval before, where that is over now."""
        over = None
        pending = self._pending.get(key)
        new = now.new
        if pending is not None:
            if self._number(pending[0]) != self._number(now):
                over = self._tell(key, *pending)
            else:
                new = new or pending[2]
        self._pending[key] = (now, total, new)
        return over

    def end(self, now_ns: int | None = None) -> Iterator[Interval[Seen, Total]]:
        """The intervals that ended before a time; all of them where there is none."""
        current = None if now_ns is None else now_ns // self._every_ns
        over = [
            (key, *pending)
            for key, pending in self._pending.items()
            if current is None or self._number(pending[0]) < current
        ]
        for key, now, total, new in over:
            del self._pending[key]
            interval = self._tell(key, now, total, new)
            if interval is not None:
                yield interval

    def _number(self, now: Seen) -> int:
        return now.last_seen_ns // self._every_ns

    def _tell(self, key: int, now: Seen, total: Total, new: bool) -> Interval[Seen, Total] | None:
        before = self._told.pop(key, self._nothing)
        if len(self._told) >= MOST_TOLD:
            # The engine forgets what was quiet longest, and so does this.
            for old in list(self._told)[: MOST_TOLD // 4]:
                del self._told[old]
        self._told[key] = total
        return None if before == total else Interval(now, before, new)
