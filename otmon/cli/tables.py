"""The result document as terminal tables that fit 80 columns.

Colour never carries meaning alone: each level has its word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otmon.cli.next_steps import next_steps
from otmon.cli.quality import warnings
from otmon.fields import CHANGE_CLASSES, OPERATION_CLASSES
from otmon.model.alert import Alert, in_a_sentence
from otmon.model.amount import counted, size
from otmon.model.asset import Asset
from otmon.model.document import render_time
from otmon.model.result import Capture, Conversation, Result

SHORT = 20
"""Rows of a table unless all are asked for."""

SHOWN_ADDRESSES = 3
"""Addresses of a device in a table, beside its first."""

NONE = Text("none")

LEVEL_STYLE = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "informational": "dim",
}

CHANGES = tuple(token for token in OPERATION_CLASSES if token in CHANGE_CLASSES)
"""Classes that change something, highest rank first."""


def result(
    console: Console,
    document: Result,
    *,
    everything: bool,
    state: str | None = None,
    kept: bool = False,
) -> None:
    """Print a result: capture, devices, conversations, alerts, what to do next.

    Args:
        console: Where.
        document: The result.
        everything: Whole tables, however long.
        state: The state file that the analysis continued.
        kept: Whether it is kept as the user's last analysis, where there is no state.
    """
    limit = None if everything else SHORT
    names = _Names(document.assets)
    # A path that wraps, or is cut, cannot be copied.
    console.print(heading(f"Capture: {_files(document.capture)}"), soft_wrap=True)
    for part in (
        _capture(document),
        _devices(document.assets, limit),
        _conversations(document.conversations, names, limit),
        *_baseline(document, limit),
        _alerts(document, limit),
    ):
        console.print(part)
        console.print()
    console.print(heading("Next"))
    for command in next_steps(document, state, kept=kept):
        # A command that wraps, or is cut, cannot be copied.
        console.print(f"  {command}", soft_wrap=True)


class _Names:
    """What an asset is called in a table: its address, and its unit behind a gateway."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._assets = {asset.id: asset for asset in assets}

    def of(self, asset_id: str | None, otherwise: str | None) -> str:
        asset = self._assets.get(asset_id or "")
        if asset is None or (asset.unit is None and otherwise in asset.ip):
            return otherwise or "?"
        return address(asset)

    def both(self, talk: Conversation) -> tuple[str, str]:
        return self.of(talk.client, talk.client_ip), self.of(talk.server, talk.server_ip)


def address(asset: Asset) -> str:
    """The address people know an asset by."""
    home = asset.ip[0] if asset.ip else (asset.mac[0] if asset.mac else asset.id)
    return home if asset.unit is None else f"{home} unit {asset.unit}"


def heading(words: str) -> Text:
    """The heading of a part."""
    return Text(words, style="bold")


def _section(title: str, body: Table | Group | Text) -> Group:
    return Group(heading(title), Padding(body, (0, 0, 0, 2), expand=False))


def grid(*columns: str, wrap: str | Collection[str] = ()) -> Table:
    """A table without lines; `wrap` names the column, or the columns, whose text may wrap."""
    wraps = (wrap,) if isinstance(wrap, str) else wrap
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column.lstrip(">"),
            header_style="dim",
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
            no_wrap=column not in wraps,
            ratio=1 if column in wraps else None,
        )
    return table


def _capture(document: Result) -> Padding:
    capture = document.capture
    lines = [Text(line) for line in _facts(capture)]
    lines.append(Text(industrial_messages(document)))
    if lacks := list(warnings(capture)):
        lines += [Text(f"! {line}", style="yellow") for line in lacks]
    else:
        lines.append(Text("quality: no gaps, no duplicates, nothing left undecoded"))
    return Padding(Group(*lines), (0, 0, 0, 2), expand=False)


def industrial_messages(document: Result) -> str:
    """How many messages of which protocol were read; what it means where there is none."""
    if document.protocols:
        found = ", ".join(f"{p.name} {p.pdus:,}" for p in document.protocols)
        return f"industrial messages: {found}"
    begun = sorted({talk.protocol for talk in document.conversations if talk.protocol})
    if begun:
        return f"industrial messages: not one whole, of {', '.join(begun)}"
    if document.capture.not_read:
        return "industrial messages: none that otmon reads"
    return "no industrial protocol found"


def _files(capture: Capture) -> str:
    paths = [file.path for file in capture.files]
    return paths[0] if len(paths) == 1 else f"{len(paths)} files"


