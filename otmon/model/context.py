"""What a run knows around an event: the devices at its ends, windows, quality, site time.

An event has a reference to its context and asks when a field is wanted, so that
what nobody asks for costs nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from otmon.model.event import Event, FieldValue


class Address(NamedTuple):
    """Where an end of a flow is."""

    ip: str | None
    mac: str | None
    vlan: int | None


class AssetFacts(NamedTuple):
    """What the inventory knew of a device before an event."""

    id: str | None = None
    roles: tuple[str, ...] = ()
    """What it does, best founded first; never by danger operations alone."""
    confirmed: tuple[str, ...] = ()
    """The roles that a person settled."""
    vendor: str | None = None
    zone: str | None = None
    purdue_level: float | None = None
    criticality: str | None = None
    """What its loss would mean, by a person's word: high, normal, low."""
    is_new: bool = False
    """Whether nobody has accepted it yet, and it appeared while the sensor watched."""
    public: bool = False
    """Whether it is outside: a public address behind a router that is not the site's own."""


class Context(Protocol):
    """Answers what an event itself does not carry, as it was at the time of the event."""

    def asset(self, address: Address) -> AssetFacts | None:
        """What is known of an address; nothing where it is no known asset."""
        ...

    def maintenance(self, event: Event) -> str | None:
        """The name of the window that names client, server and class at the event's time."""
        ...

    def quality(self, event: Event) -> str:
        """How well the event's flow is seen: good, lossy, one_sided or blind."""
        ...

    def site_time(self, time_ns: int) -> datetime.datetime:
        """A packet time on the clocks of the site."""
        ...


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The days of `site_time.weekday`."""


def _weekday(context: Context, event: Event) -> str:
    return WEEKDAYS[context.site_time(event.time_ns).weekday()]


def _hour(context: Context, event: Event) -> int:
    return context.site_time(event.time_ns).hour


CONTEXT_FIELDS: Mapping[str, Callable[[Context, Event], FieldValue]] = {
    "maintenance.window": lambda context, event: context.maintenance(event) is not None,
    "maintenance.name": lambda context, event: context.maintenance(event),
    "capture.quality": lambda context, event: context.quality(event),
    "site_time.weekday": _weekday,
    "site_time.hour": _hour,
}
"""The fields that a context answers, besides those of the assets."""
