"""Overview: is something going on, how bad, where."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.way import EXPLAIN, INVESTIGATION, OVERVIEW, way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    SENSOR,
    SEVERITY,
    SITE,
    WORST,
    Bars,
    Board,
    Control,
    Metric,
    Number,
    Table,
    Terms,
    Time,
    alerts,
    latest,
    row,
)
from otmon.sinks.elastic.kibana.views import ALERTS, SENSORS

RED, ORANGE, YELLOW, BLUE, GREEN = "#BD271E", "#E7664C", "#D6BF57", "#6092C0", "#54B399"

BY_SEVERITY = (
    alerts("Critical", "event.severity: 99", RED),
    alerts("High", "event.severity: 73", ORANGE),
    alerts("Medium", "event.severity: 47", YELLOW),
    alerts("Low", "event.severity <= 21", BLUE),
)
"""In this order whatever there is, each in its colour."""

BOARD = Board(
    id=OVERVIEW,
    title="[OTMON] Overview",
    question="Is something going on, how bad is it, and which devices does it concern?",
    since="now-24h",
    view=ALERTS,
    controls=(SITE, SENSOR, Control("Zone", "destination.asset.zone"), SEVERITY),
    rows=(
        way(
            OVERVIEW,
            "Critical and high first. The address in most alerts is often the one that attacks: "
            f"filter for it and choose *Investigate*. {EXPLAIN}",
            searches.NEWEST_ALERTS,
            searches.UPDATES_OF_ALERTS,
        ),
        row(
            6,
            Number("Critical alerts", ALERTS, BY_SEVERITY[0]),
            Number("High alerts", ALERTS, BY_SEVERITY[1]),
            Number(
                "Alerts over a zone boundary",
                ALERTS,
                alerts("Over a boundary", "otmon.boundary.crossing: true", YELLOW),
            ),
            Number(
                "Devices affected",
                ALERTS,
                Metric("Devices", "unique_count", "host.id", color=BLUE),
            ),
            # A sensor is no alert: what is picked above must not hide that one is silent.
            Number(
                "Sensors heard in 15 minutes",
                SENSORS,
                Metric(
                    "Sensors",
                    "unique_count",
                    "observer.serial_number",
                    "@timestamp >= now-15m",
                    GREEN,
                ),
                everywhere=True,
            ),
            widths=(10, 10, 10, 9, 9),
        ),
        row(
            11,
            Bars("Alerts by severity over time", ALERTS, Time(), BY_SEVERITY, kind="bar_stacked"),
            Bars("Rules that fired most", ALERTS, Terms("rule.name", "Rule", 8), (alerts(),)),
            Bars("Who found it", ALERTS, Terms("event.provider", "Found by", 8), (alerts(),)),
            widths=(22, 15, 11),
        ),
        row(
            12,
            Table(
                "Addresses in most alerts",
                ALERTS,
                (Terms("related.ip", "Address"),),
                (alerts(), WORST, Metric("Rules", "unique_count", "rule.id"), LAST),
                opens=INVESTIGATION,
            ),
            Table(
                "Devices affected most",
                ALERTS,
                (Terms("host.name", "Device"),),
                (
                    alerts(),
                    WORST,
                    latest("Role", "host.type"),
                    latest("Zone", "destination.asset.zone"),
                    LAST,
                ),
            ),
        ),
        row(
            18,
            searches.latest("Newest alerts", searches.NEWEST_ALERTS, searches.ALERT_COLUMNS),
        ),
    ),
)
