"""Which process watches or analyses into a site file: one at a time, by a lock beside it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from otmon.errors import StateError

LOCK_ATTEMPTS = 5
"""How often a claim is tried: `holder` of another process takes the lock for a moment."""


class Claim:
    """The claim of this process on a site file, where it has made one."""

    def __init__(self, path: Path) -> None:
        """Takes the path of the site file."""
        self._path = path
        self._beside = path.with_name(f"{path.name}.lock")
        self._lock: int | None = None

    def take(self) -> None:
        """Claims the file until `release`, or the end of the process.

        Raises:
            StateError: Another process has claimed it.
        """
        if self._lock is not None:
            return
        try:
            lock = os.open(self._beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"{self._beside} cannot be written: {error.strerror}. "
                "Give --state a place in a folder that you may write to."
            ) from error
        if not _lock(lock):
            who = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            raise StateError(
                f"Another otmon, process {who}, is writing what it sees into {self._path}. "
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
            with self._beside.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except OSError:
            return self._beside.read_text("ascii", "replace").strip() or "unknown"
        return None

    def release(self) -> None:
        """Ends the claim, where there is one."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


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
