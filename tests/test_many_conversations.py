"""More conversations than a sensor keeps: those that were silent longest make room."""

from __future__ import annotations

import struct
from pathlib import Path

import otmon

MOST = 65_536
"""Conversations that the engine keeps."""
CLIENTS = 8


def flows(path: Path, count: int) -> None:
    """Single datagrams, each to a port and from a client of its own, 40 a second."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    with path.open("wb") as file:
        file.write(header)
        for number in range(count):
            client, port = number % CLIENTS, 1024 + number // CLIENTS
            udp = struct.pack(">HHHH", 65_000, port, 12, 0) + b"none"
            address = struct.pack(">4B4B", 10, 0, 0, client + 1, 10, 0, 1, 1)
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address
            mac = bytes([2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, client + 1, 8, 0])
            frame = mac + ip + udp
            seconds, rest = divmod(number, 40)
            file.write(struct.pack("<IIII", seconds, rest * 25_000, len(frame), len(frame)))
            file.write(frame)


def test_the_newest_conversations_are_shown_where_there_were_too_many(tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    flows(path, MOST + 8_000)

    result = otmon.analyze(path)

    counters = result.capture.counters
    kept = counters["conversations"] - counters["conversations_evicted"]
    assert len(result.conversations) == kept
    assert MOST * 15 / 16 <= kept <= MOST
    oldest = min(talk.port for talk in result.conversations)
    assert oldest == 1024 + counters["conversations_evicted"] // CLIENTS
