"""Addresses that two devices have: at once, or one after the other."""

from __future__ import annotations

import functools
import ipaddress
import itertools
from typing import TYPE_CHECKING

from otmon.inventory.identity import is_virtual

if TYPE_CHECKING:
    from otmon.inventory.card import Pair
    from otmon.inventory.device import Device
    from otmon.inventory.news import News
    from otmon.inventory.watching import Watching

MAX_CONTESTS = 4_096
"""Addresses of which it is remembered who had them; the first one goes first."""
MAX_TOLD = 65_536
"""Pairs of devices of which it is remembered that they were told; the first goes first."""
MAX_HOLDERS = 8
"""Devices remembered that had one address."""
PORTS = 16
"""Hardware addresses so near each other are ports of one device."""

Where = tuple[int | None, str]
"""A VLAN id, and an IP (or a hardware address) in it."""


class Contests:
    """Notices that an IP has been with two hardware addresses, and tells what it means."""

    def __init__(self, news: News, watching: Watching, rebinds_below: int | None = None) -> None:
        """Takes who is told, and of what.

        Args:
            news: Who is told.
            watching: Whether the site is known, so that a replaced device is news.
            rebinds_below: With fewer IP addresses of its own, a device that claims another's
                by ARP is told of by the detector of addresses; none where that is off.
        """
        self._news = news
        self._watching = watching
        self._rebinds_below = rebinds_below
        self._holders: dict[Where, list[Pair]] = {}
        self._remembered: list[tuple[Where, Device, Pair]] = []
        self._told: dict[tuple[Where, str, str], None] = {}

    def note(self, vlan: int | None, ip: str, first: Pair, second: Pair) -> None:
        """Takes a second pair of an IP."""
        where = (vlan, ip)
        holders = self._holders.get(where)
        if holders is None:
            if len(self._holders) >= MAX_CONTESTS:
                del self._holders[next(iter(self._holders))]
            holders = self._holders[where] = [first]
            first.contested = True
        if second not in holders and len(holders) < MAX_HOLDERS:
            holders.append(second)
            second.contested = True

    def note_remembered(self, vlan: int | None, ip: str, device: Device, pair: Pair) -> None:
        """Takes the pair of an IP that the site remembers with another device."""
        if len(self._remembered) < MAX_CONTESTS:
            self._remembered.append(((vlan, ip), device, pair))

    def look(self, vlan: int | None, ip: str, time_ns: int) -> None:
        """Looks at an address again that two had, since one of them was seen."""
        where = (vlan, ip)
        holders = self._holders.get(where, [])
        for place, first in enumerate(holders):
            for second in holders[place + 1 :]:
                if first.first_ns <= second.last_ns and second.first_ns <= first.last_ns:
                    self._conflict(where, first, second, time_ns)

    def settle(self, until_ns: int) -> None:
        """Who was replaced until then, and not seen since, has been."""
        for where, holders in self._holders.items():
            in_order = sorted(holders, key=lambda pair: pair.first_ns)
            for old, new in itertools.pairwise(in_order):
                if new.first_ns <= until_ns:
                    self._moved(where, old, new)
        remembered, self._remembered = self._remembered, []
        for where, device, pair in remembered:
            if pair.first_ns <= until_ns:
                self._replaced(where, device, pair)
            else:
                self._remembered.append((where, device, pair))

    def _conflict(self, where: Where, first: Pair, second: Pair, time_ns: int) -> None:
        key = (where, first.mac, second.mac)
        if key in self._told or not _are_rivals(first, second):
            return
        self._tell_once(key)
        old, new = sorted((first, second), key=lambda pair: pair.first_ns)
        assert old.device is not None and new.device is not None  # rivals are devices
        if self._is_rebind(old, new):
            return
        self._news.tell(
            "ip_conflict",
            new.device,
            max(time_ns, new.first_ns),
            expected=f"{where[1]} is with {old.mac}",
            observed=f"{new.mac} sends for it as well",
            since_ns=old.first_ns,
            frames=(old.frame, new.frame, old.last_frame, new.last_frame),
            ip=where[1],
        )

    def _tell_once(self, key: tuple[Where, str, str]) -> None:
        self._told[key] = None
        if len(self._told) > MAX_TOLD:
            del self._told[next(iter(self._told))]

    def _is_rebind(self, old: Pair, new: Pair) -> bool:
        """Whether somebody with an address claims another's by ARP: one thing, told once."""
        if self._rebinds_below is None or new.device is None or not (old.arp and new.arp):
            return False
        others = len(new.device.ips.keys() - {new.ip})
        return 0 < others < self._rebinds_below

    def _moved(self, where: Where, old: Pair, new: Pair) -> None:
        key = (where, old.mac, new.mac)
        if key in self._told or not _are_rivals(old, new) or old.last_ns >= new.first_ns:
            return
        self._tell_once(key)
        assert old.device is not None and new.device is not None  # rivals are devices
        old.device.taken_over = True
        if not self._watching.knows:
            return
        self._news.tell(
            "ip_moved",
            new.device,
            new.first_ns,
            expected=f"{where[1]} is with {old.mac}",
            observed=f"{new.mac} has it, and {old.mac} was not seen again",
            since_ns=old.first_ns,
            frames=(old.last_frame, new.frame),
            ip=where[1],
        )

    def _replaced(self, where: Where, old: Device, new: Pair) -> None:
        """A device that the site remembers was not seen, and its address is with another."""
        device = new.device
        if old.seen_now or old.routed or device is None or device.routed or device is old:
            return
        if is_virtual(new.mac) or not _is_one_device(where[1]):
            return
        old.taken_over = True
        if self._watching.knows:
            before = ", ".join(old.macs) or old.id
            self._news.tell(
                "ip_moved",
                device,
                new.first_ns,
                expected=f"{where[1]} is with {before}",
                observed=f"{new.mac} has it, and {before} was not seen",
                since_ns=old.first_ns,
                frames=(new.frame,),
                ip=where[1],
            )


def _are_rivals(first: Pair, second: Pair) -> bool:
    """Whether two pairs of an IP are two devices that both say they have it."""
    one, other = first.device, second.device
    if one is None or other is None or one is other or not _is_one_device(first.ip or ""):
        return False
    if one.segment != other.segment or not (first.local and second.local):
        return False
    if is_virtual(first.mac) or is_virtual(second.mac):
        return False
    # Who sends for others has an address of theirs only where it says so.
    for device, pair in ((one, first), (other, second)):
        if (device.routes or device.routed) and not pair.arp:
            return False
    return not _are_ports(first.mac, second.mac)


@functools.lru_cache(maxsize=4_096)
def _is_one_device(ip: str) -> bool:
    """Whether an address belongs to one device of a segment.

    Link-local ones of IPv6 are given anew on each link, of which a capture may
    hold several; loopback is in every device.
    """
    address = ipaddress.ip_address(ip)
    return not (address.is_loopback or (address.version == 6 and address.is_link_local))


def _are_ports(first: str, second: str) -> bool:
    """Whether two hardware addresses follow each other, as those of one device do."""
    one, other = (int(mac.replace(":", ""), 16) for mac in (first, second))
    return abs(one - other) < PORTS
