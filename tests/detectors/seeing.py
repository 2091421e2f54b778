"""What detectors say of events, as a run shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from otmon.detectors.detector import Detector
from otmon.detectors.watchers import Watchers
from otmon.model.event import Event, event_from_content, event_from_transaction
from otmon.model.observed import event_from_conversation
from tests.records import SECOND, START, Content, Conversation, Transaction


def at(seconds: float) -> int:
    """A packet time, in seconds after the start."""
    return START + round(seconds * SECOND)


def operation(seconds: float, category: str = "ot_operation", **facts) -> Event:
    """An operation."""
    return event_from_transaction(Transaction(time_ns=at(seconds), **facts), category=category)


def talk(seconds: float, **facts) -> Event:
    """A conversation that began then."""
    return event_from_conversation(
        Conversation(first_seen_ns=at(seconds), last_seen_ns=at(seconds), **facts)
    )


def transfer(seconds: float, **facts) -> Event:
    """A transfer that ended then."""
    return event_from_content(Content(last_seen_ns=at(seconds), **facts))


def said(detectors: Iterable[Detector] | Watchers, *events: Event) -> list[Event]:
    """Everything that detectors say of events in their order."""
    own = isinstance(detectors, Watchers)
    watchers, found = detectors if own else Watchers(tuple(detectors)), []
    for event in events:
        if event.time_ns >= watchers.due_ns:
            found += watchers.advance(event.time_ns)
        found += watchers.show(event)
    return found


def types(detector: Detector, *events: Event) -> list[str]:
    """The types of everything that a detector says."""
    return [str(one.get("anomaly.type")) for one in said([detector], *events)]


def restarted(old: Detector, new: Detector) -> Detector:
    """A detector that goes on with the memory of another."""
    memory = old.memory()
    if memory is not None:
        new.restore(json.loads(json.dumps(memory)))
    return new
