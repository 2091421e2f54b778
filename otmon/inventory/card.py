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
        "ip",
        "last_frame",
        "last_ns",
        "local",
        "mac",
        "ttl",
    )

    def __init__(self, mac: str, ip: str | None, seen: Address) -> None:
        self.mac = mac
        self.ip = ip
        self.arp = False
        self.ttl: int = seen.ttl
        self.local = True
        """Whether the IP seems to be on the segment, not behind a router."""
        self.contested = False
        """Whether another hardware address has had the IP as well."""
        self.first_ns: int = seen.first_seen_ns
        self.last_ns: int = seen.last_seen_ns
        self.frame: tuple[int, int] | None = seen.frame
        self.last_frame: tuple[int, int] | None = seen.last_frame
        self.device: Device | None = None


class Card:
    """A hardware address in a segment, and the IPs that it sends for."""

    __slots__ = (
        "device",
        "known_router",
        "last_ns",
        "local",
        "pairs",
        "routes",
        "subnets",
        "virtual",
        "with_ip",
    )

    def __init__(self, virtual: bool) -> None:
        self.pairs: dict[str | None, Pair] = {}
        self.device: Device | None = None
        self.routes = False
        self.known_router = False
        """Whether it was one before this run, or in another segment."""
        self.virtual = virtual
        self.with_ip = 0
        self.local = 0
        self.subnets: dict[str, int] = {}
        self.last_ns = -(2**63)

    def count(self, pair: Pair, sign: int) -> None:
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
