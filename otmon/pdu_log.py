"""Every PDU of a sensor as JSON lines in files that take turns, within a bound on disk.

Each file is gzip. What was written reads back even where the process was killed:
the stream is flushed with every write, so only its end is missing then.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO

from otmon.errors import OptionsError

_GZIP = 31
"""Window bits of zlib that make gzip."""
_FASTEST = 1
_NAME = re.compile(r"pdus-.*\.jsonl\.gz")


class PduLog:
    """A folder of files of lines; the oldest make room."""

    def __init__(
        self, folder: Path, file_bytes: int, most_bytes: int, most_days: float = 0
    ) -> None:
        """Takes the folder, after how many bytes a file is full, and how many all may have.

        Of `most_days`, if not 0, older files go, by the time of their packets.

        Raises:
            OptionsError: The folder cannot be written.
        """
        self._folder = folder
        self._file_bytes = file_bytes
        self._most = most_bytes
        self._most_days = most_days
        self._day = ""
        """The day of the first line of the file that is written."""
        self._file: BinaryIO | None = None
        self._stream = zlib.compressobj(_FASTEST, wbits=_GZIP)
        self._written = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
        except OSError as error:
            raise _unusable(folder, error) from error

    def configure(self, file_bytes: int, most_bytes: int, most_days: float) -> None:
        """Takes other bounds from now on."""
        self._file_bytes, self._most, self._most_days = file_bytes, most_bytes, most_days

    def write(self, lines: bytes) -> None:
        """Writes whole lines.

        Raises:
            OptionsError: The disk is full or gone; later lines may fit again.
        """
        if not lines:
            return
        try:
            time = json.loads(lines[: lines.index(b"\n")])["time"]
            if self._file is not None and time[:10] > self._day:
                # A new day has a file of its own: so the old one can go when its time has come.
                self.close()
                self._make_room(time)
            if self._file is None:
                self._begin(time)
            assert self._file is not None  # it has just been opened
            packed = self._stream.compress(lines) + self._stream.flush(zlib.Z_SYNC_FLUSH)
            self._file.write(packed)
            self._file.flush()
            self._written += len(packed)
            if self._written >= self._file_bytes:
                self.close()
                self._make_room(time)
        except OSError as error:
            raise _unusable(self._folder, error) from error

    def close(self) -> None:
        """Ends the file that is being written."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:
            file.write(self._stream.flush(zlib.Z_FINISH))

    def _begin(self, time: str) -> None:
        """Opens the next file, named by the packet time of its first line."""
        self._day = time[:10]
        stamp = re.sub(r"[-:]", "", time)[:15]
        number = 0
        while (path := self._folder / f"pdus-{stamp}-{number:03}.jsonl.gz").exists():
            number += 1
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._stream = zlib.compressobj(_FASTEST, wbits=_GZIP)
        self._written = 0

    def _make_room(self, time: str | None = None) -> None:
        """Removes the oldest files until a further one fits, and those past their time."""
        oldest = ""
        if time is not None and self._most_days:
            kept = datetime.datetime.fromisoformat(time[:19]) - datetime.timedelta(
                days=self._most_days
            )
            oldest = f"pdus-{kept:%Y%m%dT%H%M%S}"
        files = sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
        used = sum(path.stat().st_size for path in files)
        for path in files:
            if used + self._file_bytes <= self._most and path.name >= oldest:
                break
            used -= path.stat().st_size
            path.unlink()


def _unusable(folder: Path, error: OSError) -> OptionsError:
    return OptionsError(
        f"The PDU log in {folder} cannot be written: {error.strerror}. "
        "Make room there, or name another folder in [monitor] pdu_log."
    )
