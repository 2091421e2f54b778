"""What rules ask of a device, asked anew only when the device has changed."""

from __future__ import annotations

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
    mac_of = _MACS[end]
    facts: AssetFacts | None = None
    mac: str | None = None
    answer = False

    def remembered(event: Event) -> bool:
        nonlocal facts, mac, answer
        mac_now = mac_of(event.record)
        if facts is None or facts.is_past or mac_now != mac:
            facts, mac, answer = event.facts(end), mac_now, holds(event)
        return answer

    return remembered


def _only_end(asks: frozenset[str]) -> str | None:
    """The end of which only the device is asked for; none where there is more."""
    for end in _MACS:
        if all(field.startswith(f"{end}.asset.") for field in asks):
            return end
    return None
