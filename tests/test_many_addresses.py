"""More senders than a sensor keeps: those that were made up make room, and nobody is hidden."""

from __future__ import annotations

import struct
from pathlib import Path

import otmon

MOST = 65_536
"""Pairs of addresses that the engine keeps."""
SECOND = 1_000_000_000
MAKER = "00:1b:1b:"
CLIENT, SERVER, LATE = 1, 2, 3
READ, ANSWER = bytes.fromhex("000100000006010300000001"), bytes.fromhex("0001000000050103020007")


def mac(number: int) -> bytes:
    """A hardware address of a maker: so many of them as one wants."""
    return bytes.fromhex(MAKER.replace(":", "")) + number.to_bytes(3, "big")


def ip(number: int) -> bytes:
    """An IP of the plant."""
    return bytes([10, *number.to_bytes(3, "big")])


def arp(sender: int) -> bytes:
    """Who has the client's address?"""
    own = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + mac(sender) + ip(sender)
    return b"\xff" * 6 + mac(sender) + b"\x08\x06" + own + bytes(6) + ip(CLIENT)


def modbus(turn: int, sender: int) -> bytes:
    """One of the messages of the connection between client and server."""
    asks = sender == CLIENT
    payload, target = (READ, SERVER) if asks else (ANSWER, CLIENT)
    asked, answered = 1 + turn * len(READ), 1 + turn * len(ANSWER)
    ports = (40_000, 502) if asks else (502, 40_000)
    numbers = (asked, answered) if asks else (answered, asked + len(READ))
    tcp = struct.pack(">HHIIBBHHH", *ports, *numbers, 0x50, 0x18, 1024, 0, 0) + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), turn, 0, 64, 6, 0)
    return mac(target) + mac(sender) + b"\x08\x00" + head + ip(sender) + ip(target) + tcp


def capture(path: Path, made_up: int) -> None:
    """Two that talk; then ever new senders, 1,000 a second; then one more device."""
    frames = []
    for turn in range(30):
        frames += [(turn * SECOND, modbus(turn, CLIENT)), (turn * SECOND + 1, modbus(turn, SERVER))]
    for number in range(made_up):
        frames.append((60 * SECOND + number * 1_000_000, arp(1_000 + number)))
    for turn in range(3):
        frames.append(((200 + turn * 10) * SECOND, arp(LATE)))
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for time_ns, data in frames:
            file.write(struct.pack("<IIII", *divmod(time_ns, SECOND), len(data), len(data)) + data)


def test_made_up_senders_hide_no_device_and_push_none_out(tmp_path: Path) -> None:
    path = tmp_path / "many.pcap"
    capture(path, MOST + 8_000)

    result = otmon.analyze(path)

    counters = result.capture.counters
    assert "addresses_overflow" not in counters
    # All have come, and so many have left that there is room for the rest.
    assert 8_003 <= counters["addresses_evicted"] <= 8_003 + MOST // 16
    assert counters["addresses_evicted"] % (MOST // 16) == 0
    known = {own for asset in result.assets for own in asset.mac}
    real = {f"{MAKER}00:00:{number:02x}" for number in (CLIENT, SERVER, LATE)}
    assert real <= known
    [late] = [asset for asset in result.assets if f"{MAKER}00:00:03" in asset.mac]
    assert late.last_seen == 220 * SECOND
