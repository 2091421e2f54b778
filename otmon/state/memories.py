"""What parts with a memory of their own leave for the next run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any


def load(db: sqlite3.Connection) -> dict[str, tuple[int, Any]]:
    """What each part left, by its name, with the version of its form."""
    return {
        name: (version, json.loads(content))
        for name, version, content in db.execute("SELECT name, version, content FROM memories")
    }


def save(db: sqlite3.Connection, memories: Mapping[str, tuple[int, Any]]) -> None:
    """Keeps what parts leave, each in place of what it left before."""
    db.executemany(
        "INSERT INTO memories VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET version = excluded.version, content = excluded.content"
        " WHERE version IS NOT excluded.version OR content IS NOT excluded.content",
        [
            (name, version, json.dumps(memory, separators=(",", ":")))
            for name, (version, memory) in memories.items()
        ],
    )
