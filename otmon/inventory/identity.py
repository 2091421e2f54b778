"""What identifies a device: its keys, strong and weak, and the id made of them."""

from __future__ import annotations

import functools
import hashlib
import ipaddress

NOBODY = "00:00:00:00:00:00"
"""The hardware address of loopback and cooked captures: it belongs to no device."""

_VIRTUAL = (
    "00:00:5e:00:01:",  # VRRP for IPv4, and CARP: RFC 5798, 7.3 [S]
    "00:00:5e:00:02:",  # VRRP for IPv6 [S]
    "00:00:0c:07:ac:",  # HSRP version 1: RFC 2281, 5.3 [S]
    "00:00:0c:9f:f",  # HSRP version 2 [D]
    "00:05:73:a0:0",  # HSRP for IPv6 [D]
    "00:07:b4:00:",  # GLBP [D]
    "02:bf:",  # Network load balancing of Windows, unicast [D]
)
"""Hardware addresses that several devices share or hand over."""

_BASE_32 = "abcdefghijklmnopqrstuvwxyz234567"
"""The digits of base 32 [RFC 4648, 6], in small letters."""
NO_SERIAL = frozenset(
    (
        "s c-c2ur28922012",  # [V] what every server of snap7 says
        "s c-x4u421302009",  # [V] another default of the same
        "unknown",
        "none",
        "n/a",
        "not available",
        "serial",
        "serialnumber",
        "serial number",
        "sn",
    )
)
"""Serial numbers that say nothing about who is speaking."""

_STRONG = {
    "s7comm": ("serial",),  # SZL 0x001C: of the module, unique at the vendor
    "tristation": ("serial",),
    "cip": ("vendor", "model", "serial"),  # Identity object: unique per vendor and product
    "enip": ("vendor", "model", "serial"),
    "dnp3": ("vendor", "model", "serial"),  # g0v252, g0v250, g0v248
    "modbus": ("vendor", "model", "serial"),
    "umas": ("model", "serial"),
    "bacnet": ("vendor", "model", "serial"),
    "ads": ("serial",),
    "opcua": ("serial",),
    "hart_ip": ("vendor", "serial"),
    "profinet_dcp": ("vendor", "model", "station_name"),
    "lldp": ("serial",),
}
"""Of each protocol the attributes that, together, no second device says of itself."""


def is_group(mac: str) -> bool:
    """Whether a hardware address stands for many: broadcast or multicast."""
    return bool(int(mac[1], 16) & 0b01)


def is_local(mac: str) -> bool:
    """Whether a hardware address was made up on the spot, so that another may have it, too."""
    return bool(int(mac[1], 16) & 0b10)


def is_virtual(mac: str) -> bool:
    """Whether a hardware address is shared by the members of a redundancy group."""
    return mac.startswith(_VIRTUAL)


@functools.lru_cache(maxsize=65_536)
def is_host(ip: str) -> bool:
    """Whether an IP address can belong to one device: not 0.0.0.0, multicast or broadcast."""
    address = ipaddress.ip_address(ip)
    return not (address.is_unspecified or address.is_multicast or ip == "255.255.255.255")


def strong_key(protocol: str, said: dict[str, str]) -> str | None:
    """The strong key in what a device says of itself by one protocol; none without one.

    Args:
        protocol: By which it was said.
        said: Values by attribute, of the device's own identity answers.
    """
    wanted = _STRONG.get(protocol)
    if wanted is None:
        return None
    values = [said.get(attribute, "").strip() for attribute in wanted]
    if not all(values) or not is_serial(values[-1]):
        return None
    return f"{protocol}:{'/'.join(values)}"


def is_serial(text: str) -> bool:
    """Whether a serial number can be one: not empty, all zeros, counted up, or a known default."""
    plain = text.strip().lower()
    digits = plain.replace("-", "").replace(".", "").replace(" ", "").removeprefix("0x")
    if len(digits) < 3 or len(set(digits)) == 1 or digits in "0123456789012345":
        return False
    return plain not in NO_SERIAL


def asset_id(site: str, segment: str, key: str) -> str:
    """`a-` and ten characters that depend on site, segment and key alone."""
    digest = hashlib.sha256(f"{site}/{segment}/{key}".encode()).digest()
    # Ten characters of base 32 are the first 50 bits, of 7 bytes. `base64` takes three times as
    # long, and somebody who makes up addresses makes one for each.
    bits = int.from_bytes(digest[:7]) >> 6
    return "a-" + "".join([_BASE_32[bits >> place & 31] for place in range(45, -1, -5)])
