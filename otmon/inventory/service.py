"""Services of other networks, by their port: what tells an office from a plant."""

from __future__ import annotations

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

REMOTE_ACCESS = frozenset(("rdp", "vnc", "ssh", "telnet", "teamviewer", "anydesk"))
"""Services by which a person works on another machine."""


def service_of(transport: str, port: int) -> str | None:
    """The name of the service on a port, where it says something about a device."""
    return _SERVICES.get((transport, port))
