"""What two ends did in a protocol over all runs, so that the next one knows who is new."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

MAX_HISTORIES = 50_000
"""Conversations that are remembered; those that were quiet longest go first."""

_NO_VLAN = -1


class Key(NamedTuple):
    """Two ends and what they speak, on whatever port."""

    client: str
    """IP address, or hardware address where there is none."""
    server: str
    vlan: int | None
    protocol: str


class History(NamedTuple):
    """What was done, and when."""

    read_count: int
    """Operations that only look."""
    change_count: int
    """Operations that change something."""
    first_ns: int
    last_ns: int


def load(db: sqlite3.Connection) -> dict[Key, History]:
    """Every history."""
    return {
        Key(client, server, None if vlan == _NO_VLAN else vlan, protocol): History(*counted)
        for client, server, vlan, protocol, *counted in db.execute("SELECT * FROM histories")
    }


def save(db: sqlite3.Connection, histories: Iterable[tuple[Key, History]]) -> None:
    """Keeps what differs from what was kept before; past the bound, the longest quiet goes."""
    db.executemany(
        "INSERT OR REPLACE INTO histories VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (key.client, key.server, _NO_VLAN if key.vlan is None else key.vlan, key.protocol, *one)
            for key, one in histories
        ),
    )
    present = db.execute("SELECT count(*) FROM histories").fetchone()[0]
    if present > MAX_HISTORIES:
        oldest = db.execute(
            "SELECT last_ns FROM histories ORDER BY last_ns LIMIT 1 OFFSET ?",
            (present - MAX_HISTORIES - 1,),
        ).fetchone()[0]
        db.execute("DELETE FROM histories WHERE last_ns <= ?", (oldest,))
