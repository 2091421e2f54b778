"""Every capture of the corpus runs to its end, soon and in little memory; flows are found anywhere.

pytest -s tests/test_corpus.py      # prints the figures
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from differential import captures
from jsonschema import Draft202012Validator
from places import absent

import otmon
from otmon.model.document import json_schema, to_document
from otmon.model.result import Result
from otmon.ruleset import load

SECONDS, MEGABYTES = 10.0, 300.0
"""What a capture may take: processor time, and the highest resident memory."""
HANG_S = 60
"""Seconds after which a child that is still running hangs."""
EVERY = 12
"""One in so many documents is held against the schema."""
FOUND_ONE_SIDED = 0.90
"""Share of the flows that are found from one side alone."""
PORTS = {"modbus": 502, "s7comm": 102, "dnp3": 20000}
FOUND_MOVED = {"modbus": 0.945, "s7comm": 0.95, "dnp3": 0.95}
"""Shares of all flows that are found on other ports."""
NOT_FOUND = {
    ("modbus", "public/enip/arkime.arkime__arkime_synthetic.pcap"): (
        3,
        "made frames: a request without answer; a request whose answer is of another function;"
        " an answer and a request that have nothing to do with each other, from one side",
    ),
    ("modbus", "public/modbus/OISF.suricata-verify__modbus.pcap"): (
        2,
        "one side alone, and lengths that are off: two requests with seven bytes too many,"
        " five refusals with one too many",
    ),
    ("modbus", "public/modbus/arkime.arkime__modbus.pcap"): (2, "the same frames again"),
    ("modbus", "public/modbus/zeek.zeek__4SICS-GeekLounge-151022-min.pcap"): (
        1,
        "one random message of 260 bytes, with no counts that fit each other, and its refusal",
    ),
    ("modbus", "public/modbus/zeek.zeek__modbus-eit.pcap"): (
        1,
        "one request for an identification, answered with one that is malformed",
    ),
    ("modbus", "public/r-goose/robidev.iec61850-dissector__RGOOSE2.pcap"): (
        1,
        "one request without answer, among messages that are no Modbus",
    ),
    ("s7comm", "public/enip/arkime.arkime__arkime_synthetic.pcap"): (
        1,
        "a made frame: its only segment begins with a message that ends within its header",
    ),
}
"""Flows that are not found on other ports, by protocol and capture: how many, and why.

All others are, also with a single exchange, if the answer is what was asked for.
"""
NAMES = {"modbus": {"modbus", "modbus_rtu"}, "s7comm": {"s7comm"}, "dnp3": {"dnp3"}}

Ends = frozenset[tuple[str | None, int]]


@dataclass(frozen=True, slots=True)
class Run:
    """What one analysis took."""

    capture: str
    status: int
    seconds: float
    megabytes: float
    """Memory at its highest, without what the process of the tests had already."""


def run(path: Path, name: str) -> Run:
    """Analyze a capture in a child of its own."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    before = pages * resource.getpagesize() / 2**20
    child = os.fork()
    if child == 0:
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        try:
            otmon.analyze(path)
        except BaseException as error:
            print(f"{name}: {error!r}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    return Run(name, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024 - before)


@pytest.fixture(scope="module")
def every_capture(corpus: Path) -> list[str]:
    """All public captures and those of the lab."""
    public = [f"public/{row['file']}" for row in captures.manifest(corpus)]
    return public + [f"lab/{path.name}" for path in captures.lab(corpus)]


@pytest.fixture(scope="module")
def runs(corpus: Path, every_capture: list[str]) -> Iterator[list[Run]]:
    """Each capture analyzed once. The rules are read once, before the children begin."""
    rules = load.load_rules()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "load_rules", lambda *_arguments, **_options: rules)
        done = [run(corpus / name, name) for name in every_capture]
    slowest = sorted(done, key=lambda one: -one.seconds)[:5]
    largest = sorted(done, key=lambda one: -one.megabytes)[:5]
    print(f"\n{len(done)} captures, {sum(one.seconds for one in done):.1f} s of processor time")
    for one in slowest:
        print(f"slowest  {one.seconds:6.2f} s  {one.capture}")
    for one in largest:
        print(f"largest  {one.megabytes:6.1f} MB {one.capture}")
    yield done


def test_every_capture_runs_to_its_end(runs: list[Run]) -> None:
    assert [] == [one for one in runs if one.status != 0]


def test_every_capture_takes_less_than_ten_seconds(runs: list[Run]) -> None:
    assert [] == [one for one in runs if one.seconds >= SECONDS]


def test_every_capture_takes_less_than_300_megabytes(runs: list[Run]) -> None:
    assert [] == [one for one in runs if one.megabytes >= MEGABYTES]


def test_documents_of_the_corpus_are_as_the_schema_says(
    corpus: Path, every_capture: list[str]
) -> None:
    validator = Draft202012Validator(json_schema(Result, "otmon result"))

    wrong = {}
    for name in every_capture[::EVERY]:
        document = to_document(otmon.analyze(corpus / name))
        if error := next(validator.iter_errors(document), None):
            wrong[name] = error.message

    assert {} == wrong


# Flows on other ports, and of which one side is seen


@dataclass(slots=True)
class Frames:
    """The frames of a capture as classic pcap, and where the ports stand in each."""

    head: bytes
    records: list[tuple[bytes, bytes, int | None]]

    def write(self, path: Path, change: Callable[[int, bytes, int | None], bytes | None]) -> None:
        """Write the frames as `change` makes them; those that it makes none are left out."""
        with path.open("wb") as out:
            out.write(self.head)
            for number, (record, frame, at) in enumerate(self.records, start=1):
                made = change(number, frame, at)
                if made is not None:
                    out.write(record + made)


