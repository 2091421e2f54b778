"""The queue before a remote sink, in the site file: nothing is lost without being counted.

A document is put in within the transaction that writes what it tells of, and
is taken out only when the sink has acknowledged it. The queue has bounds by
bytes and by age; when it is full, what matters least goes first.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from otmon.sinks.ledger import count, counted

HOUR_NS = 3_600_000_000_000
ROW_BYTES = 160
"""What a row costs on disk besides its body, about."""
DROP_ROWS = 1_000
"""Rows that are dropped at a time to make room."""
SPARE_PAGES = 1_000
"""Free pages that a file keeps, about 4 MB: what is put in next goes there."""
RETURNED_PAGES = 2_000
"""Pages that are given back at a time: more than a batch sets free, and done in milliseconds."""
_THIS = "seq = ? AND doc_id = ? AND version = ?"
"""One row and no other: SQLite gives the highest number again once it is free."""


class Store(Protocol):
    """A site file, as far as the queue needs it."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Everything that the block writes, or nothing."""
        ...

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """One state for all that the block reads."""
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be sent."""

    priority: int
    """0 goes first and is dropped last."""
    target: str
    op: str
    """`create` or `index`."""
    id: str
    body: bytes
    version: int = 0
    """Of an `index`: an older one never replaces a newer one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A document in the queue."""

    seq: int
    document: Document
    attempts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a sink will never take a document."""

    status: int
    """Of HTTP; 0 where the document was never sent."""
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the queue may hold."""

    max_bytes: int = 2 << 30
    max_age_h: float = 720.0
    untouchable: int = 0
    """Documents of this priority and above it are never dropped for lack of room."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the queue is."""

    rows: int
    bytes: int
    oldest_ns: int | None
    """When the oldest document was put in."""
    dead_letters: int
    counts: dict[str, int] = field(default_factory=dict)
    """`delivered`, `duplicates`, `retried`, `dead_letter`, `dropped.<reason>.<priority>`."""
    facts: dict[str, str] = field(default_factory=dict)
    """`state`, `reason` and `last_ack_at` of the sender."""


def put(db: sqlite3.Connection, documents: Iterable[Document], bounds: Bounds | None = None) -> int:
    """Puts documents in, and gives how many are new.

    One that waits already, by target, id and version, is not put in twice. A
    newer version of an `index` document replaces the older one.

    Args:
        db: A connection inside a transaction.
        documents: What is to be sent.
        bounds: How much there may be; what is too much is dropped and counted.
    """
    now = time.time_ns()
    added = gained = 0
    for one in documents:
        if one.op == "index":
            older = db.execute(
                "DELETE FROM outbox WHERE target = ? AND doc_id = ? AND version < ?"
                " RETURNING length(body)",
                (one.target, one.id, one.version),
            ).fetchall()
            gained -= sum(size + ROW_BYTES for (size,) in older)
        new = db.execute(
            "INSERT OR IGNORE INTO outbox (prio, target, op, doc_id, version, body, enqueued_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (one.priority, one.target, one.op, one.id, one.version, one.body, now),
        ).rowcount
        if new:
            added += 1
            gained += len(one.body) + ROW_BYTES
    count(db, {"bytes": gained})
    if added:
        _keep_within(db, bounds or Bounds(), now)
    return added


def _keep_within(db: sqlite3.Connection, bounds: Bounds, now: int) -> None:
    """Drops what is too old, then what is too much: the least important, the oldest first."""
    oldest = now - round(bounds.max_age_h * HOUR_NS)
    # A lot at a time: what is dropped is counted in memory.
    old = f"SELECT seq FROM outbox WHERE enqueued_at < ? LIMIT {DROP_ROWS}"
    while _drop(db, old, (oldest,), "age") == DROP_ROWS:
        pass
    while counted(db, "bytes") > bounds.max_bytes:
        dropped = _drop(
            db,
            "SELECT seq FROM outbox WHERE prio > ? AND prio = (SELECT max(prio) FROM outbox)"
            f" ORDER BY seq LIMIT {DROP_ROWS}",
            (bounds.untouchable,),
            "room",
        )
        if not dropped:
            return


