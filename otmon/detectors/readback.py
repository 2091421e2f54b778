"""Written values that read back differently, where they always read back as written.

The engine says of each object how it read back, the first times and when that
turns. Many devices clear a command word, or hold a value of their own: what an
object did from the beginning is its habit. Only where its writes always took is
one that does not take news.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from otmon.dataclass import dataclass
from otmon.detectors.bounded import Json, Recent, Told, key_of
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.quality import Quality
from otmon.model.event import NEVER_NS, Event
from otmon.thresholds import ReadbackThresholds

if TYPE_CHECKING:
    from otmon._engine import Readback as Record
    from otmon.model.kept_event import Reader, Writer

SECOND = 1_000_000_000
MAX_OBJECTS = 20_000
"""Written objects of which it is known how they read back; the longest unwritten goes first."""
MAX_USUAL = 16
"""Elements of one object that are known to hold something else."""
MAX_HELD = 1_000
"""Findings that wait for what was missed; past that the oldest is given up."""
CERTAIN_NS = 40 * SECOND
"""Time in which a hole shows, that another write may have been lost in."""

_Key = tuple[str | None, int | None, str | None, int | None, str]
"""Server, VLAN, protocol, station, what was written to."""


@dataclass(slots=True)
class _Object:
    """How something reads back that was written to."""

    count: int = 0
    """Writes that were read back."""
    usual: set[int] = field(default_factory=set)
    """Elements that hold something else as a habit."""


@dataclass(slots=True)
class _Held:
    """A finding that waits for what was missed."""

    finding: Event
    key: _Key
    interface: int
    from_ns: int
    until_ns: int


class Readback(Detector):
    """Speaks when a value is read that differs from what was accepted at the last write.

    Loss could hide another write, so that what was missed is waited for, and nothing
    is said where the sensor did not see well.
    """

    name = "readback"
    categories = frozenset(("ot_process",))
    says: ClassVar[Mapping[str, str]] = {
        "readback_mismatch": "A value was accepted, and reads back differently.",
    }
    loss_sensitive = True
    watches = (
        "Registers and coils of Modbus, variables of S7comm, and outputs of DNP3 that are "
        "written and read again, by whomever: three reads, over more than six seconds. The "
        "object must have read back as written five times before."
    )
    silent = (
        "Of what never read back as written (command words, pulses, values that a controller "
        "sets itself), of a later change, of datagrams, and near anything that was missed."
    )

    def __init__(
        self, settings: ReadbackThresholds | None = None, quality: Quality | None = None
    ) -> None:
        self.settings = settings or ReadbackThresholds()
        self._quality = quality or Quality()
        self._objects: Recent[_Key, _Object] = Recent(MAX_OBJECTS)
        self._held: Recent[_Key, _Held] = Recent(MAX_HELD)
        self._told: Told[_Key] = Told(self.settings.repeat_s * SECOND, MAX_OBJECTS)

    def wants(self, event: Event) -> bool:
        """How written values read back."""
        return hasattr(event.record, "written_ns")

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes how a write was read back."""
        record: Record = event.record
        if record.transport == "udp":
            return ()  # a datagram that was missed leaves no trace
        key = (record.server_address, record.vlan, event.service, record.unit, record.target)
        known = self._objects.make(key, _Object)
        known.count += 1
        odd = [cell for cell in record.different if cell[0] not in known.usual]
        if not odd:
            self._held.drop(key)
        elif known.count <= self.settings.habit_count:
            known.usual.update([cell[0] for cell in odd][: MAX_USUAL - len(known.usual)])
        else:
            found = self._found(event, record, odd)
            held = _Held(found, key, record.interface, record.written_ns, event.time_ns)
            self._held.put(key, held)
            self._set_due()
        return ()

    def _found(self, event: Event, record: Record, odd: list[tuple[int, float, float]]) -> Event:
        names = [_name(record.target, at) for at, _, _ in odd]
        unit = "byte " if event.service == "s7comm" else ""
        written = [
            f"{unit}{value:g} in {name}" for name, (_, value, _) in zip(names, odd, strict=True)
        ]
        read = [f"{value:g}" for _, _, value in odd]
        return finding(
            self,
            event,
            "readback_mismatch",
            category="ot_process",
            expected=f"{', '.join(written[:4])}, as {record.writer} wrote and it was accepted",
            observed=", ".join(read[:4]),
            since_ns=record.written_ns,
            own={"ot.object.id": tuple(dict.fromkeys(names)), "ot.value": tuple(read)},
        )

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Gives what is certain: what was missed around it is known by now."""
        over = [one for _, one in self._held.items() if one.until_ns + CERTAIN_NS <= time_ns]
        found = [event for one in over for event in self._judged(one, time_ns)]
        self._set_due()
        return found

    def finish(self) -> Iterable[Event]:
        """Gives the others: all that was missed is known now."""
        over = [one for _, one in self._held.items()]
        return [event for one in over for event in self._judged(one, one.until_ns + CERTAIN_NS)]

    def _judged(self, held: _Held, time_ns: int) -> Iterator[Event]:
        self._held.drop(held.key)
        server = held.key[0]
        if self._quality.over(held.interface, held.from_ns, held.until_ns) != "good":
            return
        # Whoever wrote in between: what was lost shows up to the next message.
        if self._quality.lost_of(server, held.from_ns, time_ns):
            return
        if self._told.may(held.key, held.until_ns):
            yield held.finding

    def _set_due(self) -> None:
        until_ns = min((one.until_ns for _, one in self._held.items()), default=None)
        self.due_ns = NEVER_NS if until_ns is None else until_ns + CERTAIN_NS

    def memory(self) -> Json:
        """How objects read back, and what was told."""
        return {
            "objects": self._objects.written(lambda one: [one.count, sorted(one.usual)]),
            "told": self._told.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._objects.read(memory["objects"], lambda one: _Object(one[0], set(one[1])))
        self._told.read(memory["told"])

    def pending(self, write: Writer) -> Json:
        """Findings that wait."""
        held = [
            [one.key, one.interface, one.from_ns, one.until_ns, write.place(one.finding)]
            for _, one in self._held.items()
        ]
        return [one for one in held if one[-1] is not None]

    def resume(self, pending: Json, read: Reader) -> None:
        """Takes them."""
        for written, interface, from_ns, until_ns, place in pending:
            key: _Key = key_of(written)
            self._held.put(key, _Held(read.event(place), key, interface, from_ns, until_ns))
        self._set_due()


def _name(target: str, at: int) -> str:
    """An element of what was written to: `hr:101` of `hr:100-102`; a bit is one already."""
    space, colon, place = target.partition(":")
    return target if not colon or "." in place else f"{space}:{at}"
