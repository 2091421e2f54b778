"""A capture of ours in two parts."""

from __future__ import annotations

from pathlib import Path

ENHANCED_PACKET = b"\x06\0\0\0"
IPV4 = b"\x08\0"


def halves(path: Path, folder: Path, frames: int) -> list[Path]:
    """The first `frames` frames of a little-endian pcapng, and the rest, each a file of its own."""
    head, packets = _blocks(path)
    parts = [folder / "first.pcapng", folder / "second.pcapng"]
    for part, own in zip(parts, (packets[:frames], packets[frames:]), strict=True):
        part.write_bytes(b"".join(head + own))
    return parts


def turned(path: Path, folder: Path, frames: int) -> Path:
    """The same frames in one file, of which the first `frames` come last."""
    head, packets = _blocks(path)
    made = folder / "turned.pcapng"
    made.write_bytes(b"".join(head + packets[frames:] + packets[:frames]))
    return made


def without(path: Path, folder: Path, sender: str) -> Path:
    """The same without the IPv4 packets from a network, such as `10.20.1.`.

    So a mirror shows it that passes one direction on.
    """
    head, packets = _blocks(path)
    begin = bytes(map(int, sender.strip(".").split(".")))
    kept = [one for one in packets if not (one[40:42] == IPV4 and one[54:].startswith(begin))]
    made = folder / "without.pcapng"
    made.write_bytes(b"".join(head + kept))
    return made


def _blocks(path: Path) -> tuple[list[bytes], list[bytes]]:
    """What is before the frames, and the frames."""
    body = path.read_bytes()
    blocks, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        blocks.append(body[at : at + size])
        at += size
    return (
        [block for block in blocks if block[:4] != ENHANCED_PACKET],
        [block for block in blocks if block[:4] == ENHANCED_PACKET],
    )
