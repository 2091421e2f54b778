"""What the command line says of input and output that is not as it should be."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest
from cli.test_cli import NORMAL, OTMON, STOPPED, run

CUT = b"is cut short. Everything before the cut was used."


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A capture of which the end is missing."""
    path = tmp_path / "cut.pcapng.gz"
    path.write_bytes(gzip.compress(NORMAL.read_bytes())[:-400])
    return path


@pytest.mark.parametrize(
    "command",
    [
        ["analyze"],
        ["analyze", "--format", "json"],
        ["pdus"],
        ["baseline", "show"],
        ["baseline", "export"],
        ["baseline", "compare", NORMAL],
        ["assets", "diff", NORMAL],
        ["assets", "zones"],
        ["analyze", NORMAL, "--baseline"],
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_whatever_reads_captures_says_which_it_could_not_read_whole(
    command: list[str], cut: Path
) -> None:
    ran = run(*command, cut)

    assert 0 == ran.returncode
    assert [f"otmon: {cut} ".encode() + CUT] == ran.stderr.splitlines()


def test_learning_says_which_capture_it_could_not_read_whole(cut: Path, tmp_path: Path) -> None:
    ran = run("baseline", "learn", "--state", tmp_path / "site.otmon", cut)

    assert [f"otmon: {cut} ".encode() + CUT] == ran.stderr.splitlines()


def test_a_file_that_may_not_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root may read everything, but nobody reads memory from its beginning.
        denied = Path("/proc/self/mem")
    else:
        denied = tmp_path / "denied.pcapng"
        denied.touch(0o000)
    ran = run("analyze", "--format", "json", denied, NORMAL)

    assert 0 == ran.returncode
    assert ran.stderr.startswith(f"otmon: {denied} ".encode())
    assert 0 < json.loads(ran.stdout)["capture"]["packets"]


def test_what_is_wrong_with_a_file_names_it_once() -> None:
    ran = run("analyze", "no-such-file.pcapng", NORMAL)

    assert b"otmon: no-such-file.pcapng does not exist. Check the path.\n" == ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["analyze", "--no-keep", STOPPED],
        ["analyze", "--no-keep", "--format", "json", STOPPED],
        ["analyze", "--no-keep", "--format", "json", "--fail-on", "high", STOPPED],
        ["pdus", STOPPED],
        ["baseline", "export", STOPPED],
    ],
    ids=lambda words: " ".join(map(str, words[:-1])),
)
def test_a_full_disk_behind_the_result_is_told_in_two_sentences(command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [OTMON, *map(str, command)], stdout=full, stderr=subprocess.PIPE, timeout=60
        )

    assert 3 == ran.returncode
    assert [
        b"otmon: The result cannot be written or read: No space left on device. "
        b"Mend that, then try again."
    ] == ran.stderr.splitlines()


def test_debug_shows_the_traceback_and_keeps_the_exit_status() -> None:
    ran = run("--debug", "analyze", "no-such-file.pcapng")

    assert 3 == ran.returncode
    assert b"Traceback" in ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["pdus", "--protocol", "modbuss", STOPPED],
        ["pdus", "--frame", "0", STOPPED],
        ["assets", "list", "--role", "plcs"],
    ],
    ids=lambda words: words[-2],
)
def test_what_does_not_exist_is_an_error_and_not_an_empty_list(command: list[str]) -> None:
    ran = run(*command)

    assert 2 == ran.returncode
    assert b"is not" in ran.stderr


def test_tables_have_no_blanks_at_the_end_of_their_lines() -> None:
    lines = run("analyze", "--no-keep", STOPPED).stdout.decode().splitlines()

    assert [line.rstrip() for line in lines] == lines
