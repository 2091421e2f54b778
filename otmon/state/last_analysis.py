"""The user's last analysis: a state file in the cache folder, replaced by the next one.

Each analysis is a file of its own, and a link says which is the last. SQLite
keeps a log beside its file, so one file is never put in the place of another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from otmon.errors import StateError
from otmon.state.site_file import SiteFile

LINK = "last-analysis"


def folder() -> Path:
    """Where it is kept: `otmon` in the user's cache folder (XDG)."""
    cache = os.environ.get("XDG_CACHE_HOME")
    # The specification has relative paths ignored.
    root = Path(cache) if cache and Path(cache).is_absolute() else Path.home() / ".cache"
    return root / "otmon"


def path() -> Path:
    """The file of the last analysis.

    Raises:
        StateError: There is none.
    """
    link = folder() / LINK
    if not link.exists():
        raise StateError(
            "There is no last analysis. Run `otmon analyze CAPTURE`, or name a state with --state."
        )
    return link.resolve()


@contextlib.contextmanager
def fresh() -> Iterator[SiteFile]:
    """A new file that becomes the last analysis when the block ends well.

    Raises:
        StateError: The cache folder cannot be written.
    """
    home = folder()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{home} cannot be made: {error.strerror}. "
            "Set XDG_CACHE_HOME to a folder that you may write to, or say --no-keep."
        ) from error
    place = home / f"analysis-{os.urandom(6).hex()}.otmon"
    try:
        with SiteFile.open(place, durable=False) as site:
            site.claim()
            # Nobody knows of it until the link says where it is.
            with site.unshared():
                yield site
            _point_to(place)
    except BaseException:
        _remove(place)
        raise
    _sweep(home, place)


def _point_to(place: Path) -> None:
    link = place.with_name(LINK)
    new = place.with_suffix(".link")
    try:
        new.symlink_to(place.name)
        new.replace(link)
    except OSError as error:
        raise StateError(
            f"{link} cannot be written: {error.strerror}. Check the folder, or say --no-keep."
        ) from error


def _sweep(home: Path, keep: Path) -> None:
    """Removes the analyses before, but for those that are still being made."""
    for old in home.glob("analysis-*.otmon"):
        if old != keep and not _claimed(old):
            _remove(old)


def _claimed(place: Path) -> bool:
    lock = place.with_name(f"{place.name}.lock")
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _remove(place: Path) -> None:
    for ending in ("", "-wal", "-shm", ".lock"):
        with contextlib.suppress(OSError):
            place.with_name(place.name + ending).unlink(missing_ok=True)
