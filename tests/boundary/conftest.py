"""Captures that the tests of the boundary share."""

from __future__ import annotations

from pathlib import Path

import pytest
from boundary.polls import CLIENT_MAC, SERVER_MAC, START, Poll, read_poll
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.utils import PcapWriter, wrpcap


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Three polls, a write, and a refused read."""
    poll = Poll().open()
    for n in range(3):
        read_poll(n, n + 1.0, poll)
    poll.ask(b"\6\0\5\1\2", b"\6\0\5\1\2", 5)
    poll.ask(b"\4\x27\x0f\0\1", b"\x84\2", 6)
    path = tmp_path / "poll.pcap"
    wrpcap(str(path), poll.frames)
    return path


@pytest.fixture
def long_capture(tmp_path: Path) -> Path:
    """A capture with more frames than the engine reads between two batches."""
    path = tmp_path / "long.pcap"
    poll = Poll().open()
    for n in range(200):
        poll.ask(b"\6" + n.to_bytes(2) + b"\1\2", b"\6" + n.to_bytes(2) + b"\1\2", n + 1.0)
    with PcapWriter(str(path)) as writer:
        for packet in poll.frames:
            writer.write(packet)
    raw = path.read_bytes()
    path.write_bytes(raw + raw[24:] * 500)
    return path


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A poll every second for half a minute that stops, while other hosts go on."""
    poll = Poll().open()
    for n in range(30):
        read_poll(1, n + 1.0, poll)
    frames = poll.frames
    for n in range(120):
        other = Ether(src=CLIENT_MAC, dst=SERVER_MAC) / IP(src="10.0.0.8", dst="10.0.0.9", id=n)
        other.time = START + n / 2
        frames.append(other)
    path = tmp_path / "stopped.pcap"
    wrpcap(str(path), sorted(frames, key=lambda frame: frame.time))
    return path
