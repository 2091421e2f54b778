"""The journal: what people did to the state, who and when, and how to take it back.

Nothing in it is ever changed or removed; taking something back is an entry of
its own. Traffic writes nothing here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from otmon.errors import UsageError
from otmon.state.site_file import now_ns

Facts = dict[str, Any]
"""A subject before or after an action, as JSON."""

Restore = Callable[[sqlite3.Connection, str, Facts | None, Facts | None], None]
"""Puts the subject of this id back to what it was before an action, which made of it what
comes last; where it was not there before, it goes. What traffic did to it since stays."""


@dataclass(frozen=True, slots=True)
class Action:
    """Who acts, and with which words: the same for all that one command does."""

    author: str
    name: str
    """What is done: approve, mute, ack, learn."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did to one subject."""

    id: int
    time_ns: int
    author: str
    action: str
    kind: str
    subject: str
    before: Facts | None
    after: Facts | None
    note: str | None
    batch: int
    """The first entry of the command that it belongs to."""
    undoes: int | None
    """The entry that it takes back."""
    undone: bool
    """Whether a later entry takes it back."""


class Writer:
    """Adds what one command does; all of it is taken back together."""

    def __init__(self, db: sqlite3.Connection, action: Action) -> None:
        """Takes a connection inside a transaction."""
        self._db = db
        self._action = action
        self._batch: int | None = None

    def add(
        self,
        kind: str,
        subject: str,
        before: Facts | None,
        after: Facts | None,
        undoes: int | None = None,
    ) -> int:
        """Notes that a subject changed, and gives the number of the entry."""
        action = self._action
        if self._batch is None:
            last = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'")
            self._batch = ((last.fetchone() or (0,))[0]) + 1
        cursor = self._db.execute(
            "INSERT INTO journal (time_ns, author, action, kind, subject, before, after, note,"
            " batch, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                now_ns(),
                action.author,
                action.name,
                kind,
                subject,
                _text(before),
                _text(after),
                action.note,
                self._batch,
                undoes,
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid


_COLUMNS = (
    "id, time_ns, author, action, kind, subject, before, after, note, batch, undoes,"
    " EXISTS (SELECT 1 FROM journal AS later WHERE later.undoes = journal.id)"
)


def entries(
    db: sqlite3.Connection,
    *,
    kind: str | None = None,
    subject: str | None = None,
    after_id: int = 0,
    limit: int | None = None,
) -> list[Entry]:
    """What was done, the latest first.

    Args:
        db: The connection.
        kind: Only what was done to subjects of this kind.
        subject: Only what was done to this one.
        after_id: Only what came after this entry.
        limit: At most so many, none for all.
    """
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM journal WHERE id > :after"
        " AND (:kind IS NULL OR kind = :kind) AND (:subject IS NULL OR subject = :subject)"
        " ORDER BY id DESC LIMIT :limit",
        {
            "after": after_id,
            "kind": kind,
            "subject": subject,
            "limit": -1 if limit is None else limit,
        },
    )
    return [_entry(row) for row in rows]


def last_id(db: sqlite3.Connection) -> int:
    """The number of the latest entry; 0 where there is none."""
    found: int = db.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0]
    return found


def undo(
    db: sqlite3.Connection,
    entry_id: int | None,
    author: str,
    restore: Mapping[str, Restore],
    note: str | None = None,
) -> list[Entry]:
    """Takes back what the command of an entry did, and gives its entries.

    Args:
        db: A connection inside a transaction.
        entry_id: Any entry of the command; none for the latest not yet taken back.
        author: Who takes it back.
        restore: What puts back a subject, by its kind.
        note: Why.

    Raises:
        UsageError: There is no such entry, it is taken back already, it
            took something back itself, or somebody did something to the same subject after it.
    """
    batch = _batch_of(db, entry_id)
    rows = db.execute(f"SELECT {_COLUMNS} FROM journal WHERE batch = ? ORDER BY id DESC", (batch,))
    taken_back = [_entry(row) for row in rows]
    if taken_back[0].undoes is not None:
        raise UsageError(
            f"Entry {batch} took something back itself. "
            "If that is meant, do again what it took back."
        )
    if any(entry.undone for entry in taken_back):
        raise UsageError(f"Entry {batch} has been taken back already. See `otmon journal`.")
    for entry in taken_back:
        _refuse_later(db, entry, taken_back[0].id)
    writer = Writer(db, Action(author, "undo", note))
    for entry in taken_back:
        restore[entry.kind](db, entry.subject, entry.before, entry.after)
        writer.add(entry.kind, entry.subject, entry.after, entry.before, undoes=entry.id)
    return taken_back[::-1]


def _batch_of(db: sqlite3.Connection, entry_id: int | None) -> int:
    if entry_id is None:
        row = db.execute(
            "SELECT batch FROM journal WHERE undoes IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM journal AS later WHERE later.undoes = journal.id)"
            " ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None:
            raise UsageError("There is nothing to take back. See `otmon journal`.")
    else:
        row = db.execute("SELECT batch FROM journal WHERE id = ?", (entry_id,)).fetchone()
        if row is None:
            raise UsageError(f"The journal has no entry {entry_id}. See `otmon journal`.")
    batch: int = row[0]
    return batch


def _refuse_later(db: sqlite3.Connection, entry: Entry, last: int) -> None:
    later = db.execute(
        "SELECT min(id) FROM journal WHERE kind = ? AND subject = ? AND id > ?"
        " AND undoes IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM journal AS after WHERE after.undoes = journal.id)",
        (entry.kind, entry.subject, last),
    ).fetchone()[0]
    if later is not None:
        raise UsageError(
            f"Entry {later} changed {entry.kind} {entry.subject} again after entry {entry.id}. "
            f"Take that back first: `otmon undo {later}`."
        )


def _entry(row: tuple[Any, ...]) -> Entry:
    number, time_ns, author, action, kind, subject, before, after, note, batch, undoes, undone = row
    return Entry(
        number,
        time_ns,
        author,
        action,
        kind,
        subject,
        _facts(before),
        _facts(after),
        note,
        batch,
        undoes,
        bool(undone),
    )


def _text(facts: Facts | None) -> str | None:
    if facts is None:
        return None
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _facts(text: str | None) -> Facts | None:
    return None if text is None else json.loads(text)
