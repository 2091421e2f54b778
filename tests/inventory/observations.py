"""Observations made by hand, with the attributes that the engine's have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

S = 1_000_000_000


def address(mac: str, ip: str | None, **other: Any) -> Any:
    """A pair of hardware and IP address, seen for ten seconds."""
    facts = {"vlan": None, "packets": 10, "first_seen_ns": 0, "last_seen_ns": 10 * S}
    facts |= {"arp": False, "ttl": 64, "frame": (0, 1), "last_frame": (0, 1), "left": False}
    return SimpleNamespace(mac=mac, ip=ip, **(facts | other))


def conversation(client_ip: str, server_ip: str, protocol: str | None, **other: Any) -> Any:
    """A conversation in which 100 reads were answered."""
    facts: dict[str, Any] = {"id": hash((client_ip, server_ip, protocol)), "vlan": None}
    facts |= {"client_mac": None, "server_mac": None, "answered_count": 100, "server_port": 502}
    facts |= {"classes": {"read": 100}, "first_seen_ns": 0, "last_seen_ns": 60 * S, "left": False}
    return SimpleNamespace(
        client_ip=client_ip, server_ip=server_ip, protocol=protocol, **(facts | other)
    )


def behaviour(server_ip: str, unit: int | None, **other: Any) -> Any:
    """Reads of a unit that were answered a hundred times."""
    facts: dict[str, Any] = {"server_mac": None, "vlan": None, "protocol": "modbus"}
    facts |= {"status": "ok", "count": 100, "first_seen_ns": 0, "last_seen_ns": S, "new": False}
    facts |= {
        "id": f"{server_ip}/{unit}/{other}",
        "behaviour": hash((server_ip, unit, repr(other))),
    }
    return SimpleNamespace(server_ip=server_ip, unit=unit, **(facts | other))


def claim(ip: str, attribute: str, value: str, **other: Any) -> Any:
    """A device's own identity answer."""
    facts: dict[str, Any] = {"subject_mac": None, "vlan": None, "unit": None}
    facts |= {"protocol": "modbus", "source": "read_device_identification"}
    facts |= {"confidence": 95, "count": 1, "time_ns": 0, "frame": (0, 7)}
    facts |= {"flow_count": 1, "last_seen_ns": other.get("time_ns", 0), "last_frame": (0, 7)}
    return SimpleNamespace(subject_ip=ip, attribute=attribute, value=value, **(facts | other))
