"""Captures with frames missing: at random, or a whole piece of them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable
from pathlib import Path

from scapy.utils import RawPcapNgReader, RawPcapReader

Raw = tuple[int, bytes]
"""Nanoseconds since 1970, and the bytes of a frame."""


def frames_of(path: Path) -> list[Raw]:
    """The frames of a capture of Ethernet, in its order."""
    magic = path.read_bytes()[:4]
    frames: list[Raw] = []
    if magic == b"\x0a\x0d\x0d\x0a":
        for raw, about in RawPcapNgReader(str(path)):
            ticks = (about.tshigh << 32) + about.tslow
            frames.append((ticks * 1_000_000_000 // about.tsresol, raw))
    else:
        for raw, about in RawPcapReader(str(path)):
            nanoseconds = about.usec if about.usec >= 1_000_000 else about.usec * 1000
            frames.append((about.sec * 1_000_000_000 + nanoseconds, raw))
    return frames


def write(path: Path, frames: Iterable[Raw]) -> Path:
    """A pcap file with nanoseconds, and Ethernet as its link."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1))
        for time_ns, raw in frames:
            seconds, rest = divmod(time_ns, 1_000_000_000)
            file.write(struct.pack("<IIII", seconds, rest, len(raw), len(raw)) + raw)
    return path


def at_random(frames: list[Raw], share: float, seed: int) -> list[Raw]:
    """The frames without a share of them, each as likely as any other."""
    chance = random.Random(seed)
    return [frame for frame in frames if chance.random() >= share]


def a_block(frames: list[Raw], seed: int) -> list[Raw]:
    """The frames without a piece of up to half of them, somewhere."""
    chance = random.Random(seed)
    length = chance.randrange(1, max(2, len(frames) // 2))
    start = chance.randrange(0, len(frames) - length + 1)
    return frames[:start] + frames[start + length :]
