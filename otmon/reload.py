"""Which settings a running sensor takes anew, and which only its next start."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from otmon.config import Config

TAKEN = (
    "site.time_zone",
    "site.networks",
    "site.segment",
    "segments",
    "zones",
    "conduits",
    "assets",
    "modes",
    "maintenance",
    "detectors.",
    "rules.",
    "indicators.",
    "advisories.",
    "alerts.",
    "state.closed_alert_days",
    "state.max_alerts",
    "state.checkpoint_seconds",
    "monitor.pdu_log_file_mib",
    "monitor.pdu_log_mib",
    "monitor.pdu_log_days",
    "monitor.evidence_mib",
    "monitor.disk_free_mib",
)
"""The settings, or with a dot at the end all of a table, that a reload takes."""


def left_for_a_restart(started: Config, now: Config) -> list[str]:
    """The settings that differ from those of the start, and that only the next start takes."""
    return [
        name
        for name in _differences(started, now, "")
        if not any(name.startswith(one) if one[-1] == "." else name == one for one in TAKEN)
    ]


def _differences(before: Any, after: Any, prefix: str) -> Iterator[str]:
    for field in dataclasses.fields(before):
        name = f"{prefix}{field.name}"
        old, new = getattr(before, field.name), getattr(after, field.name)
        if name == "path" or old == new:
            continue
        if dataclasses.is_dataclass(old):
            yield from _differences(old, new, f"{name}.")
        else:
            yield name