def _facts(capture: Capture) -> Iterator[str]:
    kinds = sorted({kind for file in capture.files for kind in file.link_types})
    frames, links = counted(capture.packets, "frame"), ", ".join(kinds) or "no link"
    yield f"{frames}, {size(capture.bytes)}, {links}"
    if capture.first_seen is not None and capture.last_seen is not None:
        seconds = (capture.last_seen - capture.first_seen) / 1e9
        rate = f"{capture.packets / seconds:,.1f}" if seconds > 0 else "0.0"
        rate = "" if rate == "0.0" else f", {rate} frames/s"
        first, last = clock(capture.first_seen), clock(capture.last_seen)
        if first[:10] == last[:10]:
            last = last[11:]
        yield f"{first} to {last} UTC ({_duration(seconds)}){rate}"


def _devices(assets: tuple[Asset, ...], limit: int | None) -> Group:
    shown = sorted(assets, key=lambda asset: not asset.protocols)
    table = grid("address", "role", ">level", "who it is", wrap="who it is")
    for asset in shown[:limit]:
        table.add_row(
            address_lines(asset),
            role_lines(asset),
            "-" if asset.purdue_level is None else f"{asset.purdue_level:g}",
            Text(identity(asset)),
        )
    title = f"Devices ({len(assets)})"
    return Group(_section(title, table if assets else NONE), *_more(len(shown), limit, "devices"))


def address_lines(asset: Asset) -> str:
    """The address people know an asset by, and below it the others that it has."""
    others = asset.ip[1:] if asset.unit is None else ()
    more = [] if len(others) <= SHOWN_ADDRESSES else [f"and {len(others) - SHOWN_ADDRESSES} more"]
    return "\n".join((address(asset), *others[:SHOWN_ADDRESSES], *more))


def role_lines(asset: Asset) -> str:
    """One role a line; a question mark where a person must confirm it."""
    return "\n".join((*asset.roles, *(f"{role}?" for role in asset.role_candidates))) or "-"


def identity(asset: Asset) -> str:
    """Vendor, model, order code, firmware, serial: what is known, each once."""
    parts: list[str] = []
    for value in (asset.vendor, asset.model, asset.order_code):
        if value and not any(value.lower() in part.lower() for part in parts):
            parts.append(value)
    for word, value in (("fw", asset.firmware), ("hw", asset.hardware), ("sn", asset.serial)):
        if value:
            parts.append(f"{word} {value}")
    parts += [f'"{name}"' for name in (asset.station_name, asset.hostname) if name]
    return ", ".join(parts) or "-"


def _conversations(
    conversations: tuple[Conversation, ...], names: _Names, limit: int | None
) -> Group:
    industrial = [talk for talk in conversations if talk.protocol or talk.not_read]
    other = len(conversations) - len(industrial)

    def rank(talk: Conversation) -> tuple[bool, int, int, int]:
        ranks = [CHANGES.index(token) for token in talk.classes if token in CHANGES]
        unread = talk.protocol is None
        return (unread, min(ranks, default=len(CHANGES)), -talk.pdus, -talk.packets)

    shown = sorted(industrial, key=rank)
    rows = [
        (
            names.of(talk.client, talk.client_ip),
            names.of(talk.server, talk.server_ip),
            talk.protocol or f"{talk.not_read}?",
        )
        for talk in shown
    ]
    alike = Counter(rows)
    table = grid("client", "server", "protocol", "what was done", wrap="what was done")
    for talk, (client, server, protocol) in list(zip(shown, rows, strict=True))[:limit]:
        # The same two may speak it over several ports.
        port = f"\n{talk.transport}/{talk.port}" if alike[client, server, protocol] > 1 else ""
        table.add_row(client, server, f"{protocol}{port}", _deeds(talk))
    heading = f"Industrial conversations ({len(industrial)})"
    if industrial:
        heading += ", changes first"
    rest = [Text(f"  and {counted(other, 'conversation')} of other traffic", style="dim")]
    return Group(
        _section(heading, table if industrial else NONE),
        *_more(len(shown), limit, "conversations"),
        *(rest if other else []),
    )


def _baseline(document: Result, limit: int | None) -> Iterator[Group]:
    """How well the normal is learned, and what differs from it; nothing without a baseline."""
    normal = document.baseline
    if normal is None:
        return
    table = grid("client", "server", "protocol", ">statements", ">new in 2nd half")
    for edge in normal.edges[:limit]:
        late = f"{edge.late_share:.0%}"
        mark = ", not saturated" if edge.unsaturated else ""
        table.add_row(edge.client, edge.server, edge.protocol, str(edge.statements), late + mark)
    total = len(normal.edges)
    title = f"Normal: {normal.statements:,} statements, {total:,} conversations"
    yield Group(_section(title, table), *_more(total, limit, "conversations"))
    deviations = document.deviations
    if not deviations:
        yield Group(heading("Deviations (0)"), Text("  none: all of it was seen before"))
        return
    first_ns = min(one.first_seen for one in deviations)
    words = f"Deviations ({len(deviations)}), the first at {clock(first_ns)[11:]} UTC"
    later = [alert.first_seen for alert in document.alerts if alert.first_seen >= first_ns]
    if later:
        words += f", the first alert {_duration((min(later) - first_ns) / 1e9)} later"
    parts: list[Text | Padding] = [heading(words)]
    expected = None
    for one in deviations[:limit]:
        parts.append(Padding(Text(f"{one.observed}{_times(one.count)}"), (0, 0, 0, 2)))
        if one.expected != expected:
            expected = one.expected
            parts.append(Padding(Text(f"normal: {expected}", style="dim"), (0, 0, 0, 6)))
    yield Group(*parts, *_more(len(deviations), limit, "deviations"))


