"""Which device an address belongs to: own hardware address, router, or behind one.

A hardware address seen as sender on its own segment is the key of a device. An
IP alone is one only behind a router, or where the capture has no hardware
addresses. Everything is decided when an address is seen, and revised when more
is known: a device then keeps its id, and what turns out to be another gets one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from otmon.inventory.device import Device, Place
from otmon.inventory.identity import NOBODY, is_group, is_host, is_virtual
from otmon.inventory.zone import is_public, subnet

if TYPE_CHECKING:
    from otmon._engine import Address

ROUTER_ADDRESSES = 3
"""IPs of two or more subnets behind one hardware address that make it a router."""
ROUTED_TTL = frozenset({61, 62, 63, 125, 126, 127, 252, 253, 254})
"""Times to live one to three hops below a usual start: the sender is behind a router."""
USUAL_TTL = frozenset({0, 1, 30, 32, 60, 64, 100, 128, 150, 200, 255})
"""Times to live that stacks start from; 0 where none was seen."""

Vlan = int | None


class _Pair:
    """A hardware and an IP address that sent together, and the device that they are."""

    __slots__ = ("arp", "device", "first_ns", "ip", "last_ns", "local")

    def __init__(self, ip: str | None) -> None:
        self.ip = ip
        self.arp = False
        self.local = True
        """Whether the IP seems to be on the segment, not behind a router."""
        self.first_ns = 0
        self.last_ns = 0
        self.device: Device | None = None


class _Card:
    """A hardware address in a segment, and the IPs that it sends for."""

    __slots__ = ("device", "local", "pairs", "routes", "subnets", "virtual", "with_ip")

    def __init__(self, virtual: bool) -> None:
        self.pairs: dict[str | None, _Pair] = {}
        self.device: Device | None = None
        self.routes = False
        self.virtual = virtual
        self.with_ip = 0
        self.local = 0
        self.subnets: dict[str, int] = {}

    def count(self, pair: _Pair, sign: int) -> None:
        """Counts a pair in (1) or out (-1)."""
        if pair.ip is None:
            return
        self.with_ip += sign
        if pair.local:
            self.local += sign
            net = subnet(pair.ip)
            self.subnets[net] = self.subnets.get(net, 0) + sign
            if not self.subnets[net]:
                del self.subnets[net]

    def is_router(self) -> bool:
        """Whether it sends for others."""
        if self.local < self.with_ip:
            return True
        return self.local >= ROUTER_ADDRESSES and len(self.subnets) >= 2


class Places:
    """Places addresses, and finds the device of one."""

    def __init__(
        self,
        make: Callable[[Vlan, str], Device],
        move: Callable[[Device, Device, str], None],
        merge: Callable[[Device, Device, str], Device],
    ) -> None:
        """Takes what makes a device by its key, moves an IP's traffic, and merges two."""
        self._make = make
        self._move = move
        self._merge = merge
        self._cards: dict[tuple[Vlan, str], _Card] = {}
        self._behind: dict[tuple[Vlan, str], Device] = {}
        """Devices that are known by IP alone."""
        self._found: dict[Place, Device] = {}

    def find(self, ip: str | None, mac: str | None, vlan: Vlan) -> Device | None:
        """The device that has an address now, or none where it never sent a frame."""
        get = self._found.get
        if ip is None:
            return get((vlan, None, mac))
        return get((vlan, ip, mac)) or get((vlan, ip, None))

    def note(self, seen: Address) -> Device | None:
        """Takes an address, new or counted on; the device that has it."""
        vlan, mac, ip = seen.vlan, seen.mac, seen.ip
        if mac is None or mac == NOBODY or is_group(mac):
            return self._note_ip(seen)
        if ip is not None and not is_host(ip):
            ip = None
        card = self._cards.get((vlan, mac))
        if card is None:
            card = self._cards[vlan, mac] = _Card(is_virtual(mac))
        pair = card.pairs.get(ip)
        fresh = pair is None
        if pair is None:
            pair = card.pairs[ip] = _Pair(ip)
            pair.first_ns = seen.first_seen_ns
        arp = seen.arp
        local = ip is None or arp or not came_through_a_router(ip, seen.ttl)
        pair.last_ns = seen.last_seen_ns
        if fresh or arp != pair.arp or local != pair.local:
            if not fresh:
                card.count(pair, -1)
            pair.arp, pair.local = arp, local
            card.count(pair, 1)
            self._place(card, vlan, mac, pair, seen)
        device = pair.device
        if device is not None:
            device.seen(seen.first_seen_ns, seen.last_seen_ns)
        if card.routes and card.device is not None and card.device is not device:
            # A router that never speaks for itself is seen by what it forwards.
            card.device.seen(seen.first_seen_ns, seen.last_seen_ns)
        return device

    def repoint(self, old: Device, new: Device) -> None:
        """Sends every address of a merged device to the one that stays."""
        for place in old.places:
            vlan, ip, mac = place
            if self._found.get(place) is old:
                self._point(place, new)
            card = None if mac is None else self._cards.get((vlan, mac))
            if card is not None:
                if card.device is old:
                    card.device = new
                pair = card.pairs.get(ip)
                if pair is not None and pair.device is old:
                    pair.device = new
            if ip is not None and self._behind.get((vlan, ip)) is old:
                self._behind[vlan, ip] = new
        old.places.clear()

    def _point(self, place: Place, device: Device) -> None:
        self._found[place] = device
        device.places[place] = None

    def _note_ip(self, seen: Address) -> Device | None:
        """A sender without a hardware address."""
        if seen.ip is None or not is_host(seen.ip):
            return None
        device = self._by_ip(seen.vlan, seen.ip)
        device.frame = device.frame or seen.frame
        device.seen(seen.first_seen_ns, seen.last_seen_ns)
        device.ips[seen.ip] = None
        self._point((seen.vlan, seen.ip, None), device)
        self._point((seen.vlan, seen.ip, seen.mac), device)
        return device

    def _place(self, card: _Card, vlan: Vlan, mac: str, pair: _Pair, seen: Address) -> None:
        routes = card.is_router()
        if routes == card.routes:
            self._give(card, vlan, mac, pair, seen)
            return
        # What was taken for one device is a router and those behind it, or the reverse.
        card.routes = routes
        for one in card.pairs.values():
            self._give(card, vlan, mac, one, seen)
        if card.device is not None:
            card.device.routes = routes

    def _give(self, card: _Card, vlan: Vlan, mac: str, pair: _Pair, seen: Address) -> None:
        """Gives a pair to the device that it is."""
        ip = pair.ip
        own = ip is None or (pair.arp if card.routes else pair.local)
        if own or card.routes:
            router = self._own(card, vlan, mac, seen)
        before, device = pair.device, router if own else self._by_ip(vlan, ip or "")
        if before is device:
            return
        pair.device = device
        device.frame = device.frame or seen.frame
        if ip is None:
            return
        if not own:
            device.routed = True
            device.public = is_public(ip)
        device.ips[ip] = None
        self._point((vlan, ip, mac), device)
        holder = self._found.get((vlan, ip, None))
        if holder is None or holder is before or not device.routed:
            self._point((vlan, ip, None), device)
        if before is None:
            device.seen(seen.first_seen_ns, seen.last_seen_ns)
            return
        device.seen(pair.first_ns, pair.last_ns)
        if before.routed and not device.routed:
            # It was taken for a device behind the router: it is the router itself.
            self._merge(device, before, "address")
            return
        before.ips.pop(ip, None)
        self._move(before, device, ip)

    def _own(self, card: _Card, vlan: Vlan, mac: str, seen: Address) -> Device:
        """The device whose hardware address it is."""
        device = card.device
        if device is None:
            device = card.device = self._make(vlan, mac)
            device.macs[mac] = None
            device.frame = device.frame or seen.frame
            device.routes = device.routes or card.routes or card.virtual
            device.seen(seen.first_seen_ns, seen.last_seen_ns)
            self._point((vlan, None, mac), device)
        return device

    def _by_ip(self, vlan: Vlan, ip: str) -> Device:
        device = self._behind.get((vlan, ip))
        if device is None:
            device = self._behind[vlan, ip] = self._make(vlan, ip)
        return device


def came_through_a_router(ip: str, ttl: int) -> bool:
    """Whether the time to live is below a usual start.

    By any number of hops for a public address; by one to three for others,
    since devices of plants start from less usual numbers, too.
    """
    if is_public(ip):
        return ttl not in USUAL_TTL
    return ttl in ROUTED_TTL
