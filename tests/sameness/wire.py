"""Frames of a capture as something that can be changed and written again."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

IPV4, IPV6, VLAN, QINQ = 0x0800, 0x86DD, 0x8100, 0x88A8
TCP, UDP = 6, 17
SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16
NS = 1_000_000_000
RESOLUTION = b"\x09\0\x01\0"
"""The option of an interface that says how fine its times are: a power of ten."""


@dataclass(frozen=True)
class Frame:
    """One Ethernet frame; all but IPv4 packets with TCP or UDP stay as they are."""

    time_ns: int
    macs: tuple[bytes, bytes]
    """Source and destination."""
    rest: bytes = b""
    """All after the addresses, of a frame that stays as it is."""
    ips: tuple[str, str] | None = None
    ports: tuple[int, int] = (0, 0)
    protocol: int = 0
    identification: int = 0
    sequence: int = 0
    acknowledged: int = 0
    flags: int = 0
    payload: bytes = b""
    tags: tuple[int, ...] = ()
    """VLAN ids, the outermost first."""
    ttl: int = 64
    """Time to live, or hop limit."""

    @property
    def flow(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Its two ends, the same for both directions."""
        assert self.ips
        one, other = sorted(zip(self.ips, self.ports, strict=True))
        return one, other

    def sent_back(self) -> Frame:
        """The same from the other end."""
        assert self.ips
        return replace(self, macs=self.macs[::-1], ips=self.ips[::-1], ports=self.ports[::-1])


def read(path: Path) -> list[Frame]:
    """The frames of a capture that this project's scripts made, or dumpcap did."""
    data = path.read_bytes()
    frames, at, divisor = [], 0, 1_000_000
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind == 1 and RESOLUTION + b"\x09" in data[at + 16 : at + size]:
            divisor = NS
        if kind == 6:
            _, high, low, length = struct.unpack_from("<IIII", data, at + 8)
            stamp = (high << 32 | low) * (NS // divisor)
            frames.append(_parsed(stamp, data[at + 28 : at + 28 + length]))
        at += size
    return frames


def _parsed(time_ns: int, raw: bytes) -> Frame:
    macs, tags = (raw[6:12], raw[:6]), []
    while raw[12:14] in (b"\x81\x00", b"\x88\xa8"):
        tags.append(int.from_bytes(raw[14:16]) & 0x0FFF)
        raw = raw[:12] + raw[16:]
    plain = Frame(time_ns, macs, rest=raw[12:], tags=tuple(tags))
    if raw[12:14] != b"\x08\x00" or raw[23] not in (TCP, UDP) or raw[14] != 0x45:
        return plain
    total, identification = struct.unpack_from(">HH", raw, 16)
    ips = (str(ipaddress.ip_address(raw[26:30])), str(ipaddress.ip_address(raw[30:34])))
    ports = struct.unpack_from(">HH", raw, 34)
    segment = raw[34 : 14 + total]
    facts = Frame(
        time_ns,
        macs,
        ips=ips,
        ports=ports,
        protocol=raw[23],
        identification=identification,
        ttl=raw[22],
        tags=tuple(tags),
    )
    if raw[23] == UDP:
        return replace(facts, payload=segment[8:])
    sequence, acknowledged, offset, flags = struct.unpack_from(">IIBB", segment, 4)
    return replace(
        facts,
        sequence=sequence,
        acknowledged=acknowledged,
        flags=flags,
        payload=segment[(offset >> 4) * 4 :],
    )


def write(path: Path, frames: Iterable[Frame], nanoseconds: bool = False) -> Path:
    """Writes frames as a pcap file, in the order of their times."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262_144, 1)]
    for frame in sorted(frames, key=lambda one: one.time_ns):
        raw = _built(frame)
        seconds, rest = divmod(frame.time_ns, NS)
        out.append(
            struct.pack("<IIII", seconds, rest if nanoseconds else rest // 1000, len(raw), len(raw))
        )
        out.append(raw)
    path.write_bytes(b"".join(out))
    return path


def _built(frame: Frame) -> bytes:
    tags = b"".join(
        struct.pack(">HH", QINQ if place == 0 and len(frame.tags) > 1 else VLAN, tag)
        for place, tag in enumerate(frame.tags)
    )
    head = frame.macs[1] + frame.macs[0] + tags
    if frame.ips is None:
        return head + frame.rest
    source, destination = map(ipaddress.ip_address, frame.ips)
    body = _segment(frame)
    # Checksums are left out: capture cards fill them in after the sensor has seen a frame.
    if source.version == 6:
        fixed = struct.pack(">IHBB", 6 << 28, len(body), frame.protocol, frame.ttl)
        return head + struct.pack(">H", IPV6) + fixed + source.packed + destination.packed + body
    fixed = struct.pack(
        ">BBHHHBBH",
        0x45,
        0,
        20 + len(body),
        frame.identification,
        0x4000,
        frame.ttl,
        frame.protocol,
        0,
    )
    return head + struct.pack(">H", IPV4) + fixed + source.packed + destination.packed + body


def _segment(frame: Frame) -> bytes:
    if frame.protocol == UDP:
        return struct.pack(">HHHH", *frame.ports, len(frame.payload) + 8, 0) + frame.payload
    numbers = struct.pack(">HHII", *frame.ports, frame.sequence, frame.acknowledged)
    return numbers + struct.pack(">BBHHH", 0x50, frame.flags, 8192, 0, 0) + frame.payload
