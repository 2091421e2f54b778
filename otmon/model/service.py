"""What is spoken at a port: services of other networks, and the protocols that are dissected."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from otmon import _engine

Port = tuple[str, int]
"""Transport and port."""

CARRIERS: Mapping[str, tuple[str, ...]] = {"cotp": ("s7comm",)}
"""Protocols that only carry others, each with those that are dissected.

They are of no news between two that speak one of those anyway.
"""
EPHEMERAL_PORT = 32_768
"""Ports from which on a number says nothing about what is spoken."""
SPOKEN_PACKETS = 4
"""Packets of a conversation from which it was more than an attempt."""

_SERVICES = {
    ("tcp", 22): "ssh",
    ("tcp", 23): "telnet",
    ("udp", 53): "dns",
    ("tcp", 53): "dns",
    ("udp", 67): "dhcp",
    ("udp", 88): "kerberos",
    ("tcp", 88): "kerberos",
    ("udp", 123): "ntp",
    ("tcp", 139): "smb",
    ("udp", 161): "snmp",
    ("tcp", 389): "ldap",
    ("udp", 389): "ldap",
    ("tcp", 445): "smb",
    ("udp", 514): "syslog",
    ("tcp", 636): "ldap",
    ("tcp", 1433): "sql",
    ("tcp", 1521): "sql",
    ("tcp", 3128): "proxy",
    ("tcp", 3306): "sql",
    ("tcp", 3389): "rdp",
    ("tcp", 5432): "sql",
    ("tcp", 5450): "pi",
    ("tcp", 5900): "vnc",
    ("tcp", 5938): "teamviewer",
    ("tcp", 6568): "anydesk",
    ("tcp", 7070): "anydesk",
    ("tcp", 8883): "mqtt_tls",
}
"""Registered ports, IANA [S]; 5450 OSIsoft PI, 5938, 6568 and 7070 remote help [D]."""


def service_of(transport: str, port: int) -> str | None:
    """The name of the service on a port, where it says something about a device."""
    return _SERVICES.get((transport, port))


@functools.cache
def ports_by_protocol() -> Mapping[str, frozenset[Port]]:
    """Transports and ports that each dissected protocol has as its own."""
    return {
        info.name: frozenset(
            [("tcp", port) for port in info.tcp_ports] + [("udp", port) for port in info.udp_ports]
        )
        for info in _engine.protocols()
    }


@functools.lru_cache(maxsize=4_096)
def spoken_at(transport: str, port: int) -> tuple[str, ...]:
    """The industrial protocols whose port it is: a flow there that says nothing is their rest.

    Of a flow that only carries others (`cotp`) all that is carried counts.
    """
    own = [name for name, ports in ports_by_protocol().items() if (transport, port) in ports]
    return (*own, *(inner for outer in own for inner in CARRIERS.get(outer, ())))
