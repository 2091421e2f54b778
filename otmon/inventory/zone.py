"""Where an address belongs, until a site says more: its VLAN and subnet."""

from __future__ import annotations

import functools
import ipaddress


@functools.lru_cache(maxsize=65_536)
def is_public(ip: str) -> bool:
    """Whether the address is a global one, so that its holder is outside the site."""
    # Most addresses of a plant, without the parsing.
    if ip.startswith(("10.", "192.168.")):
        return False
    return ipaddress.ip_address(ip).is_global


@functools.lru_cache(maxsize=65_536)
def subnet(ip: str) -> str:
    """The /24 (IPv6: /64) around an address: the usual size of a plant segment."""
    if ":" not in ip:
        return f"{ip.rpartition('.')[0]}.0/24"
    return str(ipaddress.ip_network(f"{ip}/64", strict=False))


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
