"""DNP3 messages as bytes (IEEE 1815): application, transport and link layer."""

from __future__ import annotations

import struct


def crc(block: bytes) -> bytes:
    """CRC-16 of the link layer, low byte first."""
    value = 0
    for byte in block:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA6BC if value & 1 else value >> 1
    return struct.pack("<H", ~value & 0xFFFF)


def link(source: int, destination: int, payload: bytes, *, master: bool, control: int = 4) -> bytes:
    """One link frame; `control` 4 is unconfirmed user data."""
    flags = (0x80 if master else 0) | 0x40 | control
    head = struct.pack("<BBBBHH", 5, 0x64, len(payload) + 5, flags, destination, source)
    out = head + crc(head)
    for at in range(0, len(payload), 16):
        out += payload[at : at + 16] + crc(payload[at : at + 16])
    return out


def frames(
    source: int, destination: int, application: bytes, *, master: bool, sequence: int = 0
) -> bytes:
    """An application fragment as one or more link frames."""
    out = b""
    pieces = [application[at : at + 249] for at in range(0, len(application), 249)]
    for place, piece in enumerate(pieces):
        first, last = place == 0, place + 1 == len(pieces)
        octet = (0x40 if first else 0) | (0x80 if last else 0) | (sequence + place) & 0x3F
        out += link(source, destination, bytes([octet]) + piece, master=master)
    return out


def request(sequence: int, function: int, objects: bytes = b"") -> bytes:
    """An application request."""
    return bytes([0xC0 | sequence & 0x0F, function]) + objects


def response(sequence: int, objects: bytes = b"", iin: int = 0, function: int = 129) -> bytes:
    """An application response; `iin` has the first octet in its high byte."""
    control = 0xD0 if function == 130 else 0xC0
    return bytes([control | sequence & 0x0F, function]) + struct.pack(">H", iin) + objects


CLASSES = b"\x3c\x02\x06\x3c\x03\x06\x3c\x04\x06\x3c\x01\x06"
"""Classes 1, 2, 3 and 0: an integrity poll."""

EVENTS = b"\x3c\x02\x06\x3c\x03\x06\x3c\x04\x06"
"""Classes 1, 2 and 3."""


def binaries(first: int, states: list[int]) -> bytes:
    """g1v2: binary inputs with flags."""
    head = struct.pack("<BBBBB", 1, 2, 0, first, first + len(states) - 1)
    return head + bytes(0x01 | state << 7 for state in states)


def analogs(first: int, numbers: list[int]) -> bytes:
    """g30v1: 32-bit analog inputs with flags."""
    head = struct.pack("<BBBBB", 30, 1, 0, first, first + len(numbers) - 1)
    return head + b"".join(struct.pack("<Bi", 1, number) for number in numbers)


def binary_event(index: int, state: int, time_ms: int) -> bytes:
    """g2v2: one binary event with its time."""
    head = struct.pack("<BBBBB", 2, 2, 0x17, 1, index)
    return head + bytes([0x01 | state << 7]) + time_ms.to_bytes(6, "little")


def control(index: int, code: int, on_ms: int = 100, status: int = 0) -> bytes:
    """g12v1: control relay output block; code 0x03 latch on, 0x81 trip pulse."""
    head = struct.pack("<BBBBB", 12, 1, 0x17, 1, index)
    return head + struct.pack("<BBIIB", code, 1, on_ms, 0, status)


def set_time(time_ms: int) -> bytes:
    """g50v1: absolute time."""
    return b"\x32\x01\x07\x01" + time_ms.to_bytes(6, "little")


def attribute(variation: int, text: str) -> bytes:
    """g0: a device attribute as text."""
    return struct.pack("<BBBBB", 0, variation, 0, 0, 0) + bytes([1, len(text)]) + text.encode()
