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


class Standing(NamedTuple):
    """What is known of a device from all that it does."""

    roles: tuple[str, ...] = ()
    """What it does, best founded first; never by danger operations alone."""
    vendor: str | None = None
    zone: str | None = None
    purdue_level: float | None = None


class AssetFacts:
    """What the inventory knew of a device before an event.

    They are of the moment, whenever they are read: who wants to know what is known
    later asks for them again.
    """

    __slots__ = (
        "__weakref__",
        "_later",
        "_later_roles",
        "_roles",
        "_standing",
        "confirmed",
        "criticality",
        "id",
        "is_new",
        "is_past",
        "public",
    )

    def __init__(
        self,
        id: str | None = None,
        roles: tuple[str, ...] = (),
        confirmed: tuple[str, ...] = (),
        vendor: str | None = None,
        zone: str | None = None,
        purdue_level: float | None = None,
        criticality: str | None = None,
        is_new: bool = False,
        public: bool = False,
        later: Callable[[], Standing] | None = None,
        later_roles: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        """Takes all of it; `later` gives roles, vendor, zone and level if they are asked for.

        Rules ask for roles far more often than for the rest: `later_roles` gives them alone.
        """
        self.id = id
        self.confirmed = confirmed
        """The roles that a person settled."""
        self.criticality = criticality
        """What its loss would mean, by a person's word: high, normal, low."""
        self.is_new = is_new
        """Whether nobody has accepted it yet, and it appeared while the sensor watched."""
        self.public = public
        """Whether it is outside: a public address behind a router that is not the site's own."""
        self.is_past = False
        """Whether the device is another one since, or something of it has changed."""
        self._later = later
        self._later_roles = later_roles
        self._standing = None if later else Standing(roles, vendor, zone, purdue_level)
        self._roles: tuple[str, ...] | None = None if later else roles

    @property
    def roles(self) -> tuple[str, ...]:
        """What it does, best founded first; never by danger operations alone."""
        known = self._roles
        if known is None:
            later = self._later_roles
            known = self._roles = self._told().roles if later is None else later()
        return known

    @property
    def vendor(self) -> str | None:
        """Who made it."""
        return self._told().vendor

    @property
    def zone(self) -> str | None:
        """The zone that it stands in."""
        return self._told().zone

    @property
    def purdue_level(self) -> float | None:
        """The Purdue level of its zone, or of its role."""
        return self._told().purdue_level

    def settle(self) -> None:
        """Has what was not asked for yet worked out, before the device changes."""
        told = self._told()
        if self._roles is None:
            self._roles = told.roles

    def _told(self) -> Standing:
        if self._standing is None:
            self._standing = Standing() if self._later is None else self._later()
            self._later = None
        return self._standing


class Context(Protocol):
    """Answers what an event itself does not carry, as it was at the time of the event."""

    def asset(self, address: Address) -> AssetFacts | None:
        """What is known of an address; nothing where it is no known asset."""
        ...

    def is_outside(self, ip: str) -> bool:
        """Whether the holder of an address is no part of the site, by the address alone."""
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
