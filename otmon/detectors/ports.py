"""What a port is known for, where the protocol itself is not dissected.

A port is a guess: it says what usually listens there, not what does.

Sources: IANA Service Name and Transport Protocol Port Number Registry [S];
vendors' and ICS-CERT's port lists [D].
"""

from __future__ import annotations

from collections.abc import Mapping

OT_PORTS: Mapping[tuple[str, int], str] = {
    ("tcp", 102): "ISO-TSAP: S7comm, MMS",
    ("tcp", 502): "Modbus",
    ("udp", 502): "Modbus",
    ("tcp", 789): "Red Lion Crimson",
    ("tcp", 1089): "FOUNDATION Fieldbus HSE",
    ("tcp", 1153): "ANSI C12.22",
    ("udp", 1502): "TriStation",
    ("tcp", 1911): "Niagara Fox",
    ("tcp", 1962): "PCWorx",
    ("tcp", 2222): "EtherNet/IP I/O",
    ("udp", 2222): "EtherNet/IP I/O",
    ("tcp", 2404): "IEC 60870-5-104",
    ("tcp", 2455): "CODESYS V2",
    ("tcp", 4000): "Emerson ROC",
    ("tcp", 4840): "OPC UA",
    ("tcp", 4911): "Niagara Fox over TLS",
    ("tcp", 5006): "MELSEC",
    ("tcp", 5007): "MELSEC",
    ("udp", 5006): "MELSEC",
    ("tcp", 5094): "HART-IP",
    ("udp", 5094): "HART-IP",
    ("tcp", 9600): "OMRON FINS",
    ("udp", 9600): "OMRON FINS",
    ("tcp", 10212): "GE CIMPLICITY",
    ("tcp", 11740): "CODESYS V3",
    ("udp", 1740): "CODESYS V3",
    ("udp", 1741): "CODESYS V3",
    ("udp", 1742): "CODESYS V3",
    ("udp", 1743): "CODESYS V3",
    ("tcp", 18245): "GE SRTP",
    ("tcp", 18246): "GE SRTP",
    ("tcp", 19999): "DNP3 over TLS",
    ("tcp", 20000): "DNP3",
    ("udp", 20000): "DNP3",
    ("tcp", 20256): "Unitronics PCOM",
    ("udp", 27127): "Schneider discovery",
    ("tcp", 34962): "PROFINET",
    ("udp", 34964): "PROFINET context manager",
    ("tcp", 44818): "EtherNet/IP",
    ("udp", 44818): "EtherNet/IP",
    ("udp", 47808): "BACnet/IP",
    ("tcp", 48898): "Beckhoff ADS",
    ("udp", 48899): "Beckhoff ADS discovery",
    ("udp", 50000): "SIPROTEC maintenance",
    ("tcp", 55000): "FL-net",
}
"""Ports on which industrial devices listen, with what for."""

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
