"""`otmon pdus`: every industrial message, one JSON object a line."""

from __future__ import annotations

import json
import sys

import click

from otmon import _engine
from otmon.cli import console, options
from otmon.cli.complaints import complain
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
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Stop after N messages.")
def pdus(
    captures: tuple[str, ...],
    output_format: str,
    keep_duplicates: bool,
    frames: tuple[int, ...],
    protocol: str | None,
    limit: int | None,
) -> None:
    """Print every industrial message of capture files, one JSON object a line.

    A message is completed by one frame, numbered as in Wireshark; `frames` has
    all that carried it. Messages come in capture order.

    \b
    Examples:
      otmon pdus plant.pcapng | jq 'select(.class == "write")'
      otmon pdus --frame 812 --frame 815 plant.pcapng
    """
    out = sys.stdout.buffer
    wanted = frozenset(frames)
    printed = 0
    with console.progress("Reading") as report:
        for lines in pdu_lines(
            captures, keep_duplicates=keep_duplicates, progress=report, complain=complain
        ):
            if not (wanted or protocol or limit):
                out.write(lines)
                continue
            for line in lines.splitlines(keepends=True):
                if wanted or protocol:
                    row = json.loads(line)
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
