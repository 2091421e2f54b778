"""Modbus messages as bytes (MODBUS Application Protocol V1.1b3; messaging guide V1.0b)."""

from __future__ import annotations

import struct


def adu(transaction: int, unit: int, pdu: bytes) -> bytes:
    """A PDU behind the header of Modbus/TCP."""
    return struct.pack(">HHHB", transaction & 0xFFFF, 0, len(pdu) + 1, unit) + pdu


def crc(frame: bytes) -> bytes:
    """CRC-16 of Modbus RTU, low byte first."""
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def rtu(unit: int, pdu: bytes) -> bytes:
    """A PDU between unit and checksum of Modbus RTU."""
    frame = bytes([unit]) + pdu
    return frame + crc(frame)


def read(function: int, address: int, quantity: int) -> bytes:
    """Request of functions 1 to 4."""
    return struct.pack(">BHH", function, address, quantity)


def registers(function: int, values: list[int]) -> bytes:
    """Answer of functions 3, 4 and 23."""
    return struct.pack(f">BB{len(values)}H", function, 2 * len(values), *values)


def bits(function: int, values: list[int]) -> bytes:
    """Answer of functions 1 and 2."""
    packed = sum(bit << place for place, bit in enumerate(values))
    size = -(-len(values) // 8)
    return struct.pack(">BB", function, size) + packed.to_bytes(size, "little")


def write_register(address: int, value: int) -> bytes:
    """Request and answer of function 6."""
    return struct.pack(">BHH", 6, address, value)


def write_coil(address: int, on: bool) -> bytes:
    """Request and answer of function 5."""
    return struct.pack(">BHH", 5, address, 0xFF00 if on else 0)


def write_registers(address: int, values: list[int]) -> bytes:
    """Request of function 16."""
    head = struct.pack(">BHHB", 16, address, len(values), 2 * len(values))
    return head + struct.pack(f">{len(values)}H", *values)


def written(function: int, address: int, quantity: int) -> bytes:
    """Answer of functions 15 and 16."""
    return struct.pack(">BHH", function, address, quantity)


def exception(function: int, code: int) -> bytes:
    """A negative answer."""
    return bytes([function | 0x80, code])


def diagnostics(subfunction: int, word: int = 0) -> bytes:
    """Request and answer of function 8."""
    return struct.pack(">BHH", 8, subfunction, word)


def identification(objects: dict[int, str], level: int = 1, more: int | None = None) -> bytes:
    """Answer of function 43/14: objects, and the number of the next one that is to be asked for."""
    body = b"".join(bytes([number, len(text)]) + text.encode() for number, text in objects.items())
    follows = (0, 0) if more is None else (0xFF, more)
    return bytes([0x2B, 0x0E, level, 0x01, *follows, len(objects)]) + body


def identify(level: int, first: int) -> bytes:
    """Request of function 43/14: objects of a level, 1 basic, 2 regular, from one on."""
    return bytes([0x2B, 0x0E, level, first])


IDENTIFY = bytes([0x2B, 0x0E, 0x01, 0x00])
"""Request of function 43/14: the basic objects, from 0 on."""


def umas_identity(name: str, version: tuple[int, int] = (3, 0x20)) -> bytes:
    """What UMAS function 2 answers: the CPU's name and its version, binary coded decimal."""
    return bytes(8) + bytes(reversed(version)) + bytes(12) + bytes([len(name)]) + name.encode()
