"""A device as people and rules see it: its document, with evidence, and its facts."""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable

from otmon.inventory.claim_book import Told
from otmon.inventory.device import Device
from otmon.inventory.identity import is_virtual
from otmon.inventory.role import activity_of, purdue_level, roles
from otmon.inventory.vendor import vendor
from otmon.inventory.zone import default_zone
from otmon.model.asset import Asset, Evidence, Module
from otmon.model.context import AssetFacts
from otmon.model.document import Time

MAX_EVIDENCE = 32
"""Rows of evidence shown of one attribute."""

_IDENTITY = (
    "vendor",
    "model",
    "order_code",
    "firmware",
    "hardware",
    "serial",
    "hostname",
    "station_name",
)
_OUI_CONFIDENCE = 0.50
_ROUTED_OUI_CONFIDENCE = 0.20

FileName = Callable[[int], str]
"""The path of an input file, by its number in frames."""


def in_order(devices: Iterable[Device]) -> list[Device]:
    """By IP where there is one, then by hardware address; stations after their gateway."""
    return sorted(devices, key=_order)


def known_of(device: Device) -> AssetFacts:
    """What events are told of a device."""
    activity = activity_of(device)
    shown, _ = roles(activity)
    return AssetFacts(
        id=device.id,
        roles=shown,
        vendor=_value(device, "vendor"),
        zone=_zone(device),
        purdue_level=purdue_level(shown),
    )


def asset_of(device: Device, file_name: FileName) -> Asset:
    """The document of a device."""
    activity = activity_of(device)
    found, candidates = roles(activity)
    owner = device.gateway or device
    shown = {name: _value(device, name) for name in _IDENTITY}
    evidence = _evidence(device, file_name)
    return Asset(
        id=device.id,
        mac=tuple(sorted(owner.macs)),
        ip=tuple(sorted(owner.ips, key=_ip_order)),
        vlan=device.vlan,
        gateway=device.gateway.id if device.gateway else None,
        unit=device.unit,
        **shown,
        roles=found,
        role_candidates=candidates,
        purdue_level=purdue_level(found),
        zone=_zone(device),
        routed=device.routed,
        protocols=tuple(sorted(activity.protocols)),
        modules=tuple(
            Module(item.value, None, None) for item in evidence if item.attribute == "module"
        ),
        first_seen=Time(device.first_ns),
        last_seen=Time(device.last_ns),
        evidence=evidence,
    )


def _value(device: Device, attribute: str) -> str | None:
    told = device.book.shown(attribute)
    if told is not None:
        return told.value
    return _assigned_vendor(device) if attribute == "vendor" else None


def _zone(device: Device) -> str | None:
    if device.public:
        return "internet"
    ips = (device.gateway or device).ips
    return default_zone(min(ips, key=_ip_order) if ips else None, device.vlan)


def _assigned_vendor(device: Device) -> str | None:
    """Who was assigned the hardware address: nobody's where it is shared or behind a router."""
    if device.gateway is not None:
        return None
    holders = (vendor(mac) for mac in sorted(device.macs) if not is_virtual(mac))
    return next((holder for holder in holders if holder), None)


def _evidence(device: Device, file_name: FileName) -> tuple[Evidence, ...]:
    """The claims behind an asset: of each attribute the most believed first."""
    rows = [_row(told, file_name) for told in sorted(device.book.all(), key=_newest)]
    if device.gateway is None:
        rows += _assigned(device, file_name)
    kept: Counter[str] = Counter()
    bounded = []
    for row in sorted(rows, key=lambda row: (row.attribute, -row.confidence)):
        kept[row.attribute] += 1
        if kept[row.attribute] <= MAX_EVIDENCE:
            bounded.append(row)
    return tuple(bounded)


def _newest(told: Told) -> tuple[float, int, str]:
    return (-told.confidence, -told.first_ns, told.value)


def _row(told: Told, file_name: FileName) -> Evidence:
    return Evidence(
        attribute=told.attribute,
        value=told.value,
        source=told.source,
        confidence=told.confidence,
        file=file_name(told.frame[0]) if told.frame else None,
        frame=told.frame[1] if told.frame else None,
        count=told.count,
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


@functools.lru_cache(maxsize=65_536)
def _ip_order(ip: str) -> tuple[int, int]:
    address = ipaddress.ip_address(ip)
    return (address.version, int(address))


def _order(device: Device) -> tuple[object, ...]:
    owner = device.gateway or device
    first = min(map(_ip_order, owner.ips)) if owner.ips else (9, 0)
    vlan = -1 if owner.vlan is None else owner.vlan
    unit = -1 if device.unit is None else device.unit
    return (*first, vlan, owner.key, unit, device.protocol or "")
