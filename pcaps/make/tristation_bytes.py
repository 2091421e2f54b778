"""TriStation messages as bytes, as read from a controller's traffic; see the dissector's source."""

from __future__ import annotations

import struct
import zlib

CONNECT, CONNECTED, DISCONNECTED, DISCONNECT, COMMAND, PING = range(1, 7)
"""Types of messages."""

TRITON = 0x7B5241D3
"""What TRITON mixes into the checksum of its own code."""


def crc(message: bytes) -> bytes:
    """CRC-16/ARC, low byte first."""
    value = 0
    for byte in message:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def message(kind: int, body: bytes = b"", channel: int = 0) -> bytes:
    """A message of any type."""
    head = struct.pack("<BBH", kind, channel, len(body)) + body
    return head + crc(head)


def _command(side: int, function: int, sequence: int, data: bytes) -> bytes:
    length = len(data) + 10
    head = bytes([side, side, function, sequence, 0, 0])
    tail = struct.pack("<H", length) + data
    checksum = (length + sum(head) + sum(tail)) & 0xFFFF
    return message(COMMAND, head + struct.pack("<H", checksum) + tail)


def request(function: int, sequence: int, data: bytes = b"") -> bytes:
    """A command."""
    return _command(0, function, sequence, data)


def answer(reply: int, sequence: int, data: bytes = b"") -> bytes:
    """The answer to a command."""
    return _command(1, reply, sequence, data)


def rejected(sequence: int, reason: int) -> bytes:
    """A command is refused."""
    return answer(100, sequence, bytes([reason, 0]))


def piece(number: int, following: int, words: int, offset: int, code: bytes) -> bytes:
    """A piece of a program, as it is brought in or given out."""
    return struct.pack("<5H", number, following, words, offset, len(code) // 4) + code


def upload(number: int, offset: int = 0) -> bytes:
    """Data of a request for a program or function."""
    return struct.pack("<HIH", number, 0, offset)


def project(name: str, minor: int, major: int, built: int, counts: tuple[int, int]) -> bytes:
    """Data of the request that begins a change: name and versions, functions and programs."""
    called = name.encode().ljust(10, b"\0")
    version = struct.pack("<HHI", minor, major, built)
    return called + version + version + called + struct.pack("<HHH", 0, *counts)


def cp_status(name: str, built: int, *, key: int = 2, run: int = 0, load: int = 0x0A) -> bytes:
    """Data of the answer that tells the state of the control program."""
    head = struct.pack("<HBBBBBBB", 1, 0, 0, load, 0, 1, key, run)
    version = struct.pack("<HHI", 0, 2, built)
    return (head.ljust(58, b"\0") + version + name.encode().ljust(10, b"\0")).ljust(186, b"\0")


def program(code: bytes) -> bytes:
    """Program code with its checksum behind it."""
    return code + struct.pack("<I", zlib.crc32(code))


def signed(code: bytes) -> bytes:
    """Program code with the mark of TRITON and the checksum behind it."""
    return program(code + struct.pack("<I", zlib.crc32(code) ^ TRITON))
