"""The state that a command works on, who works on it, and the times people write."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import getpass
import os
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from pathlib import Path

from otmon.config import Advisories, Config
from otmon.errors import UsageError
from otmon.state import last_analysis
from otmon.state.site_file import SiteFile


def place(state: str | None, config: Config) -> Path:
    """The state file that is meant: the one named, that of the configuration, the last analysis.

    Raises:
        StateError: There is no last analysis either.
    """
    if state is not None:
        return Path(state)
    if config.state.path is not None:
        return config.place(config.state.path)
    return last_analysis.path()


@contextlib.contextmanager
def reading(state: str | None, config: Config) -> Iterator[SiteFile]:
    """The state, to be looked at.

    Raises:
        StateError: It is not there, or cannot be used.
    """
    path = place(state, config)
    # What may be written is brought up to date where an older otmon made it.
    may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    with SiteFile.open(path, read_only=not may_write, create=False) as site:
        yield site


@contextlib.contextmanager
def writing(state: str | None, config: Config) -> Iterator[SiteFile]:
    """The state, to be changed.

    Raises:
        StateError: It is not there, or cannot be used.
    """
    with SiteFile.open(place(state, config), create=False) as site:
        yield site


def with_advisories(config: Config, named: Sequence[str]) -> Config:
    """The configuration with the lists of published weaknesses that a command names."""
    if not named:
        return config
    # They are named from where the command is, not from where the configuration is.
    files = tuple(str(Path(one).resolve()) for one in named)
    return dataclasses.replace(config, advisories=Advisories(files))


def with_elastic_ca(config: Config, named: str | None) -> Config:
    """The configuration with the CA of Elasticsearch that a command names."""
    if named is None:
        return config
    # As above: it is named from where the command is.
    ca_file = str(Path(named).resolve())
    return dataclasses.replace(config, elastic=dataclasses.replace(config.elastic, ca_file=ca_file))


def user() -> str:
    """Who is at the keyboard, as the journal names them."""
    # Behind sudo it is a person all the same.
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def today() -> datetime.date:
    """The day by UTC, to which exceptions are made."""
    return datetime.datetime.now(datetime.UTC).date()


def moment(text: str, config: Config, *, end: bool = False) -> int:
    """Nanoseconds of a time that somebody wrote, on the clocks of the site.

    Args:
        text: `2026-12-24`, `2026-12-24T06:00`, or with an offset.
        config: Says the time zone.
        end: Whether a date alone means its end.

    Raises:
        UsageError: It is no time.
    """
    try:
        written = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no time. Write it as 2026-12-24 or 2026-12-24T06:00."
        ) from error
    if end and len(text) <= len("2026-12-24"):
        written += datetime.timedelta(days=1)
    if written.tzinfo is None:
        written = written.replace(tzinfo=zoneinfo.ZoneInfo(config.site.time_zone))
    return round(written.timestamp()) * 1_000_000_000


def numbers(words: tuple[str, ...]) -> list[int]:
    """The numbers that somebody wrote: `3 7-9` is 3, 7, 8, 9.

    Raises:
        UsageError: One is no number or no span of them.
    """
    found: dict[int, None] = {}
    for word in words:
        span = re.fullmatch(r"#?(\d{1,9})(?:-(\d{1,9}))?", word)
        first, last = (int(span[1]), int(span[2] or span[1])) if span else (1, 0)
        if last < first or last - first > 100_000:
            raise UsageError(f"{word!r} is no number of an alert. Write 3, or 3-9 for several.")
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)
