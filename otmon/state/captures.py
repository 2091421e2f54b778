"""Which captures a site file has taken in, and how far its sensors have come.

A capture is known by the SHA-256 of its bytes, whatever it is called. One that
has grown since it was taken in is known by its beginning.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from otmon.state.site_file import now_ns

HEAD_BYTES = 4_096
"""Bytes by which files that may be one that has grown are found."""
CHUNK_BYTES = 1 << 20

STANDARD_INPUT = "-"
FILES = "files"
"""The sensor that capture files are."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture file as it was taken in."""

    path: str
    sha256: str | None
    """None for what cannot be read twice."""
    head: str | None
    size: int
    packets: int = 0
    bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the site file says of a capture that is at hand."""

    capture: Capture
    """The one at hand; its counts are not known yet."""
    taken: Capture | None
    """The same one, or its beginning, as it was taken in before."""

    @property
    def grown(self) -> bool:
        """Whether only its beginning was taken in."""
        return self.taken is not None and self.taken.size < self.capture.size


def look_up(db: sqlite3.Connection, path: str) -> Known:
    """Whether a file, or its beginning, has been taken in before. Reads all of it.

    A file that cannot be read is not known: the engine says why.
    """
    try:
        if not Path(path).is_file():
            return Known(Capture(path, None, None, 0), None)
        capture, prefixes = _digest(db, path)
    except OSError:
        return Known(Capture(path, None, None, 0), None)
    for sha256 in (capture.sha256, *prefixes):
        row = db.execute(
            "SELECT path, sha256, head, size, packets, bytes, first_ns, last_ns FROM captures"
            " WHERE sha256 = ?",
            (sha256,),
        ).fetchone()
        if row is not None:
            return Known(capture, Capture(*row))
    return Known(capture, None)


def taken_by_facts(db: sqlite3.Connection, capture: Capture) -> bool:
    """Whether a capture with the same packets has been taken in: for what cannot be read twice."""
    row = db.execute(
        "SELECT 1 FROM captures WHERE packets = ? AND bytes = ? AND first_ns IS ? AND last_ns IS ?",
        (capture.packets, capture.bytes, capture.first_ns, capture.last_ns),
    ).fetchone()
    return row is not None


def _lasting(path: str) -> str:
    """A path that still names the file where the next run begins in another folder."""
    if path == STANDARD_INPUT:
        return path
    # Not `resolve`: a link is kept as the name that people know.
    return str(Path.cwd() / path)


def add(db: sqlite3.Connection, captures: Sequence[Capture]) -> None:
    """Notes that captures were taken in."""
    db.executemany(
        "INSERT INTO captures (path, sha256, head, size, packets, bytes, first_ns, last_ns,"
        " taken_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sha256) DO NOTHING",
        [
            (
                _lasting(one.path),
                one.sha256,
                one.head,
                one.size,
                one.packets,
                one.bytes,
                one.first_ns,
                one.last_ns,
                now_ns(),
            )
            for one in captures
        ],
    )


def taken(db: sqlite3.Connection) -> list[tuple[Capture, int]]:
    """Every capture that was taken in, and when by the clock of that machine."""
    rows = db.execute(
        "SELECT path, sha256, head, size, packets, bytes, first_ns, last_ns, taken_ns"
        " FROM captures ORDER BY id"
    )
    return [(Capture(*row[:-1]), row[-1]) for row in rows]


def position(db: sqlite3.Connection, sensor: str) -> int | None:
    """The packet time to which a sensor has come; none where it has seen nothing."""
    row = db.execute("SELECT time_ns FROM positions WHERE sensor = ?", (sensor,)).fetchone()
    return None if row is None else row[0]


def set_position(db: sqlite3.Connection, sensor: str, time_ns: int) -> None:
    """Notes how far a sensor has come; it never goes back."""
    db.execute(
        "INSERT INTO positions VALUES (?, ?) ON CONFLICT (sensor) DO UPDATE"
        " SET time_ns = max(time_ns, excluded.time_ns)",
        (sensor, time_ns),
    )


def _digest(db: sqlite3.Connection, path: str) -> tuple[Capture, list[str]]:
    """The capture by its bytes, and the digests of its beginnings that may have been taken in."""
    whole = hashlib.sha256()
    size = 0
    prefixes: list[str] = []
    with Path(path).open("rb") as file:
        chunk = file.read(CHUNK_BYTES)
        head = hashlib.sha256(chunk[:HEAD_BYTES]).hexdigest()
        ends = [
            row[0]
            for row in db.execute(
                "SELECT DISTINCT size FROM captures WHERE head = ? ORDER BY size", (head,)
            )
        ]
        while chunk:
            done = 0
            while ends and ends[0] <= size + len(chunk):
                end = ends.pop(0)
                whole.update(chunk[done : end - size])
                done = end - size
                prefixes.insert(0, whole.hexdigest())
            whole.update(chunk[done:])
            size += len(chunk)
            chunk = file.read(CHUNK_BYTES)
    return Capture(path, whole.hexdigest(), head, size), prefixes
