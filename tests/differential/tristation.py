"""A second reading of TriStation, since tshark has none: straight from the bytes of a capture.

It shares nothing with the dissector, not even the way to its numbers: messages are
unpacked by `struct`, checksums come from tables of their own, programs are put together
whole before anything is asked of them.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PORT = 1502
TRITON = 0x7B5241D3
HEAD = 24
"""Bytes of a message before the words of a program."""


@dataclass(frozen=True)
class Message:
    """One datagram, as far as it is told apart here."""

    frame: int
    from_client: bool
    kind: int
    function: int | None
    sequence: int | None
    data: bytes
    sound: bool
    payload: bytes


def datagrams(path: Path) -> Iterator[tuple[int, int, int, bytes]]:
    """Frame, source port, destination port and payload of each UDP datagram of a pcapng."""
    raw = path.read_bytes()
    at = frame = 0
    while at < len(raw):
        block, length = struct.unpack_from("<II", raw, at)
        if block == 6:
            frame += 1
            (captured,) = struct.unpack_from("<I", raw, at + 20)
            packet = raw[at + 28 : at + 28 + captured]
            if packet[12:14] == b"\x08\x00" and packet[23] == 17:
                udp = 14 + 4 * (packet[14] & 15)
                source, destination, size = struct.unpack_from(">HHH", packet, udp)
                yield frame, source, destination, packet[udp + 8 : udp + size]
        at += length


def crc_16(data: bytes) -> int:
    """CRC-16/ARC by its definition: the bits of each byte turned round, then a long division."""
    remainder = 0
    for byte in data:
        remainder ^= int(f"{byte:08b}"[::-1], 2) << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x18005 if remainder & 0x8000 else 0)
    return int(f"{remainder:016b}"[::-1], 2)


def messages(path: Path) -> list[Message]:
    """Every datagram to or from the port of TriStation."""
    found = []
    for frame, source, destination, payload in datagrams(path):
        if PORT not in (source, destination):
            continue
        (trailer,) = struct.unpack("<H", payload[-2:])
        command = payload[4:-2] if payload[0] == 5 else b""
        sound = trailer == crc_16(payload[:-2])
        if command:
            length, checksum = len(command), struct.unpack_from("<H", command, 6)[0]
            counted = length + sum(command[:6]) + sum(command[8:])
            sound = sound and counted & 0xFFFF == checksum
        found.append(
            Message(
                frame,
                destination == PORT,
                payload[0],
                command[2] if command else None,
                command[3] if command else None,
                command[10:],
                sound,
                payload,
            )
        )
    return found


def signed(every: list[Message]) -> list[int]:
    """The frames that end a program with the mark of TRITON, put together from its pieces."""
    frames = []
    whole: dict[tuple[bool, int, int], bytearray] = {}
    for message in every:
        if message.function not in (55, 56, 162, 163):
            continue
        number, _, words, offset, count = struct.unpack_from("<5H", message.data)
        key = (message.from_client, message.function, number)
        held = whole.setdefault(key, bytearray()) if offset else whole.pop(key, bytearray())
        if not offset:
            held = whole[key] = bytearray()
        held[4 * offset :] = message.payload[HEAD : HEAD + 4 * count]
        if words > 2 and len(held) == 4 * words:
            (mark,) = struct.unpack_from("<I", held, len(held) - 8)
            if mark == binascii.crc32(held[:-8]) ^ TRITON:
                frames.append(message.frame)
    return frames
