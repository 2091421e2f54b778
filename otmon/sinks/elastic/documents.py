"""What otmon found, as documents in ECS with ids that a second run gives again.

No builder looks at a clock or a file: the same input gives the same id. A
document never holds a list of objects, only parallel lists.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import ipaddress
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from otmon import _engine
from otmon.fields import CHANGE_CLASSES, PROGRAM_CLASSES
from otmon.model.alert import Alert
from otmon.model.asset import Asset
from otmon.model.context import AssetFacts
from otmon.sinks.elastic.catalogue import LATEST
from otmon.sinks.elastic.tactics import threat_fields
from otmon.sinks.outbox import Document, Failure

ECS_VERSION = "9.4.0"
SEVERITIES: Mapping[str, int] = {
    "informational": 21,
    "low": 21,
    "medium": 47,
    "high": 73,
    "critical": 99,
}
"""`event.severity` by level: the scale of Elastic's own integrations."""
PRIORITIES: Mapping[str, int] = {
    "alert": 0,
    "alert_update": 0,
    "asset": 1,
    "asset-latest": 1,
    "vulnerability": 1,
    "sensor": 2,
    "operation": 3,
    "conversation": 4,
}
"""What goes first, and is dropped last, by stream."""
MAX_DOCUMENT_BYTES = 256 << 10
MAX_LISTED = 100
"""Entries of a list in a document."""

