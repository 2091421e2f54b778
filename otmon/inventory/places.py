"""Which device an address belongs to: own hardware address, router, or behind one.

A hardware address seen as sender on its own segment is the key of a device. An
IP alone is one only behind a router, or where the capture has no hardware
addresses. Everything is decided when an address is seen, and revised when more
is known: a device then keeps its id, and what turns out to be another gets one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from otmon.inventory.card import Card, Pair
from otmon.inventory.device import Device, Place
from otmon.inventory.identity import NOBODY, is_group, is_host, is_local, is_virtual
from otmon.inventory.segment import Vlan

if TYPE_CHECKING:
    from otmon._engine import Address, Conversation
    from otmon.inventory.contest import Contests

ROUTED_TTL = frozenset({28, 29, 31, 61, 62, 63, 125, 126, 127, 252, 253, 254})
"""Times to live one to three hops below a usual start, of those of controllers (30, 32) one or
two: the sender is behind a router."""
USUAL_TTL = frozenset({0, 1, 30, 32, 60, 64, 100, 128, 150, 200, 255})
"""Times to live that stacks start from; 0 where none was seen."""
START_TTL = frozenset({64, 128, 255})
"""Those from which most do, and none is another one less a few hops."""
LINK_LOCAL = ("fe80:", "169.254.")
"""How addresses begin that no router passes on."""
HOPS = 3
"""Routers at most between both sides of a capture in which a device is seen on both."""
BOTH_SIDES_NS = 60 * 1_000_000_000
"""Time within which it shows on the other side, too."""


class Owner(Protocol):
    """Makes the devices, and changes what they are."""

    def make(self, vlan: Vlan, key: str, frame: tuple[int, int] | None) -> Device:
        """A device of a key, seen in a frame; the one remembered where the site knows it."""
        ...

    def move(self, old: Device, new: Device, ip: str) -> None:
        """What an IP said and did belongs to another device."""
        ...

    def merge(self, first: Device, second: Device) -> Device:
        """Two devices are one."""
        ...

    def moved(self, device: Device, vlan: Vlan, seen: Address) -> None:
        """A device is seen in another segment."""
        ...

    def is_outside(self, ip: str) -> bool:
        """Whether the holder of an address is no part of the site."""
        ...

    def forwards(self, router: Device, seen: Address) -> None:
        """A router sent what somebody behind it had to say."""
        ...


class Places:
    """Places addresses, and finds the device of one."""

    def __init__(self, owner: Owner, contests: Contests, is_outside: Callable[[str], bool]) -> None:
        """Takes who makes the devices, who is told of addresses that two have, and what is away."""
        self._owner = owner
        self._is_outside = is_outside
        self._contests = contests
        self._cards: dict[tuple[Vlan, str], Card] = {}
        self._vlans: dict[str, list[Vlan]] = {}
        """Where each hardware address was seen, in order."""
        self._behind: dict[tuple[Vlan, str], Device] = {}
        """Devices that are known by IP alone."""
        self._holder: dict[tuple[Vlan, str], Pair] = {}
        """The first pair of each IP."""
        self._neighbours: dict[tuple[Vlan, str], Pair] = {}
        """The first pair of each IP that is on its own segment."""
        self._found: dict[Place, Device] = {}

    def find(self, ip: str | None, mac: str | None, vlan: Vlan) -> Device | None:
        """The device that has an address now, or none where it never sent a frame."""
        get = self._found.get
        if ip is None:
            return get((vlan, None, mac))
        return get((vlan, ip, mac)) or get((vlan, ip, None))

    def note(self, seen: Address, vlan: Vlan) -> Device | None:
        """Takes an address, new or counted on; the device that has it."""
        mac, ip = seen.mac, seen.ip
        if mac is None or mac == NOBODY or is_group(mac):
            return self._note_ip(seen, vlan)
        if ip is not None and not is_host(ip):
            ip = None
        card = self._cards.get((vlan, mac))
        if card is None:
            card = self._cards[vlan, mac] = Card(is_virtual(mac))
            self._look_elsewhere(card, vlan, mac, seen)
        pair = card.pairs.get(ip)
        fresh = pair is None
        if pair is None:
            pair = card.pairs[ip] = Pair(mac, ip, seen)
        arp = seen.arp or pair.arp
        pair.reach = max(pair.reach, seen.ttl)
        hops = ip is not None and self._came_through_a_router(ip, pair.reach)
        pair.last_ns = card.last_ns = seen.last_seen_ns
        pair.last_frame = seen.last_frame
        holder = self._found.get((vlan, ip, None)) if fresh and ip is not None else None
        if fresh or arp != pair.arp or hops != pair.hops:
            if not fresh:
                card.count(pair, -1)
            elif ip is not None:
                # Whose address is another's here, too, is not that of a peer far away.
                pair.outside = (vlan, ip) not in self._holder and self._is_outside(ip)
            proxied = card.proxied
            pair.arp, pair.hops = arp, hops
            card.count(pair, 1)
            self._place(card, vlan, mac, pair, again=card.proxied != proxied)
        device = pair.device
        if device is not None:
            device.seen(seen.first_seen_ns, seen.last_seen_ns)
        if card.routes and card.device is not None and card.device is not device:
            # A router that never speaks for itself is seen by what it forwards.
            self._owner.forwards(card.device, seen)
        if fresh and ip is not None:
            first = self._holder.setdefault((vlan, ip), pair)
            if first is not pair:
                self._contests.note(vlan, ip, first, pair)
            if holder is not None and holder is not device and not holder.seen_now:
                self._contests.note_remembered(vlan, ip, holder, pair)
        if pair.contested and ip is not None:
            self._contests.look(vlan, ip, seen.last_seen_ns)
        return device

    def talks(self, talk: Conversation, vlan: Vlan) -> None:
        """Takes a conversation: whose hardware address sends for both ends is neither of them.

        A bridge or a router does, and so does whatever wrote or rewrote the capture.
        """
        mac = talk.client_mac
        if mac is None or mac != talk.server_mac or talk.client_ip == talk.server_ip:
            return
        card = self._cards.get((vlan, mac))
        if card is None or card.both_ends:
            return
        ends = [card.pairs.get(ip) for ip in (talk.client_ip, talk.server_ip)]
        # Where another has one of the addresses, too, who sends for both may be in between.
        if all(pair is not None and not pair.contested for pair in ends):
            card.both_ends = True
            for pair in filter(None, ends):
                self._place(card, vlan, mac, pair, again=False)

    def settle(self, until_ns: int) -> None:
        """Tell of addresses that went from one device to another until then."""
        self._contests.settle(until_ns)

    def restore(self, device: Device, place: Place) -> None:
        """Gives an address to a device that the site remembers."""
        vlan, ip, mac = place
        self._point(place, device)
        if mac is None:
            if ip is not None and not device.macs:
                self._behind[vlan, ip] = device
            return
        if device.routed:
            return
        card = self._cards.get((vlan, mac))
        if card is None:
            card = self._cards[vlan, mac] = Card(is_virtual(mac))
            self._vlans.setdefault(mac, []).append(vlan)
        card.device = device
        card.routes = card.known_router = device.routes and not card.virtual

    def knows(self, seen: Address, vlan: Vlan) -> bool:
        """Whether an address is some device's already."""
        return (vlan, seen.ip, seen.mac) in self._found

    def forget(self, device: Device) -> None:
        """Forgets a device, and where it was found."""
        device.changes()
        for place in device.places:
            vlan, _, mac = place
            self._leave(device, place)
            card = None if mac is None else self._cards.get((vlan, mac))
            if card is not None and mac is not None:
                if card.device is device:
                    card.device = None
                if card.device is None and not card.pairs:
                    del self._cards[vlan, mac]
                    self._vlans.pop(mac, None)
        device.places.clear()

    def let_go(self, device: Device, seen: Address, vlan: Vlan) -> None:
        """Takes one address from a device that has others."""
        device.changes()
        for place in ((vlan, seen.ip, seen.mac), (vlan, seen.ip, None)):
            if place in device.places:
                self._leave(device, place)
                del device.places[place]
        if seen.ip is not None:
            device.ips.pop(seen.ip, None)

    def _leave(self, device: Device, place: Place) -> None:
        vlan, ip, mac = place
        if self._found.get(place) is device:
            del self._found[place]
        card = None if mac is None else self._cards.get((vlan, mac))
        if card is not None and mac is not None:
            pair = card.pairs.pop(ip, None)
            if pair is not None:
                card.count(pair, -1)
        if ip is not None:
            holder = self._holder.get((vlan, ip))
            if holder is not None and holder.device is device:
                del self._holder[vlan, ip]
            neighbour = self._neighbours.get((vlan, ip))
            if neighbour is not None and neighbour.device is device:
                del self._neighbours[vlan, ip]
            if self._behind.get((vlan, ip)) is device:
                del self._behind[vlan, ip]

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
        vlan, ip, mac = place
        before = self.find(ip, mac, vlan)
        if before is not None and before is not device:
            # What was told of it is not about who has the address now.
            before.changes()
        self._found[place] = device
        device.places[place] = None

    def _look_elsewhere(self, card: Card, vlan: Vlan, mac: str, seen: Address) -> None:
        """Finds the device of a hardware address that was seen in another segment."""
        vlans = self._vlans.setdefault(mac, [])
        vlans.append(vlan)
        if len(vlans) == 1 or is_local(mac) or card.virtual:
            return
        other = self._cards.get((vlans[-2], mac))
        if other is None or other.device is None:
            return
        card.device = other.device
        card.routes = card.known_router = other.device.routes
        self._point((vlan, None, mac), other.device)
        if not card.routes and other.last_ns < seen.first_seen_ns:
            self._owner.moved(other.device, vlan, seen)

    def _note_ip(self, seen: Address, vlan: Vlan) -> Device | None:
        """A sender without a hardware address."""
        if seen.ip is None or not is_host(seen.ip):
            return None
        device = self._by_ip(vlan, seen.ip, seen.frame)
        device.frame = device.frame or seen.frame
        device.seen(seen.first_seen_ns, seen.last_seen_ns)
        if seen.ip not in device.ips:
            device.changes()
            device.ips[seen.ip] = None
        self._point((vlan, seen.ip, None), device)
        self._point((vlan, seen.ip, seen.mac), device)
        return device

    def _place(self, card: Card, vlan: Vlan, mac: str, pair: Pair, *, again: bool) -> None:
        routes = card.is_router() or card.known_router
        if routes == card.routes and not again:
            self._give(card, vlan, mac, pair)
            return
        # What was taken for one device is a router and those behind it, or the reverse.
        card.routes = routes
        for one in card.pairs.values():
            self._give(card, vlan, mac, one)
        if card.device is not None:
            card.device.changes()
            card.device.routes = routes

    def _give(self, card: Card, vlan: Vlan, mac: str, pair: Pair) -> None:
        """Gives a pair to the device that it is."""
        ip = pair.ip
        own = ip is None or (_is_routers_own(card, pair) if card.routes else card.is_local(pair))
        if not own and pair.arp:
            # Nobody has to stand for who is here himself: who claims to is in his way.
            own = self._neighbours.get((vlan, ip or ""), pair) is not pair
        before = pair.device
        router = self._own(card, vlan, mac, pair) if own or card.routes else None
        if own and router is not None:
            device = router
        else:
            behind = ip or ""
            device = self._neighbour(pair, vlan, behind) or self._by_ip(vlan, behind, pair.frame)
        if before is device:
            return
        pair.device = device
        device.frame = device.frame or pair.frame
        if ip is None:
            return
        device.changes()
        if own:
            self._neighbours.setdefault((vlan, ip), pair)
        elif not device.macs:
            device.routed = True
            device.public = self._owner.is_outside(ip)
        device.ips[ip] = None
        self._point((vlan, ip, mac), device)
        holder = self._found.get((vlan, ip, None))
        if holder is None or holder is before or not device.routed:
            self._point((vlan, ip, None), device)
        device.seen(pair.first_ns, pair.last_ns)
        if before is None:
            if own:
                self._unite_sides(pair, device, vlan, ip)
            return
        if before.routed and not device.routed:
            # It was taken for a device behind the router: it is the router itself.
            self._owner.merge(device, before)
            return
        before.changes()
        before.ips.pop(ip, None)
        self._owner.move(before, device, ip)

    def _neighbour(self, pair: Pair, vlan: Vlan, ip: str) -> Device | None:
        """The device on this segment that a router forwards for, where both sides are seen."""
        neighbour = self._neighbours.get((vlan, ip))
        if neighbour is None or pair.arp or not _is_forwarded(neighbour, pair):
            return None
        return neighbour.device

    def _unite_sides(self, pair: Pair, device: Device, vlan: Vlan, ip: str) -> None:
        """Behind a router and here is one device, where it shows on both sides at once."""
        behind = self._behind.get((vlan, ip))
        if behind is None or behind is device or behind.macs or not behind.seen_now:
            return
        if pair.first_ns - behind.first_ns > BOTH_SIDES_NS:
            return
        first = self._holder.get((vlan, ip))
        if first is None or first.arp or first.device is not behind:
            return
        if _is_forwarded(pair, first):
            self._owner.merge(device, behind)

    def _came_through_a_router(self, ip: str, ttl: int) -> bool:
        """Whether the time to live is below a usual start.

        By any number of hops for who is outside the site; by one to three for
        others, since devices of plants start from less usual numbers, too.
        """
        if ip.startswith(LINK_LOCAL):
            return False
        if ttl in ROUTED_TTL:
            return True
        return ttl not in USUAL_TTL and self._is_outside(ip)

    def _own(self, card: Card, vlan: Vlan, mac: str, pair: Pair) -> Device:
        """The device whose hardware address it is."""
        device = card.device
        if device is None:
            device = card.device = self._owner.make(vlan, mac, pair.frame)
            device.macs[mac] = None
            device.frame = device.frame or pair.frame
            device.routes = device.routes or card.routes or card.virtual
            device.seen(pair.first_ns, pair.last_ns)
            self._point((vlan, None, mac), device)
        return device

    def _by_ip(self, vlan: Vlan, ip: str, frame: tuple[int, int] | None) -> Device:
        device = self._behind.get((vlan, ip))
        if device is None:
            device = self._behind[vlan, ip] = self._owner.make(vlan, ip, frame)
        return device


def _is_routers_own(card: Card, pair: Pair) -> bool:
    """Whether an IP is the router's own, not that of somebody it sends for.

    It says so by ARP, or by a time to live from which nothing was taken yet. A bridge
    that puts its own hardware address on frames takes nothing either: of several such
    none is its own, nor is an address outside the site.
    """
    if not card.is_local(pair):
        return False
    if pair.ip is not None and pair.ip.startswith(LINK_LOCAL):
        return True
    return pair.arp or (not pair.outside and pair.ttl in START_TTL and card.inside == 1)


def _is_forwarded(here: Pair, there: Pair) -> bool:
    """Whether what a router sent can be what a device of its other side had sent."""
    return here.ttl == 0 or 0 < here.ttl - there.ttl <= HOPS
