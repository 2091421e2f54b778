"""Shows events to the detectors that want them, and nothing to the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from otmon.detectors.bounded import Json
from otmon.detectors.detector import Detector, Observer
from otmon.detectors.quality import Quality
from otmon.model.context import Context
from otmon.model.event import NEVER_NS, Event
from otmon.model.kept_event import Reader, Writer
from otmon.model.likeness import Likeness

MAX_SHAPES = 4_096
"""Shapes of which it is remembered who wants them; when there are more, all are asked anew."""
MAX_LIKENESSES = 12_288
"""Likenesses of which the same is remembered."""

MAX_PENDING = 1_000
"""Events that are written down for a detector that holds something back."""

ASK_AGAIN = 8
"""Events of a likeness after which it is asked again whether a detector is spent."""

_Detectors = tuple[Detector, ...]
_Observers = tuple[tuple[Detector, Observer], ...]
"""Detectors, each with what takes the events of a likeness."""


class Watchers:
    """The detectors of a run.

    Most operations interest no detector: which do is asked once for each shape.
    Of a likeness those are left out that have nothing more to say of it.
    """

    def __init__(self, detectors: Sequence[Detector], quality: Quality | None = None) -> None:
        """Takes the detectors, and what they ask about how well something was seen."""
        self.quality = quality or Quality()
        self.detectors = self._detectors = tuple(detectors)
        self._plain: Mapping[Detector, tuple[Detector, Observer]] = {
            one: (one, one.observe) for one in self._detectors
        }
        """Each detector with what takes any event."""
        self._by_shape: dict[tuple[str, int], _Detectors] = {}
        self._by_likeness: dict[Likeness, _Observers] = {}
        self._by_kind: dict[tuple[object, ...], _Observers] = {}
        self._unsettled: dict[Likeness, int] = {}
        """Likenesses of which a detector may be spent, with how many events until that is asked."""
        self._by_category: dict[str, _Detectors] = {
            category: tuple(one for one in self._detectors if category in one.categories)
            for category in sorted({name for one in self._detectors for name in one.categories})
        }
        self.due_ns = 0 if self._detectors else NEVER_NS
        """The packet time from which `advance` has something to do."""

    def by_mode(self, mode: Callable[[int], str] | None) -> None:
        """Has operating modes told apart from now on; none where the site has no several ones."""
        for detector in self._detectors:
            detector.mode = mode

    def watch(self, category: str) -> bool:
        """Whether any detector is shown events of `category`."""
        return category in self._by_category

    def show(self, event: Event) -> Sequence[Event]:
        """Gives what the detectors say of an event."""
        likeness = event.likeness
        if likeness.category == "ot_sensor":
            self.quality.take(event)
        wanting = self._by_likeness.get(likeness)
        if wanting is None:
            wanting = self._wanting_likeness(event)
        if not wanting:
            return ()
        said: list[Event] | None = None
        due_ns = self.due_ns
        for detector, observe in wanting:
            found = observe(event)
            if found:
                said = [*found] if said is None else [*said, *found]
            if detector.due_ns < due_ns:
                self.due_ns = due_ns = detector.due_ns
        left = self._unsettled.get(likeness)
        if left is not None:
            if left:
                self._unsettled[likeness] = left - 1
            else:
                self._leave_out(likeness, wanting, event)
        return said or ()

    def _leave_out(self, likeness: Likeness, wanting: _Observers, event: Event) -> None:
        """Leaves out the detectors that have nothing more to say of a likeness."""
        left = [pair for pair in wanting if not (pair[0].can_be_spent and pair[0].is_spent(event))]
        if len(left) < len(wanting):
            self._by_likeness[likeness] = tuple(left)
        if any(one.can_be_spent for one, _ in left):
            self._unsettled[likeness] = ASK_AGAIN - 1
        else:
            del self._unsettled[likeness]

    def _wanting_likeness(self, event: Event) -> _Observers:
        likeness = event.likeness
        shape = likeness.shape
        if shape is None:
            return self._wanting_kind(event)
        known = self._by_shape.get((likeness.category, shape))
        detectors = self._wanting_shape(event, shape) if known is None else known
        wanting = tuple([self._plain[one] for one in detectors])
        # Only a likeness that is kept comes again.
        if likeness.decided:
            if len(self._by_likeness) >= MAX_LIKENESSES:
                self._by_likeness.clear()
                self._unsettled.clear()
            if likeness.of_relation:
                wanting = tuple([self._observer(one, event) for one in detectors])
                if any(one.can_be_spent for one in detectors):
                    self._unsettled[likeness] = 0
            self._by_likeness[likeness] = wanting
        return wanting

    def _observer(self, detector: Detector, event: Event) -> tuple[Detector, Observer]:
        own = detector.observer(event)
        return self._plain[detector] if own is None else (detector, own)

    def _wanting_kind(self, event: Event) -> _Observers:
        """Who wants events of no shape: they are told apart by what they were made from."""
        likeness, record = event.likeness, event.record
        # Of an operation of no known shape, and of what has fields of its own, nothing is known.
        if likeness.operation_class is not None or not event.is_bare:
            return tuple([self._plain[one] for one in self._wanting(event)])
        kind = getattr(record, "kind", None)
        key = (likeness.category, likeness.service, type(record), kind)
        wanting = self._by_kind.get(key)
        if wanting is None:
            if len(self._by_kind) >= MAX_SHAPES:
                self._by_kind.clear()
            wanting = tuple([self._plain[one] for one in self._wanting(event)])
            self._by_kind[key] = wanting
        return wanting

    def _wanting(self, event: Event) -> _Detectors:
        all_of = self._by_category.get(event.category, ())
        return tuple(one for one in all_of if one.wants(event))

    def _wanting_shape(self, event: Event, shape: int) -> _Detectors:
        if len(self._by_shape) >= MAX_SHAPES:
            self._by_shape.clear()
        wanting = self._by_shape[event.category, shape] = self._wanting(event)
        return wanting

    def advance(self, time_ns: int) -> Iterator[Event]:
        """Tells the detectors how far packet time has come; gives what did not happen by then."""
        for detector in self._detectors:
            if detector.due_ns <= time_ns:
                yield from detector.advance(time_ns)
        self.due_ns = min((one.due_ns for one in self._detectors), default=NEVER_NS)

    def finish(self) -> Iterator[Event]:
        """The input ended: gives what waited for more of it."""
        for detector in self._detectors:
            yield from detector.finish()

    def memories(self) -> dict[str, tuple[int, Json]]:
        """What the detectors must not forget, by name, with the version of its form."""
        return {one.name: (one.version, one.memory()) for one in self._detectors}

    def restore(self, memories: Mapping[str, Sequence[Json]]) -> list[str]:
        """Takes memories; gives the names of those whose form is of another version.

        Args:
            memories: Of each detector the version and what it gave.
        """
        other = []
        for detector in self._detectors:
            version, memory = memories.get(detector.name, (detector.version, None))
            if version != detector.version:
                other.append(detector.name)
            elif memory is not None:
                detector.restore(memory)
        return other

    def pending(self, file_name: Callable[[int], str]) -> Json:
        """What the detectors hold back for more, by name.

        Args:
            file_name: Gives the path of a capture by its place in the input.
        """
        held: dict[str, Json] = {}
        for one in self._detectors:
            write = Writer(file_name, MAX_PENDING)
            waits = one.pending(write)
            if waits:
                held[one.name] = [one.version, waits, write.written()]
        return held

    def resume(
        self,
        pending: Json,
        place_of: Callable[[str], int] | None,
        context: Context | None = None,
    ) -> None:
        """Goes on with what `pending` gave, after `restore` and before the first event.

        Args:
            pending: What `pending` gave.
            place_of: Gives a place in the input to the path of an earlier capture; none
                where frames of earlier runs are gone.
            context: What answers the fields that events do not carry themselves.
        """
        for detector in self._detectors:
            version, waits, events = pending.get(detector.name, (None, None, ()))
            if version == detector.version:
                detector.resume(waits, Reader(events, place_of, context))
        self.due_ns = min((one.due_ns for one in self._detectors), default=NEVER_NS)

    def forgotten_counts(self) -> Iterator[tuple[str, int]]:
        """How much each of them knows no longer because it was full, by name."""
        yield "quality", self.quality.evicted_count
        yield from ((one.name, one.forgotten_count) for one in self._detectors)

    def names(self) -> Iterable[str]:
        """The detectors that are on."""
        return (one.name for one in self._detectors)
