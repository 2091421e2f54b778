"""What a remote sink was told of devices and alerts: what changed since is news, and only that."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

from otmon.sinks.outbox import Document


def assets(db: sqlite3.Connection) -> dict[str, str]:
    """Of each device what was told of it last, as JSON."""
    return dict(db.execute("SELECT id, facts FROM told_assets"))


def remember_asset(db: sqlite3.Connection, asset: str, facts: str) -> None:
    """Notes what is told of a device."""
    db.execute(
        "INSERT INTO told_assets VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET facts = excluded.facts",
        (asset, facts),
    )


def remember_alert(
    db: sqlite3.Connection, document: Document, number: int, *, raised: bool
) -> None:
    """Keeps what is told of an alert, so that it can be told again as it was.

    Args:
        db: A connection inside a transaction.
        document: What is told.
        number: Of the alert.
        raised: Whether it is the alert itself, and no update of it.
    """
    db.execute(
        "INSERT OR IGNORE INTO told_alerts (number, raised, prio, target, doc_id, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            number,
            raised,
            document.priority,
            document.target,
            document.id,
            zlib.compress(document.body),
        ),
    )


def alerts(db: sqlite3.Connection) -> set[int]:
    """The numbers of alerts that can be told again as they were."""
    return {number for (number,) in db.execute("SELECT number FROM told_alerts WHERE raised")}


def documents(db: sqlite3.Connection) -> Iterator[Document]:
    """All that was told of alerts which the state still has, in the order of telling."""
    rows = db.execute("SELECT prio, target, doc_id, body FROM told_alerts ORDER BY seq")
    for priority, target, doc_id, body in rows:
        yield Document(priority, target, "create", doc_id, zlib.decompress(body))
