"""The site file: opened, migrated, written in transactions, never overwritten.

One SQLite file in WAL mode holds what otmon remembers of a site. A process
that dies at any moment leaves a file that opens: what was committed is there,
what was not is gone as a whole. Readers never wait for a writer, and two
writers wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from otmon.errors import StateError

APPLICATION_ID = 0x4F544D4E
"""`OTMN`, in the header of every site file."""
BUSY_S = 30.0
"""How long a writer waits for another one, in seconds."""
LOCK_ATTEMPTS = 5
"""How often a claim is tried: `holder` of another process takes the lock for a moment."""
WAL_PAGES = 4_000
"""Pages of the write-ahead log after which it is folded back: about 16 MB."""

_MAGIC = b"SQLite format 3\0"
_STEPS = Path(__file__).with_name("migrations")


class SiteFile:
    """A site file that is open.

    Made by `open`; closed by `close` or at the end of a `with` block.
    """

    def __init__(self, path: Path, db: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._db = db
        self._lock: int | None = None
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
        _look_before_opening(place, read_only=read_only, create=create and not read_only)
        with translated(place):
            db = _connect(place, read_only=read_only)
            try:
                _prepare(db, place, read_only=read_only, durable=durable)
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
            _write_ahead(self._db)

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
        if self._lock is not None:
            return
        beside = self._beside()
        try:
            lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"{beside} cannot be written: {error.strerror}. "
                "Give --state a place in a folder that you may write to."
            ) from error
        if not _lock(lock):
            who = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            raise StateError(
                f"Another otmon, process {who}, is writing what it sees into {self.path}. "
                "Wait until it ends, or give --state another file."
            )
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        self._lock = lock

    def holder(self) -> str | None:
        """The process that has claimed the file, as far as it says who it is; else none."""
        if self._lock is not None:
            return str(os.getpid())
        try:
            with self._beside().open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except OSError:
            return self._beside().read_text("ascii", "replace").strip() or "unknown"
        return None

    def _beside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def close(self) -> None:
        """Closes the file; a claim on it ends."""
        with translated(self.path):
            self._db.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

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


def _lock(lock: int) -> bool:
    """Takes a lock, unless another process holds it for longer than a look takes."""
    for attempt in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02 * attempt)
        else:
            return True
    return False


def now_ns() -> int:
    """The time at which a person acts, in nanoseconds since 1970."""
    return time.time_ns()


def newest_version() -> int:
    """The version of the tables that this otmon writes."""
    return max(number for number, _ in _steps())


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


def _look_before_opening(path: Path, *, read_only: bool, create: bool) -> None:
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


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    if read_only and not os.access(path.parent, os.W_OK) and not _log_of(path).exists():
        # Nobody writes, and the index that readers of a log share cannot be made here.
        uri += "&immutable=1"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    # A sensor can write no file but its own: what is sorted stays in memory.
    db.execute("PRAGMA temp_store = MEMORY")
    return db


def _prepare(db: sqlite3.Connection, path: Path, *, read_only: bool, durable: bool) -> None:
    """Checks whose file it is and which version; migrates, unless it is only read."""
    # All of it at one time: another process may be making the tables.
    db.execute("BEGIN")
    try:
        version = _version(db, path)
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
    _write_ahead(db)
    # Every commit is on the disk before it counts: what a person settled survives a power cut.
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    # Some builds write zeros over all that is deleted, page by page: twice the work of a queue.
    db.execute("PRAGMA secure_delete = FAST")
    # What a burst made of the log is given back to the disk.
    db.execute(f"PRAGMA journal_size_limit = {64 << 20}")
    if version < newest_version():
        _migrate(db, path)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switches to a write-ahead log; two that make the file at once wait for each other."""
    deadline = time.monotonic() + BUSY_S
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


def _version(db: sqlite3.Connection, path: Path) -> int:
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


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Takes every step that the file has not had, all of them or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        done = _version(db, path)
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


def _flush(path: Path) -> None:
    """Waits until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
