"""Events written down, so that what counted them goes on after a restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from otmon.model.context import Context
from otmon.model.event import Event, FieldValue, Scalar
from otmon.model.layout import Layout
from otmon.model.likeness import Likeness
from otmon.model.statement import Verdict

Json = Any
"""What `json.dumps` takes and `json.loads` gives: lists for tuples."""

MAX_KEPT = 5_000
"""Events that are written down; what counts them goes on without the others."""
MAX_TEXT = 256
"""Characters of a value that are written down."""

_NOTHING = Layout({})


class Writer:
    """Writes events, each once."""

    def __init__(self, file_name: Callable[[int], str], most: int = MAX_KEPT) -> None:
        """Takes what gives the path of a capture by its place in the input, and the room."""
        self._file_name = file_name
        self._most = most
        self._places: dict[int, int] = {}
        self._events: list[Event] = []
        """Held, so that no other event gets the identity of one of them."""

    def place(self, event: Event) -> int | None:
        """Where an event stands among those written; none where there is no room left."""
        known = self._places.get(id(event))
        if known is None and len(self._events) < self._most:
            known = self._places[id(event)] = len(self._events)
            self._events.append(event)
        return known

    def places(self, events: Any) -> list[int]:
        """The same for several; those without room are left out."""
        found = map(self.place, events)
        return [place for place in found if place is not None]

    def written(self) -> Json:
        """All events that have a place, in their order."""
        return [self._written(event) for event in self._events]

    def _written(self, event: Event) -> Json:
        verdict = event.verdict
        return {
            "category": event.category,
            "service": event.service,
            "class": event.operation_class,
            "time": event.time_ns,
            "frames": [[self._file_name(file), number] for file, number in event.frames],
            "fields": {name: _short(value) for name, value in _fields(event)},
            "verdict": None if verdict is None else dataclasses.asdict(verdict),
        }


class Reader:
    """Reads what `Writer` wrote."""

    def __init__(
        self, written: Json, place_of: Callable[[str], int] | None, context: Context | None
    ) -> None:
        """Takes the events.

        Args:
            written: What `Writer.written` gave.
            place_of: Gives a place in the input to the path of an earlier capture; none
                where frames of earlier runs are gone.
            context: What answers the fields that events do not carry themselves.
        """
        self._place_of = place_of
        self._context = context
        self._events = [self._read(one) for one in written]

    def event(self, place: int) -> Event:
        """The event at a place."""
        return self._events[place]

    def events(self, places: list[int]) -> list[Event]:
        """The events at several places."""
        return [self._events[place] for place in places]

    def _read(self, one: Mapping[str, Any]) -> Event:
        likeness = Likeness(
            one["category"], one["service"], one["class"], _NOTHING, context=self._context
        )
        own = {name: values(value) for name, value in one["fields"].items()}
        event = Event(likeness, None, one["time"], own)
        place_of = self._place_of
        if place_of is not None:
            frames = tuple((place_of(file), number) for file, number in one["frames"])
            event = event.with_frames(frames)
        verdict = one["verdict"]
        if verdict is not None:
            event.verdict = Verdict(**{name: values(value) for name, value in verdict.items()})
        return event


def values(written: Json) -> Any:
    """A value as it was before it was written down: its lists are tuples again."""
    return tuple(map(values, written)) if isinstance(written, list) else written


def _fields(event: Event) -> list[tuple[str, FieldValue]]:
    """Every field that an event carries itself."""
    names = dict.fromkeys(event.likeness.layout.getters)
    names |= dict.fromkeys(event.own_fields)
    names |= dict.fromkeys(getattr(event.record, "fields", None) or ())
    found = ((name, event.get(name)) for name in names)
    return [(name, value) for name, value in found if value is not None]


def _short(value: FieldValue) -> FieldValue:
    if isinstance(value, tuple):
        return tuple(map(_short_one, value))
    return value if value is None else _short_one(value)


def _short_one(value: Scalar) -> Scalar:
    return value[:MAX_TEXT] if isinstance(value, str) else value
