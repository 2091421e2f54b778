"""How people call protocols, ports, address spaces and objects."""

from __future__ import annotations

from collections.abc import Mapping

PROTOCOLS: Mapping[str, str] = {
    "modbus": "Modbus",
    "modbus_rtu": "Modbus RTU",
    "cotp": "COTP",
    "ethernet": "Ethernet",
    "umas": "UMAS",
    "s7comm": "S7comm",
    "dnp3": "DNP3",
    "iec104": "IEC 104",
    "bacnet": "BACnet",
    "goose": "GOOSE",
    "opcua": "OPC UA",
    "enip": "EtherNet/IP",
    "cip": "CIP",
    "mms": "MMS",
    "tristation": "TriStation",
}
"""How people write the names of protocols."""

SPACES: Mapping[str, tuple[str, str]] = {
    "hr": ("holding register", "holding registers"),
    "ir": ("input register", "input registers"),
    "coil": ("coil", "coils"),
    "di": ("discrete input", "discrete inputs"),
    "M": ("flag byte", "flag bytes"),
    "I": ("input byte", "input bytes"),
    "Q": ("output byte", "output bytes"),
    "T": ("timer", "timers"),
    "C": ("counter", "counters"),
    "SZL": ("system status list", "system status lists"),
}
"""Address spaces in the words of those who use them: one, several."""

DNP3_GROUPS: Mapping[int, tuple[str, str]] = {
    1: ("binary input", "binary inputs"),
    2: ("events of binary input", "events of binary inputs"),
    3: ("double-bit input", "double-bit inputs"),
    4: ("events of double-bit input", "events of double-bit inputs"),
    10: ("binary output", "binary outputs"),
    11: ("events of binary output", "events of binary outputs"),
    12: ("binary output", "binary outputs"),
    13: ("command to binary output", "commands to binary outputs"),
    20: ("counter", "counters"),
    21: ("frozen counter", "frozen counters"),
    22: ("events of counter", "events of counters"),
    23: ("events of frozen counter", "events of frozen counters"),
    30: ("analog input", "analog inputs"),
    31: ("frozen analog input", "frozen analog inputs"),
    32: ("events of analog input", "events of analog inputs"),
    34: ("dead band of analog input", "dead bands of analog inputs"),
    40: ("analog output", "analog outputs"),
    41: ("analog output", "analog outputs"),
    42: ("events of analog output", "events of analog outputs"),
    43: ("command to analog output", "commands to analog outputs"),
    50: ("time", "times"),
    70: ("file", "files"),
    80: ("internal indication", "internal indications"),
}
"""Object groups of DNP3 in words: one, several (IEEE 1815-2012, annex A) [S]."""

DNP3_CLASSES: Mapping[str, str] = {
    "g60v1": "class 0 data",
    "g60v2": "class 1 events",
    "g60v3": "class 2 events",
    "g60v4": "class 3 events",
}

PORTS: Mapping[str, str] = {
    "tcp/22": "SSH",
    "tcp/23": "Telnet",
    "tcp/80": "HTTP",
    "tcp/102": "ISO transport",
    "tcp/443": "HTTPS",
    "tcp/445": "SMB",
    "tcp/1883": "MQTT",
    "tcp/2404": "IEC 104",
    "tcp/3389": "RDP",
    "tcp/4840": "OPC UA",
    "tcp/8883": "MQTT over TLS",
    "tcp/44818": "EtherNet/IP",
    "udp/53": "DNS",
    "udp/67": "DHCP",
    "udp/123": "NTP",
    "udp/161": "SNMP",
    "udp/514": "syslog",
    "udp/2222": "EtherNet/IP I/O",
    "udp/3671": "KNXnet/IP",
    "udp/5094": "HART-IP",
    "udp/5353": "mDNS",
    "udp/44818": "EtherNet/IP",
    "udp/47808": "BACnet/IP",
}
"""What is usually spoken on ports that are registered for it, IANA [S]: nobody looked inside."""

GROUPS: Mapping[str, str] = {
    "01:0c:cd:01": "GOOSE",
    "01:0c:cd:02": "GSSE",
    "01:0c:cd:04": "sampled values",
    "01:80:c2:00": "link control",
    "01:0e:cf:00": "PROFINET",
}
"""What is sent to groups of hardware addresses that begin so: IEC 61850-8-1, annex C, IEEE 802.1Q,
IEC 61158-6-10 [S]."""