Find = Callable[[str | None], Asset | None]
"""The device of an address or of an asset id; none where there is none."""
Facts = Callable[[str | None, str | None, int | None], AssetFacts | None]
"""What is known of the device of an IP address, hardware address and VLAN."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """Who sends."""

    id: str
    """Site and sensor, or what stands for the captures of a run."""
    site: str
    name: str
    namespace: str = "default"
    hostname: str | None = None
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Something about an alert that became known after it was told."""

    id: int
    """Rises with every update of a state."""
    kind: str
    """`level`, `count` or `reopened` by traffic; else what somebody did."""
    time_ns: int
    status: str
    count: int
    author: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it gets its number among those of its stream."""

    stream: str
    """`alert`, `asset-latest`, ..."""
    id: str
    fields: Mapping[str, Any]
    """By names with dots."""
    version: int = 0


def alert(sensor: Sensor, one: Alert, find: Find) -> Draft:
    """The document of an alert as it is when it is raised."""
    return _draft(
        sensor,
        "alert",
        (one.fingerprint, one.id, one.first_seen),
        one.first_seen,
        kind="alert",
        category=["intrusion_detection", "network"],
        kinds=["info"],
        fields=_alert_fields(one, find),
    )


def alert_update(sensor: Sensor, one: Alert, update: Update, find: Find) -> Draft:
    """The document of what became of an alert; no alert of its own for a SIEM."""
    fields = {
        **_alert_fields(one, find),
        "event.action": f"alert-{update.kind.replace('_', '-')}",
        "otmon.alert.change": update.kind,
        "otmon.alert.status": update.status,
        "otmon.alert.count": update.count,
        "otmon.alert.author": update.author,
        "otmon.alert.note": update.note,
    }
    return _draft(
        sensor,
        "alert_update",
        (one.fingerprint, one.id, update.id, update.time_ns),
        update.time_ns,
        kind="event",
        category=["intrusion_detection", "network"],
        kinds=["info"],
        fields=fields,
    )


def _alert_fields(one: Alert, find: Find) -> dict[str, Any]:
    client, server = find(one.client), find(one.server)
    done = one.violations
    operation = done[0].operation if done else None
    fields: dict[str, Any] = {
        "message": one.rule.title,
        "event.start": Moment(one.first_seen),
        "event.end": Moment(one.last_seen),
        "event.action": _slug(one.protocol, operation or "alert"),
        "event.code": one.rule.id,
        "event.severity": SEVERITIES[one.level],
        "event.risk_score": float(one.severity),
        "event.risk_score_norm": float(one.severity),
        "event.outcome": _outcome_of({violation.status for violation in done}),
        "event.reason": one.message,
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
        "otmon.alert.muted_until_at": _moment(one.muted_until),
        "otmon.alert.why": [*one.why],
        "otmon.alert.triage": [*one.triage],
        "otmon.alert.false_positives": [*one.false_positives],
        "otmon.alert.related": [str(number) for number in one.related],
        "otmon.evidence.ref": one.evidence.file,
        "otmon.evidence.frame_numbers": [*one.evidence.frames[:MAX_LISTED]],
        "baseline.statement": [*one.statements],
        "ot.function.name": _unlike(violation.operation for violation in done),
        "ot.object.id": _unlike(violation.target for violation in done),
        "ot.value": _unlike(violation.value for violation in done),
        "ot.status.name": _unlike(violation.status for violation in done),
        **threat_fields(one.techniques),
        **_end(("source", "client"), one.client, client),
        **_end(("destination", "server"), one.server, server),
        **_boundary(client, server),
    }
    affected = server or client
    if affected is not None:
        fields |= _host(affected)
    return fields


def operation(
    sensor: Sensor, one: _engine.Behaviour, before: int, facts: Facts, *, new: bool = False
) -> Draft:
    """The document of a behaviour and an interval, told at the end of the interval.

    Args:
        sensor: Who sends.
        one: What was counted up to the end of the interval.
        before: Its count when the interval began.
        facts: Gives what is known of devices.
        new: Whether it was new when the interval began.
    """
    count = one.count - before
    outcome = _outcome_of({one.status})
    values = one.values
    kinds = [space.partition(":")[0]] if (space := one.target) else []
    fields: dict[str, Any] = {
        "event.action": "operation-summary",
        "event.start": Moment(one.first_seen_ns) if before == 0 else None,
        "event.end": Moment(one.last_seen_ns),
        "event.outcome": outcome,
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
        "ot.unit.id": None if one.unit is None else str(one.unit),
        "ot.object.id": [one.target] if one.target else None,
        "ot.object.type": kinds,
        "ot.object.address_low": [first for first, _ in one.intervals[:MAX_LISTED]],
        "ot.object.address_high": [last for _, last in one.intervals[:MAX_LISTED]],
        "ot.status.name": one.status,
        "ot.status.code": None if one.status_code is None else str(one.status_code),
        "ot.anomaly": [*one.anomalies],
        "otmon.behaviour.id": one.id,
        "otmon.behaviour.state": "new" if new else "known",
        "otmon.behaviour.count": count,
        "otmon.behaviour.error_count": count if outcome == "failure" else 0,
        "otmon.behaviour.period_ms": _milliseconds(one.period_ns),
        "otmon.behaviour.jitter_ms": _milliseconds(one.period_deviation_ns),
        "otmon.behaviour.latency_ms": _milliseconds(one.latency_ns),
        "otmon.behaviour.value_low": None if values is None else values.min,
        "otmon.behaviour.value_high": None if values is None else values.max,
        "otmon.behaviour.first_seen_at": Moment(one.first_seen_ns),
        **_ends(one, facts),
    }
    return _draft(
        sensor,
        "operation",
        (one.id, one.last_seen_ns),
        one.last_seen_ns,
        kind="event",
        category=["network"],
        kinds=["connection", "protocol"],
        fields=fields,
    )


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
    sensor: Sensor, one: _engine.Conversation, before: Talked, facts: Facts, *, new: bool = False
) -> Draft:
    """The document of a conversation and an interval, told at the end of the interval."""
    fields: dict[str, Any] = {
        "event.action": "conversation-summary",
        "event.start": Moment(one.first_seen_ns) if before == Talked() else None,
        "event.end": Moment(one.last_seen_ns),
        "network.transport": one.transport,
        "network.protocol": one.protocol,
        "network.vlan.id": one.vlan,
        "network.packets": one.packets - before.packets,
        "network.bytes": one.bytes - before.bytes,
        "otmon.conversation.state": "new" if new else "known",
        "otmon.conversation.classes": sorted(one.classes),
        "otmon.conversation.flow_count": one.flow_count - before.flows,
        "otmon.conversation.pdu_count": one.pdus - before.pdus,
        "otmon.conversation.failure_count": one.failure_count - before.failures,
        "otmon.conversation.gap_bytes": one.gap_bytes - before.gap_bytes,
        "otmon.conversation.one_sided": one.one_sided,
        "otmon.conversation.first_seen_at": Moment(one.first_seen_ns),
        **_ends(one, facts),
    }
    key = (one.client_address, one.server_address, one.server_port, one.transport, one.protocol)
    return _draft(
        sensor,
        "conversation",
        (*key, one.vlan, one.last_seen_ns),
        one.last_seen_ns,
        kind="event",
        category=["network"],
        kinds=["connection", "protocol"],
        fields=fields,
    )


def asset_latest(sensor: Sensor, one: Asset, revision: int) -> Draft:
    """The newest state of a device, which replaces the one before."""
    draft = _draft(
        sensor,
        "asset-latest",
        (one.id,),
        one.last_seen,
        kind="asset",
        category=["host"],
        kinds=["info"],
        fields={
            **_asset_fields(sensor, one),
            "event.action": "asset-latest",
            "otmon.asset.revision": revision,
        },
    )
    return dataclasses.replace(draft, version=revision)


def asset_change(
    sensor: Sensor, one: Asset, revision: int, action: str, changed: Iterable[str]
) -> Draft:
    """A line of the history of a device.

    Args:
        sensor: Who sends.
        one: The device as it is now.
        revision: Rises with every state of it.
        action: `discovered`, `changed` or `disappeared`.
        changed: The attributes that are not what they were.
    """
    return _draft(
        sensor,
        "asset",
        (one.id, revision),
        one.first_seen if action == "discovered" else one.last_seen,
        kind="event",
        category=["host"],
        kinds=["change"],
        fields={
            **_asset_fields(sensor, one),
            "event.action": f"asset-{action}",
            "otmon.asset.revision": revision,
            "otmon.asset.changed_fields": sorted(changed),
        },
    )


def sensor_health(sensor: Sensor, time_ns: int, figures: Mapping[str, Any]) -> Draft:
    """How the sensor is, with figures by their name after `otmon.sensor.`."""
    fields: dict[str, Any] = {
        "event.action": "sensor-health",
        "host.name": sensor.name,
        "host.hostname": sensor.hostname,
        **{f"otmon.sensor.{name}": value for name, value in figures.items()},
    }
    return _draft(
        sensor,
        "sensor",
        (time_ns,),
        time_ns,
        kind="metric",
        category=["host"],
        kinds=["info"],
        fields=fields,
    )


def finished(
    sensor: Sensor, draft: Draft, sequence: int, now_ns: int, most_bytes: int = MAX_DOCUMENT_BYTES
) -> Document | tuple[Document, Failure]:
    """A draft as it goes into the queue; with why not, where it is too big for any.

    Args:
        sensor: Who sends.
        draft: The document.
        sequence: Its number among those of its stream.
        now_ns: When it is written, by the clock of the sensor.
        most_bytes: Beyond which the least important fields are left out.
    """
    given = {"event.created": Moment(now_ns), "event.sequence": sequence}
    body = encode({**draft.fields, **given})
    if len(body) > most_bytes:
        left = {"otmon.trimmed": True, **given}
        left |= {name: v for name, v in draft.fields.items() if name not in _FIRST_TO_GO}
        body = encode(left)
    latest = draft.stream == "asset-latest"
    document = Document(
        priority=PRIORITIES[draft.stream],
        target=target(draft.stream, sensor.namespace),
        op="index" if latest else "create",
        id=draft.id,
        body=body,
        version=draft.version,
    )
    if len(body) > most_bytes:
        return document, Failure(0, "too_big", f"{len(body)} bytes; {most_bytes} are allowed")
    return document


_FIRST_TO_GO = frozenset(
    (
        "otmon.detail",
        "otmon.evidence.frame_numbers",
        "otmon.alert.triage",
        "otmon.alert.false_positives",
        "otmon.alert.why",
        "otmon.asset.identified_by",
        "otmon.asset.modules",
        "ot.value",
    )
)


def target(stream: str, namespace: str) -> str:
    """The data stream or index of a stream."""
    if stream == "asset-latest":
        return f"{LATEST}-{namespace}"
    kind = "metrics" if stream == "sensor" else "logs"
    return f"{kind}-otmon.{stream}-{namespace}"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A time, which a document has in UTC with milliseconds."""

    time_ns: int

    def text(self) -> str:
        """As Elasticsearch reads it; times outside its years are the nearest that it has."""
        whole, rest = divmod(min(max(self.time_ns, _EARLIEST_NS), _LATEST_NS), 1_000_000_000)
        days, seconds = divmod(whole, 86_400)
        date = _date(days)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return f"{date}T{hour:02d}:{minute:02d}:{second:02d}.{rest // 1_000_000:03d}Z"


