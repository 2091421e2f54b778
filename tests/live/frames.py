"""Frames for the wire: of shipped captures, and made here."""

from __future__ import annotations

from pathlib import Path

from places import PCAPS
from scapy.utils import RawPcapNgReader

PLANT = PCAPS / "demo" / "plant.pcapng"


def frames_of(capture: Path) -> list[bytes]:
    """The frames of a capture, in order."""
    with RawPcapNgReader(str(capture)) as reader:
        return [bytes(frame) for frame, _ in reader]


def numbered(count: int, length: int = 64) -> list[bytes]:
    """Frames of a type that nobody reads, each with its number."""
    head = bytes.fromhex("02000000000102000000000288b5")
    return [head + number.to_bytes(8, "big") + bytes(length - 22) for number in range(count)]
