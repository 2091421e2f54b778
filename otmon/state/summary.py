"""What a site file holds, in numbers."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def rows(db: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has, by its name."""
    names = [
        name
        for (name,) in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " ORDER BY name"
        )
    ]
    return {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def positions(db: sqlite3.Connection) -> dict[str, int]:
    """The packet time to which each sensor has come."""
    return dict(db.execute("SELECT sensor, time_ns FROM positions ORDER BY sensor"))


def disk_bytes(path: Path) -> int:
    """Bytes of the file, and of the log beside it."""
    beside = (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))
    return sum(one.stat().st_size for one in beside if one.exists())
