"""What rules ask of a device, asked anew only when the device has changed."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from operator import attrgetter

from otmon.model.context import AssetFacts
from otmon.model.event import Event
from otmon.ruleset.compile import Predicate

_MACS = {"source": attrgetter("client_mac"), "destination": attrgetter("server_mac")}
"""Where the hardware address of an end is: it alone may differ between events of a relation."""


def remembering(holds: Predicate, asks: frozenset[str], event: Event) -> Predicate:
    """A predicate with the same answers, for events of the likeness of `event` alone.

    Where it `asks` for nothing but the device at one end, and all events are of one
    conversation, its answer holds until that device changes.
    """
    likeness = event.likeness
    if likeness.shape is None or not likeness.of_relation:
        return holds
    end = _only_end(asks)
    if end is None:
        return holds
    return _OfDevice(holds, end)


class _OfDevice:
    """An answer about the device at one end, as long as it holds.

    A class with slots, since there is one for each conversation: a closure takes three
    times the room.
    """

    __slots__ = ("_answer", "_end", "_facts", "_holds", "_mac")

    def __init__(self, holds: Predicate, end: str) -> None:
        self._holds = holds
        self._end = end
        # Not the facts themselves: what an event held of a device would be worked out for it.
        self._facts: Callable[[], AssetFacts | None] = _nobody
        self._mac: str | None = None
        self._answer = False

    def __call__(self, event: Event) -> bool:
        facts, mac = self._facts(), _MACS[self._end](event.record)
        if facts is None or facts.is_past or mac != self._mac:
            facts = event.facts(self._end)
            self._facts = _nobody if facts is None else weakref.ref(facts)
            self._mac = mac
            self._answer = self._holds(event)
        return self._answer


def _nobody() -> None:
    """Where no facts are at hand."""


def _only_end(asks: frozenset[str]) -> str | None:
    """The end of which only the device is asked for; none where there is more."""
    for end in _MACS:
        if all(field.startswith(f"{end}.asset.") for field in asks):
            return end
    return None
