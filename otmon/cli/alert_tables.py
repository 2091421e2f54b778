"""Alerts of a state as terminal tables that fit 80 columns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from otmon.cli import COMMANDS
from otmon.cli.tables import LEVEL_STYLE, SHORT, clock, detected, grid, heading
from otmon.model.alert import LEVELS, Alert, ends_of, how_often
from otmon.state.journal import Entry

_STATUS = {"acknowledged": "acked"}
"""Statuses that are too long for a column."""


def listed(
    console: Console,
    alerts: Sequence[Alert],
    counts: Mapping[tuple[str, str], int],
    state: str | None,
) -> None:
    """Print a list of alerts, and how many there are of each status."""
    if alerts:
        table = grid(">no", "level", "status", "last seen (UTC)", ">count", "what", wrap="what")
        for alert in alerts:
            table.add_row(
                str(alert.id),
                Text(alert.level, style=LEVEL_STYLE[alert.level]),
                _STATUS.get(alert.status, alert.status),
                clock(alert.last_seen)[:16],
                f"{alert.count:,}",
                Text.assemble((alert.rule.title, "bold"), f"\n{_between(alert)}"),
            )
        console.print(table)
        console.print()
    console.print(_summary(counts, len(alerts)))
    if alerts:
        console.print()
        console.print(heading("Next"))
        at = f" --state {shlex.quote(state)}" if state else ""
        for command in (f"otmon alerts show {alerts[0].id}{at}", *_next(alerts[0], state)):
            console.print(f"  {command}", soft_wrap=True)


def shown(
    console: Console,
    alert: Alert,
    beside: Sequence[Alert],
    done: Sequence[Entry],
    state: str | None,
    *,
    everything: bool,
) -> None:
    """Print all there is about one alert."""
    head = Text(f"Alert {alert.id}  ")
    head.append(f" {alert.level.upper()} ", style=LEVEL_STYLE[alert.level])
    head.append(f" {alert.rule.title}", style="bold")
    console.print(head)
    console.print(_inside(Text(alert.message)))
    console.print()
    console.print(_inside(_facts(alert)))
    limit = None if everything else SHORT
    for title, body in _parts(alert, beside, done, limit):
        console.print()
        console.print(heading(title))
        console.print(_inside(body))
    console.print()
    console.print(heading("Next"))
    for command in _next(alert, state):
        console.print(f"  {command}", soft_wrap=True)


def now_is(alert: Alert) -> str:
    """One sentence of what an alert is now."""
    until = f" until {clock(alert.muted_until)[:16]} UTC" if alert.muted_until else ""
    return f"{alert.id} is {alert.status}{until}: {alert.rule.title}"


def _inside(body: RenderableType) -> Padding:
    return Padding(body, (0, 0, 0, 2), expand=False)


def _between(alert: Alert) -> str:
    if alert.folded:
        return alert.message
    words = f"{alert.client or 'several'} to {alert.server or 'several'}"
    if alert.protocol:
        words = f"{words}, {alert.protocol}"
    return f"{words}, {alert.refused:,} refused" if 0 < alert.refused < alert.count else words


def _summary(counts: Mapping[tuple[str, str], int], printed: int) -> Text:
    parts = []
    for status in dict.fromkeys(status for status, _ in counts):
        levels = [(level, counts.get((status, level), 0)) for level in reversed(LEVELS)]
        total = sum(count for _, count in levels)
        each = ", ".join(f"{count:,} {level}" for level, count in levels if count)
        parts.append(f"{total:,} {status} ({each})")
    return Text(f"{printed:,} listed; in all {'; '.join(parts)}" if parts else "no alerts")


def _facts(alert: Alert) -> Group:
    table = grid("", "", wrap="")
    table.show_header = False
    rows = [
        ("status", _status(alert)),
        ("severity", f"{alert.severity}, {alert.level}; confidence {alert.confidence:g}"),
        ("first seen", f"{clock(alert.first_seen)} UTC"),
        ("last seen", f"{clock(alert.last_seen)} UTC; {how_often(alert)} in all"),
        ("client", alert.client or "several"),
        ("server", alert.server or "several"),
        ("protocol", alert.protocol or "-"),
        ("technique", _techniques(alert)),
        ("rule", f"{alert.rule.id}, version {alert.rule.version}"),
    ]
    if alert.previous is not None:
        rows.append(("before", f"alert {alert.previous} was about the same"))
    if alert.storm is not None:
        rows.append(("storm", f"folded into alert {alert.storm}"))
    for name, words in rows:
        table.add_row(Text(name, style="dim"), Text(words))
    return Group(table)


def _status(alert: Alert) -> str:
    if alert.muted_until is not None:
        return f"{alert.status} until {clock(alert.muted_until)[:16]} UTC"
    return alert.status


def _techniques(alert: Alert) -> str:
    pairs = zip(alert.techniques, alert.technique_names, strict=True)
    return "; ".join(f"{number} {name}" for number, name in pairs) or "-"


def _parts(
    alert: Alert, beside: Sequence[Alert], done: Sequence[Entry], limit: int | None
) -> Iterator[tuple[str, RenderableType]]:
    yield "Why", Text("\n".join(alert.why))
    if found := [*detected(alert)]:
        yield "What the detector found", Text("\n".join(found))
    if alert.violations:
        yield "What was done", _violations(alert, limit)
    if alert.evidence.frames:
        yield "Frames", Text("\n".join(_frames(alert, limit)))
    if alert.triage:
        yield "Check", _numbered(alert.triage)
    if alert.false_positives:
        yield "Also seen when", Text("\n".join(alert.false_positives))
    if beside:
        lines = [f"{one.id} {one.level}: {one.rule.title}" for one in beside[:limit]]
        yield "At the same time, with the same client or server", Text("\n".join(lines))
    if done:
        yield "What became of it", Text("\n".join(map(_entry, done)))


def _violations(alert: Alert, limit: int | None) -> Group:
    ends = ends_of(alert.violations)
    named = [name for name, _ in ends]
    table = grid(*named, "operation", "target", "value", "status", ">count", wrap="operation")
    for place, row in enumerate(alert.violations[:limit]):
        table.add_row(
            *[cells[place] for _, cells in ends],
            row.operation,
            _short(row.target, 22),
            _short(row.value, 16),
            _short(row.status, 16),
            f"{row.count:,}",
        )
    hidden = len(alert.violations) - len(alert.violations[:limit])
    more = []
    if hidden:
        more.append(Text(f"and {hidden:,} rows more: --all prints them", style="dim"))
    if alert.violations_left_out:
        more.append(Text(f"and {alert.violations_left_out:,} operations without a row"))
    return Group(table, *more)


def _short(text: str | None, width: int) -> str:
    if text is None:
        return "-"
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _frames(alert: Alert, limit: int | None) -> Iterator[str]:
    lists = [(alert.evidence.file, alert.evidence.frames)]
    lists += [(more.file, more.frames) for more in alert.evidence.continued]
    for file, frames in lists:
        numbers = ", ".join(map(str, frames[:limit]))
        more = "" if limit is None or len(frames) <= limit else f" and {len(frames) - limit} more"
        yield f"{file}: {numbers}{more}"


def _numbered(lines: Sequence[str]) -> Group:
    table = grid(">", "", wrap="")
    table.show_header = False
    for number, line in enumerate(lines, 1):
        table.add_row(f"{number}.", line)
    return Group(table)


def _entry(entry: Entry) -> str:
    taken = ", taken back since" if entry.undone else ""
    note = f": {entry.note}" if entry.note else ""
    time = clock(entry.time_ns)[:16]
    return f"{time} UTC, {entry.author}: {entry.action} (entry {entry.id}{taken}){note}"


def _next(alert: Alert, state: str | None) -> list[str]:
    """The commands that lead on from an alert: all of them work as they stand."""
    at = f" --state {shlex.quote(state)}" if state else ""
    commands = [
        f"explain {alert.id}{at}",
        f"evidence {alert.id}{at} -o alert-{alert.id}.pcapng",
    ]
    if alert.status == "open":
        commands.append(f'alerts ack {alert.id}{at} --note "..."')
    elif alert.status == "acknowledged":
        commands.append(f'alerts close {alert.id}{at} --note "..."')
    return [f"otmon {words}" for words in commands if words.split()[0] in COMMANDS]
