"""`otmon pdus`: every industrial message, one JSON object a line."""

from __future__ import annotations

import json
import sys

import click

from otmon import _engine
from otmon.cli import console, options
from otmon.cli.complaints import complain
from otmon.cli.site import moment
from otmon.config import load
from otmon.model.document import render_time
from otmon.pdu_lines import pdu_lines


@click.command()
@options.captures
@options.output_format("jsonl")
@options.keep_duplicates
@click.option(
    "--frame",
    "frames",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    help="Only frame N; may be given several times.",
)
@click.option(
    "--protocol",
    metavar="NAME",
    type=click.Choice([protocol.name for protocol in _engine.protocols()]),
    help=f"Only this protocol: {', '.join(one.name for one in _engine.protocols())}.",
)
@options.since
@options.until
@options.config
@options.limit
def pdus(
    captures: tuple[str, ...],
    output_format: str,
    keep_duplicates: bool,
    frames: tuple[int, ...],
    protocol: str | None,
    since: str | None,
    until: str | None,
    config: str | None,
    limit: int | None,
) -> None:
    """Print every industrial message of capture files, one JSON object a line.

    A message is completed by one frame, numbered as in Wireshark; `frames` has
    all that carried it. Messages come in capture order. --since and --until are
    on the clocks of the site in --config, in UTC without.

    \b
    Examples:
      otmon pdus plant.pcapng | jq 'select(.class == "write")'
      otmon pdus --frame 812 --frame 815 plant.pcapng
      otmon pdus --since 2026-03-02T06:00 --until 2026-03-02T06:05 plant.pcapng
    """
    out = sys.stdout.buffer
    wanted = frozenset(frames)
    site = load(config)
    # Times of lines are as long as one another, so their text is in order, too.
    first = "" if since is None else render_time(moment(since, site))
    last = "~" if until is None else render_time(moment(until, site, end=True))
    is_narrowed = bool(wanted or protocol or since or until)
    printed = 0
    with console.progress("Reading") as report:
        for lines in pdu_lines(
            captures, keep_duplicates=keep_duplicates, progress=report, complain=complain
        ):
            if not (is_narrowed or limit):
                out.write(lines)
                continue
            for line in lines.splitlines(keepends=True):
                if is_narrowed:
                    row = json.loads(line)
                    if not first <= row["time"] <= last:
                        continue
                    if protocol and row["protocol"] != protocol:
                        continue
                    if wanted and wanted.isdisjoint(row["frames"]):
                        continue
                out.write(line)
                printed += 1
                if printed == limit:
                    out.flush()
                    return
    out.flush()
