"""How the sensor is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otmon.sinks.elastic.documents.draft import Draft, Sensor, draft


def sensor_health(sensor: Sensor, time_ns: int, figures: Mapping[str, Any]) -> Draft:
    """How the sensor is, with figures by their name after `otmon.sensor.`."""
    fields: dict[str, Any] = {
        "event.action": "sensor-health",
        "host.name": sensor.name,
        "host.hostname": sensor.hostname,
        **{f"otmon.sensor.{name}": value for name, value in figures.items()},
    }
    return draft(
        sensor,
        "sensor",
        (time_ns,),
        time_ns,
        kind="metric",
        category=["host"],
        kinds=["info"],
        fields=fields,
    )