def _drop(db: sqlite3.Connection, which: str, values: tuple[int, ...], reason: str) -> int:
    gone = db.execute(
        f"DELETE FROM outbox WHERE seq IN ({which}) RETURNING prio, length(body)", values
    ).fetchall()
    if gone:
        counts = {"bytes": -sum(size + ROW_BYTES for _, size in gone)}
        for priority, _ in gone:
            name = f"dropped.{reason}.{priority}"
            counts[name] = counts.get(name, 0) + 1
        count(db, counts)
    return len(gone)


def batch(
    db: sqlite3.Connection,
    *,
    at_most: int = 500,
    max_bytes: int = 4 << 20,
    now_ns: int,
    besides: Sequence[int] = (),
) -> list[Row]:
    """The documents that are to be sent next: at least one, where any is due.

    Args:
        db: The connection.
        at_most: Documents.
        max_bytes: Of their bodies together.
        now_ns: Those that failed before wait until their time.
        besides: Rows, by number, that are on their way already.
    """
    rows: list[Row] = []
    size = 0
    for row in db.execute(
        "SELECT seq, prio, target, op, doc_id, body, version, attempts FROM outbox"
        " WHERE next_at <= ? AND seq NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY prio, seq LIMIT ?",
        (now_ns, json.dumps([*besides]), at_most),
    ):
        seq, priority, target, op, doc_id, body, version, attempts = row
        size += len(body)
        if rows and size > max_bytes:
            break
        document = Document(priority, target, op, doc_id, body, version)
        rows.append(Row(seq, document, attempts))
    return rows


def acknowledge(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Takes documents out that the sink has."""
    # One that was replaced or dropped meanwhile is not there any more, nor in the bytes; another
    # document may have its number since.
    gone = 0
    for row in rows:
        one = row.document
        if db.execute(f"DELETE FROM outbox WHERE {_THIS}", (row.seq, one.id, one.version)).rowcount:
            gone += len(one.body) + ROW_BYTES
    count(db, {"bytes": -gone})


def shrink(db: sqlite3.Connection) -> None:
    """Gives pages that a backlog took and no longer needs back to the disk, so many at a time.

    A state that an older otmon made has them all for good, and uses them again.
    """
    free = db.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(min(free - SPARE_PAGES, RETURNED_PAGES)):
        # Asked for more at once it stops after the first: the module takes it for done.
        db.execute("PRAGMA incremental_vacuum(1)")


def put_off(db: sqlite3.Connection, rows: Iterable[tuple[Row, int]]) -> None:
    """Notes that documents were refused for now, each with when it is tried again."""
    db.executemany(
        f"UPDATE outbox SET attempts = attempts + 1, next_at = ? WHERE {_THIS}",
        [(next_ns, row.seq, row.document.id, row.document.version) for row, next_ns in rows],
    )


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether nothing waits."""
    return not db.execute("SELECT EXISTS (SELECT 1 FROM outbox)").fetchone()[0]


def waiting(db: sqlite3.Connection) -> tuple[int, int | None]:
    """How many bytes wait, and when the oldest document was put in; none where nothing waits."""
    oldest = db.execute("SELECT min(enqueued_at) FROM outbox").fetchone()[0]
    return counted(db, "bytes"), oldest


def status(db: sqlite3.Connection) -> Status:
    """How the queue is."""
    rows, oldest = db.execute("SELECT count(*), min(enqueued_at) FROM outbox").fetchone()
    dead = db.execute("SELECT count(*) FROM dead_letter").fetchone()[0]
    counts = dict(db.execute("SELECT name, value FROM delivery_counts"))
    return Status(
        rows=rows,
        bytes=counts.pop("bytes", 0),
        oldest_ns=oldest,
        dead_letters=dead,
        counts=counts,
        facts=dict(db.execute("SELECT name, value FROM delivery_facts")),
    )
