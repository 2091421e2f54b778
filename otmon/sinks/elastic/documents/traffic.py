"""Who did what to whom, and who talked to whom, in an interval."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from otmon import _engine
from otmon.fields import CHANGE_CLASSES, PROGRAM_CLASSES
from otmon.model.service import service_of
from otmon.sinks.elastic.documents.draft import MAX_LISTED, Draft, Moment, Sensor, draft
from otmon.sinks.elastic.documents.parties import Facts, community_id, ends, outcome_of

SESSIONS = {"umas": "umas.key"}
"""The field of a protocol that says of which session an operation is; 0 is none."""


def operation(
    sensor: Sensor,
    one: _engine.Behaviour,
    before: int,
    facts: Facts,
    *,
    new: bool = False,
    deviates: bool = False,
) -> Draft:
    """The document of a behaviour and an interval, told at the end of the interval.

    Args:
        sensor: Who sends.
        one: What was counted up to the end of the interval.
        before: Its count when the interval began.
        facts: Gives what is known of devices.
        new: Whether it was new when the interval began.
        deviates: Whether it is no part of what the baseline has for normal.
    """
    count = one.count - before
    outcome = outcome_of({one.status})
    values = one.values
    kinds = [space.partition(":")[0]] if (space := one.target) else []
    fields: dict[str, Any] = {
        "event.action": "operation-summary",
        "event.start": Moment(one.first_seen_ns) if before == 0 else None,
        "event.end": Moment(one.last_seen_ns),
        "event.outcome": outcome,
        **_done(one),
        "ot.unit.id": None if one.unit is None else str(one.unit),
        "ot.object.id": [one.target] if one.target else None,
        "ot.object.type": kinds,
        "ot.object.address_low": [first for first, _ in one.intervals[:MAX_LISTED]],
        "ot.object.address_high": [last for _, last in one.intervals[:MAX_LISTED]],
        "ot.status.code": None if one.status_code is None else str(one.status_code),
        "otmon.behaviour.id": one.id,
        "otmon.behaviour.state": ["new" if new else "known", *(["deviating"] if deviates else [])],
        "otmon.behaviour.count": count,
        "otmon.behaviour.error_count": count if outcome == "failure" else 0,
        "otmon.behaviour.period_ms": _milliseconds(one.period_ns),
        "otmon.behaviour.jitter_ms": _milliseconds(one.period_deviation_ns),
        "otmon.behaviour.latency_ms": _milliseconds(one.latency_ns),
        "otmon.behaviour.value_low": None if values is None else values.min,
        "otmon.behaviour.value_high": None if values is None else values.max,
        "otmon.behaviour.first_seen_at": Moment(one.first_seen_ns),
        **ends(one, facts, sensor.is_outside),
    }
    return draft(
        sensor,
        "operation",
        (one.id, one.last_seen_ns),
        one.last_seen_ns,
        kind="event",
        category=["network"],
        kinds=["connection", "protocol"],
        fields=fields,
    )


def _done(one: _engine.Behaviour | _engine.Transaction) -> dict[str, Any]:
    """What is done, by what, and how it went, whether it is counted or told by itself."""
    return {
        "network.transport": one.transport,
        "network.protocol": one.protocol,
        "network.vlan.id": one.vlan,
        "ot.operation.class": one.operation_class,
        "ot.operation.is_write": one.operation_class in CHANGE_CLASSES,
        "ot.operation.is_program": one.operation_class in PROGRAM_CLASSES,
        "ot.function.code": one.function_code,
        "ot.function.name": one.operation,
        "ot.role": one.role,
        "ot.answered": one.answered,
        "ot.status.name": one.status,
        "ot.anomaly": [*one.anomalies],
    }


def notable(
    sensor: Sensor, one: _engine.Transaction, behaviour: str | None, index: int, facts: Facts
) -> Draft:
    """The document of one operation that changes something, or was refused, or is odd.

    Args:
        sensor: Who sends.
        one: The operation.
        behaviour: The id of its behaviour.
        index: Its number among those of its flow at one packet time.
        facts: Gives what is known of devices.
    """
    target = one.targets[0] if one.targets else None
    number = one.values[0] if one.values else None
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    fields: dict[str, Any] = {
        "event.action": "operation",
        "event.start": Moment(one.time_ns),
        "event.end": Moment(one.time_ns + (one.latency_ns or 0)),
        "event.duration": one.latency_ns,
        "event.outcome": one.outcome,
        **_done(one),
        "ot.unit.id": one.unit_text,
        "ot.session.id": _session(one),
        "ot.object.id": [*one.targets],
        "ot.object.type": [target.partition(":")[0]] if target else [],
        "ot.object.quantity": one.quantity,
        "ot.value": [*one.value_texts[:MAX_LISTED]],
        "ot.value_number": float(number) if is_number and number is not None else None,
        "ot.status.code": one.status_text,
        "otmon.behaviour.id": behaviour,
        "otmon.behaviour.latency_ms": _milliseconds(one.latency_ns),
        "otmon.evidence.frame_numbers": [frame for _, frame in one.frames[:MAX_LISTED]],
        **_of_protocol(one),
        **ends(one, facts, sensor.is_outside),
        "network.community_id": community_id(
            one.transport, one.client_ip, one.client_port, one.server_ip, one.server_port
        ),
        "source.port": one.client_port or None,
        "client.port": one.client_port or None,
    }
    key = (one.client_address, one.client_port, one.server_address, one.server_port)
    return draft(
        sensor,
        "operation",
        ("pdu", *key, one.transport, one.vlan, one.time_ns, index),
        one.time_ns,
        kind="event",
        category=["network"],
        kinds=["protocol", "info"],
        fields=fields,
    )


def _session(one: _engine.Transaction) -> str | None:
    name = SESSIONS.get(one.protocol)
    number = None if name is None else one.field(name)
    return str(number) if number else None


def _of_protocol(one: _engine.Transaction) -> dict[str, Any]:
    """What its protocol says besides, without the bytes that it carries."""
    return {name: value for name, value in one.fields.items() if not isinstance(value, bytes)}


@dataclass(frozen=True, slots=True)
class Talked:
    """What a conversation had come to when an interval began."""

    packets: int = 0
    bytes: int = 0
    pdus: int = 0
    flows: int = 0
    failures: int = 0
    gap_bytes: int = 0


def talked(one: _engine.Conversation) -> Talked:
    """What a conversation has come to."""
    return Talked(
        one.packets, one.bytes, one.pdus, one.flow_count, one.failure_count, one.gap_bytes
    )


def conversation(
    sensor: Sensor,
    one: _engine.Conversation,
    before: Talked,
    facts: Facts,
    *,
    new: bool = False,
    interval_ns: int = 0,
) -> Draft:
    """The document of a conversation and an interval, told at the end of the interval."""
    key = (one.client_address, one.server_address, one.server_port, one.transport, one.protocol)
    fields: dict[str, Any] = {
        "event.action": "conversation-summary",
        "event.start": Moment(one.first_seen_ns) if before == Talked() else None,
        "event.end": Moment(one.last_seen_ns),
        "network.transport": one.transport,
        "network.protocol": one.protocol,
        "network.application": None if one.protocol else service_of(one.transport, one.server_port),
        "network.vlan.id": one.vlan,
        "network.packets": one.packets - before.packets,
        "network.bytes": one.bytes - before.bytes,
        "otmon.conversation.id": _digest(sensor.id, *key, one.vlan),
        "otmon.conversation.interval_s": interval_ns // 1_000_000_000 if interval_ns else None,
        "otmon.conversation.state": "new" if new else "known",
        "otmon.conversation.classes": sorted(one.classes),
        "otmon.conversation.flow_count": one.flow_count - before.flows,
        "otmon.conversation.pdu_count": one.pdus - before.pdus,
        "otmon.conversation.failure_count": one.failure_count - before.failures,
        "otmon.conversation.gap_bytes": one.gap_bytes - before.gap_bytes,
        "otmon.conversation.one_sided": one.one_sided,
        "otmon.conversation.first_seen_at": Moment(one.first_seen_ns),
        **ends(one, facts, sensor.is_outside),
    }
    return draft(
        sensor,
        "conversation",
        (*key, one.vlan, one.last_seen_ns),
        one.last_seen_ns,
        kind="event",
        category=["network"],
        kinds=["connection", "protocol"],
        fields=fields,
    )


def _digest(*parts: object) -> str:
    """A short id of a thing, the same in every run."""
    natural = "|".join(map(str, parts))
    return hashlib.sha256(natural.encode("utf-8", "replace")).hexdigest()[:16]


def _milliseconds(duration_ns: float | None) -> float | None:
    return None if duration_ns is None else round(duration_ns / 1e6, 3)
