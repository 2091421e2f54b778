"""Investigation: everything about one address or one device."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import BY_SEVERITY, ORANGE, RED, YELLOW
from otmon.sinks.elastic.kibana.boards.way import EXPLAIN, INVESTIGATION, way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    SITE,
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
from otmon.sinks.elastic.kibana.views import ALERTS, ASSETS, CONVERSATIONS, OPERATIONS

TIMES = "otmon.behaviour.count"

BOARD = Board(
    id=INVESTIGATION,
    title="[OTMON] Investigation",
    question="What is this address or device, what did it do, to whom, and since when?",
    since="now-7d",
    # Of all streams: what is picked here finds alerts, operations, peers and history alike.
    view=CONVERSATIONS,
    controls=(
        SITE,
        Control("Address", "related.ip"),
        Control("Device id or name", "related.hosts"),
    ),
    rows=(
        way(
            INVESTIGATION,
            f"Pick one address above, or one device (`host.id`, `source.asset.id`). {EXPLAIN}",
            searches.NEWEST_ALERTS,
            searches.DEPARTURES,
            searches.BYTES,
            searches.ASSET_CHANGES,
        ),
        row(
            6,
            Number("Alerts", ALERTS, alerts("Alerts", color=RED)),
            Number(
                "Writes and program changes",
                OPERATIONS,
                Metric(
                    "Times",
                    "sum",
                    TIMES,
                    "ot.operation.is_write: true or ot.operation.is_program: true",
                    ORANGE,
                ),
            ),
            Number(
                "Refused",
                OPERATIONS,
                Metric("Times", "sum", "otmon.behaviour.error_count", color=YELLOW),
            ),
            Number(
                "Talked to",
                CONVERSATIONS,
                Metric("Servers", "unique_count", "server.address"),
            ),
        ),
        row(
            10,
            Table(
                "What it is",
                ASSETS,
                (
                    Terms("host.name", "Device", 10),
                    Terms("otmon.asset.id", "Id", 10),
                ),
                (
                    Metric("First seen", "min", "otmon.asset.first_seen_at"),
                    Metric("Last seen", "max", "otmon.asset.last_seen_at"),
                    latest("Roles", "otmon.asset.roles"),
                    latest("Vendor", "otmon.asset.vendor"),
                    latest("Zone", "otmon.asset.zone"),
                    latest("State", "otmon.asset.state"),
                    latest("Ports", "otmon.asset.server_ports"),
                    latest("Units", "otmon.asset.fieldbus_addresses"),
                    latest("Speaks with", "otmon.asset.peers_count"),
                ),
            ),
            Bars("Its alerts over time", ALERTS, Time(), BY_SEVERITY, kind="bar_stacked"),
        ),
        row(16, searches.latest("Its alerts", searches.NEWEST_ALERTS, searches.ALERT_COLUMNS)),
        row(
            12,
            searches.latest(
                "What was normal, and what was seen instead",
                searches.DEPARTURES,
                searches.DEPARTURE_COLUMNS,
            ),
        ),
        row(
            14,
            Table(
                "What was done",
                OPERATIONS,
                (
                    Terms("client.address", "Client", 10),
                    Terms("server.address", "Server", 10),
                    Terms("ot.operation.class", "What", 20),
                    Terms("ot.function.name", "Function", 10, missing=True),
                ),
                (
                    Metric("Times", "sum", TIMES),
                    Metric("Refused", "sum", "otmon.behaviour.error_count"),
                    Metric("First seen", "min", "otmon.behaviour.first_seen_at"),
                    LAST,
                ),
            ),
            Table(
                "Who talked to whom",
                CONVERSATIONS,
                (
                    Terms("client.address", "Client", 20),
                    Terms("server.address", "Server", 20),
                    Terms("network.protocol", "Protocol", 5, missing=True),
                ),
                (
                    Metric("Bytes", "sum", "network.bytes"),
                    latest("Port", "server.port"),
                    Metric("First seen", "min", "otmon.conversation.first_seen_at"),
                    LAST,
                ),
            ),
            widths=(28, 20),
        ),
        row(
            12,
            searches.latest(
                "What became of its alerts", searches.UPDATES_OF_ALERTS, searches.UPDATE_COLUMNS
            ),
            searches.latest("Its history", searches.ASSET_CHANGES, searches.CHANGE_COLUMNS),
        ),
    ),
)
