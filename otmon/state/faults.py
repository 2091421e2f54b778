"""What was not well with a sensor, and from when to when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from otmon.model.notice import Fault

MAX_FAULTS = 10_000
"""Faults that are kept; of those that are over the oldest go first."""


def save(db: sqlite3.Connection, sensor: str, faults: Iterable[Fault]) -> None:
    """Keeps faults, each in place of what was known of it while it lasted."""
    for one in faults:
        changed = db.execute(
            "UPDATE sensor_faults SET words = ?, ended_ns = ?"
            " WHERE sensor = ? AND key = ? AND ended_ns IS NULL",
            (one.words, one.ended_ns, sensor, one.key),
        )
        if not changed.rowcount:
            db.execute(
                "INSERT INTO sensor_faults (sensor, key, words, began_ns, ended_ns)"
                " VALUES (?, ?, ?, ?, ?)",
                (sensor, one.key, one.words, one.began_ns, one.ended_ns),
            )
    db.execute(
        "DELETE FROM sensor_faults WHERE ended_ns IS NOT NULL AND number <= "
        "(SELECT max(number) - ? FROM sensor_faults)",
        (MAX_FAULTS,),
    )


def lasting(db: sqlite3.Connection, sensor: str) -> list[Fault]:
    """What was not well with a sensor when it last wrote."""
    query = f"{_ALL} WHERE sensor = ? AND ended_ns IS NULL ORDER BY number"
    return [Fault(*row) for row in db.execute(query, (sensor,))]


def latest(db: sqlite3.Connection, count: int) -> list[Fault]:
    """What was not well lately, the latest first."""
    return [Fault(*row) for row in db.execute(f"{_ALL} ORDER BY number DESC LIMIT ?", (count,))]


_ALL = "SELECT key, words, began_ns, ended_ns FROM sensor_faults"
