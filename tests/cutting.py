"""A capture of ours in two parts."""

from __future__ import annotations

from pathlib import Path

ENHANCED_PACKET = b"\x06\0\0\0"


def halves(path: Path, folder: Path, frames: int) -> list[Path]:
    """The first `frames` frames of a little-endian pcapng, and the rest, each a file of its own."""
    body = path.read_bytes()
    blocks, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        blocks.append(body[at : at + size])
        at += size
    head = [block for block in blocks if block[:4] != ENHANCED_PACKET]
    packets = [block for block in blocks if block[:4] == ENHANCED_PACKET]
    parts = [folder / "first.pcapng", folder / "second.pcapng"]
    for part, own in zip(parts, (packets[:frames], packets[frames:]), strict=True):
        part.write_bytes(b"".join(head + own))
    return parts
