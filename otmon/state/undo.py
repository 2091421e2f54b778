"""Takes back what people did, whatever it was done to."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from otmon.state import alerts, assets, baseline, baseline_restore, journal
from otmon.state.journal import Entry, Restore

RESTORE: Mapping[str, Restore] = {
    "alert": alerts.restore,
    baseline.KIND: baseline_restore.restore,
    baseline.WHOLE: baseline_restore.restore_surroundings,
    baseline.EDGE: baseline_restore.restore_edge,
    "asset": assets.restore,
}
"""What puts back each kind of subject of the journal."""


def undo(
    db: sqlite3.Connection, entry: int | None, author: str, note: str | None = None
) -> list[Entry]:
    """Takes back what the command of an entry did, and gives its entries.

    Args:
        db: A connection inside a transaction.
        entry: Any entry of the command; none for the latest not yet taken back.
        author: Who takes it back.
        note: Why.

    Raises:
        UsageError: It cannot be taken back: see `journal.undo`.
    """
    entries = journal.undo(db, entry, author, RESTORE, note)
    for one in entries:
        if one.kind == "alert":
            alerts.taken_back(db, one.subject, author, note)
    return entries
