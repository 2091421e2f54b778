"""The site file opens, migrates, is shared, and is never overwritten."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from otmon.errors import StateError
from otmon.state import migration
from otmon.state.migration import APPLICATION_ID, newest_version
from otmon.state.site_file import SiteFile

INCREMENTAL = 2
"""How SQLite says that a file can give pages back a few at a time."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def note(site: SiteFile, name: str, value: str = "x") -> None:
    with site.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def names(site: SiteFile) -> list[str]:
    with site.reading() as db:
        return [row[0] for row in db.execute("SELECT name FROM meta ORDER BY name")]


def test_a_new_file_says_what_it_is_and_which_version_it_has(tmp_path):
    with SiteFile.open(tmp_path / "site.otmon") as site:
        header = [site.db.execute(f"PRAGMA {p}").fetchone()[0] for p in (
            "application_id", "user_version", "journal_mode", "foreign_keys",
            "auto_vacuum")]  # fmt: skip

    assert [APPLICATION_ID, newest_version(), "wal", 1, INCREMENTAL] == header


def test_what_was_committed_is_there_when_the_file_is_opened_again(tmp_path):
    with SiteFile.open(tmp_path / "site.otmon") as site:
        note(site, "kept")
    with SiteFile.open(tmp_path / "site.otmon") as site:
        assert ["kept"] == names(site)


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with SiteFile.open(tmp_path / "site.otmon") as site:
        with pytest.raises(RuntimeError), site.transaction():
            note(site, "half")
            raise RuntimeError

        assert [] == names(site)


def test_a_reader_sees_one_state_while_another_process_writes(tmp_path):
    path = tmp_path / "site.otmon"
    with SiteFile.open(path) as writer, SiteFile.open(path, read_only=True) as reader:
        note(writer, "before")
        with reader.reading():
            seen = names(reader)
            note(writer, "after")

            assert ["before"] == seen == names(reader)
        assert ["after", "before"] == names(reader)


def test_two_that_make_the_file_at_once_make_one(tmp_path):
    path = tmp_path / "site.otmon"
    code = (
        "import sys; from otmon.state.site_file import SiteFile\n"
        "with SiteFile.open(sys.argv[1]) as site:\n"
        "    with site.transaction() as db:\n"
        "        db.execute('INSERT INTO meta VALUES (?, ?)', (sys.argv[2], ''))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n)], stderr=subprocess.PIPE)
        for n in range(4)
    ]
    said = [process.communicate(timeout=60)[1] for process in started]

    assert [b""] * 4 == said
    with SiteFile.open(path) as site:
        assert ["0", "1", "2", "3"] == names(site)


def test_what_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("important notes\n")
    before = digest(path)
    with pytest.raises(StateError, match=r"not a state file of otmon.*\. Give --state another"):
        SiteFile.open(path)

    assert before == digest(path)
    assert [path] == list(tmp_path.iterdir())


def test_a_database_of_another_program_is_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    before = digest(path)
    with pytest.raises(StateError, match="database of another program"):
        SiteFile.open(path)

    assert before == digest(path)


def test_a_file_of_a_newer_otmon_is_left_as_it_is(tmp_path):
    path = tmp_path / "site.otmon"
    with SiteFile.open(path) as site:
        site.db.execute(f"PRAGMA user_version = {newest_version() + 1}")
    before = digest(path)
    with pytest.raises(StateError, match=r"newer otmon.*Update otmon"):
        SiteFile.open(path)

    assert before == digest(path)


@pytest.mark.parametrize("place", [16, 100, 2 * 4096 + 8])
def test_a_damaged_file_says_so_and_is_left_as_it_is(tmp_path, place):
    path = tmp_path / "site.otmon"
    with SiteFile.open(path) as site:
        for number in range(500):
            note(site, f"name {number}", "x" * 100)
    body = bytearray(path.read_bytes())
    body[place : place + 64] = b"\xff" * 64
    path.write_bytes(body)
    before = digest(path)
    with (
        pytest.raises(StateError, match=r"damaged|cannot be used|another program"),
        SiteFile.open(path) as site,
    ):
        names(site)

    assert before == digest(path)


def test_a_file_cut_short_says_that_it_is_damaged(tmp_path):
    path = tmp_path / "site.otmon"
    with SiteFile.open(path) as site:
        for number in range(500):
            note(site, f"name {number}", "x" * 100)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StateError, match="damaged"), SiteFile.open(path) as site:
        note(site, "more")


def test_what_is_not_there_says_so_when_it_is_only_read(tmp_path):
    with pytest.raises(StateError, match="There is no state at"):
        SiteFile.open(tmp_path / "none.otmon", read_only=True)

    assert [] == list(tmp_path.iterdir())


def test_a_place_that_cannot_be_says_so(tmp_path):
    with pytest.raises(StateError, match="is no folder"):
        SiteFile.open(tmp_path / "no" / "site.otmon")
    with pytest.raises(StateError, match="is a folder"):
        SiteFile.open(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_says_so_and_can_still_be_read(tmp_path):
    folder = tmp_path / "fixed"
    folder.mkdir()
    with SiteFile.open(folder / "site.otmon") as site:
        note(site, "kept")
    (folder / "site.otmon").chmod(0o400)
    folder.chmod(0o500)
    try:
        with pytest.raises(StateError, match="may not be written"):
            SiteFile.open(folder / "site.otmon")
        with SiteFile.open(folder / "site.otmon", read_only=True) as site:
            assert ["kept"] == names(site)
    finally:
        folder.chmod(0o700)


def test_only_one_process_watches_into_a_file(tmp_path):
    path = tmp_path / "site.otmon"
    with SiteFile.open(path) as first, SiteFile.open(path) as second:
        first.claim()
        with pytest.raises(StateError, match=f"process {os.getpid()}, is writing"):
            second.claim()
        note(second, "people may still act")
    with SiteFile.open(path) as third:
        third.claim()


def test_a_migration_is_taken_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "site.otmon"
    with SiteFile.open(path) as site:
        note(site, "kept")
    steps = tmp_path / "steps"
    shutil.copytree(migration._STEPS, steps)
    number = newest_version() + 1
    step = steps / f"{number:04d}_more.sql"
    step.write_text("CREATE TABLE more (x);\nCREATE TABLE meta (clash);\n")
    monkeypatch.setattr(migration, "_STEPS", steps)
    with pytest.raises(StateError):
        SiteFile.open(path)
    step.write_text("CREATE TABLE more (x);\nINSERT INTO more VALUES ('a;b');\n")
    with SiteFile.open(path) as site:
        assert ["kept"] == names(site)
        assert [("a;b",)] == site.db.execute("SELECT x FROM more").fetchall()
        assert number == site.db.execute("PRAGMA user_version").fetchone()[0]


def test_a_backup_is_whole_and_never_replaces_a_file(tmp_path):
    path, copy = tmp_path / "site.otmon", tmp_path / "copy.otmon"
    with SiteFile.open(path) as site:
        note(site, "kept")
        site.backup(copy)
        with pytest.raises(StateError, match="exists already"):
            site.backup(copy)
        with SiteFile.open(copy, read_only=True) as backup:
            assert ["kept"] == names(backup)
            assert [] == backup.check()


def test_a_sound_file_has_nothing_wrong(tmp_path):
    with SiteFile.open(tmp_path / "site.otmon") as site:
        assert [] == site.check()
