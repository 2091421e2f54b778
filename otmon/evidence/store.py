"""The folder in which a sensor saves the frames behind its alerts, within a bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from otmon.errors import CaptureError
from otmon.evidence.frames import Evidence, save


class EvidenceStore:
    """A folder of captures, one of each alert; the oldest make room."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self.most_bytes = most_bytes
        """Room for all of them."""
        self._used: int | None = None
        """Bytes in it, once somebody counted."""

    def add(self, number: int, evidence: Evidence) -> Path:
        """Saves the evidence of an alert; gives where.

        Raises:
            CaptureError: It cannot be written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CaptureError(
                f"{self._folder} cannot be made: {error.strerror}. "
                "Give --state a place in a folder that you may write to."
            ) from error
        path = self._folder / f"alert-{number}.pcapng"
        save(evidence.capture, path)
        if self._used is None:
            self._used = sum(size for _, size, _ in self._files())
        else:
            self._used += len(evidence.capture)
        if self._used > self.most_bytes:
            self._make_room(path)
        return path

    def _make_room(self, latest: Path) -> None:
        """Removes the oldest, a tenth more than has to go, so that it is not each time."""
        used = 0
        keep = self.most_bytes - self.most_bytes // 10
        for _, size, path in sorted(self._files(), reverse=True):
            used += size
            if used > keep and path != latest:
                path.unlink(missing_ok=True)
                used -= size
        self._used = used

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        """Of each capture when it was written, its bytes, and where it is."""
        for path in self._folder.glob("alert-*.pcapng"):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue
            yield facts.st_mtime_ns, facts.st_size, path
