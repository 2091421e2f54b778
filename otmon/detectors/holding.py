"""Findings that wait until it is known what the sensor missed around them.

A hole shows up to the next message of a quiet conversation, and losses are told
every ten seconds. What was missed may have been what would make a finding none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otmon.detectors.bounded import Json, Recent, key_of
from otmon.detectors.detector import Detector
from otmon.detectors.quality import Quality
from otmon.model.event import NEVER_NS, Event

if TYPE_CHECKING:
    from otmon.model.kept_event import Reader, Writer

SECOND = 1_000_000_000
MAX_HELD = 1_000
"""Findings that wait at a time; past that the oldest is given up."""
CERTAIN_NS = 40 * SECOND
"""Time in which a hole shows."""


_GOOD = frozenset(("good",))


@dataclass(slots=True)
class _Held:
    """A finding that waits."""

    finding: Event
    server: str | None
    interface: int
    from_ns: int
    until_ns: int


class Holding:
    """The findings of a detector that wait, one for each key."""

    def __init__(self, quality: Quality, grades: frozenset[str] = _GOOD) -> None:
        """Takes what knows how well was seen, and how well it must have been."""
        self._quality = quality
        self._grades = grades
        self._held: Recent[Hashable, _Held] = Recent(MAX_HELD)

    def hold(
        self,
        key: Hashable,
        finding: Event,
        server: str | None,
        interface: int,
        between_ns: tuple[int, int],
    ) -> None:
        """Lets a finding wait.

        Args:
            key: What it is about; another of the same takes its place.
            finding: It.
            server: Whose conversations must not have lost anything.
            interface: Which must have been seen well.
            between_ns: In what time.
        """
        self._held.put(key, _Held(finding, server, interface, *between_ns))

    def drop(self, key: Hashable) -> None:
        """Gives up what waits of a key."""
        self._held.drop(key)

    @property
    def evicted_count(self) -> int:
        """Findings that were given up because too many waited."""
        return self._held.evicted_count

    @property
    def due_ns(self) -> int:
        """The packet time from which one of them is certain."""
        until_ns = min((one.until_ns for _, one in self._held.items()), default=None)
        return NEVER_NS if until_ns is None else until_ns + CERTAIN_NS

    def certain(self, time_ns: int | None) -> Iterator[tuple[Any, Event]]:
        """Those of which it is known by a time, or at the end, that nothing was missed."""
        for key, one in list(self._held.items()):
            known_ns = one.until_ns + CERTAIN_NS
            if time_ns is not None and known_ns > time_ns:
                continue
            self._held.drop(key)
            good = self._quality.over(one.interface, one.from_ns, one.until_ns) in self._grades
            if good and not self._quality.lost_of(one.server, one.from_ns, time_ns or known_ns):
                yield key, one.finding

    def written(self, write: Writer) -> Json:
        """All that wait, as JSON, as far as there is room for their events."""
        held = [
            [key, one.server, one.interface, one.from_ns, one.until_ns, write.place(one.finding)]
            for key, one in self._held.items()
        ]
        return [one for one in held if one[-1] is not None]

    def read(self, written: Json, read: Reader) -> None:
        """Takes what `written` gave."""
        for key, server, interface, from_ns, until_ns, place in written:
            held = _Held(read.event(place), server, interface, from_ns, until_ns)
            self._held.put(key_of(key), held)


class Waiting(Detector):
    """A detector whose findings wait until it is known what was missed around them."""

    loss_sensitive = True

    def __init__(self, quality: Quality | None = None, grades: frozenset[str] = _GOOD) -> None:
        """Takes what knows how well was seen, and how well it must have been."""
        self._held = Holding(quality or Quality(), grades)

    def is_told(self, key: Any, finding: Event) -> bool:
        """Whether a finding that is certain is told."""
        return True

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Gives what is certain: what was missed around it is known by now."""
        found = self._certain(time_ns)
        self.due_ns = self._held.due_ns
        return found

    def finish(self) -> Iterable[Event]:
        """Gives the others: all that was missed is known now."""
        return self._certain(None)

    def _certain(self, time_ns: int | None) -> list[Event]:
        return [event for key, event in self._held.certain(time_ns) if self.is_told(key, event)]

    def pending(self, write: Writer) -> Json:
        """Findings that wait."""
        return self._held.written(write)

    def resume(self, pending: Json, read: Reader) -> None:
        """Takes them."""
        self._held.read(pending, read)
        self.due_ns = self._held.due_ns
