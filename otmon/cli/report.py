"""`otmon report`: everything that was found, as a file for people who were not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from otmon import _engine
from otmon.cli import console, options, site
from otmon.cli.decoded import messages
from otmon.cli.quality import warnings
from otmon.config import Config, load
from otmon.errors import CaptureError, StateError, UsageError
from otmon.evidence.frames import Evidence, collect, save
from otmon.evidence.source import KnownCapture
from otmon.model.alert import Alert
from otmon.model.amount import counted
from otmon.model.document import unpack
from otmon.model.result import Capture
from otmon.report.content import Content, ShownEvidence, ShownFrame
from otmon.state import alerts as kept
from otmon.state import captures, results
from otmon.state.site_file import SiteFile

WITH_EVIDENCE = 50
"""Alerts whose frames are in the page; the most severe come first."""
SHOWN_FRAMES = 6
"""Frames of an alert that are decoded in the page."""
MAX_CAPTURES = 8 << 20
"""Bytes of captures of evidence in the page: mail servers take about 20 MB."""


@click.command()
@click.option(
    "--output",
    "-o",
    "outputs",
    metavar="FILE",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Where it is written: a page if it ends in .html, a workbook if in .xlsx; both may be "
    "given. [default: report.html]",
)
@click.option("--title", metavar="TEXT", help="The title. [default: the site's name]")
@click.option("--no-frames", is_flag=True, help="Leave the frames of alerts out of the page.")
@options.state
@options.config
def report(
    outputs: tuple[str, ...],
    title: str | None,
    no_frames: bool,
    state: str | None,
    config: str | None,
) -> None:
    """Write one HTML file, or a workbook, of everything that was found.

    The page needs nothing else, also from a mail attachment: capture facts, a
    map of zones and conversations, a timeline, alerts with their frames,
    devices with how each thing is known, conversations, transfers. The
    workbook has the same as sheets for assessors, with every row.

    \b
    Examples:
      otmon report
      otmon report -o incident.html -o incident.xlsx
      otmon report --state site.otmon --title "Waterworks, spring audit"
    """
    settings = load(config)
    paths = [Path(one) for one in outputs or ("report.html",)]
    for path in paths:
        if path.suffix not in (".html", ".xlsx"):
            raise UsageError(f"{path} ends neither in .html nor in .xlsx. Name it so.")
    wants_page = any(path.suffix == ".html" for path in paths)
    with site.reading(state, settings) as file:
        content = _content(file, settings, title, wants_page and not no_frames)
    for path in paths:
        if path.suffix == ".html":
            from otmon.report.page import html

            made = html(content).encode()
        else:
            from otmon.report.workbook import workbook

            made = workbook(content)
        save(made, path)
        console.out().print(f"{path}: {_summary(content)}, {len(made):,} bytes", soft_wrap=True)


def _content(file: SiteFile, settings: Config, title: str | None, frames: bool) -> Content:
    """What the state has for a report.

    Raises:
        StateError: No analysis left its result there.
    """
    with file.reading() as db:
        parts = {
            name: results.load(db, name)
            for name in ("capture", "protocols", "assets", "conversations", "contents")
        }
        alerts = kept.load(db, folded=False)
        known = [
            KnownCapture(one.path, one.size, one.sha256, taken_ns)
            for one, taken_ns in captures.taken(db)
        ]
    if parts["capture"] is None:
        raise StateError(
            f"{file.path} has no result of an analysis yet. Run `otmon analyze` with it first."
        )
    return Content(
        title=title or _title(settings),
        version=_engine.version(),
        alerts=alerts,
        quality=tuple(warnings(unpack(Capture, parts["capture"]))),
        evidence=_evidence(alerts[:WITH_EVIDENCE], known) if frames else {},
        **parts,
    )


def _title(settings: Config) -> str:
    """The name of the site, where it was given one."""
    name = settings.site.name
    return "What otmon found" if name == Config().site.name else f"{name}: what otmon found"


def _evidence(alerts: Sequence[Alert], known: Sequence[KnownCapture]) -> dict[int, ShownEvidence]:
    """The frames of alerts; of those that cannot be had, why."""
    made: dict[int, Evidence | str] = {}
    places: dict[str, str] = {}
    wanted: set[tuple[str, int]] = set()
    for alert in alerts:
        try:
            evidence = collect(alert, known)
        except CaptureError as error:
            made[alert.id] = str(error)
            continue
        made[alert.id] = evidence
        places |= evidence.paths
        own = [frame for frame in evidence.frames if frame.is_evidence]
        wanted |= {(frame.file, frame.number) for frame in own[:SHOWN_FRAMES]}
    found = messages(places, wanted)
    shown: dict[int, ShownEvidence] = {}
    room = MAX_CAPTURES
    for number, one in made.items():
        if isinstance(one, str):
            shown[number] = ShownEvidence((), None, (one,))
            continue
        remarks = list(one.remarks)
        own = [frame for frame in one.frames if frame.is_evidence]
        if len(own) > SHOWN_FRAMES:
            remarks.append(f"{SHOWN_FRAMES} of {len(own)} frames are shown")
        capture = one.capture if len(one.capture) <= room else None
        room -= len(capture or b"")
        if capture is None:
            remarks.append(f"no room for the capture: `otmon evidence {number}` makes it")
        frames = tuple(
            ShownFrame(
                frame.number,
                Path(frame.file).name,
                frame.kind,
                f"{frame.source} to {frame.destination}" if frame.source else "",
                tuple(
                    line
                    for message in found.get((frame.file, frame.number), ())
                    for line in message
                ),
            )
            for frame in own[:SHOWN_FRAMES]
        )
        shown[number] = ShownEvidence(frames, capture, tuple(remarks))
    return shown


def _summary(content: Content) -> str:
    return f"{counted(len(content.alerts), 'alert')}, {counted(len(content.assets), 'device')}"
