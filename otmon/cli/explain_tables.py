"""An explanation as text for a terminal, from 80 columns on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otmon.cli.tables import LEVEL_STYLE, clock, detected, grid, heading
from otmon.evidence.explain import ExplainedFrame, Explanation
from otmon.evidence.wireshark import Layer
from otmon.model.alert import ends_of, how_often

WIDE = 110
"""Columns from which two decodes stand side by side."""
FEW = 12
"""Rows of what was done, without --all."""
LAYER_LINES = 24
"""Lines of one layer of Wireshark's, without --all."""
CARRIERS = ("frame", "eth", "vlan", "sll", "ip", "ipv6", "tcp", "udp", "tpkt", "cotp")
"""Layers below the industrial protocol: their names are enough, unless all is wanted."""


def explained(
    console: Console, explanation: Explanation, commands: Sequence[str], *, full: bool
) -> None:
    """Print an explanation and where to go on."""
    alert = explanation.alert
    head = Text(f"Alert {alert.id}  ")
    head.append(f" {alert.level.upper()} ", style=LEVEL_STYLE[alert.level])
    head.append(f" {alert.rule.title}", style="bold")
    console.print(head)
    wide = console.width >= WIDE
    for title, body in _parts(explanation, full=full, wide=wide):
        console.print()
        console.print(heading(title))
        console.print(Padding(body, (0, 0, 0, 2), expand=False))
    console.print()
    console.print(heading("Next"))
    for command in commands:
        console.print(f"  {command}", soft_wrap=True)


def _parts(
    explanation: Explanation, *, full: bool, wide: bool
) -> Iterator[tuple[str, RenderableType]]:
    alert = explanation.alert
    yield "What happened", _happened(explanation, full)
    if explanation.devices:
        yield "Who", _devices(explanation)
    if explanation.meaning:
        yield "Why it matters", _paragraphs(explanation.meaning)
    # What to do comes before what it rests on: frames can fill several screens.
    if alert.triage:
        yield "Check next", _numbered(alert.triage)
    if alert.false_positives:
        yield "Looks the same and is not", _paragraphs(alert.false_positives)
    if explanation.related:
        yield "Related alerts", _related(explanation)
    yield "What the baseline said", _paragraphs(explanation.baseline or (_NO_BASELINE,))
    if found := [*detected(alert)]:
        yield "What the detector found", _paragraphs(found)
    yield "Why otmon says so", _rule(explanation)
    yield "How severe", _severity(explanation)
    if explanation.techniques:
        yield (
            "ATT&CK for ICS",
            _paragraphs(f"{one.id} {one.name}\n{one.link}" for one in explanation.techniques),
        )
    frames = [_frame(frame, full, wide) for frame in explanation.frames]
    remarks = [Text(f"! {remark}", style="dim") for remark in explanation.remarks]
    if frames or remarks:
        yield "Frames", Group(*frames, *remarks)


_NO_BASELINE = (
    "There was none, so otmon judged without knowing what is normal here: see "
    "`otmon analyze --baseline`."
)


def _happened(explanation: Explanation, full: bool) -> Group:
    alert = explanation.alert
    begin, end = clock(alert.first_seen), clock(alert.last_seen)
    span = f"at {begin} UTC" if begin == end else f"from {begin} to {end} UTC"
    parts: list[RenderableType] = [
        Text(f"{alert.message}."),
        Text(f"{how_often(alert).capitalize()}, {span}."),
    ]
    done = [row for row in alert.violations if row.operation != "unknown" or row.target]
    rows = done if full else done[:FEW]
    if rows:
        valued = any(row.value for row in rows)
        ends = ends_of(rows)
        middle = ("target", "value", "status") if valued else ("target", "status")
        named = [name for name, _ in ends]
        table = grid("first (UTC)", *named, "operation", *middle, ">count", wrap=middle)
        for place, row in enumerate(rows):
            table.add_row(
                clock(row.first_seen)[11:19],
                *[cells[place] for _, cells in ends],
                row.operation,
                row.target or "-",
                *([row.value or "-"] if valued else []),
                (row.status or "-").replace("_", " "),
                f"{row.count:,}",
            )
        parts += [Text(), table]
    if len(done) > len(rows):
        more = f"and {len(done) - len(rows):,} rows more: --all prints them"
        parts.append(Text(more, style="dim"))
    if explanation.notation:
        parts.append(Text("; ".join(explanation.notation), style="dim"))
    return Group(*parts)


def _severity(explanation: Explanation) -> Table:
    """The factors as a sum is written: what, and how much."""
    table = grid("", ">", wrap="")
    table.show_header = False
    for place, factor in enumerate(explanation.severity):
        what, _, number = factor.rpartition(" ")
        found = _IMPACT.match(factor)
        if found:
            what, number = f"impact on {_IMPACTS[found[1]]}{found[3]}, of 100", found[2]
        elif what == "together":
            number = f"{number}, {explanation.alert.level}"
        elif not _NUMBER.fullmatch(number):
            what, number = factor, ""
        elif place:
            number = f"x {number}"
        table.add_row(what, number)
    return table