def _times(count: int) -> str:
    return f", {count:,} times" if count > 1 else ""


def _deeds(talk: Conversation) -> Text:
    """Operation counts by class, changes first and in colour."""
    changes = [(token, talk.classes[token]) for token in CHANGES if token in talk.classes]
    others = [(token, n) for token, n in talk.classes.items() if token not in CHANGES]
    words = Text()
    for token, count in changes + others:
        if words:
            words.append(", ")
        words.append(f"{token} {count:,}", style="bold" if token in CHANGES else "")
    if talk.failures:
        words.append(f" ({talk.failures:,} refused)")
    if talk.not_read:
        what = f" of {talk.not_read}" if talk.protocol else ""
        begin = ", " if words else ""
        words.append(f"{begin}{counted(talk.packets, 'frame')}{what} not read", style="dim")
    elif not words:
        words.append(f"{counted(talk.packets, 'frame')}, no whole message", style="dim")
    return words


def _alerts(document: Result, limit: int | None) -> Group:
    alerts, capture = document.alerts, document.capture
    if not alerts:
        return _section("Alerts (0)", NONE)
    # Of a capture of one day it is said above which.
    days = {render_time(t)[:10] for t in (capture.first_seen, capture.last_seen) if t is not None}
    shown_from = 0 if len(days) > 1 else len("2026-12-24 ")
    parts: list[Text | Padding] = [heading(f"Alerts ({len(alerts)})")]
    for alert in alerts[:limit]:
        head = Text(f"{alert.id:>4}  ")
        head.append(f" {alert.level.upper()} ", style=LEVEL_STYLE[alert.level])
        head.append(f" {alert.rule.title}", style="bold")
        if alert.status != "open":
            head.append(f" ({alert.status})")
        frames = _frames(alert)
        if alert.evidence.file and len(capture.files) > 1:
            frames += f" of {Path(alert.evidence.file).name}"
        body = [
            Text(in_a_sentence(alert)),
            Text(
                f"{clock(alert.first_seen)[shown_from:]} UTC, {frames}; "
                f"{', '.join(alert.techniques)}"
            ),
        ]
        if alert.triage:
            body.append(Text(f"check: {alert.triage[0]}"))
        parts += [head, Padding(Group(*body), (0, 0, 0, 6), expand=False)]
    return Group(*parts, *_more(len(alerts), limit, "alerts"))


def _frames(alert: Alert) -> str:
    frames = alert.evidence.frames
    if not frames:
        return "no single frame"
    listed = ", ".join(str(frame) for frame in frames[:4])
    more = f" and {len(frames) - 4} more" if len(frames) > 4 else ""
    return f"frame{'s' if len(frames) > 1 else ''} {listed}{more}"


def _more(total: int, limit: int | None, things: str) -> list[Text]:
    if limit is None or total <= limit:
        return []
    return [Text(f"  and {total - limit:,} {things} more: --all prints them", style="dim")]


LONG_NS = 1_000_000_000
"""What held for less has no beginning that is worth telling."""


def detected(alert: Alert) -> Iterator[str]:
    """What a detector said, as lines, where the baseline has not said the same."""
    anomaly, baseline = alert.anomaly, alert.baseline
    said = None if baseline is None else (baseline.expected, baseline.observed)
    if anomaly is None or said == (anomaly.expected, anomaly.observed):
        return
    yield f"{anomaly.type.replace('_', ' ')} (detector {alert.provider})"
    if anomaly.expected is not None:
        long = anomaly.since is not None and alert.first_seen - anomaly.since >= LONG_NS
        since = f", since {clock(anomaly.since)} UTC" if long and anomaly.since else ""
        yield f"normal is: {anomaly.expected}{since}"
    if anomaly.observed is not None:
        yield f"seen was: {anomaly.observed}"


def clock(time_ns: int) -> str:
    """A time to the millisecond, as people read it."""
    return render_time(time_ns)[:23].replace("T", " ")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
