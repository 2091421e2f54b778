"""Names of link types, by their LINKTYPE_ value."""

from __future__ import annotations

_NAMES = {
    0: "NULL",
    1: "Ethernet",
    9: "PPP",
    12: "raw IP",
    14: "raw IP",
    50: "PPP",
    101: "raw IP",
    105: "IEEE 802.11",
    108: "LOOP",
    113: "Linux cooked",
    127: "IEEE 802.11 radiotap",
    165: "BACnet MS/TP",
    228: "IPv4",
    229: "IPv6",
    240: "netANALYZER",
    241: "netANALYZER",
    250: "RTAC serial",
    257: "PROFIBUS",
    276: "Linux cooked v2",
}


def link_type_name(link_type: int) -> str:
    """What people call a link type; `link type 147` where it has no name here."""
    return _NAMES.get(link_type, f"link type {link_type}")
