"""Saved searches for Discover, and the same columns as rows of a dashboard."""

from __future__ import annotations

from otmon.sinks.elastic.kibana.panels import Latest, Search
from otmon.sinks.elastic.kibana.views import (
    ALERTS,
    CONVERSATIONS,
    HISTORY,
    OPERATIONS,
    SENSORS,
    UPDATES,
    VULNERABILITIES,
)

NEWEST_ALERTS = Search(
    "otmon-search-alerts",
    "[OTMON] Alerts",
    "Alerts, newest first: what happened to which device, and the number to explain it by.",
    ALERTS,
    "event.kind: alert",
    (
        "otmon.alert.level",
        "message",
        "event.reason",
        "client.address",
        "host.name",
        "threat.technique.name",
        "otmon.alert.count",
        "otmon.alert.id",
        "otmon.evidence.ref",
        "otmon.evidence.frame_numbers",
        "observer.name",
    ),
)
UPDATES_OF_ALERTS = Search(
    "otmon-search-alert-updates",
    "[OTMON] What became of alerts",
    "Later counts, worse levels, acknowledgements and notes.",
    UPDATES,
    "event.kind: event",
    (
        "event.action",
        "otmon.alert.status",
        "message",
        "host.name",
        "otmon.alert.count",
        "otmon.alert.author",
        "otmon.alert.note",
        "otmon.alert.id",
        "observer.name",
    ),
)
DEPARTURES = Search(
    "otmon-search-departures",
    "[OTMON] What was normal, and what was seen",
    "Alerts of detectors and of the baseline: what they expected, and what they saw instead.",
    ALERTS,
    "event.kind: alert and (anomaly.type: * or baseline.novel: *)",
    (
        "otmon.alert.level",
        "message",
        "event.provider",
        "anomaly.type",
        "anomaly.expected",
        "anomaly.observed",
        "anomaly.since",
        "baseline.state",
        "baseline.novel",
        "baseline.expected",
        "baseline.observed",
        "baseline.first_seen",
        "client.address",
        "host.name",
        "otmon.alert.id",
    ),
)
BYTES = Search(
    "otmon-search-alert-bytes",
    "[OTMON] Alerts with bytes of their frames",
    "Where the site has evidence_excerpt: the first bytes of the first frames, in hexadecimal.",
    ALERTS,
    "event.kind: alert and otmon.evidence.excerpt_frames: *",
    (
        "otmon.alert.level",
        "message",
        "client.address",
        "host.name",
        "otmon.evidence.ref",
        "otmon.evidence.excerpt_frames",
        "otmon.evidence.excerpt_hex",
        "otmon.alert.id",
    ),
)
WRITES = Search(
    "otmon-search-writes",
    "[OTMON] Writes and program changes",
    "What changed something in a controller, who did it, and whether it was accepted.",
    OPERATIONS,
    "ot.operation.is_write: true or ot.operation.is_program: true",
    (
        "client.address",
        "server.address",
        "network.protocol",
        "ot.function.name",
        "ot.operation.class",
        "ot.object.id",
        "event.outcome",
        "otmon.behaviour.count",
        "otmon.behaviour.state",
    ),
)
NEW_CONVERSATIONS = Search(
    "otmon-search-new-conversations",
    "[OTMON] New conversations",
    "Who talked to whom for the first time.",
    CONVERSATIONS,
    "otmon.conversation.state: new",
    (
        "client.address",
        "server.address",
        "server.port",
        "network.protocol",
        "network.application",
        "otmon.boundary.from_zone",
        "otmon.boundary.to_zone",
        "network.bytes",
    ),
)
ASSET_CHANGES = Search(
    "otmon-search-asset-changes",
    "[OTMON] Changes of devices",
    "Devices that appeared, changed or are gone.",
    HISTORY,
    "event.kind: event",
    (
        "event.action",
        "host.name",
        "host.type",
        "otmon.asset.zone",
        "otmon.asset.changed_fields",
        "otmon.asset.vendor",
        "otmon.asset.model",
        "otmon.asset.firmware",
        "otmon.asset.id",
    ),
)
REMARKS = Search(
    "otmon-search-sensor-remarks",
    "[OTMON] Remarks of sensors",
    "What a sensor said of itself: lost frames, sinks that are away, clocks that are off.",
    SENSORS,
    "otmon.sensor.remarks: *",
    ("observer.name", "otmon.sensor.remarks", "otmon.sensor.dropped_kernel"),
)

