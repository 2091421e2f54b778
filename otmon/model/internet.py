"""The internet as a plant sees it: the one place that says which addresses are of it."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass

INTERNET = "internet"
"""The zone of public addresses that are not the site's."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that was ever given out of IPv6 [IANA, IPv6 address space]."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that have one of IPv4 at their end [RFC 6052, 2.1]."""
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")
"""The second range for examples [RFC 9637], which Python knows from 3.14 on."""


@functools.lru_cache(maxsize=65_536)
def is_public(address: str) -> bool:
    """Whether an address is one of the internet, so that its holder is outside the site.

    It is not where nobody on the internet can have it: private, shared with a
    provider, link-local, for examples and tests, reserved, or of a group
    (multicast, broadcast), which a plant sends to itself. Of an IPv6 address
    that stands for one of IPv4, that one decides. What is no address of IP is
    not public.
    """
    # Most addresses of a plant, without the parsing.
    if address.startswith(("10.", "192.168.")):
        return False
    one = _meant(address)
    if one is None:
        return False
    if isinstance(one, ipaddress.IPv4Address):
        return one.is_global and not one.is_multicast
    return one in _GLOBAL_UNICAST and one.is_global and one not in _DOCUMENTATION


def _meant(address: str) -> _Address | None:
    """The address that decides: that of IPv4 in one of IPv6 that stands for it."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(one, ipaddress.IPv4Address):
        return one
    if one in _NAT64:
        return ipaddress.IPv4Address(one.packed[-4:])
    return one.ipv4_mapped or one.sixtofour or one


@dataclass(frozen=True, slots=True)
class Outside:
    """Says of addresses whether their holder is no part of the site."""

    own: tuple[str, ...] = ()
    """Public networks that are the site's own."""

    def __call__(self, address: str) -> bool:
        """Whether it is public, and in no network of the site."""
        if not is_public(address):
            return False
        one = _meant(address)
        return not any(one in network for network in _parsed(self.own))


PLAIN = Outside()
"""For who knows of no site: every public address is outside."""


@functools.cache
def _parsed(networks: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in networks)
