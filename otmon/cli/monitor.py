"""`otmon monitor`: watch interfaces, learn, and alert."""

from __future__ import annotations

import contextlib
import gc
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from otmon.cli import console, options
from otmon.cli.live import Lines, Screen
from otmon.config import Config, load
from otmon.errors import UsageError
from otmon.monitor import Source, Wishes
from otmon.monitor import monitor as run

DEFAULT_STATE = "/var/lib/otmon/otmon.sqlite"
"""Where a sensor remembers its site, unless it is told."""


GARBAGE_AFTER = 200_000
"""Objects made since the last search for garbage in cycles after which there is another."""


@click.command()
@click.option(
    "-i",
    "--interface",
    "interfaces",
    metavar="NAME",
    multiple=True,
    help="An interface on a mirror port; may be given several times. [default: those of the "
    "configuration]",
)
@click.option(
    "--filter",
    "capture_filter",
    metavar="EXPRESSION",
    help="Capture only what it holds of, in the words of tcpdump: 'not port 22'.",
)
@click.option(
    "--snap-length",
    metavar="BYTES",
    type=click.IntRange(64, 262_144),
    help="Bytes kept of each frame. [default: all]",
)
@click.option(
    "--ring-mib",
    metavar="MIB",
    type=click.IntRange(2, 1024),
    help="Room for frames that wait, for each interface. [default: 64]",
)
@click.option(
    "--no-promiscuous",
    is_flag=True,
    help="Leave the interface as it is. A mirror port shows nothing then but broadcast.",
)
@click.option("--user", metavar="NAME", help="The user to become once the interface is open.")
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help=f"The site's state file. [default: that of the configuration, else {DEFAULT_STATE}]",
)
@options.config
@click.option(
    "--no-send",
    is_flag=True,
    help="Do not start a process that sends to [elastic] hosts: another one does, "
    "`otmon elastic send --follow`.",
)
@options.elastic_dry_run
@click.option(
    "--plain",
    is_flag=True,
    help="Print lines for a log instead of a screen; so it is where stdout is no terminal.",
)
def monitor(
    interfaces: tuple[str, ...],
    capture_filter: str | None,
    snap_length: int | None,
    ring_mib: int | None,
    no_promiscuous: bool,
    user: str | None,
    state: str | None,
    config: str | None,
    no_send: bool,
    elastic_dry_run: str | None,
    plain: bool,
) -> None:
    """Watch interfaces, learn, and alert until stopped.

    It never sends: once the interfaces are open, the kernel refuses this process
    every call that could. Where the configuration has [elastic] hosts, a process of
    its own sends what this one writes into the state. What it learns is in the
    state file; stopped and started again it goes on, and tells of nothing twice.
    SIGHUP reads configuration and rules anew, SIGTERM and Ctrl-C stop it.

    \b
    Examples:
      sudo otmon monitor -i eth1
      sudo otmon monitor -i eth1 -i eth2 --filter 'not port 22'
      otmon alerts list --state /var/lib/otmon/otmon.sqlite
    """
    # A screen that is drawn for months leaves some in cycles; a run over files leaves none.
    gc.set_threshold(GARBAGE_AFTER)
    site = load(config)
    settings = site.monitor
    source = Source(
        interfaces=interfaces or settings.interfaces,
        filter=capture_filter or settings.filter,
        snap_length=snap_length,
        promiscuous=not no_promiscuous,
        ring_mib=ring_mib or settings.ring_mib,
        user=None if user is None else _numbers(user),
    )
    wishes = Wishes()
    place = _state(state, site)
    with contextlib.ExitStack() as stack:
        if elastic_dry_run is not None or (site.elastic.hosts and not no_send):
            # Before the capturing socket exists: neither process ever has what the other has.
            stack.enter_context(_sending(place, config, elastic_dry_run, source.user, plain=plain))
        screen = stack.enter_context(_screen(plain))
        stack.enter_context(_signals(wishes))
        run(
            source,
            place,
            lambda: load(config),
            wishes,
            screen.show,
            screen.tell,
            ships=elastic_dry_run is not None,
        )


def _state(state: str | None, site: Config) -> Path:
    if state is not None:
        return Path(state)
    if site.state.path is not None:
        return site.place(site.state.path)
    place = Path(DEFAULT_STATE)
    with contextlib.suppress(OSError):  # the state file says what is wrong with its folder
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


@contextlib.contextmanager
def _sending(
    state: Path,
    config: str | None,
    folder: str | None,
    user: tuple[int, int] | None,
    *,
    plain: bool,
) -> Iterator[None]:
    """A process that sends what is in the outbox of the state, as long as this one runs.

    Args:
        state: The state.
        config: The configuration.
        folder: Where it writes files instead, if it does.
        user: Whom it runs as.
        plain: Whether what it says goes to stderr.
    """
    command = [sys.executable, "-c", "from otmon.cli import main; main()", "elastic", "send"]
    command += ["--follow", "--with-parent", "--state", str(state)]
    if config is not None:
        command += ["--config", config]
    if folder is not None:
        command += ["--elastic-dry-run", folder]
    rights: dict[str, Any] = {}
    if user is not None:
        rights = {"user": user[0], "group": user[1], "extra_groups": []}
    quiet = not plain and sys.stdout.isatty()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if quiet else None,
        **rights,
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)


def _numbers(user: str) -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise UsageError(f"There is no user {user!r}. Name one that exists here.") from None
    return entry.pw_uid, entry.pw_gid


@contextlib.contextmanager
def _screen(plain: bool) -> Iterator[Lines | Screen]:
    if plain or not sys.stdout.isatty():
        lines = Lines(console.out(), journal="JOURNAL_STREAM" in os.environ)
        yield lines
        lines.end()
        return
    with Screen(console.out()) as screen:
        yield screen


@contextlib.contextmanager
def _signals(wishes: Wishes) -> Iterator[None]:
    """Turns signals into wishes; a second one to stop ends the process."""

    def stop(number: int, _frame: object) -> None:
        if wishes.stop:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        wishes.stop = True

    def reload(_number: int, _frame: object) -> None:
        wishes.reload = True

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, stop),
        signal.SIGINT: signal.signal(signal.SIGINT, stop),
        signal.SIGHUP: signal.signal(signal.SIGHUP, reload),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