def ports_at(frame: bytes) -> int | None:
    """Where source and destination port stand in an Ethernet frame; none without both."""
    at, kind = 14, int.from_bytes(frame[12:14])
    while kind in (0x8100, 0x88A8) and len(frame) >= at + 4:
        kind = int.from_bytes(frame[at + 2 : at + 4])
        at += 4
    if kind == 0x0800 and len(frame) > at + 20:
        protocol, end = frame[at + 9], at + (frame[at] & 15) * 4
        if int.from_bytes(frame[at + 6 : at + 8]) & 0x1FFF:
            return None
    elif kind == 0x86DD and len(frame) > at + 40:
        protocol, end = frame[at + 6], at + 40
    else:
        return None
    return end if protocol in (6, 17) and len(frame) >= end + 4 else None


def frames_of(capture: Path, scratch: Path) -> Frames | None:
    """The frames of an Ethernet capture; none of others."""
    plain = scratch / "plain.pcap"
    converted = subprocess.run(
        ["editcap", "-F", "pcap", str(capture), str(plain)], capture_output=True, check=False
    )
    body = plain.read_bytes() if converted.returncode == 0 else b""
    if len(body) < 24 or struct.unpack_from("<I", body, 20)[0] != 1:
        return None
    found = Frames(body[:24], [])
    at = 24
    while at + 16 <= len(body):
        kept = struct.unpack_from("<I", body, at + 8)[0]
        frame = body[at + 16 : at + 16 + kept]
        found.records.append((body[at : at + 16], frame, ports_at(frame)))
        at += 16 + kept
    return found


def moved_to(own: int, other: int) -> Callable[[int, bytes, int | None], bytes]:
    """What gives a frame another port in the place of its own."""

    def change(_number: int, frame: bytes, at: int | None) -> bytes:
        if at is None:
            return frame
        ports = struct.unpack_from(">HH", frame, at)
        changed = struct.pack(">HH", *(other if port == own else port for port in ports))
        return frame[:at] + changed + frame[at + 4 :]

    return change


def only(kept: set[int]) -> Callable[[int, bytes, int | None], bytes | None]:
    """What leaves all frames out but these."""
    return lambda number, frame, _at: frame if number in kept else None


def flows(path: Path, protocol: str, frames: set[int] | None = None) -> set[Ends]:
    """Every flow in which a message ends in one of `frames`."""
    found = set()
    for pdu in otmon.pdus(path, keep_duplicates=True):
        if pdu["protocol"] in NAMES[protocol] and (frames is None or pdu["frame"] in frames):
            flow = pdu["flow"]
            client = (flow["client_ip"], flow["client_port"])
            server = (flow["server_ip"], flow["server_port"])
            found.add(frozenset({client, server}))
    return found


@pytest.fixture(scope="module")
def on_ethernet(
    corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Frames]]:
    """Of each protocol the frames of the captures that carry it."""
    if shutil.which("editcap") is None:
        absent("editcap", "OTMON_REQUIRE_TSHARK")
    scratch = tmp_path_factory.mktemp("plain")
    found = {}
    for protocol in PORTS:
        read = {
            name: frames_of(corpus / name, scratch)
            for name in captures.with_protocol(corpus, protocol)
        }
        found[protocol] = {name: frames for name, frames in read.items() if frames is not None}
    return found


@pytest.mark.parametrize("protocol", PORTS)
def test_flows_are_found_on_other_ports(
    protocol: str, on_ethernet: dict[str, dict[str, Frames]], tmp_path: Path
) -> None:
    own, chance = PORTS[protocol], random.Random(protocol)
    original, moved = tmp_path / "original.pcap", tmp_path / "moved.pcap"
    wanted, found = 0, 0
    missing = {}
    for name, frames in on_ethernet[protocol].items():
        other = chance.randrange(1024, 65536)
        frames.write(original, lambda _number, frame, _at: frame)
        frames.write(moved, moved_to(own, other))
        there = {
            frozenset((ip, other if port == own else port) for ip, port in ends)
            for ends in flows(original, protocol)
        }
        gone = there - flows(moved, protocol)
        wanted += len(there)
        found += len(there) - len(gone)
        if gone:
            missing[protocol, name] = len(gone)
    print(f"\n{protocol} on other ports: {found} of all {wanted} flows, {found / wanted:.1%}")

    argued = {key: count for key, (count, _) in NOT_FOUND.items() if key[0] == protocol}
    assert argued == missing
    assert found / wanted >= FOUND_MOVED[protocol]


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("protocol", PORTS)
def test_flows_of_which_one_side_is_seen_are_found(
    protocol: str, side: str, on_ethernet: dict[str, dict[str, Frames]], tmp_path: Path
) -> None:
    own, offset = PORTS[protocol], 0 if side == "server" else 2
    original, half = tmp_path / "original.pcap", tmp_path / "half.pcap"
    wanted, found = 0, 0
    for frames in on_ethernet[protocol].values():
        frames.write(original, lambda _number, frame, _at: frame)
        kept = {
            number
            for number, (_, frame, at) in enumerate(frames.records, start=1)
            if at is not None and int.from_bytes(frame[at + offset : at + offset + 2]) == own
        }
        frames.write(half, only(kept))
        before = flows(original, protocol, kept)
        wanted += len(before)
        found += len(before & flows(half, protocol))
    print(f"\n{protocol}, the {side} alone: {found} of {wanted} flows, {found / wanted:.1%}")

    assert found / wanted >= FOUND_ONE_SIDED
