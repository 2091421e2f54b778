"""What was counted on the way to a remote sink, and noted about it, beside the queue itself."""

from __future__ import annotations

import sqlite3


def count(db: sqlite3.Connection, added: dict[str, int]) -> None:
    """Adds to what is counted."""
    db.executemany(
        "INSERT INTO delivery_counts VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        [(name, value) for name, value in added.items() if value],
    )


def next_in(db: sqlite3.Connection, series: str, how_many: int = 1) -> int:
    """The first of so many numbers of a series, none of which is given twice."""
    name = f"sequence.{series}"
    count(db, {name: how_many})
    return counted(db, name) - how_many + 1


def numbers(db: sqlite3.Connection) -> dict[str, int]:
    """The last number of each series."""
    rows = db.execute("SELECT name, value FROM delivery_counts WHERE name GLOB 'sequence.*'")
    return dict(rows)


def continue_from(db: sqlite3.Connection, last: dict[str, int]) -> None:
    """Goes on with the numbers of another queue, where those are higher."""
    db.executemany(
        "INSERT INTO delivery_counts VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        last.items(),
    )


def counted(db: sqlite3.Connection, name: str) -> int:
    """What a count has come to."""
    row = db.execute("SELECT value FROM delivery_counts WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def fact(db: sqlite3.Connection, name: str) -> str | None:
    """Something that was noted about the delivery."""
    row = db.execute("SELECT value FROM delivery_facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def note(db: sqlite3.Connection, **facts: str) -> None:
    """Notes how the sender is."""
    db.executemany(
        "INSERT INTO delivery_facts VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        facts.items(),
    )
