"""The internet as a plant sees it: the one place that says which addresses are of it."""

from __future__ import annotations

import functools
import ipaddress

INTERNET = "internet"
"""The zone of public addresses that are not the site's."""

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
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv4Address):
        return one.is_global and not one.is_multicast
    inside = one.ipv4_mapped or one.sixtofour
    if one in _NAT64:
        inside = ipaddress.IPv4Address(one.packed[-4:])
    if inside is not None:
        return is_public(str(inside))
    return one in _GLOBAL_UNICAST and one.is_global and one not in _DOCUMENTATION
