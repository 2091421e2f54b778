"""Is this machine, this configuration and this state fit for what otmon is asked to do?

A check says in one sentence what it found and, where that is not well, what to
do. Checks never change anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from otmon import _engine
from otmon.config import Config
from otmon.errors import OtmonError, StateError
from otmon.model.document import render_time
from otmon.model.finding import FAILURE, OK, WARNING, Finding
from otmon.state import faults, last_analysis, summary
from otmon.state.site_file import SiteFile

MIN_FREE_BYTES = 1_000_000_000
"""Free bytes below which a disk is short."""
MAX_FAULTS = 20
"""Faults of sensors that are shown, the latest."""
SENSOR_ADVICE = "docs/deploy.md, section 6, says what to look at."
"""Where it says what to do about what is not well with a sensor."""
TOOL_TIMEOUT_S = 30
"""How long another program may take to say its version."""


def examine(config: Config, state: Path | None) -> Iterator[Finding]:
    """Every check, in the order in which one depends on the other.

    Args:
        config: What the site says; that it could be read is a check of its own.
        state: The state file; none where there is no state yet.
    """
    yield Finding("engine", OK, f"otmon {_engine.version()}, {len(_engine.protocols())} protocols")
    yield from _configuration(config)
    yield from _rules(config)
    if state is not None:
        yield from _state(state)
        yield from _disk(state.absolute().parent)
    yield from _cache()
    yield from _tshark()


def _configuration(config: Config) -> Iterator[Finding]:
    if config.path is None:
        yield Finding("configuration", OK, "none: every setting has its default")
        return
    says = f"{config.path}: site {config.site.name}, clocks of {config.site.time_zone}"
    yield Finding("configuration", OK, says)
    named = (*config.rules.directories, *config.rules.filters, *config.indicators.files)
    for path in map(config.place, named):
        if not path.exists():
            yield Finding(
                "configuration",
                FAILURE,
                f"{path}, which it names, is not there",
                f"Put it there, or take it out of {config.path}.",
            )


def _rules(config: Config) -> Iterator[Finding]:
    from otmon.ruleset.site import site_rules

    found = site_rules(config)
    if found.errors:
        yield Finding(
            "rules",
            FAILURE,
            f"{len(found.errors)} cannot be used, such as {found.errors[0]}",
            "Run `otmon rules lint`: each line says what to do.",
        )
    count = len(found.events) + len(found.correlations)
    yield Finding("rules", OK, f"{count} are in use")


def _state(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding("state", OK, f"{path} is not there yet; the first run makes it")
        return
    try:
        may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        with SiteFile.open(path, read_only=not may_write, create=False) as site:
            wrong = site.check()
            if wrong:
                yield _damaged(path, wrong[0])
                return
            yield from _contents(site)
            holder = site.holder()
    except StateError as error:
        yield Finding("state", FAILURE, str(error))
        return
    if holder is not None:
        yield Finding("state", OK, f"process {holder} is writing what it sees into it")
    if not may_write:
        yield Finding(
            "state",
            WARNING,
            f"{path} may only be read by this user",
            "Give yourself the right to write to it, and to its folder.",
        )


def _contents(site: SiteFile) -> Iterator[Finding]:
    with site.reading() as db:
        held = {name: count for name, count in summary.rows(db).items() if count}
        positions = summary.positions(db)
        late = faults.latest(db, MAX_FAULTS)
    listed = ", ".join(f"{name} {count:,}" for name, count in held.items())
    size = summary.disk_bytes(site.path)
    yield Finding("state", OK, f"{site.path} is sound: {size / 1e6:,.1f} MB; {listed or 'empty'}")
    for sensor, time_ns in positions.items():
        yield Finding("state", OK, f"{sensor}: seen up to {render_time(time_ns)}")
    for one in reversed(late):
        began = render_time(one.began_ns)[:19]
        if one.ended_ns is None:
            yield Finding("sensor", WARNING, f"since {began}Z: {one.words}", SENSOR_ADVICE)
        else:
            ended = render_time(one.ended_ns)[:19]
            yield Finding("sensor", OK, f"from {began}Z to {ended}Z: {one.words}")


def _damaged(path: Path, what: str) -> Finding:
    return Finding(
        "state",
        FAILURE,
        f"{path} is damaged: {what}",
        "Move it away and put its last backup in its place; `sqlite3 FILE .recover` may save "
        "what it still holds.",
    )


def _disk(folder: Path) -> Iterator[Finding]:
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    says = f"{usage.free / 1e9:,.1f} GB of {usage.total / 1e9:,.1f} GB are free at {folder}"
    if usage.free < MIN_FREE_BYTES:
        yield Finding("disk", WARNING, says, "Make room: a state that cannot grow forgets.")
    else:
        yield Finding("disk", OK, says)


def _cache() -> Iterator[Finding]:
    folder = last_analysis.folder()
    place = folder
    while not place.exists():
        place = place.parent
    if os.access(place, os.W_OK | os.X_OK):
        yield Finding("last analysis", OK, f"is kept in {folder}")
    else:
        yield Finding(
            "last analysis",
            WARNING,
            f"cannot be kept: {place} may not be written",
            "Set XDG_CACHE_HOME to a folder that you may write to, or use --state.",
        )


def _tshark() -> Iterator[Finding]:
    found = shutil.which("tshark")
    if found is None:
        yield Finding(
            "tshark",
            WARNING,
            "is not installed: nothing but the second opinion of Wireshark is missing",
            "Install it where that is wanted; on Debian: apt-get install tshark.",
        )
        return
    try:
        told = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("tshark", WARNING, f"{found} does not run: {error}", "Install it again.")
        return
    yield Finding("tshark", OK, told.partition("\n")[0].rstrip("."))


def backup(state: Path, copy: Path) -> Finding:
    """Writes a copy of a state that is sound, while others go on using it.

    Raises:
        StateError: The state is not sound, or the copy cannot be written.
    """
    with SiteFile.open(state, create=False) as site:
        wrong = site.check()
        if wrong:
            found = _damaged(state, wrong[0])
            raise StateError(f"{found.says}. {found.advice}")
        site.backup(copy)
    return Finding("backup", OK, f"{copy} holds all of {state} ({copy.stat().st_size:,} bytes)")


def unusable(check: str, error: OtmonError) -> Finding:
    """What a check says of something that could not be used at all."""
    return Finding(check, FAILURE, str(error))
