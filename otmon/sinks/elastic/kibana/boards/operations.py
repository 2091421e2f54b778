"""Operations: who changes what in the controllers."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import BLUE, ORANGE, RED, YELLOW
from otmon.sinks.elastic.kibana.boards.way import OPERATIONS as HERE
from otmon.sinks.elastic.kibana.boards.way import way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    PROTOCOL,
    SENSOR,
    SITE,
    Bars,
    Board,
    Control,
    Heat,
    Metric,
    Number,
    Table,
    Terms,
    Time,
    row,
)
from otmon.sinks.elastic.kibana.views import OPERATIONS

CLIENT = Terms("client.address", "Client", 20)
SERVER = Terms("server.address", "Server", 20)
TIMES = "otmon.behaviour.count"
"""A document stands for all repeats of an operation in a minute."""
REFUSED = "otmon.behaviour.error_count"
DEVIATING = "otmon.behaviour.state: deviating"

BOARD = Board(
    id=HERE,
    title="[OTMON] Operations",
    question="Who writes to controllers or changes their programs, and what is refused?",
    since="now-24h",
    view=OPERATIONS,
    controls=(SITE, SENSOR, Control("Zone", "destination.asset.zone"), PROTOCOL),
    rows=(
        way(
            HERE,
            "Reads are the pulse of a plant; writes are its hands. Look at who writes that should "
            "not, at programs that were loaded, and at devices that are asked what they lack.",
            searches.WRITES,
        ),
        row(
            6,
            Number(
                "Program changes",
                OPERATIONS,
                Metric("Program changes", "sum", TIMES, "ot.operation.is_program: true", RED),
            ),
            Number(
                "Writes",
                OPERATIONS,
                Metric("Writes", "sum", TIMES, "ot.operation.is_write: true", ORANGE),
            ),
            Number("Refused", OPERATIONS, Metric("Refused", "sum", REFUSED, color=YELLOW)),
            Number(
                "Clients that write",
                OPERATIONS,
                Metric(
                    "Clients",
                    "unique_count",
                    "client.address",
                    "ot.operation.is_write: true",
                    BLUE,
                ),
            ),
            Number(
                "Not as the baseline has it",
                OPERATIONS,
                Metric("Operations", "sum", TIMES, DEVIATING, RED),
            ),
            widths=(10, 10, 10, 9, 9),
        ),
        row(
            12,
            Table(
                "Writes and program changes: who, to whom",
                OPERATIONS,
                (
                    CLIENT,
                    SERVER,
                    Terms("ot.operation.class", "What", 10),
                    Terms("ot.function.name", "Function", 10, missing=True),
                ),
                (Metric("Times", "sum", TIMES), Metric("Refused", "sum", REFUSED), LAST),
                query="ot.operation.is_write: true or ot.operation.is_program: true",
            ),
            Table(
                "Refused: who asks for what is not there",
                OPERATIONS,
                (
                    CLIENT,
                    SERVER,
                    Terms("ot.status.name", "Answer", 5),
                ),
                (
                    Metric("Times", "sum", REFUSED),
                    Metric("Functions", "unique_count", "ot.function.name"),
                    LAST,
                ),
                query="event.outcome: failure",
            ),
            widths=(28, 20),
        ),
        row(
            9,
            Table(
                "Not as the baseline has it: who, to whom",
                OPERATIONS,
                (
                    CLIENT,
                    SERVER,
                    Terms("ot.function.name", "Function", 10, missing=True),
                    Terms("ot.object.id", "Object", 10, missing=True),
                ),
                (
                    Metric("Times", "sum", TIMES),
                    Metric("First seen", "min", "otmon.behaviour.first_seen_at"),
                    LAST,
                ),
                query=DEVIATING,
            ),
        ),
        row(
            12,
            Bars(
                "Operations over time, by protocol",
                OPERATIONS,
                Time(),
                (Metric("Operations", "sum", TIMES),),
                split=Terms("network.protocol", "Protocol", 8, rest=True),
                kind="line",
            ),
            Heat(
                "What is done, by protocol",
                OPERATIONS,
                Terms("network.protocol", "Protocol", 12),
                Terms("ot.operation.class", "What", 20),
                Metric("Operations", "sum", TIMES),
            ),
        ),
        row(
            14,
            searches.latest(
                "Newest writes and program changes", searches.WRITES, searches.WRITE_COLUMNS
            ),
        ),
    ),
)
