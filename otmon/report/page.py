"""The report as one HTML file that needs nothing else: no script, no address, no font."""

from __future__ import annotations

import base64
from importlib import resources

import jinja2
from markupsafe import Markup

from otmon.model.alert import ends_of, how_often
from otmon.model.amount import size
from otmon.model.document import render_time
from otmon.report import timeline, zone_map
from otmon.report.content import Content, changes_of, described, roles_of, spoken

MAX_ALERTS = 200
"""Alerts with details; the workbook has all."""
MAX_FILES = 12
"""Capture files up to which they are listed at once."""
MAX_ROWS = 500
"""Rows of a table."""


def html(content: Content) -> str:
    """The page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "clock": lambda time_ns: render_time(time_ns)[:23].replace("T", " "),
        "size": size,
        "base64": lambda data: base64.b64encode(data).decode(),
        "number": lambda number: f"{number:,}",
    }
    source = resources.files("otmon.report").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        report=content,
        map=Markup(zone_map.svg(content)),
        timeline=Markup(timeline.svg(content)),
        techniques_of=lambda alert: zip(alert.techniques, alert.technique_names, strict=True),
        changes_of=changes_of,
        described=described,
        roles_of=roles_of,
        spoken=spoken,
        most_alerts=MAX_ALERTS,
        how_often=how_often,
        ends_of=ends_of,
        most_rows=MAX_ROWS,
        most_files=MAX_FILES,
    )
