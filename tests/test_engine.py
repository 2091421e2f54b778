"""The boundary: what `otmon._engine` promises holds."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from places import PCAPS, ROOT
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet
from scapy.utils import PcapWriter, wrpcap

from otmon import _engine
from otmon.errors import CaptureError, OptionsError, OtmonError

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
START = 1_700_000_000
"""Packet time of the first frame, in seconds."""


class Poll:
    """A Modbus client and server in one TCP connection, as frames."""

    def __init__(self) -> None:
        self.frames: list[Packet] = []
        self._sent = {CLIENT: 1000, SERVER: 9000}
        self._transaction = 0

    def frame(self, source: str, payload: bytes, at_s: float, flags: str = "PA") -> None:
        """Append a segment of `source` with the next bytes of its stream."""
        client = source == CLIENT
        ports = (50_000, 502) if client else (502, 50_000)
        frame = (
            Ether(
                src=CLIENT_MAC if client else SERVER_MAC, dst=SERVER_MAC if client else CLIENT_MAC
            )
            / IP(src=source, dst=SERVER if client else CLIENT)
            / TCP(
                sport=ports[0],
                dport=ports[1],
                seq=self._sent[source],
                ack=self._sent[SERVER if client else CLIENT],
                flags=flags,
            )
            / payload
        )
        frame.time = START + at_s
        self._sent[source] += len(payload) + (1 if "S" in flags else 0)
        self.frames.append(frame)

    def open(self) -> Poll:
        """Shake hands."""
        self.frame(CLIENT, b"", 0, "S")
        self.frame(SERVER, b"", 0.001, "SA")
        self.frame(CLIENT, b"", 0.002, "A")
        return self

    def ask(self, request: bytes, answer: bytes, at_s: float) -> Poll:
        """Send a request to unit 7 and its answer 2 ms later; both from the function code on."""
        self._transaction += 1
        for source, pdu, time_s in ((CLIENT, request, at_s), (SERVER, answer, at_s + 0.002)):
            header = self._transaction.to_bytes(2) + bytes(2) + (len(pdu) + 1).to_bytes(2) + b"\7"
            self.frame(source, header + pdu, time_s)
        return self


def read_poll(registers: int, at_s: float, poll: Poll) -> None:
    """Read holding registers 100 to 101."""
    poll.ask(b"\3\0\x64\0\2", b"\3\4" + registers.to_bytes(4), at_s)


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


def observed(engine: _engine.Engine, limit: int = 4096) -> list[_engine.Observation]:
    """Everything to the end."""
    everything = []
    while (batch := engine.read_batch(limit)) is not None:
        everything += batch
    return everything


def last_of(kind: type, observations: Sequence[_engine.Observation]) -> list[object]:
    """The latest observation of each behaviour or conversation."""
    latest = {one.id: one for one in observations if isinstance(one, kind)}  # type: ignore[attr-defined]  # both have it
    return list(latest.values())


def test_stub_and_module_agree() -> None:
    check = [sys.executable, "-m", "mypy.stubtest", "otmon._engine"]
    result = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (0, "") == (result.returncode, result.stderr), result.stdout


def test_polls_are_one_behaviour_with_addresses_period_and_values(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    behaviours = {one.operation: one for one in last_of(_engine.Behaviour, everything)}
    poll = behaviours["read_holding_registers"]

    assert (CLIENT, CLIENT_MAC, 50_000) == (poll.client_ip, poll.client_mac, poll.client_port)
    assert (SERVER, SERVER_MAC, 502) == (poll.server_ip, poll.server_mac, poll.server_port)
    assert ("modbus", 7, "read", "ok") == (
        poll.protocol,
        poll.unit,
        poll.operation_class,
        poll.status,
    )
    assert ("hr", [(100, 101)], 3) == (poll.target, poll.intervals, poll.count)
    assert (1e9, 2e6) == (poll.period_ns, poll.latency_ns)
    assert poll.values is not None
    assert ("integer", 0.0, 2.0, 2) == (
        poll.values.kind,
        poll.values.min,
        poll.values.max,
        poll.values.change_count,
    )


def test_a_write_is_a_transaction_with_values_frames_and_history(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    [write, refused] = [one for one in everything if isinstance(one, _engine.Transaction)]

    assert ("write_single_register", "write", ("hr:5",), [0x0102]) == (
        write.operation,
        write.operation_class,
        write.targets,
        write.values,
    )
    assert ([(0, 10), (0, 11)], 2_000_000) == (write.frames, write.latency_ns)
    assert (START + 5) * 10**9 == write.time_ns
    assert {"modbus.transaction_id": 4} == write.fields
    assert (3, 0) == (write.history.read_count, write.history.change_count)
    assert ("illegal_data_address", 2) == (refused.status, refused.status_code)


@pytest.mark.parametrize(
    ("known", "history"),
    [
        ((CLIENT, SERVER, None, "modbus", 40, 2, START * 10**9 - 5), (43, 2, START * 10**9 - 5)),
        ((CLIENT, SERVER, 7, "modbus", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((SERVER, CLIENT, None, "modbus", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((CLIENT, SERVER, None, "s7comm", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((CLIENT, SERVER, None, "no longer", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        (("no address", SERVER, None, "modbus", 40, 2, 5), (3, 0, (START + 1) * 10**9)),
        ((CLIENT, SERVER, None, "modbus", 40, 2, (START + 9) * 10**9), (3, 0, (START + 1) * 10**9)),
    ],
    ids=["known", "vlan", "direction", "protocol", "forgotten", "broken", "later"],
)
def test_history_begins_with_what_was_done_before_the_run(
    capture: Path,
    known: tuple[str, str, int | None, str, int, int, int],
    history: tuple[int, int, int],
) -> None:
    everything = observed(_engine.Engine([str(capture)], conversations=[known]))
    write = next(one for one in everything if isinstance(one, _engine.Transaction))

    assert history == (
        write.history.read_count,
        write.history.change_count,
        write.history.first_seen_ns,
    )


def test_a_transaction_names_its_behaviour_which_left_before(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    operations: dict[int, str] = {}
    named = []
    for one in everything:
        if isinstance(one, _engine.Behaviour):
            operations.setdefault(one.behaviour, one.operation)
        elif isinstance(one, _engine.Transaction):
            assert one.behaviour is not None
            named.append(operations[one.behaviour])

    assert ["write_single_register", "read_input_registers"] == named
    assert [1, 2, 3] == sorted(operations)


def test_a_conversation_counts_packets_and_classes(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    [talk] = last_of(_engine.Conversation, everything)

    assert ("modbus", 13, {"write": 1, "read": 4}, 1, 5) == (
        talk.protocol,
        talk.packets,
        talk.classes,
        talk.failure_count,
        talk.answered_count,
    )


def test_both_senders_are_addresses(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]))
    addresses = {(one.mac, one.ip) for one in everything if isinstance(one, _engine.Address)}

    assert {(CLIENT_MAC, CLIENT), (SERVER_MAC, SERVER)} == addresses


def test_sequence_counts_every_observation(capture: Path) -> None:
    everything = observed(_engine.Engine([str(capture)]), limit=3)

    assert list(range(1, len(everything) + 1)) == [one.sequence for one in everything]


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


def test_a_missing_file_is_a_capture_error_of_two_sentences(tmp_path: Path) -> None:
    with pytest.raises(CaptureError) as caught:
        _engine.Engine([str(tmp_path / "missing.pcap")])

    assert f"{tmp_path / 'missing.pcap'} does not exist. Check the path." == str(caught.value)
    assert (3, True) == (caught.value.exit_status, isinstance(caught.value, OtmonError))


def test_a_text_file_is_not_a_capture(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no packets here, just words")

    with pytest.raises(CaptureError, match=r"notes\.txt"):
        _engine.Engine([str(tmp_path / "notes.txt")])


def test_a_broken_file_among_good_ones_says_why_and_the_rest_goes_on(
    capture: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no packets here, just words")
    engine = _engine.Engine([str(capture), str(tmp_path / "notes.txt")])
    observed(engine)
    errors = {Path(one.path).name: one.error for one in engine.files()}

    assert errors["poll.pcap"] is None
    assert "notes.txt" in str(errors["notes.txt"])


def test_files_have_their_facts(capture: Path) -> None:
    engine = _engine.Engine([str(capture)])
    observed(engine)
    [facts] = engine.files()

    assert (str(capture), "pcap", None, [1]) == (
        facts.path,
        facts.format,
        facts.compression,
        facts.link_types,
    )
    assert (13, False, 0) == (facts.packets, facts.truncated, facts.skipped_bytes)
    assert (START * 10**9, (START + 6) * 10**9 + 2_000_000) == (
        facts.first_seen_ns,
        facts.last_seen_ns,
    )
    assert (capture.stat().st_size,) * 2 == engine.progress()


def test_a_path_may_be_a_directory_and_a_file_compressed(capture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.pcap.gz").write_bytes(gzip.compress(capture.read_bytes()))
    engine = _engine.Engine([folder])
    observed(engine)

    assert [("pcap", "gzip", 13)] == [
        (one.format, one.compression, one.packets) for one in engine.files()
    ]


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


def test_the_catalogue_names_everything_once() -> None:
    protocols = _engine.protocols()
    fields = [field.name for protocol in protocols for field in protocol.fields]

    assert {"modbus", "s7comm", "dnp3"} <= {protocol.name for protocol in protocols}
    assert len(fields) == len(set(fields))
    assert all(
        field.name.startswith(f"{protocol.name}.")
        for protocol in protocols
        for field in protocol.fields
    )
    kinds = {field.kind for protocol in protocols for field in protocol.fields}
    assert kinds <= {"bool", "integer", "float", "text", "bytes", "time"}
    classes = [one.name for one in _engine.classes()]
    assert (39, "firmware_update", "keepalive") == (len(classes), classes[0], classes[-1])
    assert all(one.meaning.endswith(".") for one in _engine.classes())
    assert all(one.meaning.endswith(".") for one in _engine.anomalies())


def test_observations_cannot_be_changed(capture: Path) -> None:
    [first, *_] = observed(_engine.Engine([str(capture)]))

    with pytest.raises(AttributeError):
        first.sequence = 0  # type: ignore[misc]  # the point of the test


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


def test_a_poll_that_stops_is_overdue_where_somebody_asks(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)], rhythm=True))
    rhythms = [one for one in everything if isinstance(one, _engine.Rhythm)]
    [periodic, overdue] = rhythms

    assert (["periodic", "overdue"], 1) == (
        [one.kind for one in rhythms],
        len({periodic.id, overdue.id}),
    )
    assert ("read_holding_registers", "hr", (100, 101), 7, 30) == (
        overdue.operation,
        overdue.target,
        overdue.interval,
        overdue.unit,
        overdue.count,
    )
    assert (START + 30) * 10**9 == overdue.last_seen_ns == overdue.client_last_seen_ns
    assert (10 * 10**9, 0) == (overdue.deadline_ns, overdue.unanswered_count)
    assert overdue.period_ns == pytest.approx(1e9)
    assert overdue.time_ns - overdue.last_seen_ns < 12 * 10**9


def test_the_health_of_interfaces_is_told_where_somebody_asks(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)], health=True))
    health = [one for one in everything if isinstance(one, _engine.Health)]

    assert ["start", "end"] == [one.kind for one in health]
    assert (START * 10**9, (START + 59) * 10**9 + 5 * 10**8) == (
        health[0].from_ns,
        health[1].from_ns,
    )


def test_files_that_follow_one_another_are_one_interface(tmp_path: Path) -> None:
    first, second = Poll().open(), Poll().open()
    for n in range(5):
        read_poll(1, n + 1.0, first)
        read_poll(1, n + 100.0, second)
    for name, poll in (("a1.pcap", first), ("a2.pcap", second)):
        wrpcap(str(tmp_path / name), poll.frames[3:])
    health = observed(_engine.Engine([str(tmp_path)], health=True))
    rows = [one for one in health if isinstance(one, _engine.Health)]

    assert [("start", 0), ("hole", 0), ("end", 0)] == [(one.kind, one.interface) for one in rows]
    assert ((START + 5) * 10**9 + 2 * 10**6, (START + 100) * 10**9) == (
        rows[1].from_ns,
        rows[1].until_ns,
    )


def test_nothing_of_rhythm_and_health_leaves_unasked(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)]))
    extra = _engine.Rhythm | _engine.NoReply | _engine.Health | _engine.Loss

    assert [] == [one for one in everything if isinstance(one, extra)]


def test_counts_leave_with_each_delta_where_somebody_asks(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)], delta_s=10))
    counts = [one.count for one in everything if isinstance(one, _engine.Behaviour)]

    assert [1, 9, 19, 29, 30] == counts


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_delta_that_makes_no_sense_is_an_error(stopped: Path, seconds: float) -> None:
    with pytest.raises(OptionsError, match="delta_s"):
        _engine.Engine([str(stopped)], delta_s=seconds)


def test_a_search_by_arp_and_a_shifted_header_are_told_where_somebody_asks(tmp_path: Path) -> None:
    poll = Poll().open()
    for n in range(5):
        read_poll(1, n + 1.0, poll)
    poll.frames[-2][IP].ttl = 20
    for n in range(10):
        frame = Ether(src=CLIENT_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(
            hwsrc=CLIENT_MAC, psrc=CLIENT, pdst=f"10.0.0.{n + 20}"
        )
        frame.time = START + 10 + n / 10
        poll.frames.append(frame)
    path = tmp_path / "search.pcap"
    wrpcap(str(path), poll.frames)
    everything = observed(_engine.Engine([str(path)], spoof=True))
    arps = [one for one in everything if isinstance(one, _engine.Arp)]
    [shift] = [one for one in everything if isinstance(one, _engine.HeaderShift)]

    assert [(CLIENT, CLIENT_MAC, 8, 8), (CLIENT, CLIENT_MAC, 10, 10)] == [
        (arp.ip, arp.mac, arp.target_count, arp.silent_count) for arp in arps
    ]
    assert ("ttl", True, (64, 20), (0, 12)) == (
        shift.kind,
        shift.from_client,
        shift.values,
        shift.frames[1],
    )


def test_a_change_is_told_with_the_values_before_where_somebody_asks(tmp_path: Path) -> None:
    poll = Poll().open()
    poll.ask(b"\3\0\x64\0\2", b"\3\4\0\7\0\x08", 1)
    poll.ask(b"\6\0\x65\0\x32", b"\6\0\x65\0\x32", 2)
    path = tmp_path / "change.pcap"
    wrpcap(str(path), poll.frames)

    def previous(asked: bool) -> list[list[_engine.Value]]:
        everything = observed(_engine.Engine([str(path)], previous=asked))
        return [one.previous_values for one in everything if isinstance(one, _engine.Transaction)]

    assert ([[8]], [[]]) == (previous(True), previous(False))


def test_what_an_earlier_run_had_is_not_new(stopped: Path) -> None:
    first = observed(_engine.Engine([str(stopped)], rhythm=True))
    [id_] = {one.id for one in first if isinstance(one, _engine.Behaviour)}
    [learned] = [
        (one.id, one.period_ns or 0, one.deviation_ns or 0)
        for one in first
        if isinstance(one, _engine.Rhythm) and one.kind == "periodic"
    ]
    again = observed(
        _engine.Engine([str(stopped)], rhythm=True, behaviours=[id_], rhythms=[learned])
    )

    assert {False} == {one.new for one in again if isinstance(one, _engine.Behaviour)}
    assert ["overdue"] == [one.kind for one in again if isinstance(one, _engine.Rhythm)]


def test_an_id_that_is_none_is_an_error(stopped: Path) -> None:
    with pytest.raises(OptionsError, match="32 hexadecimal digits"):
        _engine.Engine([str(stopped)], behaviours=["abc"])


def test_a_behaviour_that_reads_new_addresses_leaves_again_where_asked() -> None:
    def places(asked: bool) -> list[int]:
        everything = observed(
            _engine.Engine([str(PCAPS / "baseline" / "departures.pcapng")], ranges=asked)
        )
        return [
            one.latest_frame[1]
            for one in everything
            if isinstance(one, _engine.Behaviour) and len(one.intervals) == 2
        ]

    # The last is what leaves of everything at the end.
    assert ([470, 470], [470]) == (places(True), places(False))


def test_a_read_that_is_wanted_leaves_each_time(capture: Path) -> None:
    def reads(*wanted: _engine.Wanted) -> list[tuple[int, list[_engine.Value]]]:
        everything = observed(_engine.Engine([str(capture)], wanted=wanted))
        return [
            (one.response_frames[-1][1], one.values)
            for one in everything
            if isinstance(one, _engine.Transaction) and one.operation == "read_holding_registers"
        ]

    polls = [(5, [0, 0]), (7, [0, 1]), (9, [0, 2])]
    registers = _engine.Wanted("modbus", operation_class="read", unit=7, addresses=(101, 200))
    high = _engine.Wanted("modbus", space="hr", values=(2, 9))

    assert ([], polls) == (reads(), reads(registers))
    assert [(9, [0, 2])] == reads(high)
    assert [] == reads(_engine.Wanted("modbus", unit=8), _engine.Wanted("dnp3"))


def test_what_cannot_be_wanted_is_an_error(capture: Path) -> None:
    with pytest.raises(OptionsError, match="No such protocol"):
        _engine.Wanted("mudbus")
    with pytest.raises(OptionsError, match="no class"):
        _engine.Wanted("modbus", operation_class="reed")
    with pytest.raises(OptionsError, match="1024 at most"):
        _engine.Engine([str(capture)], wanted=[_engine.Wanted("modbus")] * 1025)
