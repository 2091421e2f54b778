"""`otmon explain`: what an alert means, with its frames decoded twice."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from otmon import _engine
from otmon.cli import console, options, site
from otmon.cli.alerts import related_numbers
from otmon.cli.decoded import messages
from otmon.cli.evidence import alert_of
from otmon.config import Config, load
from otmon.errors import CaptureError
from otmon.evidence.explain import ExplainedFrame, KnownRule
from otmon.evidence.explain import explain as put_together
from otmon.evidence.frames import EvidenceFrame, collect
from otmon.evidence.wireshark import Layer, WiresharkError, decode
from otmon.model.alert import Alert
from otmon.model.document import to_document
from otmon.state import alerts as kept
from otmon.state import results

if TYPE_CHECKING:
    from otmon.evidence.source import KnownCapture

SHOWN_FRAMES = 4
"""Frames that are decoded without --all: half of them the first, half the last.

Where more than two ends take part, the first of the first two and of the last two.
"""


@click.command()
@click.argument("alert", metavar="ALERT")
@options.output_format("table", "json")
@click.option("--all", "everything", is_flag=True, help="Decode every frame, with every layer.")
@click.option("--no-wireshark", is_flag=True, help="Only otmon's own decode of the frames.")
@options.state
@options.config
def explain(
    alert: str,
    output_format: str,
    everything: bool,
    no_wireshark: bool,
    state: str | None,
    config: str | None,
) -> None:
    """Say what an alert means: what happened, why it matters, what to check next.

    ALERT is its number. The rule is shown with the values on which it held,
    the severity with its factors, and the frames with otmon's decode beside
    that of Wireshark, where tshark and otmon[wireshark] are installed.

    \b
    Examples:
      otmon explain 3
      otmon explain 3 --all | less
      otmon explain 3 --format json | jq .severity
    """
    settings = load(config)
    with site.reading(state, settings) as file:
        found, known = alert_of(file, alert)
        with file.reading() as db:
            assets = results.load(db, "assets") or []
            deviations = results.load(db, "deviations") or []
            beside = kept.load(db, numbers=related_numbers(file, settings).get(found.id, ()))
    frames, remarks = _frames(found, known, everything, not no_wireshark)
    explanation = put_together(
        found,
        rule=_rule(found, settings),
        assets=assets,
        class_meanings={one.name: one.meaning for one in _engine.classes()},
        deviations=deviations,
        related=beside,
        frames=frames,
        remarks=remarks,
    )
    if output_format == "json":
        json.dump(to_document(explanation), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    from otmon.cli import explain_tables

    explain_tables.explained(console.out(), explanation, _next(found, state), full=everything)


def _rule(alert: Alert, settings: Config) -> KnownRule | None:
    """The rule of an alert as it is now."""
    from otmon.fields import catalogue
    from otmon.ruleset import words
    from otmon.ruleset.condition import EventRule
    from otmon.ruleset.describe import described
    from otmon.ruleset.site import site_rules

    every = described(site_rules(settings, catalogue(_engine.protocols())))
    row = next((one for one in every if one.found.rule.id == alert.rule.id), None)
    if row is None:
        return None
    found, rule = row.found, row.found.rule
    if isinstance(found, EventRule):
        about, lines = words.about(found), [*words.condition_lines(found.condition)]
    else:
        about, lines = "what comes together", [*words.correlation_lines(found, row.titles)]
    return KnownRule(rule.description, about, lines, rule.path, rule.version)


def _frames(
    alert: Alert, known: Sequence[KnownCapture], everything: bool, ask_wireshark: bool
) -> tuple[list[ExplainedFrame], list[str]]:
    """The frames of an alert, decoded, and what there is to say about them."""
    try:
        evidence = collect(alert, known)
    except CaptureError as error:
        return [], [str(error)]
    own = [frame for frame in evidence.frames if frame.is_evidence]
    shown = own
    if not everything and len(own) > SHOWN_FRAMES:
        shown = _telling(own)
    remarks = list(evidence.remarks)
    if len(shown) < len(own):
        remarks.append(f"{len(shown)} of {len(own)} frames are decoded: --all decodes every one")
    found = messages(evidence.paths, {(frame.file, frame.number) for frame in shown})
    layers: Mapping[int, tuple[Layer, ...]] = {}
    if ask_wireshark:
        try:
            layers = decode(evidence.capture, {frame.place for frame in shown})
        except WiresharkError as error:
            remarks.append(str(error))
    frames = [
        ExplainedFrame(
            frame,
            tuple(found.get((frame.file, frame.number), ())),
            layers.get(frame.place, ()),
        )
        for frame in shown
    ]
    return frames, remarks


def _telling(frames: Sequence[EvidenceFrame]) -> list[EvidenceFrame]:
    """A few frames that show what all of them are about."""
    half = SHOWN_FRAMES // 2
    flows: dict[frozenset[str | None], list[EvidenceFrame]] = {}
    for frame in frames:
        flows.setdefault(frozenset((frame.source, frame.destination)), []).append(frame)
    first, *_, last = flows.values() if len(flows) > 1 else (frames, frames[-half:])
    return sorted([*first[:half], *last[:half]], key=lambda frame: frame.place)


def _next(alert: Alert, state: str | None) -> list[str]:
    at = f" --state {shlex.quote(state)}" if state else ""
    commands = [
        f"evidence {alert.id}{at} -o alert-{alert.id}.pcapng",
        f"alerts show {alert.id}{at}",
    ]
    if alert.status == "open":
        commands.append(f'alerts ack {alert.id}{at} --note "..."')
    return [f"otmon {words}" for words in commands]
