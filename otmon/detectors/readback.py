"""Written values that read back differently, where they always read back as written.

The engine says of each object how it read back, the first times and when that
turns. Many devices clear a command word, or hold a value of their own: what an
object did from the beginning is its habit. Only where its writes always took is
one that does not take news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from otmon.detectors.bounded import Json, Recent, Told
from otmon.detectors.finding import finding
from otmon.detectors.holding import Waiting
from otmon.detectors.quality import Quality
from otmon.model.event import Event
from otmon.thresholds import ReadbackThresholds

if TYPE_CHECKING:
    from otmon._engine import Readback as Record

SECOND = 1_000_000_000
MAX_OBJECTS = 20_000
"""Written objects of which it is known how they read back; the longest unwritten goes first."""
MAX_USUAL = 16
"""Elements of one object that are known to hold something else."""

_Key = tuple[str | None, int | None, str | None, int | None, str]
"""Server, VLAN, protocol, station, what was written to."""


@dataclass(slots=True)
class _Object:
    """How something reads back that was written to."""

    count: int = 0
    """Writes that were read back."""
    usual: set[int] = field(default_factory=set)
    """Elements that hold something else as a habit."""


class Readback(Waiting):
    """Speaks when a value is read that differs from what was accepted at the last write.

    Loss could hide another write, so that what was missed is waited for, and nothing
    is said where the sensor did not see well.
    """

    name = "readback"
    categories = frozenset(("ot_process",))
    says: ClassVar[Mapping[str, str]] = {
        "readback_mismatch": "A value was accepted, and reads back differently.",
    }
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
        super().__init__(quality)
        self.settings = settings or ReadbackThresholds()
        self._objects: Recent[_Key, _Object] = Recent(MAX_OBJECTS)
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
            between_ns = (record.written_ns, event.time_ns)
            self._held.hold(key, found, key[0], record.interface, between_ns)
            self.due_ns = self._held.due_ns
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

    def is_told(self, key: Any, finding: Event) -> bool:
        """Whether it was not told lately."""
        return self._told.may(key, finding.time_ns)

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


def _name(target: str, at: int) -> str:
    """An element of what was written to: `hr:101` of `hr:100-102`; a bit is one already."""
    space, colon, place = target.partition(":")
    return target if not colon or "." in place else f"{space}:{at}"
