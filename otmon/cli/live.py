"""What `otmon monitor` shows: a screen for people who watch, lines for a log."""

from __future__ import annotations

import textwrap
import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from otmon.cli.tables import LEVEL_STYLE, grid
from otmon.live_view import News, View, faults_of
from otmon.model.alert import LEVELS, how_often
from otmon.model.document import render_time
from otmon.model.notice import Sight

STATUS_S = 60.0
"""How often a log is told that all is well, in seconds."""
SHORT = 16
"""Lines for alerts below which each of them has one."""

_KINDS = {
    "raised": "alert",
    "level": "alert, worse",
    "count": "alert, again",
    "reopened": "alert, back",
}
"""What a log calls what traffic did to an alert; what people did has their own word."""

_PRIORITY = {"critical": 2, "high": 3, "medium": 4, "low": 5, "informational": 6}
"""Levels as the journal has them."""
_INFORMATION = 6
_WARNING = 4


class Lines:
    """One line for each thing that happens, and one a minute for how things are."""

    def __init__(self, console: Console, *, journal: bool) -> None:
        """Takes where to write, and whether that is the journal, which has its own clock."""
        self._console = console
        self._journal = journal
        self._shown_s: float | None = None
        self._view: View | None = None
        self._complaints: dict[str, str] = {}

    def show(self, view: View) -> None:
        """Write what is wrong when it changes, and the status every minute."""
        now_s = time.monotonic()
        self._view = view
        complaints = faults_of(view)
        for key, words in complaints.items():
            if key not in self._complaints:
                self._write(_WARNING, f"sensor: {words}")
        for key, words in self._complaints.items():
            if key not in complaints:
                self._write(_INFORMATION, f"sensor: no longer: {words}")
        self._complaints = complaints
        if self._shown_s is None or now_s - self._shown_s >= STATUS_S:
            self._shown_s = now_s
            self._write(_INFORMATION, f"status: {status_of(view)}")

    def end(self) -> None:
        """Write how things were at last."""
        if self._view is not None:
            self._write(_INFORMATION, f"ended: {status_of(self._view)}")

    def tell(self, news: News) -> None:
        """Write an alert, or what somebody made of it."""
        alert = news.alert
        by = f" by {news.author}" if news.author else ""
        words = f"{_KINDS.get(news.kind, news.kind)} {alert.id}{by}: {alert.level} "
        words += f"({alert.severity}): {_said(news)}"
        self._write(_PRIORITY.get(alert.level, _WARNING), words)

    def _write(self, priority: int, words: str) -> None:
        stamp = f"<{priority}>" if self._journal else f"{render_time(time.time_ns())[:19]}Z "
        self._console.print(f"{stamp}{words}", soft_wrap=True, markup=False)
        self._console.file.flush()


