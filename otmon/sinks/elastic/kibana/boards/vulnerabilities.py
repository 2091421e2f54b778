"""Vulnerabilities: which known weakness is on which device."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import ORANGE, RED, YELLOW
from otmon.sinks.elastic.kibana.boards.way import VULNERABILITIES as HERE
from otmon.sinks.elastic.kibana.boards.way import way
from otmon.sinks.elastic.kibana.panels import (
    SENSOR,
    SITE,
    Bars,
    Board,
    Control,
    Metric,
    Number,
    Table,
    Terms,
    latest,
    row,
)
from otmon.sinks.elastic.kibana.views import ASSETS

COLUMNS = (
    ("otmon.vulnerability.status", "Status"),
    ("vulnerability.id", "CVE"),
    ("vulnerability.score.base", "Score"),
    ("host.name", "Device"),
    ("otmon.asset.firmware", "Firmware"),
    ("vulnerability.description", "Weakness"),
    ("otmon.vulnerability.reason", "Why"),
)

DEVICES = Metric("Devices")
WEAKNESSES = Metric("CVEs", "unique_count", "otmon.asset.cves")

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
            "Devices are held against the lists of `[advisories] files` on the sensor. *affected*: "
            "model and firmware fit; *maybe*: the product fits, the firmware is not known; "
            "*resolved*: it was, and is not any more. Without lists only the firmware has figures.",
            searches.WEAKNESSES,
        ),
        row(
            6,
            Number(
                "Devices with score 9 or more",
                ASSETS,
                Metric("Devices", where="otmon.asset.worst_score >= 9", color=RED),
            ),
            Number(
                "Devices with a weakness",
                ASSETS,
                Metric("Devices", where="otmon.asset.cves: *", color=ORANGE),
            ),
            Number(
                "Devices that may have one",
                ASSETS,
                Metric("Devices", where="otmon.asset.cves_maybe: *", color=YELLOW),
            ),
            Number("Weaknesses in the plant", ASSETS, WEAKNESSES),
        ),
        row(
            12,
            Table(
                "Devices with weaknesses, worst first",
                ASSETS,
                (Terms("host.name", "Device", 25),),
                (
                    Metric("Worst score", "max", "otmon.asset.worst_score"),
                    WEAKNESSES,
                    latest("Zone", "otmon.asset.zone"),
                    latest("Firmware", "otmon.asset.firmware"),
                ),
                query="otmon.asset.cves: *",
            ),
            Bars(
                "Weaknesses on most devices",
                ASSETS,
                Terms("otmon.asset.cves", "CVE", 10),
                (DEVICES,),
                query="otmon.asset.cves: *",
            ),
        ),
        row(14, searches.latest("Found and resolved", searches.WEAKNESSES, COLUMNS)),
        row(
            14,
            Table(
                "Firmware to compare with advisories",
                ASSETS,
                (
                    Terms("otmon.asset.vendor", "Vendor", 20, missing=True),
                    Terms("otmon.asset.model", "Model", 20, missing=True),
                    Terms("otmon.asset.order_code", "Order code", 20, missing=True),
                    Terms("otmon.asset.firmware", "Firmware", 20),
                ),
                (DEVICES,),
            ),
        ),
    ),
)
