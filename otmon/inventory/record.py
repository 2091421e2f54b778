"""A device as people and rules see it: its document, with evidence, and its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from otmon.inventory.claim_book import Told
from otmon.inventory.device import Device
from otmon.inventory.identity import is_virtual
from otmon.inventory.role import Roles
from otmon.inventory.station import STATION_ANSWERS
from otmon.inventory.vendor import vendor
from otmon.inventory.zone import Zones, ip_order
from otmon.model.asset import IDENTITY, Asset, Evidence, Module, Words
from otmon.model.context import AssetFacts, Standing
from otmon.model.document import Time

MAX_EVIDENCE = 32
"""Rows of evidence shown of one attribute."""

_SAID = ("name", "criticality", "vendor", "model", "serial", "location", "zone", "note")
"""What a person can say, besides roles and safety."""
_OUI_CONFIDENCE = 0.50
_ROUTED_OUI_CONFIDENCE = 0.20

FileName = Callable[[int], str]
"""The path of an input file, by its number in frames."""


def in_order(devices: Iterable[Device]) -> list[Device]:
    """By IP where there is one, then by hardware address; stations after their gateway."""
    return sorted(devices, key=_order)


def facts_of(
    device: Device,
    words: Words,
    settled: tuple[str, ...],
    later: Callable[[], Standing],
    later_roles: Callable[[], tuple[str, ...]],
) -> AssetFacts:
    """What events are told of a device; what takes time to work out only if they ask."""
    return AssetFacts(
        id=device.id,
        confirmed=settled,
        criticality=words.criticality,
        is_new=device.new and not words.accepted,
        public=device.public,
        later=later,
        later_roles=later_roles,
    )


def standing_of(device: Device, words: Words, roles: Roles, zones: Zones) -> Standing:
    """What a device is, from all that it does."""
    zone = zones.of(device, words, roles.shown)
    level = zones.level(zone)
    return Standing(
        roles=roles.shown,
        vendor=_value(device, words, "vendor"),
        zone=zone,
        purdue_level=roles.purdue_level if level is None else level,
    )


def asset_of(
    device: Device, words: Words, roles: Roles, zones: Zones, state: str, file_name: FileName
) -> Asset:
    """The document of a device."""
    owner = device.gateway or device
    zone = zones.of(device, words, roles.shown)
    level = zones.level(zone)
    evidence = _evidence(device, words, roles, file_name)
    shown: dict[str, Any] = {name: _value(device, words, name) for name in IDENTITY}
    return Asset(
        id=device.id,
        name=words.name,
        mac=tuple(sorted(owner.macs)),
        ip=tuple(sorted(owner.ips, key=ip_order)),
        vlan=device.vlan,
        gateway=device.gateway.id if device.gateway else None,
        unit=device.unit,
        **shown,
        roles=roles.shown,
        role_candidates=roles.candidates,
        confirmed_roles=roles.confirmed,
        purdue_level=roles.purdue_level if level is None else level,
        zone=zone,
        criticality=words.criticality,
        safety="safety_controller" in roles.shown if words.safety is None else words.safety,
        state=state,
        confirmed=device.confirmed,
        routed=device.routed,
        protocols=tuple(sorted(device.activity.protocols)),
        modules=tuple(
            Module(item.value, None, None) for item in evidence if item.attribute == "module"
        ),
        first_seen=Time(device.first_ns),
        last_seen=Time(device.last_ns),
        evidence=evidence,
        server_ports=tuple(sorted(device.ports())),
        peer_count=len(device.peers()),
        stations=tuple(f"{protocol}:{unit}" for protocol, unit in sorted(_stations(device))),
    )


def _stations(device: Device) -> set[tuple[str, int]]:
    """Protocol and unit of what answers there: of a station behind another its own alone."""
    if device.protocol is not None and device.unit is not None:
        return {(device.protocol, device.unit)}
    return {
        (protocol, unit)
        for (_, protocol, unit), own in device.stations.items()
        if own.count >= STATION_ANSWERS
    }


def _value(device: Device, words: Words, attribute: str) -> str | None:
    said: str | None = getattr(words, attribute, None)
    if said is not None:
        return said
    told = device.book.shown(attribute)
    if told is not None:
        return told.value
    return _assigned_vendor(device) if attribute == "vendor" else None


def _assigned_vendor(device: Device) -> str | None:
    """Who was assigned the hardware address: nobody's where it is shared or behind a router."""
    if device.gateway is not None:
        return None
    holders = (vendor(mac) for mac in sorted(device.macs) if not is_virtual(mac))
    return next((holder for holder in holders if holder), None)


def _evidence(
    device: Device, words: Words, roles: Roles, file_name: FileName
) -> tuple[Evidence, ...]:
    """The claims behind an asset: of each attribute the most believed first."""
    rows = [*_by_person(words)]
    book = device.book
    standing = sorted(book.all(), key=lambda told: (not book.stands(told), *_newest(told)))
    rows += [_row(told, file_name) for told in standing]
    if device.gateway is None:
        rows += _assigned(device, file_name)
    for why in roles.reasons:
        source = f"traffic: {why.words}"
        rows.append(Evidence("role", why.role, source, why.points, None, None, why.times))
    kept: Counter[str] = Counter()
    bounded = []
    for row in sorted(rows, key=lambda row: (row.attribute, -row.confidence)):
        kept[row.attribute] += 1
        if kept[row.attribute] <= MAX_EVIDENCE:
            bounded.append(row)
    return tuple(bounded)


def _by_person(words: Words) -> Iterable[Evidence]:
    source = f"person: {words.author}"
    said = [(name, getattr(words, name)) for name in _SAID]
    said += [("role", role) for role in words.roles]
    if words.safety is not None:
        said.append(("safety", "yes" if words.safety else "no"))
    for attribute, value in said:
        if value is not None:
            yield Evidence(attribute, value, source, 1.0, None, None, 1)


def _newest(told: Told) -> tuple[float, int, str]:
    return (-told.confidence, -told.first_ns, told.value)


def _row(told: Told, file_name: FileName) -> Evidence:
    file, frame = told.origin or (None, None)
    if told.origin is None and told.frame is not None:
        file, frame = file_name(told.frame[0]), told.frame[1]
    return Evidence(
        attribute=told.attribute,
        value=told.value,
        source=told.source,
        confidence=told.confidence,
        file=file,
        frame=frame,
        count=told.past_count + told.count,
    )


def _assigned(device: Device, file_name: FileName) -> Iterable[Evidence]:
    """What the hardware addresses say of the vendor."""
    for mac in sorted(device.macs):
        holder = None if is_virtual(mac) else vendor(mac)
        if holder is not None:
            yield Evidence(
                attribute="vendor",
                value=holder,
                source="mac",
                confidence=_ROUTED_OUI_CONFIDENCE if device.routed else _OUI_CONFIDENCE,
                file=file_name(device.frame[0]) if device.frame else None,
                frame=device.frame[1] if device.frame else None,
                count=1,
            )


def _order(device: Device) -> tuple[object, ...]:
    owner = device.gateway or device
    first = min(map(ip_order, owner.ips)) if owner.ips else (9, 0)
    vlan = -1 if owner.vlan is None else owner.vlan
    unit = -1 if device.unit is None else device.unit
    return (*first, vlan, owner.key, unit, device.protocol or "")