WEAKNESSES = Search(
    "otmon-search-vulnerabilities",
    "[OTMON] Weaknesses of devices",
    "What advisories say of devices: affected, maybe, resolved, unknown, and why.",
    VULNERABILITIES,
    "event.kind: event",
    (
        "otmon.vulnerability.status",
        "vulnerability.id",
        "vulnerability.severity",
        "vulnerability.score.base",
        "host.name",
        "otmon.asset.zone",
        "otmon.asset.firmware",
        "vulnerability.description",
        "otmon.vulnerability.advisory",
        "otmon.vulnerability.reason",
    ),
)

SEARCHES = (
    WEAKNESSES,
    NEWEST_ALERTS,
    UPDATES_OF_ALERTS,
    DEPARTURES,
    BYTES,
    WRITES,
    NEW_CONVERSATIONS,
    ASSET_CHANGES,
    REMARKS,
)


ALERT_COLUMNS = (
    ("otmon.alert.level", "Severity"),
    ("event.reason", "What happened"),
    ("client.address", "From"),
    ("host.name", "Device"),
    ("threat.technique.name", "Technique"),
    ("otmon.alert.count", "Times"),
    ("otmon.alert.id", "ID"),
    ("observer.name", "Sensor"),
)
"""What an analyst reads of an alert, the number for `otmon explain` last."""
DEPARTURE_COLUMNS = (
    ("event.provider", "Found by"),
    ("anomaly.type", "Kind"),
    ("anomaly.expected", "Normal was"),
    ("anomaly.observed", "Seen"),
    ("baseline.novel", "New in"),
    ("baseline.expected", "The baseline has"),
    ("baseline.observed", "Instead"),
    ("otmon.alert.id", "ID"),
)
"""Why an alert is one that no rule alone would have raised."""
CHANGE_COLUMNS = (
    ("event.action", "Change"),
    ("host.name", "Device"),
    ("host.type", "Role"),
    ("otmon.asset.zone", "Zone"),
    ("otmon.asset.changed_fields", "What changed"),
    ("otmon.asset.vendor", "Vendor"),
    ("otmon.asset.firmware", "Firmware"),
)
UPDATE_COLUMNS = (
    ("event.action", "What"),
    ("rule.name", "Alert"),
    ("otmon.alert.status", "Status"),
    ("otmon.alert.author", "By"),
    ("otmon.alert.note", "Note"),
    ("otmon.alert.id", "ID"),
)
WRITE_COLUMNS = (
    ("client.address", "Client"),
    ("server.address", "Server"),
    ("network.protocol", "Protocol"),
    ("ot.function.name", "Function"),
    ("ot.object.id", "Object"),
    ("event.outcome", "Outcome"),
    ("otmon.behaviour.count", "Times"),
)
NEW_COLUMNS = (
    ("client.address", "Client"),
    ("server.address", "Server"),
    ("server.port", "Port"),
    ("network.protocol", "Protocol"),
    ("network.application", "Application"),
    ("otmon.boundary.from_zone", "From zone"),
    ("otmon.boundary.to_zone", "To zone"),
    ("network.bytes", "Bytes"),
)


def latest(title: str, search: Search, columns: tuple[tuple[str, str], ...]) -> Latest:
    """The documents of a saved search as rows, the newest first."""
    return Latest(title, search.view, columns, search.query)