_EARLIEST_NS = 0
_LATEST_NS = 4_102_444_800_000_000_000  # 2100


@functools.lru_cache(maxsize=256)
def _date(days: int) -> str:
    """The date of a day since 1970, in the proleptic Gregorian calendar."""
    return datetime.date.fromordinal(719_163 + days).isoformat()


def _moment(time_ns: int | None) -> Moment | None:
    return None if time_ns is None else Moment(time_ns)


def encode(fields: Mapping[str, Any]) -> bytes:
    """Fields with dots in their names as nested JSON, `event` in front.

    What is none, an empty list or no finite number is left out. The sender relies on `event` to
    add when it sent.
    """
    root: dict[str, Any] = {"event": {}}
    for name, value in fields.items():
        if value is None or value == [] or (type(value) is float and not math.isfinite(value)):
            continue
        *outer, last = name.split(".")
        inner = root
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return json.dumps(
        root, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False
    ).encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, Moment):
        return value.text()
    raise TypeError(f"{value!r} cannot stand in a document")


def _draft(
    sensor: Sensor,
    stream: str,
    key: tuple[object, ...],
    time_ns: int,
    *,
    kind: str,
    category: list[str],
    kinds: list[str],
    fields: Mapping[str, Any],
) -> Draft:
    natural = "|".join(map(str, (sensor.id, stream, *key)))
    identity = hashlib.sha256(natural.encode("utf-8", "replace")).hexdigest()[:32]
    dataset = "asset_latest" if stream == "asset-latest" else stream
    whole: dict[str, Any] = {
        "event.kind": kind,
        "event.category": category,
        "event.type": kinds,
        "event.module": "otmon",
        "event.dataset": f"otmon.{dataset}",
        "event.id": identity,
        "@timestamp": Moment(time_ns),
        "ecs.version": ECS_VERSION,
        "observer.type": "sensor",
        "observer.vendor": "otmon",
        "observer.product": "otmon",
        "observer.version": _engine.version(),
        "observer.name": sensor.name,
        "observer.hostname": sensor.hostname,
        "observer.serial_number": sensor.id,
        "observer.ingress.interface.name": ", ".join(sensor.interfaces) or None,
        "observer.geo.name": sensor.site,
        **fields,
    }
    if stream != "asset-latest":
        whole["data_stream.type"] = "metrics" if stream == "sensor" else "logs"
        whole["data_stream.dataset"] = f"otmon.{stream}"
        whole["data_stream.namespace"] = sensor.namespace
    whole |= _related(whole)
    return Draft(stream, identity, whole)


