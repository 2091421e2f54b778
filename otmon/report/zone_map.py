"""The map: devices by Purdue level and zone, and who talks to whom, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from otmon.report.content import Content, Document, changes_of, described, roles_of, spoken

WIDTH = 1160
BOX = (152, 46)
GAP = 18
MARGIN = 116
"""Left of the boxes, where the levels are named."""
LINE = BOX[1] + 28
"""From one line of boxes of a level to its next."""
PER_LINE = (WIDTH - 8 - MARGIN + GAP) // (BOX[0] + GAP)
"""Boxes that fit a line."""
LANE = 34
"""Between rows, for lines."""
MAX_DEVICES = 60
"""Devices of a map; those with fewer conversations are only counted."""
LABEL = 24
"""Characters that fit a box."""

LEVEL_NAMES = {
    5.0: "5 enterprise",
    4.0: "4 business",
    3.5: "3.5 DMZ",
    3.0: "3 operations",
    2.0: "2 supervision",
    1.0: "1 control",
    0.0: "0 process",
}


@dataclass(frozen=True, slots=True)
class _Box:
    asset: Document
    left: float
    top: float

    @property
    def middle(self) -> float:
        return self.left + BOX[0] / 2


def svg(content: Content) -> str:
    """The map of a report; empty where nobody talks an industrial protocol."""
    talks = content.industrial()
    shown, hidden = _devices(content, talks)
    if not shown:
        return ""
    boxes: dict[str, _Box] = {}
    parts: list[str] = []
    top = 8.0
    levels = {asset["purdue_level"] for asset in shown}
    for level in sorted(levels, key=lambda one: -1.0 if one is None else -one - 100):
        row = [asset for asset in shown if asset["purdue_level"] == level]
        bottom = _row(row, level, top, boxes, parts)
        top = bottom + LANE
    lines = [_line(talk, boxes, content) for talk in reversed(talks)]
    alerts = {asset["id"]: len(content.alerts_of(asset)) for asset in shown}
    nodes = [_node(box, content.addresses[key], alerts[key]) for key, box in boxes.items()]
    note = f"{hidden} devices with fewer conversations are not on the map" if hidden else ""
    foot = f'<text class="note" x="{MARGIN}" y="{top + 4:.0f}">{note}</text>' if hidden else ""
    height = top + (14 if hidden else -LANE + 10)
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        'aria-label="Map of devices by level and of their conversations">'
        + "".join([*parts, *lines, *nodes, foot])
        + "</svg>"
    )


def _devices(content: Content, talks: Sequence[Document]) -> tuple[list[Document], int]:
    """The devices of the map, and how many have no place on it."""
    weight: dict[str, int] = {}
    for talk in talks:
        for end in (talk["client"], talk["server"]):
            if end is not None:
                weight[end] = weight.get(end, 0) + 1 + 1000 * bool(changes_of(talk))
    talking = [asset for asset in content.assets if asset["id"] in weight]
    names = content.addresses
    best = sorted(talking, key=lambda asset: (-weight[asset["id"]], names[asset["id"]]))
    chosen = {asset["id"] for asset in best[:MAX_DEVICES]}
    shown = [asset for asset in talking if asset["id"] in chosen]
    shown.sort(key=lambda one: (one["zone"] or "", _order(names[one["id"]])))
    return shown, len(talking) - len(shown)


def _order(address: str) -> tuple[object, ...]:
    """Addresses in their natural order."""
    parts = address.replace(":", ".").split(".")
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def _row(
    row: Sequence[Document],
    level: float | None,
    top: float,
    boxes: dict[str, _Box],
    parts: list[str],
) -> float:
    """Places the boxes of one level, zone by zone; gives where the row ends."""
    name = LEVEL_NAMES.get(level, f"{level:g}") if level is not None else "not known"
    parts.append(f'<text class="level" x="4" y="{top + 40:.0f}">{escape(name)}</text>')
    left, line_top = float(MARGIN), top + 16
    zones: dict[str, list[Document]] = {}
    for asset in row:
        zones.setdefault(asset["zone"] or "", []).append(asset)
    for zone, members in zones.items():
        fits = int((WIDTH - 8 - left + GAP) // (BOX[0] + GAP))
        if left > MARGIN and len(members) > fits:
            left, line_top = float(MARGIN), line_top + LINE
        # A zone that is wider than the map has a frame on each of its lines.
        for first in range(0, len(members), PER_LINE):
            if first:
                left, line_top = float(MARGIN), line_top + LINE
            start = left
            for asset in members[first : first + PER_LINE]:
                boxes[asset["id"]] = _Box(asset, left, line_top)
                left += BOX[0] + GAP
            if zone:
                parts.append(_frame(zone, start, left - GAP, line_top))
        left += GAP
    return line_top + BOX[1] + 10


def _frame(zone: str, left: float, right: float, top: float) -> str:
    """The frame of a zone, with its name above the boxes in it."""
    return (
        f'<rect class="zone" x="{left - 7:.0f}" y="{top - 15:.0f}" rx="6" '
        f'width="{right - left + 14:.0f}" height="{BOX[1] + 22:.0f}"/>'
        f'<text class="zone" x="{left:.0f}" y="{top - 4:.0f}">{escape(zone)}</text>'
    )


def _line(talk: Document, boxes: dict[str, _Box], content: Content) -> str:
    client, server = boxes.get(talk["client"] or ""), boxes.get(talk["server"] or "")
    if client is None or server is None or client is server:
        return ""
    changes = changes_of(talk)
    width = min(4.0, 0.8 + 0.5 * math.log10(1 + talk["pdus"]))
    down = client.top < server.top
    begin = client.top + (BOX[1] if down else 0)
    end = server.top + (0 if down else BOX[1])
    if client.top == server.top:
        begin = end = client.top + BOX[1]
        bend = begin + LANE
        curve = f"C{client.middle:.0f} {bend:.0f} {server.middle:.0f} {bend:.0f}"
    else:
        half = (begin + end) / 2
        curve = f"C{client.middle:.0f} {half:.0f} {server.middle:.0f} {half:.0f}"
    told = ", ".join(f"{token} {count:,}" for token, count in talk["classes"].items())
    ends = [content.addresses[box.asset["id"]] for box in (client, server)]
    title = f"{' to '.join(ends)}, {spoken(talk)}: {told or 'not read'}"
    return (
        f'<path class="{"change" if changes else "look"}" stroke-width="{width:.1f}" '
        f'd="M{client.middle:.0f} {begin:.0f} {curve} {server.middle:.0f} {end:.0f}">'
        f"<title>{escape(title)}</title></path>"
    )


def _node(box: _Box, address: str, alerts: int) -> str:
    asset = box.asset
    role = roles_of(asset) or described(asset) or "not known"
    lines = (address, role)
    texts = "".join(
        f'<text x="{box.left + 8:.0f}" y="{box.top + 19 + 16 * place:.0f}"'
        f"{'' if place else ' class=&quot;name&quot;'}>{escape(_cut(line))}</text>"
        for place, line in enumerate(lines)
    ).replace("&quot;", '"')
    badge = ""
    if alerts:
        right = box.left + BOX[0]
        badge = (
            f'<circle class="badge" cx="{right - 4:.0f}" cy="{box.top + 4:.0f}" r="10"/>'
            f'<text class="badge" x="{right - 4:.0f}" y="{box.top + 8:.0f}">{alerts}</text>'
        )
    title = f"{address}: {roles_of(asset) or 'role not known'}; {described(asset)}"
    return (
        f'<g><title>{escape(title)}</title><rect class="device" x="{box.left:.0f}" '
        f'y="{box.top:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="4"/>{texts}{badge}</g>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}\u2026"
