"""A connection to a site file, opened so that what is committed lasts."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from otmon.errors import StateError
from otmon.state import advice
from otmon.state.migration import migrate, newest_version, version_of

WAL_PAGES = 4_000
"""Pages of the write-ahead log after which it is folded back: about 16 MB."""

_MAGIC = b"SQLite format 3\0"


def look_before_opening(path: Path, *, read_only: bool, create: bool) -> None:
    """Says what is wrong with a place before SQLite is asked, which would say less.

    Raises:
        StateError: There is no file, it is no site file, or it may not be used.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError as error:
        if not create:
            raise StateError(
                f"There is no state at {path}. "
                "Name another file with --state, or make one with `otmon analyze --state`."
            ) from error
        if not path.parent.is_dir():
            raise StateError(
                f"{path.parent} is no folder. Make it, or give --state another place."
            ) from error
        return
    except IsADirectoryError as error:
        raise StateError(f"{path} is a folder. Give --state the name of a file.") from error
    except OSError as error:
        raise StateError(
            f"{path} cannot be read: {error.strerror}. Give yourself the right to, or name another."
        ) from error
    if head and not head.startswith(_MAGIC):
        raise StateError(
            f"{path} is not a state file of otmon; it was left as it is. "
            "Give --state another file, or one that does not exist yet."
        )
    if head and not read_only and not os.access(path, os.W_OK):
        raise StateError(
            f"{path} may not be written by this user. Give --state a file that you may write to."
        )


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection to a file, with the settings of that connection alone."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    if read_only and not os.access(path.parent, os.W_OK) and not _log_of(path).exists():
        # Nobody writes, and the index that readers of a log share cannot be made here.
        uri += "&immutable=1"
    db = sqlite3.connect(uri, uri=True, timeout=advice.BUSY_S, isolation_level=None)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    # A sensor can write no file but its own: what is sorted stays in memory.
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def prepare(db: sqlite3.Connection, path: Path, *, read_only: bool, durable: bool) -> None:
    """Checks whose file it is and which version; migrates, unless it is only read."""
    # All of it at one time: another process may be making the tables.
    db.execute("BEGIN")
    try:
        version = version_of(db, path)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
    if read_only:
        if version < newest_version():
            raise StateError(
                f"{path} was written by an older otmon and has to be brought up to date. "
                "Run any command that may write to it, such as `otmon doctor --state FILE`."
            )
        return
    if version == 0:
        # Before anything is written; later it would take a rewrite of the whole file.
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    write_ahead(db)
    # Every commit is on the disk before it counts: what a person settled survives a power cut.
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    # Some builds write zeros over all that is deleted, page by page: twice the work of a queue.
    db.execute("PRAGMA secure_delete = FAST")
    # What a burst made of the log is given back to the disk.
    db.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    if version < newest_version():
        migrate(db, path)


def write_ahead(db: sqlite3.Connection) -> None:
    """Switches to a write-ahead log; two that make the file at once wait for each other."""
    deadline = time.monotonic() + advice.BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here: it sees no way to go on that is no deadlock.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
