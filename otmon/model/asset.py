"""A device, as merged claims."""

from __future__ import annotations

from dataclasses import dataclass

from otmon.model.advisory import Match
from otmon.model.document import Time

IDENTITY = (
    "vendor",
    "model",
    "order_code",
    "firmware",
    "hardware",
    "serial",
    "hostname",
    "station_name",
)
"""Attributes of an asset that say what it is, of each the most believed claim."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim about an asset: what lets a reader check it."""

    attribute: str
    value: str
    source: str
    confidence: float
    """Belief, from 0 to 1."""
    file: str | None
    frame: int | None
    """The frame in `file`, as Wireshark counts; none where it rests on many frames."""
    count: int


@dataclass(frozen=True, slots=True)
class Module:
    """A part inside a device that has no address of its own."""

    name: str
    order_code: str | None
    serial: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """What a person said of an asset."""

    name: str | None = None
    roles: tuple[str, ...] = ()
    criticality: str | None = None
    """How much its loss would hurt: high, normal or low."""
    safety: bool | None = None
    """Whether it is part of a safety function."""
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    location: str | None = None
    zone: str | None = None
    note: str | None = None
    accepted: bool = False
    """Whether it belongs to the site."""
    archived: bool = False
    """Whether it was taken out of service."""
    merge: tuple[str, ...] = ()
    """Ids of assets that are the same device."""
    apart: tuple[str, ...] = ()
    """Ids and hardware addresses that are another device, whatever they say."""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """A device, with how otmon knows each thing."""

    id: str
    name: str | None
    """What people call it."""
    mac: tuple[str, ...]
    ip: tuple[str, ...]
    vlan: int | None
    gateway: str | None
    """The asset behind which it stands (a Modbus unit, a DNP3 outstation)."""
    unit: int | None
    """Its address behind that gateway."""
    vendor: str | None
    model: str | None
    order_code: str | None
    firmware: str | None
    hardware: str | None
    serial: str | None
    hostname: str | None
    station_name: str | None
    roles: tuple[str, ...]
    role_candidates: tuple[str, ...]
    """Roles that rest on dangerous operations alone, and those that look alike, of which only
    one can be right: a person must confirm them."""
    confirmed_roles: tuple[str, ...]
    """Roles that a person settled."""
    purdue_level: float | None
    zone: str | None
    criticality: str | None
    """How much its loss would hurt, by a person's word: high, normal or low."""
    safety: bool
    """Whether it is part of a safety function."""
    state: str
    """`active`; `stale` after 7 days of watching without it, `gone` after 30; `archived`."""
    confirmed: bool
    """Whether it answered, or sent 3 frames or more over 10 s: not only a name in a packet."""
    routed: bool
    """Whether it stands behind a router, so that its hardware address is not known."""
    protocols: tuple[str, ...]
    modules: tuple[Module, ...]
    first_seen: Time
    last_seen: Time
    evidence: tuple[Evidence, ...]
    advisories: tuple[Match, ...] = ()
    """What the site's lists of published weaknesses mean for it."""
    server_ports: tuple[int, ...] = ()
    """Ports at which it answered in industrial protocols."""
    peer_count: int = 0
    """Addresses with which it spoke industrial protocols."""
    stations: tuple[str, ...] = ()
    """Protocols and units at which it, or what stands behind it, answered: `modbus:3`."""
