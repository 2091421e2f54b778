"""ATT&CK for ICS: what an attacker does, and how far it has come."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import BY_SEVERITY
from otmon.sinks.elastic.kibana.boards.way import ATTACK, way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    SENSOR,
    SEVERITY,
    SITE,
    WORST,
    Bars,
    Board,
    Control,
    Heat,
    Metric,
    Table,
    Terms,
    alerts,
    row,
)
from otmon.sinks.elastic.kibana.views import ALERTS

DEVICE = Terms("host.name", "Device", 15)

BOARD = Board(
    id=ATTACK,
    title="[OTMON] ATT&CK for ICS",
    question="Which techniques are seen, against which devices, and how far has it come?",
    since="now-7d",
    view=ALERTS,
    controls=(SITE, SENSOR, Control("Device", "host.name"), SEVERITY),
    rows=(
        way(
            ATTACK,
            "A device in *Inhibit Response Function* or *Impair Process Control* is past the point "
            "of looking around. An alert may name several tactics and techniques. Ids of version "
            "18 (`T0855`) are found in `otmon.attack.legacy_ids`.",
            searches.NEWEST_ALERTS,
        ),
        row(
            14,
            Heat(
                "How far it has come, by device",
                ALERTS,
                Terms("threat.tactic.name", "Tactic", 12, by_name=True),
                DEVICE,
                alerts(),
            ),
            Bars(
                "Tactics by severity",
                ALERTS,
                Terms("threat.tactic.name", "Tactic", 12),
                BY_SEVERITY,
                kind="bar_horizontal_stacked",
            ),
            widths=(28, 20),
        ),
        row(
            14,
            Heat(
                "Techniques by device",
                ALERTS,
                DEVICE,
                Terms("threat.technique.name", "Technique", 15),
                alerts(),
            ),
            Table(
                "Techniques",
                ALERTS,
                (Terms("threat.technique.name", "Technique", 25),),
                (
                    alerts(),
                    WORST,
                    Metric("Devices", "unique_count", "host.id"),
                    Metric("Rules", "unique_count", "rule.id"),
                    LAST,
                ),
            ),
        ),
        row(
            16,
            searches.latest("Newest alerts", searches.NEWEST_ALERTS, searches.ALERT_COLUMNS),
        ),
    ),
)
