"""Frames of an interface are those that were sent, and what they mean is what a file says."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from live.frames import PLANT, frames_of, numbered
from live.wire import Wire
from places import PCAPS
from scapy.utils import RawPcapWriter

from otmon.pdu_lines import pdus

TIMES = ("time", "file", "frame", "frames", "latency_ms", "transaction")


def without_times(pdu: dict[str, Any]) -> dict[str, Any]:
    """What a PDU says, but when and in which frame of which input."""
    return {name: value for name, value in pdu.items() if name not in TIMES}


@pytest.mark.parametrize(
    "capture", [PLANT, *sorted(PCAPS.glob("*/vlan*.pcapng"))], ids=lambda p: p.stem
)
def test_live_pdus_are_those_of_the_capture(wire: Wire, capture: Path) -> None:
    sensor = wire.watch(pdu_log=True, observations=False)
    wire.send(frames_of(capture))
    live = [without_times(json.loads(line)) for line in sensor.stop()["lines"]]

    assert [without_times(pdu) for pdu in pdus(capture)] == live


TAGS = {
    "one tag": "81000007",
    "two tags": "88a800058100a007",
    "priority alone": "8100c000",
    "three tags": "88a800058100000781000009",
}


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS.keys())
def test_tagged_frames_are_live_what_they_are_in_a_file(
    wire: Wire, tmp_path: Path, tags: str
) -> None:
    tagged = [f[:12] + bytes.fromhex(tags) + f[12:] for f in frames_of(PLANT)[:200]]
    file = tmp_path / "tagged.pcap"
    with RawPcapWriter(str(file), linktype=1) as writer:
        writer.write(tagged)
    sensor = wire.watch(pdu_log=True, observations=False)
    wire.send(tagged)
    seen = sensor.stop()
    read = [without_times(pdu) for pdu in pdus(file)]

    assert read == [without_times(json.loads(line)) for line in seen["lines"]]
    assert read
    assert sum(map(len, tagged)) == seen["counters"]["bytes"]


def test_what_the_snap_length_cuts_is_counted_and_its_length_is_known(wire: Wire) -> None:
    sensor = wire.watch(snap_length=64)
    frames = [*numbered(30, length=64), *numbered(20, length=500)]
    wire.send(frames)
    seen = sensor.stop()

    counters = seen["counters"]
    assert (50, 20) == (counters["frames"], counters["frames_truncated"])
    assert sum(map(len, frames)) == counters["bytes"]


def test_frames_have_times_to_the_nanosecond(wire: Wire) -> None:
    sensor = wire.watch(pdu_log=True, observations=False)
    wire.send(frames_of(PLANT))
    times = [json.loads(line)["time"] for line in sensor.stop()["lines"]]

    assert all(re.fullmatch(r"\S+\.\d{9}Z", time) for time in times)
    # Of hundreds of times hardly one in a thousand is a whole microsecond by chance.
    assert sum(time.endswith("000Z") for time in times) < len(times) / 10
    assert times == sorted(times)


def test_every_frame_arrives_and_none_is_sent(wire: Wire) -> None:
    sensor = wire.watch()
    wire.send(numbered(50_000))
    seen = sensor.stop()

    assert [["tap0", "interface", 50_000, [1]]] == seen["files"]
    assert (50_000, 0, 0) == (
        seen["counters"]["frames"],
        seen["interfaces"][0]["ring_drops"],
        seen["interfaces"][0]["sent"],
    )


def test_the_tag_that_the_kernel_takes_out_is_in_place_again(wire: Wire) -> None:
    tagged = bytes.fromhex("0200000000010200000000028100600788b5") + bytes(60)
    doubly = bytes.fromhex("02000000000102000000000288a80005810000070800") + bytes(60)
    sensor = wire.watch()
    wire.send([tagged, doubly])
    counters = sensor.stop()["counters"]

    # The bytes on the wire count the tag: no frame became shorter.
    assert len(tagged) + len(doubly) == counters["bytes"]


def test_frames_of_a_vlan_that_nobody_here_is_in_are_no_loss(wire: Wire) -> None:
    # The kernel counts them as dropped, although the ring has them.
    tagged = [frame[:12] + bytes.fromhex("81000007") + frame[12:] for frame in numbered(200)]
    sensor = wire.watch()
    wire.send(tagged)
    wire.run("sleep", "1.5")
    wire.send(tagged)
    wire.run("sleep", "2.5")
    seen = sensor.stop()

    assert "400" == wire.run("cat", "/sys/class/net/tap0/statistics/rx_dropped").strip()
    assert (400, 0) == (seen["counters"]["frames"], seen["interfaces"][0]["driver_drops"])


def test_a_stalled_sensor_loses_only_what_the_ring_does_not_hold_and_counts_it(wire: Wire) -> None:
    sensor = wire.watch(ring_mib=2)
    pids = [sensor.process.pid, *children(sensor.process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wire.send(numbered(20_000, length=200))
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    seen = sensor.stop()

    lost = seen["interfaces"][0]["ring_drops"]
    assert lost > 0
    assert 20_000 == seen["counters"]["frames"] + lost == seen["interfaces"][0]["received"]


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in text.split()]


def test_an_interface_that_was_down_goes_on(wire: Wire) -> None:
    sensor = wire.watch()
    wire.send(numbered(10))
    wire.run("ip", "link", "set", "tap0", "down")
    wire.run("ip", "link", "set", "tap0", "up")
    wire.send(numbered(10))

    assert 20 == sensor.stop()["counters"]["frames"]


def test_an_interface_that_was_taken_away_is_captured_again(wire: Wire) -> None:
    sensor = wire.watch()
    wire.send(numbered(10))
    wire.run("ip", "link", "delete", "tap0")
    wire.connect()
    # The sensor looks for it four times a second.
    wire.run("sleep", "1")
    wire.send(numbered(10))
    seen = sensor.stop()

    assert (20, 1) == (seen["counters"]["frames"], seen["interfaces"][0]["reopened"])


def test_frames_of_two_interfaces_come_in_the_order_of_time(wire: Wire) -> None:
    wire.connect("tap1", "src1")
    sensor = wire.watch("tap0", "tap1", pdu_log=True, observations=False)
    # Requests pass one tap and answers the other, as a TAP with two ports gives them.
    wire.send_into(("src0" if f[6:12] < f[:6] else "src1", f) for f in frames_of(PLANT))
    live = [without_times(json.loads(line)) for line in sensor.stop()["lines"]]

    assert [without_times(pdu) for pdu in pdus(PLANT)] == live


def test_a_filter_of_the_kernel_keeps_frames_out(wire: Wire) -> None:
    only_ip = "4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n"
    sensor = wire.watch(filter=only_ip)
    others = numbered(10)
    wire.send([*others, *frames_of(PLANT)[:50], *others])
    counters = sensor.stop()["counters"]

    ip = [frame for frame in frames_of(PLANT)[:50] if frame[12:14] == b"\x08\x00"]
    assert len(ip) == counters["frames"]
