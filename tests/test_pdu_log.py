"""The log of a sensor reads back, and stays within its bound."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from otmon.errors import OptionsError
from otmon.pdu_log import PduLog


def line(second: int, filler: str = "") -> bytes:
    stamp = f"2026-11-25T10:00:{second:02}.000000000Z"
    return json.dumps({"time": stamp, "filler": filler}).encode() + b"\n"


def seconds(path: Path) -> list[int]:
    """The seconds of the lines of a file, whole or cut."""
    text = zlib.decompressobj(wbits=31).decompress(path.read_bytes())
    return [int(json.loads(one)["time"][17:19]) for one in text.splitlines()]


def test_what_was_written_reads_back_even_where_the_file_was_never_closed(tmp_path: Path) -> None:
    log = PduLog(tmp_path, 1 << 20, 1 << 30)
    log.write(line(1) + line(2))
    log.write(line(3))

    (path,) = tmp_path.iterdir()
    assert "pdus-20261125T100001-000.jsonl.gz" == path.name
    assert [1, 2, 3] == seconds(path)


def test_a_full_file_is_closed_and_the_next_one_begun(tmp_path: Path) -> None:
    log = PduLog(tmp_path, 50, 1 << 30)
    for second in range(3):
        log.write(line(second, str(hash(second) ** 9)))
    log.close()

    files = sorted(tmp_path.iterdir())
    assert [[0], [1], [2]] == [seconds(path) for path in files]
    assert all(gzip.decompress(path.read_bytes()) for path in files)


def test_the_oldest_files_make_room(tmp_path: Path) -> None:
    log = PduLog(tmp_path, 60, 300)
    for second in range(20):
        log.write(line(second))
    log.close()

    files = sorted(tmp_path.iterdir())
    assert sum(path.stat().st_size for path in files) <= 300
    assert 19 == seconds(files[-1])[-1]


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("x" * 1_000)
    PduLog(tmp_path, 60, 100).write(line(1))

    assert other.exists()


def test_two_files_of_one_second_have_names_of_their_own(tmp_path: Path) -> None:
    for _ in range(2):
        log = PduLog(tmp_path, 1 << 20, 1 << 30)
        log.write(line(1))
        log.close()

    assert 2 == len([*tmp_path.iterdir()])


def test_a_folder_that_cannot_be_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OptionsError, match="Make room there, or name another folder"):
        PduLog(tmp_path / "file", 1, 1)


def daily(day: int, hour: int = 10) -> bytes:
    return json.dumps({"time": f"2026-11-{day:02}T{hour:02}:00:00.000000000Z"}).encode() + b"\n"


def test_each_day_has_its_file_and_files_go_when_their_time_has_come(tmp_path: Path) -> None:
    log = PduLog(tmp_path, 1 << 20, 1 << 30, most_days=3)
    for day in range(1, 11):
        for hour in (1, 13):
            log.write(daily(day, hour))
    log.close()

    assert [f"pdus-202611{day:02}T010000-000.jsonl.gz" for day in (7, 8, 9, 10)] == sorted(
        path.name for path in tmp_path.iterdir()
    )


def test_without_an_age_only_room_counts(tmp_path: Path) -> None:
    log = PduLog(tmp_path, 1 << 20, 1 << 30)
    for day in range(1, 11):
        log.write(daily(day))
    log.close()

    assert 10 == len([*tmp_path.iterdir()])
