"""Claims and traffic, merged to assets.

An asset is a device. The hardware address seen as sender on its own segment is
its key; an IP alone is one only behind a router. A segment is a VLAN, since
plants use the same private addresses in many cells.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import ipaddress
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otmon.inventory.role import POLLED_FROM, Activity, purdue_level, roles
from otmon.inventory.vendor import vendor
from otmon.inventory.zone import default_zone, is_public, subnet
from otmon.model.asset import Asset, Evidence, Module
from otmon.model.document import Time

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Claim, Conversation

MAX_EVIDENCE = 32
"""Distinct claims kept of one attribute."""
MAX_UNITS = 512
"""Stations kept behind one gateway."""
UNIT_ANSWERS = 3
"""Answers after which a station counts as one: a sweep must not make ghosts."""
ROUTER_ADDRESSES = 3
"""IPs of two or more subnets behind one hardware address that make it a router."""
ROUTED_TTL = frozenset({61, 62, 63, 125, 126, 127, 252, 253, 254})
"""Times to live one to three hops below a usual start: the sender is behind a router."""

USUAL_TTL = frozenset({0, 1, 30, 32, 60, 64, 100, 128, 150, 200, 255})
"""Times to live that stacks start from; 0 where none was seen."""

_IDENTITY = [
    "vendor",
    "model",
    "order_code",
    "firmware",
    "hardware",
    "serial",
    "hostname",
    "station_name",
]
_OUI_CONFIDENCE = 0.50
_ROUTED_OUI_CONFIDENCE = 0.20

Key = tuple[int | None, str]
"""A segment (VLAN id), and a hardware or IP address in it."""


@dataclass(slots=True, eq=False)
class _Device:
    """An asset in the making."""

    key: Key
    unit: int | None = None
    gateway: _Device | None = None
    mac: set[str] = field(default_factory=set)
    ip: set[str] = field(default_factory=set)
    routed: bool = False
    first_seen: int = 2**63 - 1
    last_seen: int = -(2**63)
    activity: Activity = field(default_factory=Activity)
    claims: list[Claim] = field(default_factory=list)
    vendor_frame: tuple[int, int] | None = None
    id: str = ""

    def seen(self, first_ns: int, last_ns: int) -> None:
        self.first_seen = min(self.first_seen, first_ns)
        self.last_seen = max(self.last_seen, last_ns)


class Inventory:
    """Takes observations in any order and tells who is on the network.

    Counts are absolute, so a later observation of the same thing replaces the
    earlier one.
    """

    def __init__(self) -> None:
        self._addresses: dict[tuple[int | None, str, str | None], Address] = {}
        self._claims: dict[tuple[object, ...], Claim] = {}
        self._conversations: dict[int, Conversation] = {}
        self._behaviours: dict[str, Behaviour] = {}
        self._devices: dict[Key, _Device] = {}
        self._by_address: dict[tuple[int | None, str | None, str | None], _Device] = {}
        self._units: dict[tuple[Key, int], _Device] = {}

    def address(self, address: Address) -> None:
        """Take a pair of hardware and IP address."""
        self._addresses[address.vlan, address.mac, address.ip] = address

    def claim(self, claim: Claim) -> None:
        """Take something said about an asset."""
        key = (
            claim.subject_ip or claim.subject_mac,
            claim.vlan,
            claim.unit,
            claim.protocol,
            claim.attribute,
            claim.value,
        )
        self._claims[key] = claim

    def conversations(self, conversations: Iterable[Conversation]) -> None:
        """Take who talks to whom."""
        for conversation in conversations:
            self._conversations[conversation.id] = conversation

    def behaviours(self, behaviours: Iterable[Behaviour]) -> None:
        """Take what is done."""
        for behaviour in behaviours:
            self._behaviours[behaviour.id] = behaviour

    def resolve(self) -> None:
        """Merge everything taken so far; call it before asking for assets."""
        self._devices.clear()
        self._by_address.clear()
        self._units.clear()
        self._place_addresses()
        self._count_conversations()
        self._place_units()
        for claim in self._claims.values():
            device = self._claimed(claim)
            if device is not None:
                device.claims.append(claim)
        for device in self._everybody():
            device.id = _asset_id(device)

    def asset_id(self, ip: str | None, mac: str | None, vlan: int | None) -> str | None:
        """The asset that has this address, or none where it never sent a frame."""
        device = self._device(ip, mac, vlan)
        return None if device is None else device.id

    def assets(self, file_name: Callable[[int], str]) -> tuple[Asset, ...]:
        """Every asset, ordered by address.

        Args:
            file_name: The path of an input file, by its number in frames.
        """
        devices = sorted(self._everybody(), key=_order)
        return tuple(_asset(device, file_name) for device in devices)

    def _everybody(self) -> list[_Device]:
        return [*dict.fromkeys(self._devices.values()), *self._units.values()]

    def _device(self, ip: str | None, mac: str | None, vlan: int | None) -> _Device | None:
        get = self._by_address.get
        if ip is None:
            return get((vlan, None, mac))
        return get((vlan, ip, mac)) or get((vlan, ip, None))

    def _place_addresses(self) -> None:
        by_mac: dict[tuple[int | None, str], list[Address]] = defaultdict(list)
        for address in self._addresses.values():
            by_mac[address.vlan, address.mac].append(address)
        for (vlan, mac), pairs in sorted(by_mac.items(), key=lambda item: _segment(item[0])):
            with_ip = [pair for pair in pairs if pair.ip is not None]
            local = [pair for pair in with_ip if pair.arp or not _came_through_a_router(pair)]
            subnets = {subnet(pair.ip) for pair in local if pair.ip}
            routes = len(local) >= ROUTER_ADDRESSES and len(subnets) >= 2
            routes = routes or len(local) < len(with_ip)
            own = [pair for pair in local if pair.arp] if routes else local
            device = _Device((vlan, mac), mac={mac})
            device.activity.routes = routes
            for pair in pairs:
                if pair.ip is None or pair in own:
                    self._add(device, pair, mac)
                else:
                    behind = self._devices.get((vlan, pair.ip)) or _Device((vlan, pair.ip))
                    behind.routed = True
                    self._add(behind, pair, None)
            if routes and not own:
                # A router that never spoke for itself is known by its address alone.
                for pair in pairs:
                    device.seen(pair.first_seen_ns, pair.last_seen_ns)
                self._devices[device.key] = device
                self._by_address[vlan, None, mac] = device

    def _add(self, device: _Device, pair: Address, mac: str | None) -> None:
        self._devices[device.key] = device
        device.seen(pair.first_seen_ns, pair.last_seen_ns)
        if device.vendor_frame is None:
            device.vendor_frame = pair.frame
        if pair.ip is not None:
            device.ip.add(pair.ip)
            # A site may use public addresses of its own: outside is what is routed.
            device.activity.public = device.routed and is_public(pair.ip)
            self._by_address[pair.vlan, pair.ip, pair.mac] = device
            self._by_address.setdefault((pair.vlan, pair.ip, None), device)
        if mac is not None:
            self._by_address[pair.vlan, None, mac] = device

    def _count_conversations(self) -> None:
        for talk in self._conversations.values():
            client = self._device(talk.client_ip, talk.client_mac, talk.vlan)
            server = self._device(talk.server_ip, talk.server_mac, talk.vlan)
            if talk.protocol is None:
                continue
            if client is not None:
                client.activity.protocols.add(talk.protocol)
                for token, count in talk.classes.items():
                    client.activity.asked[talk.protocol, token] += count
                if talk.classes.get("read", 0) >= POLLED_FROM:
                    client.activity.polled.add(talk.server_ip or talk.server_mac or "")
            if server is not None:
                server.activity.protocols.add(talk.protocol)
                server.activity.answered[talk.protocol] += talk.answered_count

    def _place_units(self) -> None:
        """Stations behind gateways: those that answered, where there are several."""
        answered: dict[tuple[Key, str], Counter[int]] = defaultdict(Counter)
        spans: dict[tuple[Key, int], tuple[int, int]] = {}
        for behaviour in self._behaviours.values():
            unit = behaviour.unit
            if unit is None or behaviour.status != "ok":
                continue
            server = self._device(behaviour.server_ip, behaviour.server_mac, behaviour.vlan)
            if server is None:
                continue
            answered[server.key, behaviour.protocol][unit] += behaviour.count
            first, last = spans.get((server.key, unit), (2**63 - 1, -(2**63)))
            spans[server.key, unit] = (
                min(first, behaviour.first_seen_ns),
                max(last, behaviour.last_seen_ns),
            )
        for (key, protocol), counts in sorted(answered.items(), key=lambda item: repr(item[0])):
            units = sorted(unit for unit, count in counts.items() if count >= UNIT_ANSWERS)
            gateway = self._devices[key]
            if protocol.startswith("modbus"):
                # 0 is broadcast and 255 the device itself.
                units = [unit for unit in units if unit not in (0, 255)]
            if len(units) < 2:
                continue
            gateway.activity.answering_units = len(units)
            for unit in units[:MAX_UNITS]:
                device = _Device(key, unit=unit, gateway=gateway)
                device.seen(*spans[key, unit])
                device.activity.protocols.add(protocol)
                device.activity.answered[protocol] = counts[unit]
                self._units[key, unit] = device

    def _claimed(self, claim: Claim) -> _Device | None:
        device = self._device(claim.subject_ip, claim.subject_mac, claim.vlan)
        if device is None or claim.unit is None:
            return device
        return self._units.get((device.key, claim.unit), device)


def _came_through_a_router(pair: Address) -> bool:
    """Whether the time to live is below a usual start.

    By any number of hops for a public address; by one to three for others,
    since devices of plants start from less usual numbers, too.
    """
    if pair.ip is not None and is_public(pair.ip):
        return pair.ttl not in USUAL_TTL
    return pair.ttl in ROUTED_TTL


def _segment(item: tuple[int | None, str]) -> tuple[int, str]:
    vlan, address = item
    return (-1 if vlan is None else vlan, address)


@functools.lru_cache(maxsize=65_536)
def _ip_order(ip: str) -> tuple[int, int]:
    address = ipaddress.ip_address(ip)
    return (address.version, int(address))


def _order(device: _Device) -> tuple[object, ...]:
    """By IP where there is one, then by hardware address; stations after their gateway."""
    owner = device.gateway or device
    numbers = sorted(map(_ip_order, owner.ip))
    unit = -1 if device.unit is None else device.unit
    return (*(numbers[0] if numbers else (9, 0)), *_segment(owner.key), unit)


def _asset_id(device: _Device) -> str:
    """`a-` and ten characters that depend on the key alone."""
    text = "/".join(str(part) for part in ("default", *device.key, device.unit))
    digest = hashlib.sha256(text.encode()).digest()
    # Ten characters of base 32 are the first 50 bits, of 7 bytes.
    return "a-" + base64.b32encode(digest[:7])[:10].decode().lower()


def _asset(device: _Device, file_name: Callable[[int], str]) -> Asset:
    evidence = _evidence(device, file_name)
    shown = {item.attribute: item.value for item in reversed(evidence)}
    activity = device.activity
    for item in evidence:
        if item.attribute == "role":
            activity.told[item.value] = max(activity.told.get(item.value, 0.0), item.confidence)
    found, candidates = roles(activity)
    owner = device.gateway or device
    ips = sorted(owner.ip, key=_ip_order)
    return Asset(
        id=device.id,
        mac=tuple(sorted(owner.mac)),
        ip=tuple(ips),
        vlan=device.key[0],
        gateway=device.gateway.id if device.gateway else None,
        unit=device.unit,
        **{name: shown.get(name) for name in _IDENTITY},
        roles=found,
        role_candidates=candidates,
        purdue_level=purdue_level(found),
        zone="internet"
        if activity.public
        else default_zone(ips[0] if ips else None, device.key[0]),
        routed=device.routed,
        protocols=tuple(sorted(activity.protocols)),
        modules=tuple(
            Module(item.value, None, None) for item in evidence if item.attribute == "module"
        ),
        first_seen=Time(device.first_seen),
        last_seen=Time(device.last_seen),
        evidence=tuple(evidence),
    )


def _evidence(device: _Device, file_name: Callable[[int], str]) -> list[Evidence]:
    """The claims behind an asset: of each attribute the most believed first."""
    rows = [
        Evidence(
            attribute=claim.attribute,
            value=claim.value,
            source=f"{claim.protocol}.{claim.source}",
            confidence=claim.confidence / 100,
            file=file_name(claim.frame[0]),
            frame=claim.frame[1],
            count=claim.count,
        )
        for claim in sorted(device.claims, key=lambda c: (-c.confidence, -c.time_ns, c.value))
    ]
    for mac in sorted(device.mac) if device.gateway is None else ():
        holder = vendor(mac)
        if holder is not None:
            frame = device.vendor_frame
            rows.append(
                Evidence(
                    attribute="vendor",
                    value=holder,
                    source="mac",
                    confidence=_ROUTED_OUI_CONFIDENCE if device.routed else _OUI_CONFIDENCE,
                    file=file_name(frame[0]) if frame else None,
                    frame=frame[1] if frame else None,
                    count=1,
                )
            )
    kept: Counter[str] = Counter()
    bounded = []
    for row in sorted(rows, key=lambda row: (row.attribute, -row.confidence)):
        kept[row.attribute] += 1
        if kept[row.attribute] <= MAX_EVIDENCE:
            bounded.append(row)
    return bounded
