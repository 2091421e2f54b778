"""`otmon evidence`: the frames behind an alert, as a capture of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from otmon.cli import console, options, site
from otmon.cli.complaints import complain
from otmon.config import load
from otmon.errors import UsageError
from otmon.evidence.frames import CONTEXT, MAX_FRAMES, Evidence, collect, is_evidence, save
from otmon.evidence.source import KnownCapture
from otmon.model.alert import Alert
from otmon.model.document import to_document
from otmon.state import alerts, captures
from otmon.state.site_file import SiteFile


@click.command()
@click.argument("alert", metavar="ALERT")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Where it is written, - for standard output. [default: alert-ALERT.pcapng]",
)
@click.option("--force", is_flag=True, help="Write over any file; evidence is written over anyway.")
@click.option(
    "--context",
    metavar="FRAMES",
    type=click.IntRange(0, MAX_FRAMES),
    default=CONTEXT,
    show_default=True,
    help="Frames of the same flow before and after each frame of the alert.",
)
@options.output_format("table", "json")
@options.state
@options.config
def evidence(
    alert: str,
    output: str | None,
    force: bool,
    context: int,
    output_format: str,
    state: str | None,
    config: str | None,
) -> None:
    """Save the frames behind an alert as pcapng, for Wireshark and for others.

    ALERT is its number. The frames are taken out of the capture files again,
    with what stands around them and the TCP handshake: at most 200 frames and
    1 MiB. Comments say what the capture is evidence of, and what each frame is.
    Only you may read the file.

    \b
    Examples:
      otmon evidence 3
      otmon evidence 3 -o incident/a3.pcapng
      otmon evidence 3 -o - | tshark -r - -V
    """
    settings = load(config)
    with site.reading(state, settings) as file:
        found, made = gather(file, alert, context)
    path = Path(output or f"alert-{found.id}.pcapng")
    if output == "-":
        sys.stdout.buffer.write(made.capture)
    elif path.exists() and not force and not is_evidence(path):
        raise UsageError(f"{path} is no evidence of otmon. Name another with -o, or say --force.")
    else:
        save(made.capture, path)
    complain(made.remarks)
    if output == "-":
        return
    if output_format == "json":
        document = {
            "alert": found.id,
            "path": str(path),
            "frames": [to_document(frame) for frame in made.frames],
            "remarks": list(made.remarks),
        }
        json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    own = sum(frame.is_evidence for frame in made.frames)
    console.out().print(
        f"{path}: {len(made.frames)} frames, {own} of alert {found.id} "
        f"and {len(made.frames) - own} around them.",
        soft_wrap=True,
    )


def gather(file: SiteFile, word: str, context: int = CONTEXT) -> tuple[Alert, Evidence]:
    """The alert that is called so in a state, and its evidence.

    Raises:
        UsageError: There is no such alert.
        CaptureError: Its frames cannot be had.
    """
    found, known = alert_of(file, word)
    return found, collect(found, known, context=context)


def alert_of(file: SiteFile, word: str) -> tuple[Alert, list[KnownCapture]]:
    """The alert that is called so in a state, and the captures that it knows.

    Raises:
        UsageError: There is no such alert.
    """
    numbers = site.numbers((word,))
    if len(numbers) != 1:
        raise UsageError(f"{word!r} is more than one alert. Name one.")
    with file.reading() as db:
        alert = alerts.one(db, numbers[0])
        taken = captures.taken(db)
    known = [KnownCapture(one.path, one.size, one.sha256, taken_ns) for one, taken_ns in taken]
    return alert, known
