"""The site file: opened, migrated, written in transactions, never overwritten.

One SQLite file in WAL mode holds what otmon remembers of a site. A process
that dies at any moment leaves a file that opens: what was committed is there,
what was not is gone as a whole. Readers never wait for a writer, and two
writers wait for each other.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from otmon.errors import StateError
from otmon.state import connection
from otmon.state.advice import translated
from otmon.state.claim import Claim


class SiteFile:
    """A site file that is open.

    Made by `open`; closed by `close` or at the end of a `with` block.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._db = db
        self._claim = Claim(path)
        self._depth = 0

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        create: bool = True,
        durable: bool = True,
    ) -> SiteFile:
        """Opens a site file, brings its tables up to date, and makes it where there is none.

        Args:
            path: Where it is.
            read_only: Nothing is written, not even a migration.
            create: Whether a file that is not there is made.
            durable: Whether what is committed outlives a power cut; without, only the
                end of the process.

        Raises:
            StateError: There is none, it cannot be read or written, it is no
                site file, it is damaged, or a newer otmon wrote it. It is left
                as it was.
        """
        place = Path(path)
        connection.look_before_opening(place, read_only=read_only, create=create and not read_only)
        with translated(place):
            db = connection.connect(place, read_only=read_only)
            try:
                connection.prepare(db, place, read_only=read_only, durable=durable)
            except BaseException:
                db.close()
                raise
        return cls(place, db, read_only=read_only)

    @property
    def db(self) -> sqlite3.Connection:
        """The connection. `reading` and `transaction` give it with errors in words."""
        return self._db

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything that the block writes, or nothing; one inside another joins it.

        Raises:
            StateError: The file is read-only, damaged, the disk is full, or
                another process wrote for longer than `BUSY_S`.
        """
        if self.read_only:
            raise StateError(f"{self.path} was opened to be read only. Open it for writing.")
        if self._depth:
            yield self._db
            return
        with translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the file for all that the block reads, whoever writes meanwhile."""
        if self._db.in_transaction:
            yield self._db
            return
        with translated(self.path):
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def unshared(self) -> Iterator[None]:
        """Writes without a log, which is quicker, while nobody else knows of the file.

        A process that dies inside the block leaves a file that is of no use.
        """
        with translated(self.path):
            self._db.execute("PRAGMA journal_mode = MEMORY")
        yield
        with translated(self.path):
            connection.write_ahead(self._db)

    def relax(self) -> None:
        """From now on a power cut may undo the last commits; for what can be done again.

        The file stays whole, and what others commit is not touched by it.
        """
        with translated(self.path):
            if self._db.execute("PRAGMA synchronous").fetchone()[0] > 1:
                self._db.execute("PRAGMA synchronous = NORMAL")

    def claim(self) -> None:
        """Makes this the one process that watches or analyses into the file, until it ends.

        People's commands do not claim: they may work on the file meanwhile.

        Raises:
            StateError: Another process has claimed it.
        """
        self._claim.take()

    def holder(self) -> str | None:
        """The process that has claimed the file, as far as it says who it is; else none."""
        return self._claim.holder()

    def close(self) -> None:
        """Closes the file; a claim on it ends."""
        with translated(self.path):
            self._db.close()
        self._claim.release()

    def __enter__(self) -> SiteFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> list[str]:
        """What is wrong inside the file, each in a line; nothing where all is well.

        Reads the whole file.
        """
        with translated(self.path):
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check(20)")]
            broken = [
                f"table {table}, row {row}, names a row of {parent} that is not there"
                for table, row, parent, _ in self._db.execute("PRAGMA foreign_key_check")
            ]
        return [line for line in found if line != "ok"] + broken[:20]

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Writes a copy of the state as it is now, while others go on using it.

        The copy is whole or not there: it is written beside its place and then
        put there.

        Raises:
            StateError: There is a file at `path` already, or it cannot be written.
        """
        place = Path(path)
        if place.exists():
            raise StateError(f"{place} exists already. Name a file that does not.")
        part = place.with_name(f".{place.name}.part")
        try:
            part.unlink(missing_ok=True)
            with translated(place):
                copy = sqlite3.connect(part)
                try:
                    self._db.backup(copy)
                    # The copy is one file: nothing beside it.
                    copy.execute("PRAGMA journal_mode = DELETE")
                finally:
                    copy.close()
            _flush(part)
            # Unlike a rename, a link never replaces what somebody put there meanwhile.
            os.link(part, place)
        except OSError as error:
            raise StateError(
                f"{place} cannot be written: {error.strerror}. "
                "Name a place in a folder that you may write to."
            ) from error
        finally:
            part.unlink(missing_ok=True)


def now_ns() -> int:
    """The time at which a person acts, in nanoseconds since 1970."""
    return time.time_ns()


def _flush(path: Path) -> None:
    """Waits until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
