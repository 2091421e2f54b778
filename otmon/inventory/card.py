"""Hardware addresses, and the IP addresses that each of them sends for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otmon.inventory.zone import subnet

if TYPE_CHECKING:
    from otmon._engine import Address
    from otmon.inventory.device import Device

ROUTER_ADDRESSES = 3
"""IPs of two or more subnets behind one hardware address that make it a router."""


class Pair:
    """A hardware and an IP address that sent together, and the device that they are."""

    __slots__ = (
        "arp",
        "contested",
        "device",
        "first_ns",
        "frame",
        "hops",
        "ip",
        "last_frame",
        "last_ns",
        "mac",
        "outside",
        "reach",
        "ttl",
    )

    def __init__(self, mac: str, ip: str | None, seen: Address) -> None:
        self.mac = mac
        self.ip = ip
        self.arp = False
        self.ttl: int = seen.ttl
        self.reach: int = seen.ttl
        """The highest time to live: the engine may have begun to count anew."""
        self.hops = False
        """Whether the time to live says that routers are in between."""
        self.outside = False
        """Whether the IP is no part of the site, and nobody else's here."""
        self.contested = False
        """Whether another hardware address has had the IP as well."""
        self.first_ns: int = seen.first_seen_ns
        self.last_ns: int = seen.last_seen_ns
        self.frame: tuple[int, int] | None = seen.frame
        self.last_frame: tuple[int, int] | None = seen.last_frame
        self.device: Device | None = None

    @property
    def is_v4(self) -> bool:
        """Whether it is of IPv4: a device has one address of that, and several of IPv6."""
        return self.ip is not None and ":" not in self.ip

    @property
    def local(self) -> bool:
        """Whether the IP seems to be on the segment, for all that it says itself."""
        return self.arp or not self.hops


class Card:
    """A hardware address in a segment, and the IPs that it sends for."""

    __slots__ = (
        "arps",
        "both_ends",
        "device",
        "far",
        "inside",
        "known_router",
        "last_ns",
        "outside",
        "pairs",
        "routes",
        "subnets",
        "virtual",
    )

    def __init__(self, virtual: bool) -> None:
        self.pairs: dict[str | None, Pair] = {}
        self.device: Device | None = None
        self.routes = False
        self.known_router = False
        """Whether it was one before this run, or in another segment."""
        self.virtual = virtual
        self.both_ends = False
        """Whether it sent for both ends of a conversation, which no device has with itself."""
        self.far = 0
        """IPs that came over routers, and did not say by ARP that they are here."""
        self.arps = 0
        """IPs that say by ARP that they are here."""
        self.inside = 0
        """IPs that may be here: those that say so, or lost no hop and are part of the site."""
        self.outside = 0
        """IPs outside the site that lost no hop, and did not say by ARP that they are here."""
        self.subnets: dict[str, int] = {}
        """Of all that may be here."""
        self.last_ns = -(2**63)

    @property
    def proxied(self) -> bool:
        """Whether it says by ARP of several IPs that they are here, as who stands for others does.

        A router that has all of a network behind one address of its own says so of that one:
        then what came over it is not told apart from what it sends itself.
        """
        return self.arps > 1

    def is_local(self, pair: Pair) -> bool:
        """Whether an IP seems to be on the segment, not behind a router."""
        return pair.local and not (pair.hops and self.proxied)

    def count(self, pair: Pair, sign: int) -> None:
        """Counts a pair in (1) or out (-1)."""
        if pair.ip is None:
            return
        self.arps += sign * pair.arp
        if not pair.local:
            self.far += sign
            return
        if pair.outside and not pair.arp and pair.is_v4:
            self.outside += sign
        else:
            self.inside += sign
        net = subnet(pair.ip)
        self.subnets[net] = self.subnets.get(net, 0) + sign
        if not self.subnets[net]:
            del self.subnets[net]

    def is_router(self) -> bool:
        """Whether it sends for others."""
        if (
            self.both_ends
            or self.far
            or (self.proxied and any(one.hops for one in self.pairs.values()))
        ):
            return True
        if self.outside and len([net for net in self.subnets if ":" not in net]) >= 2:
            # It gives out the answers of others as they were: address translation.
            return True
        return self.inside >= ROUTER_ADDRESSES and len(self.subnets) >= 2
