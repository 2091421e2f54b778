"""Documents that a sink will never take, with why, until somebody has put that right."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from otmon.sinks.ledger import count
from otmon.sinks.outbox import ROW_BYTES, Bounds, Document, Failure, Row, acknowledge

DEAD_SHARE = 10
"""Dead letters may take one part in so many of the room of the queue."""


@dataclass(frozen=True, slots=True)
class Buried:
    """Dead letters that have the same status and error."""

    status: int
    kind: str
    reason: str
    """Of one of them."""
    count: int
    targets: tuple[str, ...]
    first_ns: int
    last_ns: int
    """When the first and the last of them was given up."""
    example: str
    """The id of one of them."""


def bury(
    db: sqlite3.Connection, rows: Sequence[tuple[Row, Failure]], bounds: Bounds | None = None
) -> None:
    """Moves documents that the sink will never take to the dead letters; the oldest make room."""
    acknowledge(db, [row for row, _ in rows])
    lament(db, [(row.document, failure) for row, failure in rows], bounds)


def lament(
    db: sqlite3.Connection, dead: Sequence[tuple[Document, Failure]], bounds: Bounds | None = None
) -> None:
    """Notes documents among the dead letters; the oldest make room."""
    if not dead:
        return
    at = time.time_ns()
    db.executemany(
        "INSERT INTO dead_letter (prio, target, op, doc_id, version, body, at, status, error_type,"
        " reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.priority,
                one.target,
                one.op,
                one.id,
                one.version,
                one.body,
                at,
                failure.status,
                failure.kind,
                failure.reason[:1000],
            )
            for one, failure in dead
        ],
    )
    count(db, {"dead_letter": len(dead)})
    room = (bounds or Bounds()).max_bytes // DEAD_SHARE
    size = db.execute("SELECT coalesce(sum(length(body)), 0) FROM dead_letter").fetchone()[0]
    while size > room:
        gone = db.execute(
            "DELETE FROM dead_letter WHERE seq IN (SELECT seq FROM dead_letter ORDER BY seq"
            " LIMIT 100) RETURNING length(body)"
        ).fetchall()
        if not gone:
            return
        size -= sum(length for (length,) in gone)
        count(db, {"dead_letter_dropped": len(gone)})


def revive(db: sqlite3.Connection) -> int:
    """Puts every dead letter into the queue again, and gives how many."""
    revived = db.execute(
        "INSERT OR IGNORE INTO outbox (prio, target, op, doc_id, version, body, enqueued_at)"
        " SELECT prio, target, op, doc_id, version, body, ? FROM dead_letter ORDER BY seq"
        " RETURNING length(body)",
        (time.time_ns(),),
    ).fetchall()
    db.execute("DELETE FROM dead_letter")
    count(db, {"bytes": sum(size + ROW_BYTES for (size,) in revived)})
    return len(revived)


def dead_by_error(db: sqlite3.Connection) -> list[Buried]:
    """The dead letters by status and error; most first."""
    rows = db.execute(
        "SELECT status, error_type, max(reason), count(*), group_concat(DISTINCT target), min(at),"
        " max(at), max(doc_id) FROM dead_letter"
        " GROUP BY status, error_type ORDER BY count(*) DESC, status"
    )
    return [
        Buried(code, kind, reason, count, tuple(sorted(targets.split(","))), first, last, example)
        for code, kind, reason, count, targets, first, last, example in rows
    ]
