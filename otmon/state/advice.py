"""What SQLite says of a site file, in words that say what to do."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from otmon.errors import StateError

BUSY_S = 30.0
"""How long a writer waits for another one, in seconds."""


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Says what SQLite says as a `StateError` with what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(_advice(path, error)) from error


def _advice(path: Path, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    match name.partition("_")[2].partition("_")[0]:
        case "BUSY" | "LOCKED":
            return (
                f"{path} is being written by another process for longer than {BUSY_S:g} s. "
                "Try again when it has finished."
            )
        case "FULL":
            return (
                f"The disk of {path} is full; what was there is untouched. "
                "Make room, then run the command again."
            )
        case "READONLY" | "CANTOPEN" | "PERM" | "AUTH":
            return (
                f"{path} cannot be written ({error}). "
                "Give --state a file in a folder that you may write to."
            )
        case "CORRUPT" | "NOTADB":
            return (
                f"{path} is damaged ({error}); nothing was written to it. "
                "Move it away and put its last backup in its place, or start with a new file; "
                "`sqlite3 FILE .recover` may save what it still holds."
            )
        case "IOERR":
            return f"{path} cannot be read or written ({error}). Check the disk it is on."
    return (
        f"{path} cannot be used ({error}). "
        "Run `otmon doctor --state FILE` on it; nothing was written."
    )
