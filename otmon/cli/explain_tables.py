"""An explanation as text for a terminal, from 80 columns on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otmon.cli.tables import LEVEL_STYLE, clock, detected, grid, heading
from otmon.evidence.explain import ExplainedFrame, Explanation
from otmon.evidence.wireshark import Layer

WIDE = 110
"""Columns from which two decodes stand side by side."""
FEW = 12
"""Rows of what was done, without --all."""
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
    yield "Who", _devices(explanation)
    if explanation.meaning:
        yield "Why it matters", _paragraphs(explanation.meaning)
    yield "What the baseline said", _paragraphs(explanation.baseline or (_NO_BASELINE,))
    if found := [*detected(alert)]:
        yield "What the detector found", _paragraphs(found)
    yield "Why otmon says so", _rule(explanation)
    yield "How severe", _paragraphs(explanation.severity)
    frames = [_frame(frame, full, wide) for frame in explanation.frames]
    remarks = [Text(f"! {remark}", style="dim") for remark in explanation.remarks]
    if frames or remarks:
        yield "Frames", Group(*frames, *remarks)
    if explanation.techniques:
        yield (
            "ATT&CK for ICS",
            _paragraphs(f"{one.id} {one.name}\n{one.link}" for one in explanation.techniques),
        )
    if alert.triage:
        yield "Check next", _numbered(alert.triage)
    if alert.false_positives:
        yield "Looks the same and is not", _paragraphs(alert.false_positives)
    if explanation.related:
        yield "Related alerts", _related(explanation)


_NO_BASELINE = (
    "Nothing of this deviates from a baseline. Without one, otmon judges without knowing "
    "what is normal here: see `otmon analyze --baseline`."
)


def _happened(explanation: Explanation, full: bool) -> Group:
    alert = explanation.alert
    begin, end = clock(alert.first_seen), clock(alert.last_seen)
    span = f"at {begin} UTC" if begin == end else f"from {begin} to {end} UTC"
    often = "Once" if alert.count == 1 else f"{alert.count:,} times"
    parts: list[RenderableType] = [Text(f"{alert.message}."), Text(f"{often}, {span}.")]
    rows = alert.violations if full else alert.violations[:FEW]
    if rows:
        valued = any(row.value for row in rows)
        middle = ("target", "value", "status") if valued else ("target", "status")
        table = grid("first (UTC)", "operation", *middle, ">count", wrap=middle)
        for row in rows:
            table.add_row(
                clock(row.first_seen)[11:19],
                row.operation,
                row.target or "-",
                *([row.value or "-"] if valued else []),
                (row.status or "-").replace("_", " "),
                f"{row.count:,}",
            )
        parts += [Text(), table]
    hidden = len(alert.violations) - len(rows)
    if hidden:
        parts.append(Text(f"and {hidden:,} rows more: --all prints them", style="dim"))
    return Group(*parts)


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
    theirs = Text("\n").join(_layers(explained.wireshark, full))
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


def _layers(layers: Sequence[Layer], full: bool) -> Iterator[Text]:
    below = [layer.name for layer in layers if not full and layer.name in CARRIERS]
    if below:
        yield Text(f"below: {', '.join(name for name in below if name != 'frame')}", style="dim")
    for layer in layers:
        if layer.name not in below:
            yield Text(layer.name, style="bold")
            yield from (Text(f"  {line}") for line in layer.lines)


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