def _related(fields: Mapping[str, Any]) -> dict[str, Any]:
    ips: dict[str, None] = {}
    for name in ("source.ip", "destination.ip", "host.ip"):
        value = fields.get(name)
        for ip in value if isinstance(value, list) else [value]:
            if ip:
                ips[ip] = None
    # By the id of a device one filter finds its alerts, its operations and its history.
    named = ("source.asset.id", "destination.asset.id", "host.id", "host.name", "host.hostname")
    hosts = _unlike(fields.get(name) for name in named)
    return {"related.ip": [*ips], "related.hosts": hosts}


def _ends(one: _engine.Behaviour | _engine.Conversation, facts: Facts) -> dict[str, Any]:
    client = facts(one.client_ip, one.client_mac, one.vlan)
    server = facts(one.server_ip, one.server_mac, one.vlan)
    # One row stands for many flows, each with a client port of its own.
    return {
        **_end(("source", "client"), one.client_address, client, one.client_mac),
        **_end(("destination", "server"), one.server_address, server, one.server_mac),
        "destination.port": one.server_port or None,
        "server.port": one.server_port or None,
        **_boundary(client, server),
    }


def _end(
    roles: tuple[str, str],
    address: str | None,
    asset: Asset | AssetFacts | None,
    mac: str | None = None,
) -> dict[str, Any]:
    """An end of a conversation, by the direction and by the part that it plays."""
    fields: dict[str, Any] = {f"{role}.mac": _mac(mac) for role in roles}
    if address is None:
        return fields
    for role in roles:
        fields[f"{role}.address"] = address
        if _is_ip(address):
            fields[f"{role}.ip"] = address
        elif _is_mac(address):
            fields[f"{role}.mac"] = _mac(address)
    if asset is not None:
        prefix = f"{roles[0]}.asset"
        fields |= {
            f"{prefix}.id": asset.id,
            f"{prefix}.role": [*asset.roles],
            f"{prefix}.vendor": asset.vendor,
            f"{prefix}.zone": asset.zone,
            f"{prefix}.purdue_level": asset.purdue_level,
            f"{prefix}.criticality": asset.criticality,
            f"{prefix}.is_new": asset.is_new if isinstance(asset, AssetFacts) else None,
        }
    return fields


