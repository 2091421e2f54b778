"""What a port is known for, where the protocol itself is not dissected.

A port is a guess: it says what usually listens there, not what does.

Sources: IANA Service Name and Transport Protocol Port Number Registry [S];
vendors' and ICS-CERT's port lists [D].
"""

from __future__ import annotations

from collections.abc import Mapping

REMOTE_ACCESS_PORTS: Mapping[tuple[str, int], str] = {
    ("tcp", 22): "SSH",
    ("tcp", 23): "Telnet",
    ("tcp", 513): "rlogin",
    ("tcp", 514): "rsh",
    ("tcp", 992): "Telnet over TLS",
    ("udp", 500): "IPsec key exchange",
    ("udp", 4500): "IPsec through NAT",
    ("tcp", 1194): "OpenVPN",
    ("udp", 1194): "OpenVPN",
    ("tcp", 1723): "PPTP",
    ("tcp", 3389): "RDP",
    ("udp", 3389): "RDP",
    ("tcp", 4899): "Radmin",
    ("tcp", 5800): "VNC in a browser",
    ("tcp", 5900): "VNC",
    ("tcp", 5901): "VNC",
    ("tcp", 5938): "TeamViewer",
    ("udp", 5938): "TeamViewer",
    ("tcp", 5985): "WinRM",
    ("tcp", 5986): "WinRM over TLS",
    ("tcp", 6568): "AnyDesk",
    ("tcp", 7070): "AnyDesk",
    ("udp", 51820): "WireGuard",
    ("udp", 17185): "VxWorks debug agent",
}
"""Ports by which a person or a tunnel reaches a device from afar."""

CLOUD_PORTS: Mapping[tuple[str, int], str] = {
    ("tcp", 1883): "MQTT",
    ("tcp", 8883): "MQTT over TLS",
    ("tcp", 5671): "AMQP over TLS",
    ("tcp", 5672): "AMQP",
    ("tcp", 853): "DNS over TLS",
    ("udp", 5683): "CoAP",
    ("udp", 5684): "CoAP over DTLS",
}
"""Ports by which devices speak to brokers and services of others."""


PROXY_PORTS: Mapping[tuple[str, int], str] = {
    ("tcp", 1080): "SOCKS",
    ("tcp", 3128): "a web proxy",
}
"""Ports on which somebody else's connections are passed on; Industroyer used 3128 [S]."""

SEARCH_PORTS: Mapping[tuple[str, int], str] = {
    ("udp", 1740): "CODESYS controllers",
    ("udp", 1741): "CODESYS controllers",
    ("udp", 1742): "CODESYS controllers",
    ("udp", 1743): "CODESYS controllers",
    ("udp", 27127): "Schneider Electric devices",
    ("udp", 48899): "Beckhoff controllers",
}
"""Ports on which devices answer who looks for them by multicast; INCONTROLLER used 27127 [S]."""
