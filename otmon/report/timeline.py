"""The timeline: when each alert held, as SVG."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from otmon.model.alert import Alert
from otmon.model.document import render_time
from otmon.report.content import Content

WIDTH = 1160
ROW = 24
LEFT = 330
"""Where the time begins; before it stand the titles."""
RIGHT = 24
MAX_ROWS = 40
TICKS = 6
TITLE = 44
"""Characters of a title."""


def svg(content: Content) -> str:
    """The timeline of a report; empty where there is no alert or no time."""
    alerts = sorted(content.alerts[:MAX_ROWS], key=lambda one: (one.first_seen, one.id))
    bounds = (content.capture["first_seen"], content.capture["last_seen"])
    if not alerts or None in bounds:
        return ""
    first: int = min(bounds[0], *(alert.first_seen for alert in alerts))
    last: int = max(bounds[1], *(alert.last_seen for alert in alerts))
    span = max(last - first, 1)

    def place(time_ns: int) -> float:
        return LEFT + float(WIDTH - LEFT - RIGHT) * (time_ns - first) / span

    height = 30 + ROW * len(alerts)
    parts = []
    for tick in range(TICKS):
        moment = first + span * tick // (TICKS - 1)
        at = place(moment)
        anchor = "end" if tick == TICKS - 1 else "middle" if tick else "start"
        parts.append(
            f'<line class="tick" x1="{at:.0f}" x2="{at:.0f}" y1="20" y2="{height}"/>'
            f'<text class="tick" x="{at:.0f}" y="14" text-anchor="{anchor}">'
            f"{_clock(moment, span)}</text>"
        )
    parts += [_row(alert, 28 + ROW * turn, place) for turn, alert in enumerate(alerts)]
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Alerts over time">{"".join(parts)}</svg>'
    )


def _row(alert: Alert, top: float, place: Callable[[int], float]) -> str:
    begin, end = place(alert.first_seen), place(alert.last_seen)
    title = f"{alert.id} {alert.rule.title}"
    shown = title if len(title) <= TITLE else f"{title[: TITLE - 1]}\u2026"
    return (
        f'<a href="#alert-{alert.id}"><title>{escape(alert.message)}</title>'
        f'<text x="4" y="{top + 11:.0f}">{escape(shown)}</text>'
        f'<rect class="{alert.level}" x="{begin - 3:.1f}" y="{top:.0f}" rx="3" '
        f'width="{max(end - begin, 0) + 6:.1f}" height="14"/></a>'
    )


def _clock(time_ns: int, span_ns: int) -> str:
    text = render_time(time_ns)
    days = span_ns > 2 * 86_400 * 1_000_000_000
    return text[:10] if days else text[11:19]
