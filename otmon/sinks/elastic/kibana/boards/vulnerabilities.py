"""Vulnerabilities: which known weakness is on which device."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards.overview import ORANGE, RED
from otmon.sinks.elastic.kibana.boards.way import VULNERABILITIES as HERE
from otmon.sinks.elastic.kibana.boards.way import way
from otmon.sinks.elastic.kibana.panels import (
    LAST,
    SENSOR,
    SITE,
    Bars,
    Board,
    Control,
    Metric,
    Number,
    Table,
    Terms,
    row,
)
from otmon.sinks.elastic.kibana.views import ASSETS, VULNERABILITIES

WEAKNESSES = Metric("CVEs", "unique_count", "vulnerability.id")
HIT = Metric("Devices", "unique_count", "otmon.asset.id")
SCORE = Metric("Worst score", "max", "vulnerability.score.base")
OPEN = "otmon.vulnerability.status: open"

BOARD = Board(
    id=HERE,
    title="[OTMON] Vulnerabilities",
    question="Which known weakness is on which device, and what runs old firmware?",
    since="now-30d",
    view=ASSETS,
    controls=(SITE, SENSOR, Control("Zone", "otmon.asset.zone")),
    rows=(
        way(
            HERE,
            "Filled by whatever matches advisories to devices and writes "
            "`logs-otmon.vulnerability-*`. **This version of otmon does not match advisories "
            "itself**: until something does, only the firmware below has figures; compare it "
            "with the advisories of the vendors.",
        ),
        row(
            6,
            Number(
                "Critical weaknesses, open",
                VULNERABILITIES,
                Metric(
                    "CVEs",
                    "unique_count",
                    "vulnerability.id",
                    f"vulnerability.severity: Critical and {OPEN}",
                    RED,
                ),
            ),
            Number(
                "Devices with open weaknesses",
                VULNERABILITIES,
                Metric("Devices", "unique_count", "otmon.asset.id", OPEN, ORANGE),
            ),
        ),
        row(
            12,
            Bars(
                "Weaknesses by severity",
                VULNERABILITIES,
                Terms("vulnerability.severity", "Severity", 5),
                (WEAKNESSES,),
                query=OPEN,
            ),
            Table(
                "Weaknesses",
                VULNERABILITIES,
                (Terms("vulnerability.id", "CVE", 25), Terms("vulnerability.severity", "Severity")),
                (SCORE, HIT, LAST),
                query=OPEN,
            ),
            Table(
                "Devices",
                VULNERABILITIES,
                (Terms("host.name", "Device", 25), Terms("otmon.asset.zone", "Zone", 1)),
                (SCORE, WEAKNESSES),
                query=OPEN,
            ),
        ),
        row(
            14,
            Table(
                "Firmware to compare with advisories",
                ASSETS,
                (
                    Terms("otmon.asset.vendor", "Vendor", 20),
                    Terms("otmon.asset.order_code", "Order code", 30),
                    Terms("otmon.asset.firmware", "Firmware", 20),
                ),
                (Metric("Devices"),),
            ),
        ),
    ),
)
