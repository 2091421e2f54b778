"""Every field of a document, by stream: those of rules, and those that only documents have.

The types of the first come from `otmon.fields`, so that a rule and a query
name the same thing in the same way. Templates are made from here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from otmon import _engine
from otmon.fields import FIELDS

MOST_FIELDS = 600
"""Mapped fields of one index, with their objects."""

_WIDER: Mapping[str, str] = {"ot.value_number": "double"}
"""Where a rule's number is wider than a float."""


def _of(kind: str, prefix: str, names: str) -> dict[str, str]:
    return {f"{prefix}{name}": kind for name in names.split()}


ECS: Mapping[str, str] = {
    "@timestamp": "date",
    "message": "text",
    **_of("keyword", "", "tags"),
    **_of("date", "event.", "created ingested start end"),
    **_of(
        "keyword",
        "event.",
        "module dataset kind category type action id code provider outcome reason reference",
    ),
    **_of("long", "event.", "sequence severity duration"),
    **_of("float", "event.", "risk_score risk_score_norm"),
    **_of("keyword", "data_stream.", "type dataset namespace"),
    **_of("keyword", "ecs.", "version"),
    **_of(
        "keyword",
        "observer.",
        "type vendor product version name hostname mac serial_number ingress.interface.name"
        " geo.name",
    ),
    **_of("ip", "observer.", "ip"),
    **{
        name: kind
        for end in ("source", "destination", "client", "server")
        for name, kind in {
            **_of("keyword", f"{end}.", "address mac"),
            **_of("ip", f"{end}.", "ip"),
            **_of("long", f"{end}.", "port bytes packets"),
        }.items()
    },
    **_of(
        "keyword",
        "network.",
        "transport protocol application type direction community_id iana_number",
    ),
    **_of("long", "network.", "bytes packets vlan.id"),
    **_of("ip", "related.", "ip"),
    **_of("keyword", "related.", "hosts"),
    **_of("keyword", "host.", "id name hostname mac type"),
    **_of("ip", "host.", "ip"),
    **_of(
        "keyword",
        "device.",
        "id manufacturer vendor product type model.name model.identifier serial_number",
    ),
}
"""What every stream may have of ECS 9.4.0, with its type."""

ALERT: Mapping[str, str] = {
    **_of("keyword", "rule.", "id name version category ruleset description reference author"),
    **_of("keyword", "threat.", "framework"),
    **{
        name: "keyword"
        for kind in ("tactic", "technique", "technique.subtechnique")
        for name in _of("keyword", f"threat.{kind}.", "id name reference")
    },
    **_of("keyword", "otmon.attack.", "legacy_ids"),
    **_of(
        "keyword",
        "otmon.alert.",
        "id level status fingerprint change author note triage false_positives why related",
    ),
    **_of("long", "otmon.alert.", "count folded"),
    **_of("float", "otmon.alert.", "confidence"),
    **_of("date", "otmon.alert.", "first_seen_at last_seen_at muted_until_at"),
    **_of("keyword", "otmon.evidence.", "ref excerpt_hex"),
    **_of("long", "otmon.evidence.", "frame_numbers excerpt_frames"),
    "otmon.detail": "flattened",
}
"""Of alerts, and of what is told of them later."""

UNINDEXED = frozenset(("otmon.evidence.excerpt_hex",))
"""What a document has for people to read: it cannot be searched, and takes no room in the index."""

OPERATION: Mapping[str, str] = {
    **_of("keyword", "ot.", "session.id"),
    **_of("keyword", "otmon.behaviour.", "id state"),
    **_of("long", "otmon.behaviour.", "count error_count"),
    **_of("double", "otmon.behaviour.", "value_low value_high"),
    **_of("float", "otmon.behaviour.", "period_ms jitter_ms latency_ms"),
    **_of("date", "otmon.behaviour.", "first_seen_at"),
    **_of("long", "otmon.evidence.", "frame_numbers"),
}
"""Of what was done in an interval."""

CONVERSATION: Mapping[str, str] = {
    **_of("keyword", "otmon.conversation.", "id state classes"),
    **_of("long", "otmon.conversation.", "flow_count pdu_count failure_count gap_bytes interval_s"),
    **_of("boolean", "otmon.conversation.", "one_sided"),
    **_of("date", "otmon.conversation.", "first_seen_at"),
}
"""Of who talked to whom in an interval."""

ASSET: Mapping[str, str] = {
    **_of(
        "keyword",
        "otmon.asset.",
        "id label vendor model order_code serial firmware hardware station roles role_candidates"
        " zone site criticality protocols identified_by state changed_fields gateway_id"
        " unit_id fieldbus_addresses modules cves cves_maybe",
    ),
    **_of("float", "otmon.asset.", "purdue_level confidence worst_score"),
    **_of("long", "otmon.asset.", "revision server_ports peers_count"),
    **_of("boolean", "otmon.asset.", "safety confirmed routed"),
    **_of("date", "otmon.asset.", "first_seen_at last_seen_at"),
    **_of("keyword", "entity.", "id name type sub_type source"),
    **_of("date", "entity.", "last_seen_timestamp"),
}
"""Of devices, their newest state and their history."""

SENSOR: Mapping[str, str] = {
    **_of(
        "long",
        "otmon.sensor.",
        "uptime_s packets bytes dropped_kernel dropped_queue decode_errors flows_active"
        " outbox_rows outbox_bytes outbox_oldest_age_s delivered duplicates retried dead_letter"
        " dropped_documents rss_bytes disk_free_bytes",
    ),
    **_of("float", "otmon.sensor.", "cpu_pct clock_offset_ms clock_error_ms"),
    **_of("boolean", "otmon.sensor.", "clock_synchronised"),
    **_of("date", "otmon.sensor.", "last_ack_at"),
    **_of("keyword", "otmon.sensor.", "capture_interfaces remarks"),
}
"""Of how a sensor is."""

VULNERABILITY: Mapping[str, str] = {
    **_of("keyword", "vulnerability.", "id severity category reference description"),
    **_of("float", "vulnerability.", "score.base"),
    **_of("keyword", "otmon.vulnerability.", "status advisory reason"),
}
"""Of weaknesses of devices."""

STREAMS: Mapping[str, Mapping[str, str]] = {
    "logs-otmon.alert": ALERT,
    "logs-otmon.alert_update": ALERT,
    "logs-otmon.operation": OPERATION,
    "logs-otmon.conversation": CONVERSATION,
    "logs-otmon.asset": ASSET,
    "logs-otmon.vulnerability": {**ASSET, **VULNERABILITY},
    "otmon-asset-latest": ASSET,
    "metrics-otmon.sensor": SENSOR,
}
"""The streams, without their namespace, each with the fields that only it has."""

LATEST = "otmon-asset-latest"
"""The one that is a plain index: the newest state of each device."""


@functools.cache
def common() -> Mapping[str, str]:
    """What every stream may have besides ECS: what rules know, and what protocols add."""
    known = {
        name: _WIDER.get(name, field.kind.value)
        for name, field in FIELDS.items()
        if name not in ECS
    }
    roots = {info.name: "flattened" for info in _engine.protocols()}
    return {
        **known,
        **roots,
        "otmon.trimmed": "boolean",
        **_of("boolean", "otmon.boundary.", "crossing"),
        **_of("keyword", "otmon.boundary.", "from_zone to_zone kind"),
    }


def fields_of(stream: str) -> dict[str, str]:
    """Every field that a stream maps, with its type in Elasticsearch."""
    return {**ECS, **common(), **STREAMS[stream]}
