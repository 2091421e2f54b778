"""The capture files of frames: where they are now, and whether they are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from otmon.errors import CaptureError

STANDARD_INPUT = "-"
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class KnownCapture:
    """A capture file as the state remembers it."""

    path: str
    size: int
    sha256: str | None
    """Of the whole file; none where it was not read for it."""
    taken_ns: int | None
    """When it was analysed, by the clock of that machine."""


def find(path: str, known: Sequence[KnownCapture]) -> tuple[Path, str | None]:
    """Where a file is now, and what to know before its frames are believed.

    Args:
        path: The file as the alert names it.
        known: What the state remembers of the files that it has seen.

    Raises:
        CaptureError: It was no file, is not there, or is not the same any more.
    """
    if path == STANDARD_INPUT:
        raise CaptureError(
            "The frames came from standard input and were not kept. "
            "Write the capture to a file, analyse that, and ask again."
        )
    as_known = [one for one in known if _fits(one.path, path)]
    places = [Path(path), *(Path(one.path) for one in as_known)]
    place = next((one for one in places if one.is_file()), None)
    if place is None:
        raise CaptureError(
            f"{path} is not there any more. Put it back, or run this from the folder "
            "in which it was analysed."
        )
    if not as_known:
        return place, f"{path}: nothing is known that could tell whether it has changed"
    for one in as_known:
        complaint = _changed(place, one)
        if complaint is None:
            return place, _remark(place, one)
    raise CaptureError(f"{place} has changed since it was analysed: {complaint}. Analyse it again.")


def _fits(known: str, path: str) -> bool:
    """Whether a path that the state has is the one that an alert names, perhaps from a folder."""
    return known == path or Path(known).parts[-len(Path(path).parts) :] == Path(path).parts


def _changed(place: Path, known: KnownCapture) -> str | None:
    size = place.stat().st_size
    # The engine does not always know a size: then there is none to compare with.
    if known.size and size != known.size:
        return f"it has {size:,} bytes, and had {known.size:,}"
    if known.sha256 is not None:
        with place.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != known.sha256:
                return "its content is another, though as long"
    return None


def _remark(place: Path, known: KnownCapture) -> str | None:
    """What is suspicious about a file of the right length whose digest is not known."""
    later = known.taken_ns is not None and place.stat().st_mtime_ns > known.taken_ns + _NS
    if known.sha256 is None and later:
        return f"{place}: it was written to after the analysis, though it is as long as before"
    return None