class Screen:
    """A whole terminal, drawn anew about every second."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Screen:
        self._live.start()
        self._live.update(Text("otmon waits for its first second of traffic ..."), refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, view: View) -> None:
        """Draw how things are."""
        self._live.update(drawn(view, *self._live.console.size), refresh=True)

    def tell(self, news: News) -> None:
        """Nothing: the view has the latest alerts."""


def drawn(view: View, width: int, height: int) -> RenderableType:
    """A view as a screen of this size shows it."""
    parts: list[RenderableType] = [
        Text.assemble(
            ("otmon", "bold"),
            f"  {view.site}  up {_duration(view.uptime_s)}  ",
            (view.state, "dim"),
            overflow="ellipsis",
            no_wrap=True,
        ),
        _interfaces(view.interfaces),
        Text(f"{view.device_count:,} devices, {view.conversation_count:,} conversations"),
        _site(view),
    ]
    complaints = faults_of(view).values()
    used = 8 + len(view.interfaces) + max(1, len(complaints))
    # Half of what is left is for what is learned, the rest for alerts.
    room = max(0, (height - used) // 2)
    if view.protocols and room > 2:
        parts.append(_protocols(view, min(room - 1, 6)))
        used += 1 + min(room - 1, 6, len(view.protocols))
        room -= 1 + min(room - 1, 6, len(view.protocols))
    if view.edges and room > 2:
        parts.append(_edges(view, room - 1))
        used += 1 + min(room - 1, len(view.edges))
    parts += [Text(f"! {line}", style="yellow") for line in complaints]
    if not complaints:
        parts.append(Text(f"sensor: nothing lost, nothing left out; {_locked(view)}", style="dim"))
    parts += [Rule(style="dim"), _open(view)]
    parts.append(_latest(view, max(1, height - used), width))
    return Group(*parts)


def _locked(view: View) -> str:
    return "cannot send" + (", changes no file but its own" if view.confined else "")


def _site(view: View) -> Text:
    """How much of the site is learned."""
    every = view.learning_count + view.enforcing_count
    if not every:
        return Text("Learned: nothing yet", style="dim")
    share = view.enforcing_count / every
    text = Text("Learned: ")
    text.append_text(_bar(share, 20))
    return text.append(f" {view.enforcing_count:,} of {every:,} edges ({share:.0%})")


def _bar(share: float, width: int) -> Text:
    done = round(share * width)
    return Text.assemble(("━" * done, "green"), ("─" * (width - done), "dim"))


def _protocols(view: View, rows: int) -> Table:
    table = grid("Protocol", ">Messages", ">Edges", "Learned", "")
    shown = view.protocols if len(view.protocols) <= rows else view.protocols[: rows - 1]
    for name, count in shown:
        done, every = view.learned.get(name, (0, 0))
        share = done / every if every else 0.0
        if every:
            edges = (f"{every:,}", _bar(share, 12), f"{done:,} of {every:,}")
            table.add_row(name, _many(count), *edges)
        else:  # it only carries another one
            table.add_row(name, _many(count))
    if len(shown) < len(view.protocols):
        table.add_row(Text(f"and {len(view.protocols) - len(shown)} more", style="dim"))
    return table


def _edges(view: View, rows: int) -> Table:
    table = grid("Still learned", "Protocol", "", ">Done", "New last (UTC)", wrap="Still learned")
    for one in view.edges[:rows]:
        table.add_row(
            Text(f"{one.client} → {one.server}", overflow="ellipsis", no_wrap=True),
            one.protocol,
            _bar(one.share, 12),
            f"{one.share:.0%}",
            render_time(one.new_ns)[:19].replace("T", " "),
        )
    return table


def status_of(view: View) -> str:
    """A view in one line."""
    rates = ", ".join(
        f"{one.name} {one.packets:,} frames, {one.packet_rate:,.0f} frames/s, {one.dropped:,} lost"
        for one in view.interfaces
    )
    rates += f", {view.left_out:,} left out"
    counted = [f"{view.open_by_level[level]} {level}" for level in reversed(LEVELS)
               if view.open_by_level.get(level)]  # fmt: skip
    return f"{rates}; {_counts(view)}; open alerts: {', '.join(counted) or 'none'}"


def _counts(view: View) -> str:
    messages = ", ".join(f"{name} {_many(count)}" for name, count in view.protocols[:4])
    more = len(view.protocols) - 4
    edges = view.learning_count + view.enforcing_count
    learned = f"{view.enforcing_count:,} of {edges:,} edges learned, " if edges else ""
    return (
        f"{view.device_count:,} devices, {view.conversation_count:,} conversations, {learned}"
        f"messages: {messages or 'none'}{f' and {more} more' if more > 0 else ''}"
    )


def _interfaces(sights: tuple[Sight, ...]) -> Table:
    table = grid("Interface", "Link", ">Frames", ">Frames/s", ">Mbit/s", ">Lost", "Last frame")
    for one in sights:
        quiet = "never" if one.quiet_s is None else f"{one.quiet_s:.0f} s ago"
        table.add_row(
            one.name,
            "up" if one.running else Text("DOWN", style="bold red"),
            _many(one.packets),
            f"{one.packet_rate:,.0f}",
            f"{one.bit_rate / 1e6:,.1f}",
            Text(f"{one.dropped:,}", style="bold red" if one.dropped else ""),
            "now" if one.quiet_s is not None and one.quiet_s < 2 else quiet,
        )
    return table


def _open(view: View) -> Text:
    text = Text("Open alerts: ")
    for level in reversed(LEVELS):
        count = view.open_by_level.get(level, 0)
        text.append(f"{count} {level}", style=LEVEL_STYLE[level] if count else "dim")
        text.append("  ")
    return text


def _latest(view: View, rows: int, width: int) -> RenderableType:
    """The latest alerts in so many lines: none of them cut off, or only at its end."""
    if not view.latest:
        return Text("No alert yet.", style="dim")
    table = grid(">#", "Time (UTC)", "Level", "What")
    numbers = max(len(str(news.alert.id)) for news in view.latest)
    levels = max(len(news.alert.level) for news in view.latest)
    room = max(20, width - numbers - len("Time (UTC)") - max(levels, len("Level")) - 6)
    seen: set[int] = set()
    for news in view.latest:
        alert = news.alert
        if alert.id in seen:
            continue
        # A short screen has room for one line each: so the worst is not pushed off it.
        words = _in_lines(_said(news), room, 1 if rows < SHORT else 2)
        rows -= words.count("\n") + 1
        if rows < 0:
            break
        seen.add(alert.id)
        table.add_row(
            str(alert.id),
            render_time(alert.last_seen)[11:19],
            Text(alert.level, style=LEVEL_STYLE[alert.level]),
            Text(words, no_wrap=True),
        )
    return table


def _said(news: News) -> str:
    """What an alert says, with its count where it does not say that itself."""
    alert = news.alert
    often = how_often(alert)
    told = alert.count < 2 or often in alert.message
    return alert.message if told else f"{alert.message} ({often})"


def _in_lines(words: str, width: int, most: int) -> str:
    """Words in at most so many lines; what has no room ends with a mark."""
    lines = textwrap.wrap(words, width) or [""]
    if len(lines) > most:
        lines[most - 1 :] = [f"{lines[most - 1][: width - 2].rstrip()} …"]
    return "\n".join(lines)


def _many(count: int) -> str:
    """A count in at most seven characters."""
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if count >= 10 * size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,}"


def _duration(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock
