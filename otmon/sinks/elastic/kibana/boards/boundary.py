"""IT/OT boundary: what goes from zone to zone, and to the internet."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import BLUE, ORANGE, RED, YELLOW
from otmon.sinks.elastic.kibana.boards.way import BOUNDARY as HERE
from otmon.sinks.elastic.kibana.boards.way import way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    PROTOCOL,
    SENSOR,
    SITE,
    WORST,
    Bars,
    Board,
    Control,
    Heat,
    Metric,
    Number,
    Table,
    Terms,
    alerts,
    latest,
    row,
)
from otmon.sinks.elastic.kibana.views import ALERTS, CONVERSATIONS, OPERATIONS

CROSSING = "otmon.boundary.crossing: true"
IT_OT = "otmon.boundary.kind: it_ot"
POLICY = "otmon.boundary.kind: policy"
INTERNET = "otmon.boundary.kind: internet"
CLIENT = Terms("client.address", "Client", 20)
SERVER = Terms("server.address", "Server", 20)
PROTOCOLS = Terms("network.protocol", "Protocol", 5, missing=True)
TALKS = (
    Metric("Bytes", "sum", "network.bytes"),
    Metric("Messages", "sum", "otmon.conversation.pdu_count"),
    latest("Port", "server.port"),
    LAST,
)

BOARD = Board(
    id=HERE,
    title="[OTMON] IT/OT boundary",
    question="What crosses from office to plant, from cell to cell, or to the internet?",
    since="now-24h",
    view=CONVERSATIONS,
    controls=(SITE, SENSOR, Control("To zone", "otmon.boundary.to_zone"), PROTOCOL),
    rows=(
        way(
            HERE,
            "Zones are those of `otmon.toml`, else networks. Between IT and OT means: one end at "
            "Purdue level 3.5 or above, the other below. No plant device should know the internet.",
            searches.NEW_CONVERSATIONS,
        ),
        row(
            6,
            Number("Alerts over a boundary", ALERTS, alerts("Alerts", CROSSING, RED)),
            Number(
                "Writes over a boundary",
                OPERATIONS,
                Metric(
                    "Writes",
                    "sum",
                    "otmon.behaviour.count",
                    f"ot.operation.is_write: true and {CROSSING}",
                    ORANGE,
                ),
            ),
            Number(
                "Clients between IT and OT",
                CONVERSATIONS,
                Metric("Clients", "unique_count", "client.address", IT_OT, YELLOW),
            ),
            Number(
                "New over a boundary",
                CONVERSATIONS,
                Metric(
                    "New",
                    "unique_count",
                    "event.id",
                    f"otmon.conversation.state: new and {CROSSING}",
                    BLUE,
                ),
            ),
            Number("Alerts against the policy", ALERTS, alerts("Alerts", POLICY, RED)),
            widths=(10, 10, 10, 9, 9),
        ),
        row(
            13,
            Heat(
                "From zone to zone, in messages",
                CONVERSATIONS,
                Terms("otmon.boundary.to_zone", "To zone", 15),
                Terms("otmon.boundary.from_zone", "From zone", 15),
                Metric("Messages", "sum", "otmon.conversation.pdu_count"),
            ),
            Table(
                "Between IT and OT: who, to whom",
                CONVERSATIONS,
                (CLIENT, SERVER, PROTOCOLS),
                TALKS,
                query=IT_OT,
            ),
        ),
        row(
            12,
            Table(
                "With the internet: who, to whom",
                CONVERSATIONS,
                (CLIENT, SERVER, PROTOCOLS),
                TALKS,
                query=INTERNET,
            ),
            Table(
                "Writes over a boundary: who, to whom",
                OPERATIONS,
                (CLIENT, SERVER, Terms("ot.function.name", "Function", 10, missing=True)),
                (Metric("Times", "sum", "otmon.behaviour.count"), LAST),
                query=f"ot.operation.is_write: true and {CROSSING}",
            ),
        ),
        row(
            11,
            Table(
                "What no conduit lets pass: who, to whom",
                ALERTS,
                (CLIENT, SERVER, PROTOCOLS),
                (
                    alerts(),
                    WORST,
                    latest("From zone", "otmon.boundary.from_zone"),
                    latest("To zone", "otmon.boundary.to_zone"),
                    LAST,
                ),
                query=POLICY,
            ),
            Bars(
                "Alerts by the kind of boundary",
                ALERTS,
                Terms("otmon.boundary.kind", "Kind", 4),
                (alerts(),),
            ),
            widths=(30, 18),
        ),
        row(
            14,
            searches.latest("New conversations", searches.NEW_CONVERSATIONS, searches.NEW_COLUMNS),
        ),
    ),
)
