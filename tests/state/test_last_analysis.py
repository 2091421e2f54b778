"""The last analysis is whole, or the one before still is the last."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from otmon.state import last_analysis
from otmon.state.site_file import SiteFile


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "otmon"


def keep(note: str) -> None:
    with last_analysis.fresh() as site, site.transaction() as db:
        db.execute("INSERT INTO meta VALUES ('note', ?)", (note,))


def kept() -> str:
    with SiteFile.open(last_analysis.path()) as site, site.reading() as db:
        assert [] == site.check()
        return db.execute("SELECT value FROM meta WHERE name = 'note'").fetchone()[0]


def test_each_takes_the_place_of_the_one_before(cache: Path) -> None:
    keep("first")
    keep("second")
    assert "second" == kept()
    assert 1 == len([*cache.glob("analysis-*.otmon")])


def test_others_can_read_and_write_it_at_the_same_time() -> None:
    """It is made without a log beside it, and has one from then on."""
    keep("first")
    with SiteFile.open(last_analysis.path()) as site, site.reading() as db:
        assert "wal" == db.execute("PRAGMA journal_mode").fetchone()[0]
        db.execute("SELECT count(*) FROM meta").fetchone()
        with SiteFile.open(last_analysis.path()) as other, other.transaction() as writing:
            writing.execute("UPDATE meta SET value = 'other' WHERE name = 'note'")
        note = db.execute("SELECT value FROM meta WHERE name = 'note'").fetchone()[0]
    assert ("first", "other") == (note, kept())


@pytest.mark.parametrize("committed", [False, True])
def test_a_kill_while_it_is_made_leaves_the_one_before(committed: bool, cache: Path) -> None:
    keep("first")
    child = os.fork()
    if child == 0:
        with last_analysis.fresh() as site:
            with site.transaction() as db:
                rows = ((f"row {number}", "x" * 10_000) for number in range(500))
                db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
                if not committed:
                    os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert "first" == kept()
    assert 2 == len([*cache.glob("analysis-*.otmon")])
    keep("second")
    assert "second" == kept()
    assert 1 == len([*cache.glob("analysis-*.otmon")])


def test_an_error_while_it_is_made_leaves_the_one_before(cache: Path) -> None:
    keep("first")
    with (
        pytest.raises(ZeroDivisionError),
        last_analysis.fresh() as site,
        site.transaction() as db,
    ):
        db.execute("INSERT INTO meta VALUES ('note', 'second')")
        raise ZeroDivisionError
    assert "first" == kept()
    assert 1 == len([*cache.glob("analysis-*.otmon")])
