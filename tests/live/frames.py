"""Frames for the wire: of shipped captures, and made here."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path

from places import PCAPS
from scapy.utils import RawPcapNgReader

from pcaps.make import dnp3_bytes

PLANT = PCAPS / "demo" / "plant.pcapng"


def frames_of(capture: Path) -> list[bytes]:
    """The frames of a capture, in order."""
    with RawPcapNgReader(str(capture)) as reader:
        return [bytes(frame) for frame, _ in reader]


def numbered(count: int, length: int = 64) -> list[bytes]:
    """Frames of a type that nobody reads, each with its number."""
    head = bytes.fromhex("02000000000102000000000288b5")
    return [head + number.to_bytes(8, "big") + bytes(length - 22) for number in range(count)]


def commands(masters: int, each: int) -> Iterator[bytes]:
    """DNP3 commands that nobody answers, by so many masters to one outstation."""
    application = dnp3_bytes.request(0, 6, dnp3_bytes.control(1, 0x03))
    message = dnp3_bytes.frames(1, 10, application, master=True)
    udp = struct.pack(">HHHH", 20_000, 20_000, 8 + len(message), 0) + message
    head = bytes.fromhex("0230a7100331")
    server = ipaddress.IPv4Address("10.20.3.31").packed
    for number in range(each):
        for master in range(masters):
            client = (ipaddress.IPv4Address("10.20.0.1") + master).packed
            # Of each host its own identification: else they would be copies.
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number + 1, 0, 64, 17, 0)
            ip += client + server
            ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
            yield head + b"\x02\x00" + client + b"\x08\x00" + ip + udp


def checksum(header: bytes) -> int:
    """That of an IP header whose own is zero."""
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
