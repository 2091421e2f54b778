"""Frames behind an alert: the right ones, out of the right file, or a clear refusal."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from places import PCAPS

import otmon
from otmon.errors import CaptureError
from otmon.evidence.frames import MAX_BYTES, MAX_FRAMES, collect, save
from otmon.evidence.source import KnownCapture, find
from otmon.model.alert import Alert

STOP = PCAPS / "s7comm" / "stop_start.pcapng"
SWEEP = PCAPS / "modbus" / "function_sweep.pcapng"
DOWNLOAD = PCAPS / "s7comm" / "download_ob1.pcapng"


def alert_of(path: Path, title: str) -> Alert:
    return next(one for one in otmon.analyze(path).alerts if one.rule.title == title)


def known(path: Path) -> list[KnownCapture]:
    return [KnownCapture(str(path), path.stat().st_size, None, 2**62)]


@pytest.fixture(scope="module")
def stopped() -> Alert:
    return alert_of(STOP, "S7 controller stopped")


def test_request_and_response_come_with_their_flow_and_its_handshake(stopped):
    made = collect(stopped, known(STOP))

    own = [(frame.number, frame.kind) for frame in made.frames if frame.is_evidence]
    assert [*zip(stopped.evidence.frames, ("request", "response"), strict=True)] == own
    assert ["handshake"] * 3 == [frame.kind for frame in made.frames[:3]]
    assert (1, 2, 3) == tuple(frame.number for frame in made.frames[:3])
    assert () == made.remarks


def test_evidence_is_read_again_by_otmon_itself(stopped, tmp_path):
    made = collect(stopped, known(STOP))
    path = tmp_path / "evidence.pcapng"
    save(made.capture, path)

    operations = [pdu["operation"] for pdu in otmon.pdus(path)]
    assert operations.count("plc_stop") == 2
    assert 0o600 == path.stat().st_mode & 0o777


def test_wireshark_reads_evidence_without_complaint(stopped, tmp_path, tshark):
    made = collect(stopped, known(STOP))
    path = tmp_path / "evidence.pcapng"
    save(made.capture, path)
    fields = [
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "frame.comment",
        "-e",
        "_ws.malformed",
    ]
    ran = subprocess.run([tshark, "-r", path, *fields], capture_output=True, check=True, text=True)

    complaints = [line for line in ran.stderr.splitlines() if "Running as user" not in line]
    assert [] == complaints
    rows = [line.split("\t") for line in ran.stdout.splitlines()]
    assert len(made.frames) == len(rows)
    for frame, (seconds, comment, malformed) in zip(made.frames, rows, strict=True):
        assert frame.time == int(seconds.replace(".", ""))
        assert comment.startswith(frame.kind)
        assert not malformed


def test_a_compressed_capture_gives_the_same_frames(stopped, tmp_path):
    packed = tmp_path / "stop_start.pcapng.gz"
    packed.write_bytes(gzip.compress(STOP.read_bytes()))
    evidence = replace(stopped.evidence, file=str(packed))
    made = collect(replace(stopped, evidence=evidence), known(packed))

    plain = collect(stopped, known(STOP))
    assert [frame.number for frame in plain.frames] == [frame.number for frame in made.frames]


def test_a_transfer_keeps_its_first_and_its_last_frame():
    alert = otmon.analyze(DOWNLOAD).alerts[0]
    made = collect(alert, known(DOWNLOAD))

    own = [frame.number for frame in made.frames if frame.is_evidence]
    assert [*alert.evidence.frames] == own


def test_evidence_is_bounded():
    alert = alert_of(SWEEP, "Function codes of a device swept")
    many = replace(alert.evidence, frames=tuple(range(1, 300)))
    made = collect(replace(alert, evidence=many), known(SWEEP))

    assert len(made.frames) == MAX_FRAMES
    assert len(made.capture) < MAX_BYTES + MAX_FRAMES * 400
    assert made.frames[0].number == 1
    assert made.frames[-1].number == 299
    assert any("left out" in remark for remark in made.remarks)


def test_standard_input_was_not_kept(stopped):
    evidence = replace(stopped.evidence, file="-")

    with pytest.raises(CaptureError, match=r"standard input and were not kept\. Write"):
        collect(replace(stopped, evidence=evidence), [])


def test_a_file_that_has_changed_is_refused(stopped, tmp_path):
    path = tmp_path / "stop_start.pcapng"
    shutil.copy(STOP, path)
    remembered = known(path)
    with path.open("ab") as file:
        file.write(b"more")
    evidence = replace(stopped.evidence, file=str(path))

    with pytest.raises(CaptureError, match=r"has changed .* bytes, and had .* Analyse it again"):
        collect(replace(stopped, evidence=evidence), remembered)


def test_a_file_of_the_same_length_with_other_content_is_refused(stopped, tmp_path):
    path = tmp_path / "stop_start.pcapng"
    content = bytearray(STOP.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    size = path.stat().st_size

    with pytest.raises(CaptureError, match="its content is another"):
        find(str(path), [KnownCapture(str(path), size, "0" * 64, None)])


def test_a_file_that_is_gone_is_looked_for_where_it_was(stopped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    place, remark = find("s7comm/stop_start.pcapng", known(STOP))
    assert (STOP, None) == (place, remark)
    with pytest.raises(CaptureError, match="is not there any more"):
        find("other.pcapng", known(STOP))


def test_frames_of_another_time_are_of_another_capture(stopped):
    later = replace(stopped, first_seen=2**61, last_seen=2**61)

    with pytest.raises(CaptureError, match="of another time"):
        collect(later, known(STOP))


def test_an_alert_about_silence_has_no_frames(stopped):
    nothing = replace(stopped.evidence, file=None, frames=())

    with pytest.raises(CaptureError, match="has no frames"):
        collect(replace(stopped, evidence=nothing), [])


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    save(b"frames", pipe)

    assert b"frames" == os.read(reader, 100)
    assert pipe.is_fifo()


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "normal.yml"
    save(b"before", path, private=False)
    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(CaptureError, match="No space left"):
        save(b"after", path, private=False)

    assert b"before" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())
