"""What a dashboard says, in a few words: panels, what they count, and by what.

Nothing here knows Kibana's JSON; `lens` and `objects` write it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from otmon.sinks.elastic.kibana.views import View

COLUMNS = 48
"""The width of a dashboard in Kibana."""


def slug(text: str) -> str:
    """A text as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Terms:
    """One bucket for each value of a field, the greatest first."""

    field: str
    label: str
    size: int = 10
    by_name: bool = False
    """In the order of the values instead."""
    rest: bool = False
    """One more bucket for what is left."""
    missing: bool = False
    """One for documents without the field, too: a row must not vanish for what is not known."""


@dataclass(frozen=True, slots=True)
class Time:
    """Buckets of time, as wide as the range asks for."""

    label: str = "Time"
    field: str = "@timestamp"


Bucket = Terms | Time


@dataclass(frozen=True, slots=True)
class Metric:
    """A number: what is worked out, of which field, of which documents."""

    label: str
    operation: str = "count"
    """`count`, `unique_count`, `sum`, `max`, `min` or `last_value`."""
    field: str | None = None
    """None for `count`."""
    where: str = ""
    """KQL, for this number only."""
    color: str | None = None


def alerts(label: str = "Alerts", where: str = "", color: str | None = None) -> Metric:
    """How many alerts; one that a replay stored twice counts once."""
    return Metric(label, "unique_count", "event.id", where, color)


def latest(label: str, field: str) -> Metric:
    """The newest value of a field: what is known of the thing that a row is about."""
    return Metric(label, "last_value", field)


WORST = Metric("Worst severity", "max", "event.severity")
LAST = Metric("Last seen", "max", "@timestamp")


@dataclass(frozen=True, slots=True)
class Number:
    """One figure."""

    title: str
    view: View
    metric: Metric
    query: str = ""
    everywhere: bool = False
    """Whether the controls and filters of the dashboard leave it alone."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars, one for each value or stretch of time; stacked where there are several metrics."""

    title: str
    view: View
    by: Bucket
    metrics: tuple[Metric, ...]
    query: str = ""
    split: Terms | None = None
    kind: str = "bar_horizontal"
    """`bar_horizontal`, `bar_stacked` or `line`."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, one for each combination of values."""

    title: str
    view: View
    by: tuple[Terms, ...]
    metrics: tuple[Metric, ...]
    query: str = ""
    opens: str | None = None
    """The dashboard that a filter out of a row may open."""


@dataclass(frozen=True, slots=True)
class Heat:
    """Cells of values against values."""

    title: str
    view: View
    across: Terms
    down: Terms
    metric: Metric
    query: str = ""


@dataclass(frozen=True, slots=True)
class Latest:
    """Documents, the newest first, one in a row; what a saved search shows, by value."""

    title: str
    view: View
    columns: tuple[tuple[str, str], ...]
    """Each field with its label."""
    query: str = ""
    size: int = 50
    key: str = "event.id"
    """What a row is one of."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text in Markdown."""

    title: str
    text: str


Chart = Number | Bars | Table | Heat | Latest
Panel = Chart | Words


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side."""

    height: int
    panels: tuple[tuple[int, Panel], ...]
    """Each with its width."""


@dataclass(frozen=True, slots=True)
class Control:
    """A list above a dashboard, out of which one picks values of a field."""

    title: str
    field: str


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard."""

    id: str
    title: str
    question: str
    """What it answers."""
    since: str
    """How far back it looks at first, as `now-24h`."""
    view: View
    """Whose values its controls offer."""
    controls: tuple[Control, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """A saved search."""

    id: str
    title: str
    description: str
    view: View
    query: str
    columns: tuple[str, ...]


SITE = Control("Site", "observer.geo.name")
SENSOR = Control("Sensor", "observer.name")
PROTOCOL = Control("Protocol", "network.protocol")
SEVERITY = Control("Severity", "otmon.alert.level")


def row(height: int, *panels: Panel, widths: tuple[int, ...] = ()) -> Row:
    """Panels side by side, equally wide unless it is said how wide."""
    given = widths or (COLUMNS // len(panels),) * len(panels)
    return Row(height, tuple(zip(given, panels, strict=True)))
