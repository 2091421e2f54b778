"""What a site says of its plant: networks, segments, zones, conduits, assets, modes, windows."""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import math
import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field

from otmon import _engine
from otmon.fields import OPERATION_CLASSES

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week, as they are written in `days`."""

Moment = datetime.datetime
"""A date with a time; without an offset it is on the clocks of the site."""


@dataclass(frozen=True, slots=True)
class Site:
    """The plant as a whole."""

    name: str = "site"
    """What the site is called; part of the ids of its assets, so settle it before learning."""
    segment: str = "default"
    """The segment of frames without a VLAN id, or with one that no segment names; give each cell
    that uses the same addresses its own."""
    time_zone: str = "UTC"
    """IANA name of the time zone on the site's clocks: `Europe/Vienna`."""
    networks: tuple[str, ...] = ()
    """Public address ranges that are the site's own: they are no public peers."""

    def __post_init__(self) -> None:
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time_zone {self.time_zone!r} is no time zone known here") from error
        for network in self.networks:
            ipaddress.ip_network(network, strict=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the network in which addresses are unique."""

    name: str
    """What it is called; two entries with one name are joined."""
    interfaces: tuple[str, ...] = ()
    """Sensor interfaces, or capture files, that see it; empty for any."""
    vlans: tuple[int, ...] = ()
    """Outermost VLAN ids of it; empty for any."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Assets that belong together (IEC 62443); the first zone that fits holds."""

    name: str
    """What it is called."""
    level: float | None = None
    """Purdue level: 0, 1, 2, 3, 3.5, 4 or 5."""
    assets: tuple[str, ...] = ()
    """Ids, names, IP or MAC addresses of its members."""
    roles: tuple[str, ...] = ()
    """Roles of its members: `plc`, `hmi`."""
    subnets: tuple[str, ...] = ()
    """Address ranges of its members: `10.20.2.0/24`."""
    segments: tuple[str, ...] = ()
    """Segments of which everything belongs to it."""

    def __post_init__(self) -> None:
        if self.level not in (None, 0, 1, 2, 3, 3.5, 4, 5):
            raise ValueError(f"level {self.level:g} is none of 0, 1, 2, 3, 3.5, 4, 5")
        for subnet in self.subnets:
            ipaddress.ip_network(subnet, strict=False)


@dataclass(frozen=True, slots=True)
class Conduit:
    """A path between two zones that is allowed (IEC 62443)."""

    source: str = field(metadata={"key": "from"})
    """The zone of the clients."""
    destination: str = field(metadata={"key": "to"})
    """The zone of the servers."""
    protocols: tuple[str, ...] = ()
    """Protocols that may pass; empty for any."""
    classes: tuple[str, ...] = ()
    """Operation classes that may pass; empty for any."""
    days: tuple[str, ...] = ()
    """Days on which it is open: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it is open: `06:00-14:00`; empty for all day."""

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        _check_calendar(self.days, self.hours)


@dataclass(frozen=True, slots=True)
class AssetWords:
    """What a person knows of an asset; it wins over whatever traffic says."""

    match: str
    """Its id, IP or MAC address; a result says which of them no device has."""
    name: str | None = None
    """What people call it."""
    role: str | None = None
    """What it is: `plc`, `engineering_station`; confirmed by being said here."""
    criticality: str | None = None
    """How much its loss would hurt: high, normal or low."""
    safety: bool | None = None
    """Whether it is part of a safety function."""
    zone: str | None = None
    """The zone that it belongs to, whatever its address."""
    vendor: str | None = None
    """Who made it."""
    model: str | None = None
    """What it is."""
    serial: str | None = None
    """The serial number on its type plate."""

    def __post_init__(self) -> None:
        if self.key is None:
            raise ValueError(
                f"match {self.match!r} is no IP or MAC address, and no id such as a-kvd4fa2rv2"
            )
        if self.criticality not in (None, "high", "normal", "low"):
            raise ValueError(f"criticality {self.criticality!r} is none of high, normal, low")

    @property
    def key(self) -> str | None:
        """`match` as devices have it; none where no device could."""
        text = self.match.strip().lower()
        if re.fullmatch(r"a-[a-z2-7]{10}", text):
            return text
        if re.fullmatch(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}", text):
            return bytes.fromhex(re.sub(r"[:.-]", "", text)).hex(":")
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            return None


_MEASURED = {"signed": True}


@dataclass(frozen=True, slots=True)
class Watched:
    """A value by which a controller shows in which mode the plant runs."""

    server: str
    """Id, name or address of the device that has it."""
    protocol: str
    """By which it is read or written: `modbus`, `s7comm`."""
    target: str
    """Where it is, as `otmon pdus` names single elements: `hr:200`, `coil:7`, `DB10:4`."""
    unit: int | None = None
    """The station behind the device; any, if left out."""
    value: float | None = field(default=None, metadata=_MEASURED)
    """What it is while the plant is in the mode; 1 and 0 for on and off."""
    low: float | None = field(default=None, metadata=_MEASURED)
    """The lowest such value, where there are several; none, if left out."""
    high: float | None = field(default=None, metadata=_MEASURED)
    """The highest one; none, if left out."""

    def __post_init__(self) -> None:
        known = [one.name for one in _engine.protocols()]
        if self.protocol not in known:
            near = difflib.get_close_matches(self.protocol, known, n=1)
            advice = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{self.protocol!r} is no protocol that is dissected{advice}")
        if (self.value is None) == (self.low is None and self.high is None):
            raise ValueError("it needs a value, or else low or high")
        if self.bounds[0] > self.bounds[1]:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that it has in the mode."""
        if self.value is not None:
            return self.value, self.value
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which the plant runs, with timing, values and order of its own.

    It is on while the calendar and the value that it names both say so; the first
    one in the file that is on holds.
    """

    name: str
    """What it is called."""
    days: tuple[str, ...] = ()
    """Days on which it runs: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it runs: `22:00-06:00`; empty for all day."""
    dates: tuple[datetime.date, ...] = ()
    """Single dates on which it runs, besides `days`."""
    when: Watched | None = None
    """A value that has to be seen: `{server = "10.0.0.7", protocol = "modbus",
    target = "hr:200", value = 3}`."""

    def __post_init__(self) -> None:
        _check_calendar(self.days, self.hours)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which somebody works on what it names.

    It hides nothing: it lowers the severity of exactly what it names, and
    nothing is learned inside it unless it says so.
    """

    name: str
    """What it is called; `maintenance.name` of events."""
    begin: Moment | None = field(default=None, metadata={"key": "from"})
    """When it begins; always, if left out."""
    end: Moment | None = field(default=None, metadata={"key": "to"})
    """When it ends; never, if left out."""
    days: tuple[str, ...] = ()
    """Days on which it comes back: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it comes back: `02:00-04:00`; empty for all day."""
    clients: tuple[str, ...] = ()
    """Ids or IP addresses of those who work, or subnets; empty for any."""
    servers: tuple[str, ...] = ()
    """Ids or IP addresses of what they work on, or subnets; empty for any."""
    zones: tuple[str, ...] = ()
    """Zones of what they work on; empty for any."""
    classes: tuple[str, ...] = ()
    """Operation classes of the work; empty for any."""
    learn: bool = False
    """Whether what happens inside is learned as normal."""

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        _check_calendar(self.days, self.hours)
        if self.begin is None and self.end is None and not (self.days or self.hours):
            raise ValueError("a window needs from and to, or days or hours on which it comes back")
        if not (self.clients or self.servers or self.zones):
            raise ValueError("a window names clients, servers or zones: it is not for everything")


def _check_classes(classes: tuple[str, ...]) -> None:
    for name in classes:
        if name not in OPERATION_CLASSES:
            near = difflib.get_close_matches(name, OPERATION_CLASSES, n=1)
            advice = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{name!r} is no operation class{advice}")


def _check_calendar(days: tuple[str, ...], hours: tuple[str, ...]) -> None:
    for day in days:
        if day not in DAYS:
            raise ValueError(f"{day!r} is none of {', '.join(DAYS)}")
    for _ in spans(hours):
        pass


def spans(hours: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Each span of hours as minutes of the day; one over midnight ends before it begins.

    Raises:
        ValueError: One is not written as `06:00-14:00`.
    """
    for span in hours:
        found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", span)
        if found is None:
            raise ValueError(f"{span!r} is no span of hours such as 06:00-14:00")
        first_h, first_m, last_h, last_m = map(int, found.groups())
        if (
            first_h > 23
            or last_h > 24
            or first_m > 59
            or last_m > 59
            or last_h * 60 + last_m > 1440
        ):
            raise ValueError(f"{span!r} is no span of hours such as 06:00-14:00")
        yield first_h * 60 + first_m, last_h * 60 + last_m
