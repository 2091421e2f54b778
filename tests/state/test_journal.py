"""The journal keeps what people did, and takes it back."""

from __future__ import annotations

import sqlite3

import pytest

from otmon.errors import StateError, UsageError
from otmon.state import journal
from otmon.state.journal import Action, Writer
from otmon.state.site_file import SiteFile


def put(
    db: sqlite3.Connection, name: str, facts: dict[str, str] | None, _after: object = None
) -> None:
    """A subject of these tests is a row of `meta`."""
    db.execute("DELETE FROM meta WHERE name = ?", (name,))
    if facts is not None:
        db.execute("INSERT INTO meta VALUES (?, ?)", (name, facts["value"]))


def act(site: SiteFile, changes: dict[str, str], author: str = "j.doe") -> int:
    """One command that sets some subjects."""
    number = 0
    with site.transaction() as db:
        writer = Writer(db, Action(author, "set", "why not"))
        for name, value in changes.items():
            row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
            put(db, name, {"value": value})
            number = writer.add("meta", name, row and {"value": row[0]}, {"value": value})
    return number


def undo(site: SiteFile, entry: int | None) -> list[str]:
    with site.transaction() as db:
        return [e.subject for e in journal.undo(db, entry, "a.roe", {"meta": put})]


def state(site: SiteFile) -> dict[str, str]:
    return dict(site.db.execute("SELECT name, value FROM meta ORDER BY name"))


def test_an_entry_says_who_did_what_to_what_and_why(site):
    act(site, {"a": "1"})
    (entry,) = journal.entries(site.db)

    assert ("j.doe", "set", "meta", "a", None, {"value": "1"}, "why not") == (
        entry.author, entry.action, entry.kind, entry.subject, entry.before, entry.after,
        entry.note,
    )  # fmt: skip


def test_nothing_in_the_journal_can_be_changed_or_removed(site):
    act(site, {"a": "1"})
    for statement in ("UPDATE journal SET author = 'x'", "DELETE FROM journal"):
        with pytest.raises(StateError, match="only added to"), site.transaction() as db:
            db.execute(statement)


def test_what_one_command_did_is_taken_back_together(site):
    act(site, {"a": "1"})
    number = act(site, {"a": "2", "b": "2"})

    assert ["a", "b"] == undo(site, number)
    assert {"a": "1"} == state(site)


def test_without_a_number_the_latest_is_taken_back_then_the_one_before(site):
    act(site, {"a": "1"})
    act(site, {"a": "2"})

    assert ["a"] == undo(site, None)
    assert {"a": "1"} == state(site)
    assert ["a"] == undo(site, None)
    assert {} == state(site)
    with pytest.raises(UsageError, match="nothing to take back"):
        undo(site, None)


def test_taking_back_is_an_entry_and_happens_once(site):
    number = act(site, {"a": "1"})
    undo(site, number)
    taken, done = journal.entries(site.db)

    assert ("undo", "a.roe", number, True) == (
        taken.action, taken.author, taken.undoes, done.undone
    )  # fmt: skip
    with pytest.raises(UsageError, match="taken back already"):
        undo(site, number)
    with pytest.raises(UsageError, match="took something back itself"):
        undo(site, taken.id)


def test_what_was_changed_again_is_not_taken_back_from_under_it(site):
    first = act(site, {"a": "1"})
    second = act(site, {"a": "2"})
    with pytest.raises(UsageError, match=f"Entry {second} changed meta a again"):
        undo(site, first)

    assert {"a": "2"} == state(site)


def test_an_entry_that_is_not_there_says_so(site):
    with pytest.raises(UsageError, match="no entry 7"):
        undo(site, 7)


def test_entries_of_one_subject_or_after_a_number_can_be_asked_for(site):
    first = act(site, {"a": "1"})
    act(site, {"b": "1"})

    assert ["b"] == [e.subject for e in journal.entries(site.db, after_id=first)]
    assert ["a"] == [e.subject for e in journal.entries(site.db, kind="meta", subject="a")]
    assert ["b"] == [e.subject for e in journal.entries(site.db, limit=1)]
    assert first + 1 == journal.last_id(site.db)
