"""Written values that are not like those before: set, range, step, rest, hard limits.

Learned per object from its own writes. Raw words have no type: what they mean is
unknown, so they are judged as sets alone. A point that is only read is known to
the inventory by its extremes, never here.

A write that the sensor missed may have been the one that makes a value usual. So
an object whose device lost something is as one that has just come, but that what
is known of it stays: it must be ready anew before anything is said. And what is
said waits until it is known what was missed around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.finding import finding
from otmon.detectors.holding import CERTAIN_NS, Waiting
from otmon.detectors.quality import Quality
from otmon.fields import CHANGE_CLASSES, PARTLY_REFUSED
from otmon.model.event import Event
from otmon.model.target import elements
from otmon.thresholds import ValueThresholds

if TYPE_CHECKING:
    pass

SECOND = 1_000_000_000
MAX_OBJECTS = 20_000
"""Objects of which the written values are known; the longest unwritten goes first."""
MAX_PLACES = 4_096
"""Likenesses and targets of which the objects are at hand; past that all are found anew."""
MAX_PER_EVENT = 64
"""Elements of one write that are looked at."""
_RAW = frozenset(("modbus", "modbus_rtu", "umas"))
"""Protocols whose words have no type."""

NEAR_NS = 60 * SECOND
"""How far back what was missed may not be known yet when a value is judged."""
_SEEN = frozenset(("good", "one_sided"))
"""How well an interface must have been seen: a write is seen without its answer too."""

_NUMBERS = frozenset((bool, int, float))
"""Types of values that can be out of a range; most commands of DNP3 carry words."""
_Number = float
_Place = tuple[tuple[object, ...], str]
"""An object as it is known here, and as events name it."""


@dataclass(slots=True)
class _Object:
    """What was written to one object so far."""

    count: int = 0
    values: dict[_Number, None] = field(default_factory=dict)
    """Distinct values; none where there were too many."""
    many: bool = False
    low: _Number = 0.0
    high: _Number = 0.0
    last: _Number = 0.0
    step: _Number = 0.0
    """The largest change so far."""
    changes: int = 0
    changed_ns: int = 0
    rest_ns: int = 0
    """The longest time between two changes."""
    first_ns: int = 0
    stuck: bool = False
    missed_ns: int = 0
    """When the sensor missed something of its device last."""
    missed_count: int = 0
    """Writes until then."""
    missed_changes: int = 0
    """Changes until then."""

    def miss(self, missed_ns: int) -> None:
        """Notes that writes may have been missed until then."""
        self.missed_ns = missed_ns
        self.missed_count, self.missed_changes = self.count, self.changes
        self.changed_ns = max(self.changed_ns, missed_ns)


class Value(Waiting):
    """Speaks when a value is written that is not like those written there before."""

    name = "value"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "value_set": "A value that was never written to an object that takes few.",
        "value_range": "A value outside the range of all that were written to an object.",
        "value_step": "A change that is larger than any written to an object.",
        "value_stuck": "The same value is written for far longer than ever before.",
        "limit_crossed": "A value outside the limits that a person set.",
    }
    watches = (
        "Values of accepted writes and commands, object by object; ten writes over an hour, "
        "unless a limit is set. Words of Modbus have no type and are judged as sets."
    )
    silent = (
        "Of objects that are only read, of refused writes, and of more than 64 elements of "
        "one write. But for limits also of datagrams, and after anything of the device or its "
        "interface was missed, until there were ten writes over an hour again."
    )

    def __init__(
        self, settings: ValueThresholds | None = None, quality: Quality | None = None
    ) -> None:
        self._quality = quality or Quality()
        super().__init__(self._quality, _SEEN)
        self.settings = settings or ValueThresholds()
        self._objects: Recent[tuple[object, ...], _Object] = Recent(MAX_OBJECTS)
        self._by_likeness: dict[tuple[object, ...], Sequence[_Place]] = {}
        """Objects by likeness and targets of writes to them."""
        self._limits = {(one.server, one.object): one for one in self.settings.limits}

    def wants(self, event: Event) -> bool:
        """Accepted writes and commands."""
        if event.operation_class not in CHANGE_CLASSES or event.get("ot.role") != "request":
            return False
        # Which part was refused is not told with the values.
        return not event.has_failed and event.get("ot.status.name") != PARTLY_REFUSED

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a write."""
        values = getattr(event.record, "values", None)
        if not values or _NUMBERS.isdisjoint(map(type, values)):
            return ()
        objects, own, time_ns = self._objects, self.settings, event.time_ns
        mode = () if self.mode is None else (self.mode(time_ns),)
        interface: int = getattr(event.record, "interface", 0)
        missed_ns = self._quality.missed_ns(interface, event.record.server_address)
        found: list[Event] = []
        for (key, name), value in zip(self._places(event, len(values)), values, strict=False):
            if not isinstance(value, (bool, int, float)):
                continue
            number = float(value)
            if self._limits:
                found += self._against_limits(event, name, number)
            place = (*key, *mode) if mode else key
            known = objects.get(place) or objects.make(place, _Object)
            if missed_ns > known.missed_ns:
                known.miss(missed_ns)
            if known.count - known.missed_count >= own.ready_count:
                typed = event.service not in _RAW or isinstance(value, float)
                for odd in self._compared(event, name, known, number, typed=typed):
                    self._hold(event, odd, max(known.first_ns, known.missed_ns))
                if number == known.last:
                    # The same again teaches nothing else.
                    known.count += 1
                    continue
            _learn(known, number, time_ns, own.set_count)
        return found

    def _places(self, event: Event, count: int) -> Sequence[_Place]:
        """The objects of a write in the order of its values, found once for all that are alike."""
        record, likeness = event.record, event.likeness
        targets, count = record.targets, min(count, MAX_PER_EVENT)
        if not likeness.of_relation:
            return _places(record, event.service, elements(targets, count))
        key = (likeness, targets, count)
        known = self._by_likeness.get(key)
        if known is None:
            if len(self._by_likeness) >= MAX_PLACES:
                self._by_likeness.clear()
            known = _places(record, event.service, elements(targets, count))
            self._by_likeness[key] = known
        return known

    def _against_limits(self, event: Event, name: str, number: float) -> Iterator[Event]:
        limit = self._limits.get((str(event.record.server_address), name))
        if limit is not None and not limit.low <= number <= limit.high:
            yield self._found(
                event, name, "limit_crossed", f"{limit.low:g} to {limit.high:g}", number, None
            )

    def _compared(
        self, event: Event, name: str, known: _Object, number: float, *, typed: bool
    ) -> Iterator[Event]:
        own = self.settings
        watched_ns = event.time_ns - max(known.first_ns, known.missed_ns)
        # A datagram that was missed leaves no trace.
        if watched_ns < own.ready_s * SECOND or event.record.transport == "udp":
            return
        since_ns = known.first_ns
        resumed_ns = self._quality.resumed_ns(getattr(event.record, "interface", 0))
        settled = not known.many and len(known.values) * own.repeats <= known.count
        if settled and number not in known.values:
            shown = ", ".join(f"{one:g}" for one in sorted(known.values))
            yield self._found(event, name, "value_set", f"one of {shown}", number, since_ns)
        if typed and not settled:
            span = known.high - known.low
            low, high = known.low - own.widen * span, known.high + own.widen * span
            if not low <= number <= high:
                expected = f"{known.low:g} to {known.high:g}"
                yield self._found(event, name, "value_range", expected, number, since_ns)
            elif (
                known.step
                and abs(number - known.last) > own.step_factor * known.step
                and resumed_ns <= known.changed_ns
            ):
                # Over a pause of the watch several changes look like one.
                expected = f"a change of at most {known.step:g} from {known.last:g}"
                yield self._found(event, name, "value_step", expected, number, since_ns)
        rest_ns = event.time_ns - max(known.changed_ns, resumed_ns)
        if number != known.last:
            known.stuck = False
        elif (
            known.changes - known.missed_changes >= own.stuck_changes
            and rest_ns > own.stuck_factor * known.rest_ns
            and not known.stuck
        ):
            known.stuck = True
            expected = f"another value within {known.rest_ns / SECOND:.0f} s"
            yield self._found(event, name, "value_stuck", expected, number, known.changed_ns)

    def _found(
        self,
        event: Event,
        name: str,
        type: str,
        expected: str,
        number: float,
        since_ns: int | None,
    ) -> Event:
        return finding(
            self,
            event,
            type,
            category="ot_process",
            expected=expected,
            observed=f"{number:g} to {name}",
            since_ns=since_ns,
            own={"ot.object.id": (name,)},
        )

    def _hold(self, event: Event, found: Event, from_ns: int) -> None:
        """Lets a finding wait until it is known what was missed around it."""
        record, time_ns = event.record, event.time_ns
        interface: int = getattr(record, "interface", 0)
        from_ns = max(from_ns, time_ns - NEAR_NS, self._quality.resumed_ns(interface))
        server = record.server_address
        name, type = found.get("ot.object.id"), found.get("anomaly.type")
        key = (server, record.vlan, event.service, record.unit, name, type, time_ns)
        between_ns = (min(from_ns, time_ns), time_ns + 1)
        self._held.hold((*key, bool(record.answered)), found, server, interface, between_ns)
        self.due_ns = min(self.due_ns, between_ns[1] + CERTAIN_NS)

    def finish(self) -> Iterable[Event]:
        """Gives the others, but for writes that may have been refused after the end."""
        return [event for key, event in self._held.certain(None) if key[-1]]

    def memory(self) -> Json:
        """What was written."""
        return self._objects.written(
            lambda one: [
                one.count,
                list(one.values),
                one.many,
                one.low,
                one.high,
                one.last,
                one.step,
                one.changes,
                one.changed_ns,
                one.rest_ns,
                one.first_ns,
                one.stuck,
                one.missed_ns,
                one.missed_count,
                one.missed_changes,
            ]
        )

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._objects.read(
            memory, lambda one: _Object(one[0], dict.fromkeys(map(float, one[1])), *one[2:])
        )


def _learn(known: _Object, number: float, time_ns: int, most: int) -> None:
    if known.count == 0:
        known.low = known.high = known.last = number
        known.first_ns = known.changed_ns = time_ns
    known.count += 1
    if not known.many:
        known.values[number] = None
        if len(known.values) > most:
            known.values.clear()
            known.many = True
    known.low, known.high = min(known.low, number), max(known.high, number)
    if number != known.last:
        known.step = max(known.step, abs(number - known.last))
        if known.changes:
            known.rest_ns = max(known.rest_ns, time_ns - known.changed_ns)
        known.changes += 1
        known.changed_ns = time_ns
        known.last = number


def _places(record: Any, service: str | None, names: Sequence[str]) -> Sequence[_Place]:
    place = (record.server_address, record.vlan, service, record.unit)
    return [((*place, name), name) for name in names]
