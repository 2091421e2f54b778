"""Captures of which the sensor missed frames."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

ENHANCED, SIMPLE, OBSOLETE = 6, 3, 2
"""Block types of pcapng that hold a frame."""
SECTION = 0x0A0D0D0A

Keep = Callable[[int, int], bool]
"""Whether a frame is seen, by its place and how many there are."""


def lossy(capture: Path, keep: Keep, place: Path) -> Path:
    """A copy of a capture, with only the frames that were seen."""
    data = capture.read_bytes()
    pieces = _pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(data)
    count = sum(framed for framed, _ in pieces)
    number, seen = 0, []
    for framed, piece in pieces:
        if framed:
            number += 1
        if not framed or keep(number - 1, count):
            seen.append(piece)
    place.write_bytes(b"".join(seen))
    return place


def at_random(share: float, seed: int) -> Keep:
    """A share of the frames is missing."""
    chance = random.Random(seed)
    return lambda number, count: chance.random() >= share


def but_a_block(start: float, length: float) -> Keep:
    """Frames in a row are missing, from a part of the capture on."""
    return lambda number, count: not start * count <= number < (start + length) * count


def only_a_block(start: float, length: float) -> Keep:
    """Nothing but frames in a row are seen: whatever was open before or stays open after."""
    return lambda number, count: start * count <= number < (start + length) * count


def _pcapng(data: bytes) -> list[tuple[bool, bytes]]:
    pieces, at, order = [], 0, "<"
    while at + 12 <= len(data):
        (kind,) = struct.unpack_from(f"{order}I", data, at)
        if kind == SECTION:
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        (size,) = struct.unpack_from(f"{order}I", data, at + 4)
        pieces.append((kind in (ENHANCED, SIMPLE, OBSOLETE), data[at : at + size]))
        at += size
    return pieces


def _pcap(data: bytes) -> list[tuple[bool, bytes]]:
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    pieces, at = [(False, data[:24])], 24
    while at + 16 <= len(data):
        (size,) = struct.unpack_from(f"{order}I", data, at + 8)
        pieces.append((True, data[at : at + 16 + size]))
        at += 16 + size
    return pieces
