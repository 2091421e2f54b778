"""`otmon elastic`: set up Elasticsearch, send to it, and see how that goes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import click

from otmon.cli import console, options, site
from otmon.cli.complaints import complain
from otmon.cli.elastic_health import doctor, status
from otmon.cli.elastic_setup import setup
from otmon.cli.shipments import send_all, sender, spool, write_all, writer
from otmon.config import Config, load
from otmon.errors import StateError, UsageError
from otmon.sensor_identity import sensor_of
from otmon.shipping import bounds_of, tell, tell_alerts_again
from otmon.sinks import dead_letters, ledger
from otmon.sinks.elastic.documents import Sensor
from otmon.state.site_file import SiteFile

IDLE_S = 2.0
"""How often a sender that follows looks for something new, in seconds."""
TELL_S = 10.0
"""How often it looks for what people did to alerts, in seconds."""
LAST_S = 10.0
"""How long a sender that is told to stop still sends, in seconds."""
BUSY_WAIT_S = 10.0
"""How long a sender that follows leaves a state alone that cannot be written, in seconds."""
AFTER = "They wait in the state; run the command again."


@click.group(cls=options.Commands)
def elastic() -> None:
    """Send to Elasticsearch 8 or 9: set it up, send, look how it goes.

    What is to be sent waits in the state file until Elasticsearch has it.
    `otmon monitor` sends by itself where `otmon.toml` has [elastic] hosts. The API
    key is read from [elastic] api_key_file or from OTMON_ELASTIC_API_KEY.

    \b
    Examples:
      otmon elastic setup --elastic https://es.example:9200 --create-key sensor.key
      otmon elastic doctor
      otmon elastic status --state site.otmon
    """


elastic.add_command(setup)
elastic.add_command(status)
elastic.add_command(doctor)


@elastic.command()
@options.state
@options.config
@options.server
@options.elastic_ca
@click.option("--follow", is_flag=True, help="Go on until stopped, as beside `otmon monitor`.")
@click.option(
    "--elastic-dry-run",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Write it into files instead, for `otmon elastic replay`.",
)
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input ends.")
def send(
    state: str | None,
    config: str | None,
    elastic_url: str | None,
    elastic_ca: str | None,
    follow: bool,
    elastic_dry_run: str | None,
    with_parent: bool,
) -> None:
    """Send what waits in a state.

    Files of --elastic-dry-run are complete at 64 MB, and after 10 minutes with --follow. They
    may take as much room as the outbox ([elastic] outbox_mib); when nobody takes them away, the
    rest waits in the outbox.
    """
    known = site.with_elastic_ca(load(config), elastic_ca)
    folder = None if elastic_dry_run is None else Path(elastic_dry_run)
    if folder is None and not (elastic_url or known.elastic.hosts):
        raise UsageError("No Elasticsearch is named. Give --elastic URL, or [elastic] hosts.")
    sensor = sensor_of(known)
    path = site.place(state, known)
    with SiteFile.open(path, create=with_parent) as file:
        # What was sent and not noted is sent again, and the server has it already.
        file.relax()
        if follow:
            make = (
                partial(sender, file, known, elastic_url, sensor)
                if folder is None
                else partial(writer, file, known, folder, sensor)
            )
            _follow(file, known, make(), sensor, _waiter(with_parent=with_parent))
            return
        _tell(file, known, sensor)
        if folder is None:
            line = send_all(file, known, elastic_url, sensor, AFTER)
        else:
            line = write_all(file, known, folder, sensor)
    console.out().print(line)


def _tell(file: SiteFile, known: Config, sensor: Sensor) -> None:
    """Put into the outbox what people did to alerts since they were told of last."""
    with file.transaction() as db:
        tell(db, known, sensor)


class _Sends(Protocol):
    """What takes documents out of an outbox."""

    def step(self) -> float | None:
        """Take some, and say how long to wait for more; none where nothing is due."""
        ...

    def finish(self) -> None:
        """Take what is left before the end."""
        ...


def _follow(
    file: SiteFile,
    known: Config,
    one: _Sends,
    sensor: Sensor,
    wait: Callable[[float], bool],
) -> None:
    told_s = 0.0
    goes_on = True
    until_s = 0.0
    while True:
        try:
            if time.monotonic() - told_s >= TELL_S:
                told_s = time.monotonic()
                with file.reading() as db:
                    has_news = ledger.fact(db, "told_change") is not None
                if has_news:
                    _tell(file, known, sensor)
            wait_s = one.step()
        except StateError as error:
            # A full disk or another writer: what was sent and not noted is sent again.
            console.err().print(f"otmon: elastic: {error}", soft_wrap=True)
            wait_s = BUSY_WAIT_S
        if wait_s == 0.0 and goes_on:
            continue
        if not goes_on:
            # What the sensor wrote at its end still goes, if the server takes it at once.
            if wait_s == 0.0 and time.monotonic() < until_s:
                continue
            one.finish()
            return
        goes_on = wait(IDLE_S if wait_s is None else wait_s)
        until_s = time.monotonic() + LAST_S


def _waiter(*, with_parent: bool) -> Callable[[float], bool]:
    """Waits, and says whether to go on: a signal or the end of the parent says no."""
    reader, writer = os.pipe()
    watched = [reader, sys.stdin.fileno()] if with_parent else [reader]

    def stop(*_: object) -> None:
        with contextlib.suppress(OSError):
            os.close(writer)

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C reaches the parent, too, which still has something to write.
    signal.signal(signal.SIGINT, signal.SIG_IGN if with_parent else stop)

    def wait(seconds: float) -> bool:
        return not select.select(watched, [], [], seconds)[0]

    return wait


@elastic.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True))
@options.state
@options.config
@options.server
@options.elastic_ca
@click.option("--dead-letter", is_flag=True, help="Send dead letters again, after a fix.")
@click.option(
    "--alerts", is_flag=True, help="Send every alert of a state again, as it was sent, and updates."
)
def replay(
    paths: tuple[str, ...],
    state: str | None,
    config: str | None,
    elastic_url: str | None,
    elastic_ca: str | None,
    dead_letter: bool,
    alerts: bool,
) -> None:
    """Send again: files of --elastic-dry-run, dead letters, or alerts.

    PATH is a file, or a folder of files whose hashes and numbers are checked. --alerts is for a
    server that has lost its indices: alerts go as they were when they were raised, then what became
    of them. Sending twice is harmless: ids are the same again.
    """
    known = site.with_elastic_ca(load(config), elastic_ca)
    if sum((bool(paths), dead_letter, alerts)) != 1:
        raise UsageError("Name files, or say --dead-letter or --alerts: one of them.")
    sensor = sensor_of(known)
    if paths:
        from otmon.sinks.elastic import bundle

        with spool() as own:
            read = bundle.replay(own, [Path(path) for path in paths], bounds_of(known))
            complain(read.remarks)
            line = send_all(own, known, elastic_url, sensor, "The files are untouched.")
        console.out().print(line)
        return
    with site.writing(state, known) as file:
        with file.transaction() as db:
            if dead_letter:
                dead_letters.revive(db)
            else:
                tell_alerts_again(db, known, sensor)
        line = send_all(file, known, elastic_url, sensor, AFTER)
    console.out().print(line)
