"""Batches and lines of PDUs: limits, the end, closing, waiting, interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from boundary.polls import CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, observed
from places import ROOT

from otmon import _engine
from otmon.errors import OptionsError


def test_a_batch_holds_at_most_its_limit(capture: Path) -> None:
    engine = _engine.Engine([str(capture)])
    sizes = []
    while (batch := engine.read_batch(limit=2)) is not None:
        sizes.append(len(batch))

    assert 2 == max(sizes)


def test_the_end_is_none_and_stays_so(capture: Path) -> None:
    engine = _engine.Engine([str(capture)])
    observed(engine)

    assert (None, None) == (engine.read_batch(), engine.read_batch())


def test_every_pdu_is_a_json_line_in_capture_order(capture: Path) -> None:
    engine = _engine.Engine([str(capture)], pdu_log=True)
    lines = b""
    while chunk := engine.read_pdus(limit=700):
        lines += chunk
    pdus = [json.loads(line) for line in lines.splitlines()]

    assert list(range(4, 14)) == [pdu["frame"] for pdu in pdus]
    write = pdus[6]
    assert {
        "frame": 10,
        "frames": [10],
        "file": 0,
        "time": "2023-11-14T22:13:25.000000000Z",
        "flow": {
            "id": write["flow"]["id"],
            "transport": "tcp",
            "client_ip": CLIENT,
            "client_mac": CLIENT_MAC,
            "client_port": 50_000,
            "server_ip": SERVER,
            "server_mac": SERVER_MAC,
            "server_port": 502,
            "vlan": None,
        },
        "protocol": "modbus",
        "role": "request",
        "function_code": 6,
        "operation": "write_single_register",
        "class": "write",
        "unit": 7,
        "target": "hr:5",
        "quantity": 1,
        "values": [0x0102],
        "status": None,
        "status_code": None,
        "phase": None,
        "transaction": None,
        "latency_ms": None,
        "anomalies": [],
        "items": [],
        "modbus": {"transaction_id": 4},
    } == write
    assert (10, 2.0, "ok") == (
        pdus[7]["transaction"],
        pdus[7]["latency_ms"],
        pdus[7]["status"],
    )
    assert ("illegal_data_address", 2) == (pdus[9]["status"], pdus[9]["status_code"])


def test_pdus_come_as_whole_lines_however_small_the_limit(capture: Path) -> None:
    engine = _engine.Engine([str(capture)], pdu_log=True)
    chunks = []
    while chunk := engine.read_pdus(limit=1):
        chunks.append(chunk)

    assert [1] * 10 == [chunk.count(b"\n") for chunk in chunks]


def test_observations_and_pdus_exclude_each_other(capture: Path) -> None:
    with pytest.raises(OptionsError, match="read_pdus"):
        _engine.Engine([str(capture)], pdu_log=True).read_batch()
    with pytest.raises(OptionsError, match="pdu_log=True"):
        _engine.Engine([str(capture)]).read_pdus()


@pytest.mark.parametrize(("limit", "timeout_s"), [(0, 1.0), (1, -1.0), (1, float("nan"))])
def test_an_option_out_of_range_is_told(capture: Path, limit: int, timeout_s: float) -> None:
    with pytest.raises(OptionsError, match="Give"):
        _engine.Engine([str(capture)]).read_batch(limit, timeout_s)


def test_counters_tell_frames_and_pdus(capture: Path) -> None:
    engine = _engine.Engine([str(capture)])
    observed(engine)
    counters = engine.counters()

    assert (13, 10, 5) == (counters["frames"], counters["pdus.modbus"], counters["transactions"])
    assert set(_engine.counter_meanings()) <= set(counters)


def test_closing_in_the_middle_keeps_what_was_found(long_capture: Path) -> None:
    engine = _engine.Engine([str(long_capture)])
    first = engine.read_batch(limit=1)
    engine.close()
    rest = observed(engine)

    assert first is not None
    assert any(isinstance(one, _engine.Conversation) and not one.new for one in rest)
    assert engine.counters()["frames"] < engine.files()[0].size // 66


def test_closing_ends_the_wait_for_a_silent_pipe(capture: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Whoever opens both ends does not wait for the other side, and keeps the pipe open.
    descriptor = os.open(pipe, os.O_RDWR)
    try:
        os.write(descriptor, capture.read_bytes())
        engine = _engine.Engine([str(pipe)])
        engine.close()

        assert any(isinstance(one, _engine.Conversation) for one in observed(engine))
        assert 13 == engine.counters()["frames"]
        assert not engine.files()[0].truncated
    finally:
        os.close(descriptor)


INTERRUPTED = """
import otmon.runs
def tell(read, total):
    print("reading", flush=True)
result = otmon.runs.analyze(["-"], progress=tell)
print(result.capture.counters["frames"])
"""


def test_an_interrupt_while_standard_input_is_silent_leaves_the_result(capture: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(capture.read_bytes())
        process.stdin.flush()
        # The engine is open, and so far it has read what there is.
        assert b"reading\n" == process.stdout.readline()
        process.send_signal(signal.SIGINT)

        # Standard input is open to the end: nothing but the interrupt ends the reading.
        assert b"13\n" == process.stdout.readlines()[-1]
        assert 0 == process.wait(30)


def test_an_engine_may_be_dropped_unread(long_capture: Path) -> None:
    before = threading.active_count()
    for _ in range(20):
        _engine.Engine([str(long_capture)])

    assert before == threading.active_count()


def test_waiting_for_standard_input_blocks_neither_threads_nor_signals(capture: Path) -> None:
    program = """
import os, signal, threading
from otmon import _engine

def interrupt():
    gate = threading.Event()
    for _ in range(100):
        gate.wait(0.001)
    os.kill(os.getpid(), signal.SIGINT)

engine = _engine.Engine(["-"])
try:
    threading.Thread(target=interrupt, daemon=True).start()
    while engine.read_batch(timeout_s=60) is not None:
        pass
except KeyboardInterrupt:
    print("interrupted")
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(capture.read_bytes())
        child.stdin.flush()
        # Standard input stays open: only the signal ends the wait.
        assert b"interrupted\n" == child.stdout.readline()
