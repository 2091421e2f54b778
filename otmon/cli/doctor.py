"""`otmon doctor`: is everything fit for the work?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otmon.cli import console, options, site
from otmon.config import Config, load
from otmon.errors import ConfigError, OtmonError, StateError

if TYPE_CHECKING:
    from otmon.model.finding import Finding

STYLE = {"ok": "green", "warning": "yellow", "failure": "bold red"}


@click.command()
@click.argument("interface", metavar="[INTERFACE]", required=False)
@click.option(
    "--listen",
    "listen_s",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=5,
    show_default=True,
    help="How long INTERFACE is listened to; 0 for not at all.",
)
@options.output_format("table", "json", "jsonl")
@options.state
@options.config
@click.option(
    "--backup",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a copy of the state, if it is sound. Others may use the state meanwhile.",
)
@click.pass_context
def doctor(
    ctx: click.Context,
    interface: str | None,
    listen_s: float,
    output_format: str,
    state: str | None,
    config: str | None,
    backup: Path | None,
) -> None:
    """Check configuration, rules, state, disk, tools, and an interface; back up the state.

    Of INTERFACE it is said whether it is fit to watch a mirror port: the right to
    capture, link, addresses, MTU, offloads, clock, what comes in, and that nothing
    is sent. Nothing is changed. Exit status 3 if something fails. A backup is a state
    file like any other: to restore it, stop otmon and put it in the place of
    the state, with no FILE-wal and no FILE-shm beside it.

    \b
    Examples:
      otmon doctor
      sudo otmon doctor eth1
      otmon doctor --state site.otmon --backup site-monday.otmon
    """
    found = list(_findings(state, config, backup))
    if interface is not None:
        from otmon.interface_checks import examine

        found += examine(interface, listen_s)
    show(found, output_format)
    if any(one.status == "failure" for one in found):
        ctx.exit(OtmonError.exit_status)


def _findings(state: str | None, config: str | None, copy: Path | None) -> Iterator[Finding]:
    from otmon.doctor import backup, examine, unusable

    try:
        settings = load(config)
    except ConfigError as error:
        yield unusable("configuration", error)
        settings = Config()
    try:
        path = site.place(state, settings)
    except StateError as error:
        path = None
        if copy is not None:
            yield unusable("backup", error)
    yield from examine(settings, path)
    if copy is not None and path is not None:
        try:
            yield backup(path, copy)
        except StateError as error:
            yield unusable("backup", error)


def show(found: list[Finding], output_format: str) -> None:
    """Print what checks found: `table`, `json` or `jsonl`."""
    if output_format == "json":
        json.dump([asdict(one) for one in found], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    elif output_format == "jsonl":
        sys.stdout.writelines(json.dumps(asdict(o), ensure_ascii=False) + "\n" for o in found)
    else:
        _print(found)


def _print(found: list[Finding]) -> None:
    from rich.text import Text

    from otmon.cli.tables import grid

    table = grid("check", "", "what was found", wrap="what was found")
    for one in found:
        says = one.says if one.advice is None else f"{one.says}. {one.advice}"
        table.add_row(one.check, Text(one.status, style=STYLE[one.status]), Text(says))
    console.out().print(table)
