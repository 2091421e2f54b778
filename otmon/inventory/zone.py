"""Where a device belongs: the zone that a site names, else its VLAN and subnet."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING

from otmon.model.internet import INTERNET, Outside

if TYPE_CHECKING:
    from otmon.inventory.device import Device
    from otmon.model.asset import Words
    from otmon.site_description import Zone


@functools.lru_cache(maxsize=65_536)
def subnet(ip: str) -> str:
    """The /24 (IPv6: /64) around an address: the usual size of a plant segment."""
    if ":" not in ip:
        return f"{ip.rpartition('.')[0]}.0/24"
    return str(ipaddress.ip_network(f"{ip}/64", strict=False))


@functools.lru_cache(maxsize=65_536)
def ip_order(ip: str) -> tuple[int, int]:
    """Orders addresses by their number, IPv4 first."""
    address = ipaddress.ip_address(ip)
    return (address.version, int(address))


def default_zone(ip: str | None, vlan: int | None) -> str | None:
    """The zone of an address without any configuration.

    Returns:
        `10.0.1.0/24`, with the VLAN before it where there is one; none where
        neither is known.
    """
    parts = [] if vlan is None else [f"vlan {vlan}"]
    if ip is not None:
        parts.append(subnet(ip))
    return " ".join(parts) or None


class Zones:
    """The zones of a site; the first that fits holds."""

    def __init__(self, zones: Sequence[Zone] = (), own: Sequence[str] = ()) -> None:
        """Takes the zones, and the public networks that are the site's own."""
        self._zones = zones
        self._levels = {zone.name: zone.level for zone in zones}
        self._networks = [_networks(zone.subnets) for zone in zones]
        self.is_outside = Outside(tuple(own))
        """Whether the holder of an address is no part of the site."""
        self._of_ip: dict[str, frozenset[int]] = {}

    def __bool__(self) -> bool:
        """Whether the site names any."""
        return bool(self._zones)

    def of(self, device: Device, words: Words, roles: Sequence[str]) -> str | None:
        """The zone of a device."""
        if words.zone is not None:
            return words.zone
        owner = device.gateway or device
        for place, zone in enumerate(self._zones):
            if self._holds(place, zone, device, owner, words, roles):
                return zone.name
        if device.public:
            return INTERNET
        ips = owner.ips
        return default_zone(min(ips, key=ip_order) if ips else None, device.vlan)

    def level(self, zone: str | None) -> float | None:
        """The Purdue level that the site gave to a zone."""
        return 5.0 if zone == INTERNET else self._levels.get(zone or "")

    def _holds(
        self,
        place: int,
        zone: Zone,
        device: Device,
        owner: Device,
        words: Words,
        roles: Sequence[str],
    ) -> bool:
        if zone.assets:
            members = {member.lower() for member in zone.assets}
            names = (device.id, (words.name or "").lower(), *owner.ips, *owner.macs)
            if not members.isdisjoint(names):
                return True
        if zone.roles and not set(zone.roles).isdisjoint(roles):
            return True
        if zone.segments and device.segment in zone.segments:
            return True
        return any(place in self._places_of(ip) for ip in owner.ips)

    def _places_of(self, ip: str) -> frozenset[int]:
        """The zones, by their place, among whose subnets an address is."""
        known = self._of_ip.get(ip)
        if known is None:
            if len(self._of_ip) > 65_536:
                self._of_ip.clear()
            address = ipaddress.ip_address(ip)
            known = self._of_ip[ip] = frozenset(
                place
                for place, networks in enumerate(self._networks)
                if any(address in network for network in networks)
            )
        return known


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(texts: Sequence[str]) -> list[_Network]:
    return [ipaddress.ip_network(text, strict=False) for text in texts]
