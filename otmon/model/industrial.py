"""What industrial traffic is known by, where no dissector reads it.

A port is a guess: it says what usually listens there, not what does. An
ethertype is registered for one protocol.

Sources: IANA Service Name and Transport Protocol Port Number Registry [S];
IEEE registry of ethertypes [S]; vendors' and ICS-CERT's port lists [D].
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

OFTEN_OTHERWISE = frozenset(
    (("tcp", 2222), ("tcp", 4000), ("tcp", 5006), ("tcp", 5007), ("tcp", 55000), ("udp", 50000))
)
"""Those of them on which something else is as likely: SSH, remote desktops, development servers,
media streams [D]."""

ETHERTYPES: Mapping[int, str] = {
    0x8892: "PROFINET",
    0x88A4: "EtherCAT",
    0x88AB: "POWERLINK",
    0x88B8: "GOOSE",
    0x88B9: "GSE management",
    0x88BA: "IEC 61850 sampled values",
    0x88CD: "SERCOS III",
}
"""Ethertypes of industrial protocols, those that the engine counts."""

OVER_ISO_TRANSPORT = "S7comm-plus or MMS"
"""What an ISO transport connection carries, where it is not S7comm."""
