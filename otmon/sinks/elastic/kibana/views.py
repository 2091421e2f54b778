"""Data views: how Kibana names each stream, and how it shows certain fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otmon.sinks.elastic.catalogue import LATEST, fields_of


@dataclass(frozen=True, slots=True)
class View:
    """A data view; its id never changes, since dashboards refer to it."""

    id: str
    name: str
    stream: str
    """The stream that it shows, without a namespace."""
    dataset: str
    """What documents of the stream say of themselves."""

    @property
    def pattern(self) -> str:
        """The indices that it reads: every namespace."""
        return f"{self.stream}-*"

    @property
    def has_time(self) -> bool:
        """Whether the time range of a dashboard counts; for the newest state it does not."""
        return self.stream != LATEST

    @property
    def dataset_field(self) -> str:
        """The field that names the dataset; a plain index has none of a data stream."""
        return "data_stream.dataset" if self.has_time else "event.dataset"

    @property
    def fields(self) -> Mapping[str, str]:
        """Every field with its type in Elasticsearch."""
        return fields_of(self.stream)


ALERTS = View("otmon-alerts", "OTMON alerts", "logs-otmon.alert", "otmon.alert")
UPDATES = View(
    "otmon-alert-updates",
    "OTMON what became of alerts",
    "logs-otmon.alert_update",
    "otmon.alert_update",
)
OPERATIONS = View("otmon-operations", "OTMON operations", "logs-otmon.operation", "otmon.operation")
CONVERSATIONS = View(
    "otmon-conversations", "OTMON conversations", "logs-otmon.conversation", "otmon.conversation"
)
ASSETS = View("otmon-assets", "OTMON devices, newest state", LATEST, "otmon.asset_latest")
HISTORY = View("otmon-asset-history", "OTMON history of devices", "logs-otmon.asset", "otmon.asset")
VULNERABILITIES = View(
    "otmon-vulnerabilities",
    "OTMON vulnerabilities",
    "logs-otmon.vulnerability",
    "otmon.vulnerability",
)
SENSORS = View("otmon-sensors", "OTMON sensors", "metrics-otmon.sensor", "otmon.sensor")

VIEWS = (ALERTS, UPDATES, OPERATIONS, CONVERSATIONS, ASSETS, HISTORY, VULNERABILITIES, SENSORS)

LEVELS: Mapping[int, str] = {21: "low", 47: "medium", 73: "high", 99: "critical"}
"""`event.severity` in words."""
_BYTES = {"id": "bytes", "params": {"pattern": "0,0.[0]b"}}
FORMATS: Mapping[str, Mapping[str, object]] = {
    "event.severity": {
        "id": "static_lookup",
        "params": {
            "lookupEntries": [{"key": str(key), "value": word} for key, word in LEVELS.items()],
            "unknownKeyValue": None,
        },
    },
    "network.bytes": _BYTES,
    "otmon.sensor.bytes": _BYTES,
    "otmon.sensor.outbox_bytes": _BYTES,
    "otmon.sensor.disk_free_bytes": _BYTES,
    "otmon.sensor.rss_bytes": _BYTES,
}
"""How Kibana shows a field other than as it stands."""
