"""The tables of a site file, brought up to date: whose file it is, and which steps it lacks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from otmon.errors import StateError

APPLICATION_ID = 0x4F544D4E
"""`OTMN`, in the header of every site file."""

_STEPS = Path(__file__).with_name("migrations")


def newest_version() -> int:
    """The version of the tables that this otmon writes."""
    return max(number for number, _ in _steps())


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """The version of the tables of a site file; 0 where it has none yet.

    Raises:
        StateError: It is the file of another program, or of a newer otmon.
    """
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if application != APPLICATION_ID and not (empty and application == 0 and version == 0):
        raise StateError(
            f"{path} is a database of another program; it was left as it is. "
            "Give --state another file, or one that does not exist yet."
        )
    if version > newest_version():
        raise StateError(
            f"{path} was written by a newer otmon (its tables have version {version}, "
            f"this one knows {newest_version()}). Update otmon, or give --state another file."
        )
    return version


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Takes every step that the file has not had, all of them or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        done = version_of(db, path)
        for number, step in _steps():
            if number > done:
                _run(db, step)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {newest_version()}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _run(db: sqlite3.Connection, step: Path) -> None:
    """Runs the statements of a file one by one: `executescript` would commit first."""
    statement = ""
    for line in step.read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
    if statement.strip():
        raise StateError(f"{step.name} ends inside a statement. This is a fault of otmon.")


def _steps() -> list[tuple[int, Path]]:
    """The migrations in order, each a file `NNNN_what.sql`."""
    return sorted((int(path.name[:4]), path) for path in _STEPS.glob("[0-9]*.sql"))
