"""The document of the last run, in parts, so that reports can be made of it later."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any

from otmon.model.document import pack, packed_text


def save(db: sqlite3.Connection, parts: Mapping[str, Any]) -> None:
    """Keeps the parts of a document, each a dataclass or a sequence of them, under its key.

    Times are numbers in them.
    """
    db.execute("DELETE FROM result_parts")
    for name, part in parts.items():
        plain = [*map(pack, part)] if isinstance(part, tuple | list) else pack(part)
        text = packed_text(plain)
        db.execute(
            "INSERT INTO result_parts VALUES (?, ?)", (name, zlib.compress(text.encode(), 1))
        )


def load(db: sqlite3.Connection, name: str) -> Any:
    """A part as plain JSON; none where the run left none."""
    row = db.execute("SELECT content FROM result_parts WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(zlib.decompress(row[0]))
