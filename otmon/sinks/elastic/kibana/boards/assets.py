"""Devices: what there is, what is new, what changed."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.boards import searches
from otmon.sinks.elastic.kibana.boards.overview import BLUE, ORANGE, RED, YELLOW
from otmon.sinks.elastic.kibana.boards.way import ASSETS as HERE
from otmon.sinks.elastic.kibana.boards.way import INVESTIGATION, way
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

DEVICES = Metric("Devices")
CONTROLLERS = "plc or rtu or ied or dcs_controller or safety_controller"


def _by(title: str, field: str, label: str) -> Bars:
    return Bars(title, ASSETS, Terms(field, label, 10), (DEVICES,))


BOARD = Board(
    id=HERE,
    title="[OTMON] Devices",
    question="What is in the plant, what is new, what changed, and what runs which firmware?",
    since="now-7d",
    view=ASSETS,
    controls=(SITE, SENSOR, Control("Zone", "otmon.asset.zone")),
    rows=(
        way(
            HERE,
            "Figures are of the newest state of each device, whatever the time range; the changes "
            "below follow it. A new device that nobody announced is worth a telephone call.",
            searches.ASSET_CHANGES,
        ),
        row(
            6,
            Number("Devices known", ASSETS, Metric("Devices", color=BLUE)),
            Number(
                "New in 7 days",
                ASSETS,
                Metric("New", where="otmon.asset.first_seen_at >= now-7d", color=ORANGE),
            ),
            Number(
                "Controllers",
                ASSETS,
                Metric(
                    "Controllers",
                    where=f"otmon.asset.roles: ({CONTROLLERS})",
                    color=BLUE,
                ),
            ),
            Number(
                "Safety systems",
                ASSETS,
                Metric("Safety", where="otmon.asset.safety: true", color=RED),
            ),
            Number(
                "Not heard of any more",
                ASSETS,
                Metric("Silent", where="otmon.asset.state: (stale or gone)", color=YELLOW),
            ),
            widths=(10, 10, 10, 9, 9),
        ),
        row(
            11,
            _by("Roles", "otmon.asset.roles", "Role"),
            _by("Vendors", "otmon.asset.vendor", "Vendor"),
            Bars(
                "Purdue levels",
                ASSETS,
                Terms("otmon.asset.purdue_level", "Level", 8, by_name=True),
                (DEVICES,),
            ),
            _by("Zones", "otmon.asset.zone", "Zone"),
        ),
        row(
            14,
            Table(
                "Newest devices",
                ASSETS,
                (Terms("related.ip", "Address", 20),),
                (
                    Metric("First seen", "max", "otmon.asset.first_seen_at"),
                    latest("Vendor", "otmon.asset.vendor"),
                    latest("Roles", "otmon.asset.roles"),
                    Metric("Last seen", "max", "otmon.asset.last_seen_at"),
                ),
                opens=INVESTIGATION,
            ),
            Table(
                "Firmware",
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
        row(16, searches.latest("Changes", searches.ASSET_CHANGES, searches.CHANGE_COLUMNS)),
    ),
)
