"""Sensor health: can what the other dashboards say be trusted."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import GREEN, ORANGE, RED, YELLOW
from otmon.sinks.elastic.kibana.boards.way import SENSORS as HERE
from otmon.sinks.elastic.kibana.boards.way import way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    SENSOR,
    SITE,
    Bars,
    Board,
    Latest,
    Metric,
    Number,
    Table,
    Terms,
    Time,
    latest,
    row,
)
from otmon.sinks.elastic.kibana.views import SENSORS

NAME = Terms("observer.name", "Sensor", 50)
_COUNT = ("unique_count", "observer.serial_number")


def _most(label: str, figure: str) -> Metric:
    return Metric(label, "max", f"otmon.sensor.{figure}")


def _line(title: str, label: str, figure: str) -> Bars:
    return Bars(title, SENSORS, Time(), (_most(label, figure),), split=NAME, kind="line")


BOARD = Board(
    id=HERE,
    title="[OTMON] Sensor health",
    question="Does every sensor see everything and deliver it, so that silence means peace?",
    since="now-24h",
    view=SENSORS,
    controls=(SITE, SENSOR),
    rows=(
        way(
            HERE,
            "A sensor that loses frames or cannot deliver is blind on the other dashboards. "
            "Counters run since the sensor started. Where nobody sets the clock, the times of two "
            "sensors do not fit together. On the sensor: `otmon doctor`, `otmon elastic status`.",
            searches.REMARKS,
        ),
        row(
            6,
            Number(
                "Heard in 15 minutes",
                SENSORS,
                Metric("Sensors", *_COUNT, "@timestamp >= now-15m", GREEN),
            ),
            Number(
                "Sensors that lost frames",
                SENSORS,
                Metric(
                    "Sensors",
                    *_COUNT,
                    "otmon.sensor.dropped_kernel > 0 or otmon.sensor.dropped_queue > 0",
                    RED,
                ),
            ),
            Number(
                "Sensors with refused documents",
                SENSORS,
                Metric(
                    "Sensors",
                    *_COUNT,
                    "otmon.sensor.dead_letter > 0 or otmon.sensor.dropped_documents > 0",
                    ORANGE,
                ),
            ),
            Number(
                "Longest wait to deliver, in seconds",
                SENSORS,
                Metric("Seconds", "max", "otmon.sensor.outbox_oldest_age_s", color=YELLOW),
            ),
        ),
        row(
            14,
            Table(
                "Sensors",
                SENSORS,
                (NAME,),
                (
                    LAST,
                    latest("Version", "observer.version"),
                    _most("Frames", "packets"),
                    _most("Lost in the kernel", "dropped_kernel"),
                    _most("Lost in the queue", "dropped_queue"),
                    _most("Not decoded", "decode_errors"),
                    _most("Waiting", "outbox_rows"),
                    _most("Oldest, s", "outbox_oldest_age_s"),
                    _most("Dead letters", "dead_letter"),
                    _most("Dropped", "dropped_documents"),
                ),
            ),
        ),
        row(
            11,
            _line("Frames lost in the kernel", "Frames", "dropped_kernel"),
            _line("Documents that wait", "Documents", "outbox_rows"),
            _line("Frames seen", "Frames", "packets"),
        ),
        row(
            12,
            Table(
                "Machines of sensors",
                SENSORS,
                (NAME,),
                (
                    _most("Flows", "flows_active"),
                    _most("Memory", "rss_bytes"),
                    Metric("Least disk free", "min", "otmon.sensor.disk_free_bytes"),
                    latest("Clock is set", "otmon.sensor.clock_synchronised"),
                    latest("Clock off, ms", "otmon.sensor.clock_offset_ms"),
                    _most("Wrong at most, ms", "clock_error_ms"),
                ),
            ),
            _line("Processor, in percent of a core", "Percent", "cpu_pct"),
            _line("Places that could not be decoded", "Places", "decode_errors"),
        ),
        row(
            12,
            Latest(
                "What sensors say of themselves",
                SENSORS,
                (("otmon.sensor.remarks", "Remarks"), ("observer.geo.name", "Site")),
                searches.REMARKS.query,
                key="observer.name",
            ),
        ),
    ),
)
