"""What otmon found, as documents in ECS with ids that a second run gives again."""

from otmon.sinks.elastic.documents.alert import SEVERITIES, Update, alert, alert_update
from otmon.sinks.elastic.documents.asset import asset_change, asset_latest
from otmon.sinks.elastic.documents.draft import (
    MAX_DOCUMENT_BYTES,
    PRIORITIES,
    Draft,
    Moment,
    Sensor,
    encode,
    finished,
    target,
)
from otmon.sinks.elastic.documents.parties import Facts, Find
from otmon.sinks.elastic.documents.sensor import sensor_health
from otmon.sinks.elastic.documents.traffic import Talked, conversation, notable, operation, talked
from otmon.sinks.elastic.documents.vulnerability import vulnerabilities

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "PRIORITIES",
    "SEVERITIES",
    "Draft",
    "Facts",
    "Find",
    "Moment",
    "Sensor",
    "Talked",
    "Update",
    "alert",
    "alert_update",
    "asset_change",
    "asset_latest",
    "conversation",
    "encode",
    "finished",
    "notable",
    "operation",
    "sensor_health",
    "talked",
    "target",
    "vulnerabilities",
]