def _boundary(
    client: Asset | AssetFacts | None, server: Asset | AssetFacts | None
) -> dict[str, Any]:
    if client is None or server is None or client.zone is None or server.zone is None:
        return {}
    crossing = client.zone != server.zone
    levels = (client.purdue_level, server.purdue_level)
    kind = None
    if crossing:
        known = [level for level in levels if level is not None]
        kind = "it_ot" if known and min(known) < 3.5 <= max(known) else "cell"
    return {
        "otmon.boundary.crossing": crossing,
        "otmon.boundary.from_zone": client.zone,
        "otmon.boundary.to_zone": server.zone,
        "otmon.boundary.kind": kind,
    }


def _host(asset: Asset) -> dict[str, Any]:
    """The affected device, so that risk sticks to it and not to the sensor."""
    return {
        "host.id": asset.id,
        "host.name": asset.name or asset.hostname or asset.station_name or _place(asset),
        "host.hostname": asset.hostname,
        "host.ip": [ip for ip in asset.ip if _is_ip(ip)],
        "host.mac": [*map(_mac, asset.mac)],
        "host.type": asset.roles[0] if asset.roles else None,
        "device.id": asset.id,
        "device.manufacturer": asset.vendor,
        "device.model.name": asset.model,
        "device.model.identifier": asset.order_code,
        "device.serial_number": asset.serial,
    }


def _place(asset: Asset) -> str:
    return next(iter((*asset.ip, *asset.mac)), asset.id)


def _asset_fields(sensor: Sensor, one: Asset) -> dict[str, Any]:
    host = _host(one)
    return {
        **host,
        "network.vlan.id": one.vlan,
        "otmon.asset.id": one.id,
        "otmon.asset.label": one.name,
        "otmon.asset.vendor": one.vendor,
        "otmon.asset.model": one.model,
        "otmon.asset.order_code": one.order_code,
        "otmon.asset.serial": one.serial,
        "otmon.asset.firmware": one.firmware,
        "otmon.asset.hardware": one.hardware,
        "otmon.asset.station": one.station_name,
        "otmon.asset.roles": [*one.roles],
        "otmon.asset.role_candidates": [*one.role_candidates],
        "otmon.asset.purdue_level": one.purdue_level,
        "otmon.asset.zone": one.zone,
        "otmon.asset.site": sensor.site,
        "otmon.asset.criticality": one.criticality,
        "otmon.asset.safety": one.safety,
        "otmon.asset.protocols": [*one.protocols],
        "otmon.asset.gateway_id": one.gateway,
        "otmon.asset.unit_id": None if one.unit is None else str(one.unit),
        "otmon.asset.modules": _unlike(module.name for module in one.modules),
        "otmon.asset.identified_by": _unlike(each.source for each in one.evidence),
        "otmon.asset.confidence": max((each.confidence for each in one.evidence), default=None),
        "otmon.asset.state": one.state,
        "otmon.asset.confirmed": one.confirmed,
        "otmon.asset.routed": one.routed,
        "otmon.asset.first_seen_at": Moment(one.first_seen),
        "otmon.asset.last_seen_at": Moment(one.last_seen),
        "entity.id": one.id,
        "entity.name": host["host.name"],
        "entity.type": ["host"],
        "entity.sub_type": one.roles[0] if one.roles else None,
        "entity.source": "otmon",
        "entity.last_seen_timestamp": Moment(one.last_seen),
    }


def _unlike(values: Iterable[str | None]) -> list[str]:
    return [*dict.fromkeys(value for value in values if value)][:MAX_LISTED]


def _outcome_of(statuses: set[str | None]) -> str:
    if statuses - {None, "ok"}:
        return "failure"
    return "success" if "ok" in statuses else "unknown"


def _milliseconds(duration_ns: float | None) -> float | None:
    return None if duration_ns is None else round(duration_ns / 1e6, 3)


def _slug(*parts: str | None) -> str:
    return "-".join(part.replace("_", "-").replace(" ", "-") for part in parts if part).lower()


def _mac(mac: str | None) -> str | None:
    """As ECS writes it: `00-1B-1B-AA-BB-CC`."""
    return None if mac is None else mac.replace(":", "-").upper()


def _is_mac(address: str) -> bool:
    return address.count(":") == 5 and len(address) == 17


@functools.lru_cache(maxsize=4096)
def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
