"""Capture files at the boundary: facts, broken ones, folders, several as one."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from boundary.polls import START, Poll, observed, read_poll
from scapy.utils import wrpcap

from otmon import _engine
from otmon.errors import CaptureError, OtmonError


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


def test_files_that_follow_one_another_are_one_interface(tmp_path: Path) -> None:
    first, second = Poll().open(), Poll().open()
    for n in range(5):
        read_poll(1, n + 1.0, first)
        read_poll(1, n + 100.0, second)
    for name, poll in (("a1.pcap", first), ("a2.pcap", second)):
        wrpcap(str(tmp_path / name), poll.frames[3:])
    health = observed(_engine.Engine([str(tmp_path)], health=True))
    rows = [one for one in health if isinstance(one, _engine.Health)]

    # Whether the next file comes is not known while the pause lasts.
    assert [("start", 0), ("silent", 0), ("hole", 0), ("end", 0)] == [
        (one.kind, one.interface) for one in rows
    ]
    assert ((START + 5) * 10**9 + 2 * 10**6, (START + 100) * 10**9) == (
        rows[2].from_ns,
        rows[2].until_ns,
    )