_IMPACT = re.compile(r"impact (\w+) (\d+)(.*)")
_IMPACTS = {
    "safety": "safety: people and the plant",
    "control": "control of the process",
    "view": "the view that people have of the process",
    "it": "computers",
}
_NUMBER = re.compile(r"[\d.]+")


def _devices(explanation: Explanation) -> Table:
    table = grid("", "", "", wrap="")
    table.show_header = False
    for device in explanation.devices:
        asset = f"; {device.asset}" if device.asset else ""
        table.add_row(Text(device.part, style="dim"), device.address, f"{device.words}{asset}")
    return table


def _rule(explanation: Explanation) -> Group:
    rule = explanation.rule
    about = f"on {rule.about}, " if rule.about else ""
    lines: list[Text] = [Text(f"The rule {rule.title!r} holds {about}where"), Text()]
    for line in rule.lines:
        text = Text(f"  {line.text}")
        if line.met is not None:
            text.append(f"   <- {line.met}", style="bold")
        lines.append(text)
    lines.append(Text())
    if rule.path is None:
        lines.append(Text("The rule is not there any more; these are the conditions that held."))
    else:
        changed = "; it has changed since the alert" if rule.changed else ""
        lines.append(Text(f"{rule.path}{changed}", style="dim"))
    return Group(*lines)


def _frame(explained: ExplainedFrame, full: bool, wide: bool) -> Group:
    frame = explained.frame
    ends = f", {frame.source} to {frame.destination}" if frame.source else ""
    head = Text(f"frame {frame.number}, {frame.kind}, {clock(frame.time)} UTC{ends}")
    head.append(f", {frame.length} bytes", style="dim")
    own = _own(explained)
    if not explained.wireshark:
        return Group(head, Padding(own, (0, 0, 1, 2)))
    theirs = Text("\n").join(_layers(explained.wireshark, full or not explained.own, full))
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), expand=wide)
    if wide:
        table.add_column("otmon", header_style="dim", ratio=2, overflow="fold")
        table.add_column("Wireshark", header_style="dim", ratio=3, overflow="fold")
        table.add_row(own, theirs)
    else:
        table.show_header = False
        table.add_column(overflow="fold")
        for name, text in (("otmon", own), ("Wireshark", theirs)):
            table.add_row(Text(name, style="dim"))
            table.add_row(Padding(text, (0, 0, 0, 2)))
    return Group(head, Padding(table, (0, 0, 1, 2)))


def _own(explained: ExplainedFrame) -> Text:
    if not explained.own:
        return Text("no industrial message ends in this frame", style="dim")
    return Text("\n").join(
        Text(line if place == 0 else f"  {line}")
        for message in explained.own
        for place, line in enumerate(message)
    )


def _layers(layers: Sequence[Layer], carriers: bool, full: bool) -> Iterator[Text]:
    below = [layer.name for layer in layers if not carriers and layer.name in CARRIERS]
    if below:
        yield Text(f"below: {', '.join(name for name in below if name != 'frame')}", style="dim")
    for layer in layers:
        if layer.name not in below:
            yield Text(layer.name, style="bold")
            shown = layer.lines if full else [*_telling(layer)][:LAYER_LINES]
            yield from (Text(f"  {line}") for line in shown)
            if len(shown) < len(layer.lines):
                more = f"  {len(layer.lines) - len(shown)} lines more: --all prints them"
                yield Text(more, style="dim")


def _telling(layer: Layer) -> Iterator[str]:
    """What a layer says, without what says nothing."""
    for line in layer.lines:
        if layer.name in CARRIERS:
            if _PLACES.match(line):
                yield line
        elif not _NOISE.search(line):
            yield line


_PLACES = re.compile(
    r"(Source|Destination|Time to Live|Hop Limit|Identification|Flags|Sequence Number)\b.*:"
)
"""What tells who sent a packet, and how."""
_NOISE = re.compile(
    r"^[.01 ]+= .*: (Not set|False)$|^Data Chunk|[Cc]hecksum.*(\[correct\]|Good)$|^Fragment count"
)
"""What says that all is well, or repeats bytes."""


def _paragraphs(lines: Iterable[str]) -> Group:
    return Group(*(Text(line) for line in lines))


def _numbered(steps: Sequence[str]) -> Table:
    table = grid(">", "", wrap="")
    table.show_header = False
    for place, step in enumerate(steps, 1):
        table.add_row(f"{place}.", step)
    return table


def _related(explanation: Explanation) -> Table:
    table = grid(">", "", "", wrap="")
    table.show_header = False
    for one in explanation.related:
        level = Text(one.level, style=LEVEL_STYLE[one.level])
        table.add_row(str(one.id), level, Text.assemble((one.title, "bold"), f"\n{one.message}"))
    return table
