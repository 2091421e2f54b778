"""Alerts, and what becomes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otmon.model.alert import Alert, Excerpt, in_a_sentence
from otmon.model.asset import Asset
from otmon.model.rule import Rule
from otmon.sinks.elastic.documents.draft import (
    MAX_LISTED,
    Draft,
    Moment,
    Sensor,
    draft,
    moment,
    unlike,
)
from otmon.sinks.elastic.documents.parties import (
    Find,
    end,
    forbidden,
    host,
    outcome_of,
    ways,
)
from otmon.sinks.elastic.tactics import threat_fields

SEVERITIES: Mapping[str, int] = {
    "informational": 21,
    "low": 21,
    "medium": 47,
    "high": 73,
    "critical": 99,
}
"""`event.severity` by level: the scale of Elastic's own integrations."""

NO_CONDUIT = "zone_violation"
"""The anomaly that no conduit of the site lets it pass."""


@dataclass(frozen=True, slots=True)
class Update:
    """Something about an alert that became known after it was told."""

    id: int
    """Rises with every update of a state."""
    kind: str
    """`level`, `count` or `reopened` by traffic; else what somebody did."""
    time_ns: int
    author: str | None
    note: str | None


def alert(
    sensor: Sensor,
    one: Alert,
    find: Find,
    excerpt: Excerpt | None = None,
    rule: Rule | None = None,
) -> Draft:
    """The document of an alert as it is when it is raised, with bytes where people wish them."""
    fields = _alert_fields(sensor, one, find, rule)
    if excerpt is not None:
        fields |= {
            "otmon.evidence.excerpt_frames": [*excerpt.frames],
            "otmon.evidence.excerpt_hex": [*excerpt.hex],
        }
    told = draft(
        sensor,
        "alert",
        (one.fingerprint, one.id, one.first_seen),
        one.first_seen,
        kind="alert",
        category=["intrusion_detection", "network"],
        kinds=["info"],
        fields=fields,
    )
    return dataclasses.replace(told, about=one.id)


def alert_update(
    sensor: Sensor, one: Alert, update: Update, find: Find, rule: Rule | None = None
) -> Draft:
    """The document of an alert as a change made it; no alert of its own for a SIEM."""
    fields = {
        **_alert_fields(sensor, one, find, rule),
        "event.action": f"alert-{update.kind.replace('_', '-')}",
        "otmon.alert.change": update.kind,
        "otmon.alert.author": update.author,
        "otmon.alert.note": update.note,
    }
    told = draft(
        sensor,
        "alert_update",
        (one.fingerprint, one.id, update.id, update.time_ns),
        update.time_ns,
        kind="event",
        category=["intrusion_detection", "network"],
        kinds=["info"],
        fields=fields,
    )
    return dataclasses.replace(told, about=one.id)


def _alert_fields(sensor: Sensor, one: Alert, find: Find, rule: Rule | None) -> dict[str, Any]:
    client, server = find(one.client), find(one.server)
    done = one.violations
    operation = done[0].operation if done else None
    fields: dict[str, Any] = {
        "message": one.rule.title,
        "event.start": Moment(one.first_seen),
        "event.end": Moment(one.last_seen),
        "event.action": _slug(one.protocol, operation or "alert"),
        "event.code": one.rule.id,
        "event.provider": one.provider,
        "event.severity": SEVERITIES[one.level],
        "event.risk_score": float(one.severity),
        "event.risk_score_norm": float(one.severity),
        "event.outcome": outcome_of({violation.status for violation in done}),
        "event.reason": in_a_sentence(one) if one.refused else one.message,
        "rule.id": one.rule.id,
        "rule.name": one.rule.title,
        "rule.version": one.rule.version,
        "rule.ruleset": "otmon",
        "rule.author": ["otmon"],
        "network.protocol": one.protocol,
        "otmon.alert.id": str(one.id),
        "otmon.alert.level": one.level,
        "otmon.alert.count": one.count,
        "otmon.alert.folded": one.folded or None,
        "otmon.alert.confidence": one.confidence,
        "otmon.alert.status": one.status,
        "otmon.alert.fingerprint": one.fingerprint,
        "otmon.alert.first_seen_at": Moment(one.first_seen),
        "otmon.alert.last_seen_at": Moment(one.last_seen),
        "otmon.alert.muted_until_at": moment(one.muted_until),
        "otmon.alert.why": [*one.why],
        "otmon.alert.triage": [*one.triage],
        "otmon.alert.false_positives": [*one.false_positives],
        "otmon.alert.related": [str(number) for number in one.related],
        "otmon.evidence.ref": one.evidence.file,
        "otmon.evidence.frame_numbers": [*one.evidence.frames[:MAX_LISTED]],
        "baseline.statement": [*one.statements],
        "ot.function.name": unlike(violation.operation for violation in done),
        "ot.object.id": unlike(violation.target for violation in done),
        "ot.value": unlike(violation.value for violation in done),
        "ot.status.name": unlike(violation.status for violation in done),
        **threat_fields(one.techniques),
        **end(("source", "client"), one.client, client),
        **end(("destination", "server"), one.server, server),
        **_ways(sensor, one, client, server),
        **_said(one),
    }
    if rule is not None:
        fields |= {
            "rule.category": rule.impact,
            "rule.description": rule.description,
            "rule.reference": [*rule.references],
            "event.reference": rule.references[0] if rule.references else None,
        }
    affected = server or client
    if affected is not None:
        fields |= host(affected)
    return fields


def _said(one: Alert) -> dict[str, Any]:
    """What baseline and detector said, where they did."""
    fields: dict[str, Any] = {}
    if (baseline := one.baseline) is not None:
        fields |= {
            "baseline.state": baseline.state,
            "baseline.novel": [*baseline.novel],
            "baseline.expected": baseline.expected,
            "baseline.observed": baseline.observed,
            "baseline.first_seen": moment(baseline.first_seen),
        }
    if (anomaly := one.anomaly) is not None:
        fields |= {
            "anomaly.type": anomaly.type,
            "anomaly.expected": anomaly.expected,
            "anomaly.observed": anomaly.observed,
            "anomaly.since": moment(anomaly.since),
        }
    return fields


def _ways(sensor: Sensor, one: Alert, client: Asset | None, server: Asset | None) -> dict[str, Any]:
    found = ways(client, server, one.client, one.server, sensor.is_outside)
    is_forbidden = one.anomaly is not None and one.anomaly.type == NO_CONDUIT
    return forbidden(found) if is_forbidden else found


def _slug(*parts: str | None) -> str:
    return "-".join(part.replace("_", "-").replace(" ", "-") for part in parts if part).lower()
