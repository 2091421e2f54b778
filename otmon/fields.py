"""The field catalogue: the one vocabulary of rules, output and documents.

ECS names come first, then `ot.*` for what was seen on the wire, then
`<protocol>.*` for what a protocol adds. The last group is declared by the
dissectors; the rest is declared here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon._engine import ProtocolInfo


class Kind(enum.Enum):
    """What a field holds, in the words of Elasticsearch."""

    KEYWORD = "keyword"
    LONG = "long"
    FLOAT = "float"
    BOOLEAN = "boolean"
    IP = "ip"
    DATE = "date"
    """Nanoseconds since 1970 inside otmon."""


OPERATION_CLASSES: tuple[str, ...] = (
    "firmware_update",
    "program_download",
    "program_delete",
    "factory_reset",
    "mode_stop",
    "restart",
    "force",
    "mode_start",
    "mode_other",
    "command",
    "write",
    "config_write",
    "auth_change",
    "time_set",
    "report_disable",
    "alarm_config",
    "file_write",
    "file_delete",
    "diag_clear",
    "lock",
    "unlock",
    "program_upload",
    "auth_login",
    "auth_fail",
    "discover_broadcast",
    "browse",
    "identify",
    "file_read",
    "config_read",
    "alarm_ack",
    "report_enable",
    "subscribe",
    "proprietary",
    "unknown",
    "exception",
    "session_open",
    "session_close",
    "read",
    "keepalive",
)
"""The closed list of what an operation does, highest rank first."""

DANGER_CLASSES: frozenset[str] = frozenset(
    (
        "force",
        "program_download",
        "program_delete",
        "firmware_update",
        "mode_start",
        "mode_stop",
        "mode_other",
        "restart",
        "factory_reset",
        "auth_change",
        "alarm_config",
        "file_write",
        "file_delete",
        "diag_clear",
    )
)
"""Classes that are never learned as normal without a person."""

CHANGE_CLASSES: frozenset[str] = DANGER_CLASSES | {
    "write",
    "command",
    "config_write",
    "time_set",
    "alarm_ack",
    "report_disable",
}
"""Classes that change something in the plant or its devices."""

PARTLY_REFUSED = "partly_refused"
"""The status of an operation of which some parts were refused, and others done."""
NOTABLE_CLASSES: frozenset[str] = CHANGE_CLASSES | {
    "lock",
    "unlock",
    "program_upload",
    "auth_login",
    "auth_fail",
    "discover_broadcast",
    "file_read",
    "report_enable",
    "exception",
}
"""Classes of which every operation leaves the engine by itself."""

PROGRAM_CLASSES: frozenset[str] = frozenset(
    ("program_download", "program_upload", "program_delete", "firmware_update")
)
"""Classes that move or delete program or firmware."""

ANOMALIES: tuple[str, ...] = (
    "length_mismatch",
    "unknown_function",
    "reserved_function",
    "reserved_bits",
    "bad_checksum",
    "value_mismatch",
    "response_without_request",
    "request_from_server",
    "exception_by_client",
    "sequence_gap",
    "sequence_repeat",
    "illegal_state",
    "illegal_cause",
    "illegal_type",
    "unknown_object",
    "oversize",
    "version",
    "malformed",
    "overlap_conflict",
    "count_out_of_range",
    "address_overflow",
    "duplicate_transaction",
    "fragment_missing",
    "trailing_bytes",
    "request_flood",
    "obsolete_function",
    "nonstandard_port",
    "port_mismatch",
    "protocol_violation",
    "depth_exceeded",
    "items_truncated",
    "unanswered",
    "restart_seen",
    "device_trouble",
    "configuration_corrupt",
    "buffer_overflow",
    "operate_without_select",
    "second_client",
    "password_refused",
    "write_to_process_image",
    "discarded_data",
    "confirm_requested",
    "truncated",
)
"""Every named departure from a specification, in the engine's order."""

STATEMENT_STATES: tuple[str, ...] = (
    "learning",
    "learned",
    "approved",
    "rejected",
    "muted",
    "expired",
    "pending",
)
"""What a statement can be: `pending` was seen, and waits for a person."""

NOVEL: tuple[str, ...] = (
    "asset",
    "peer",
    "service",
    "operation",
    "object",
    "read_range",
    "value_range",
    "value_set",
    "period",
    "sequence",
    "time_of_day",
    "session",
    "exception",
)
"""In what an event can be new, the widest first."""

CATEGORIES: tuple[str, ...] = (
    "ot_operation",
    "ot_session",
    "ot_conformance",
    "ot_anomaly",
    "ot_asset",
    "ot_flow",
    "ot_auth",
    "ot_file",
    "ot_process",
    "ot_sensor",
)
"""Sigma's `logsource.category`: the kinds of event."""

ALL_CATEGORIES = frozenset(CATEGORIES)
_OPERATIONS = frozenset(("ot_operation", "ot_conformance", "ot_anomaly", "ot_auth", "ot_process"))
_ANOMALIES = ALL_CATEGORIES - {"ot_operation"}
_FILES = frozenset(("ot_file", "ot_anomaly"))
_SEEN = ALL_CATEGORIES


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, what it holds and what it means."""

    name: str
    kind: Kind
    description: str
    categories: frozenset[str] = _SEEN
    """The kinds of event that can carry it."""
    many: bool = False
    """Whether it is a list, of which any element may match."""
    values: frozenset[str] | None = None
    """The closed list of its values, where it has one."""


def _endpoint(role: str, who: str) -> list[Field]:
    return [
        Field(f"{role}.address", Kind.KEYWORD, f"IP address {who}, or its MAC where it has none."),
        Field(f"{role}.ip", Kind.IP, f"IP address {who}."),
        Field(f"{role}.mac", Kind.KEYWORD, f"Hardware address {who}, as seen on this segment."),
        Field(f"{role}.port", Kind.LONG, f"Port {who}."),
    ]


def _asset(role: str, who: str) -> list[Field]:
    prefix = f"{role}.asset"
    return [
        Field(f"{prefix}.id", Kind.KEYWORD, f"Asset id {who}."),
        Field(f"{prefix}.role", Kind.KEYWORD, f"Roles {who}, as known before.", many=True),
        Field(f"{prefix}.vendor", Kind.KEYWORD, f"Vendor {who}."),
        Field(f"{prefix}.zone", Kind.KEYWORD, f"Zone {who}."),
        Field(f"{prefix}.purdue_level", Kind.FLOAT, f"Purdue level {who}."),
        Field(
            f"{prefix}.criticality",
            Kind.KEYWORD,
            f"How much the loss of the device would hurt, {who}, by a person's word.",
            values=frozenset(("high", "normal", "low")),
        ),
        Field(
            f"{prefix}.is_new",
            Kind.BOOLEAN,
            f"Whether the device appeared while the sensor watched and nobody accepted it, {who}.",
        ),
    ]


_COMMON: tuple[Field, ...] = (
    Field("@timestamp", Kind.DATE, "Packet time of the operation."),
    *_endpoint("source", "of the client, which sent the request"),
    *_endpoint("destination", "of the server, which was asked"),
    *_endpoint("client", "of the client"),
    *_endpoint("server", "of the server"),
    *_asset("source", "of the client"),
    *_asset("destination", "of the server"),
    Field("maintenance.window", Kind.BOOLEAN, "Whether a maintenance window names all of it."),
    Field("maintenance.name", Kind.KEYWORD, "The maintenance window."),
    Field(
        "capture.quality",
        Kind.KEYWORD,
        "How well the sensor sees the flow.",
        values=frozenset(("good", "lossy", "one_sided", "blind")),
    ),
    Field(
        "site_time.weekday",
        Kind.KEYWORD,
        "The day of the week at the site.",
        values=frozenset(
            ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        ),
    ),
    Field("site_time.hour", Kind.LONG, "The hour of the day at the site, from 0 to 23."),
    Field("network.protocol", Kind.KEYWORD, "The protocol."),
    Field("network.transport", Kind.KEYWORD, "What carries the protocol: tcp, udp."),
    Field("network.vlan.id", Kind.LONG, "Outermost VLAN id."),
    Field(
        "event.outcome",
        Kind.KEYWORD,
        "How the operation went: failure is the protocol's own refusal, of all its parts.",
        values=frozenset(("success", "failure", "unknown")),
    ),
    Field("event.provider", Kind.KEYWORD, "The detector that made the event.", _ANOMALIES),
    Field("event.duration", Kind.LONG, "From request to answer, in nanoseconds.", _OPERATIONS),
    Field(
        "otmon.identified_by",
        Kind.KEYWORD,
        "How the protocol of the flow is known.",
        values=frozenset(("port", "probe", "pairing", "ethertype", "association")),
    ),
)

_OPERATION: tuple[Field, ...] = (
    Field(
        "ot.operation.class",
        Kind.KEYWORD,
        "What the operation does, protocol apart.",
        _OPERATIONS,
        values=frozenset(OPERATION_CLASSES),
    ),
    Field(
        "ot.operation.is_write",
        Kind.BOOLEAN,
        "Whether the operation changes something in the plant or its devices.",
        _OPERATIONS,
    ),
    Field(
        "ot.operation.is_program",
        Kind.BOOLEAN,
        "Whether the operation moves or deletes program or firmware.",
        _OPERATIONS,
    ),
    Field("ot.function.code", Kind.LONG, "The function code on the wire.", _OPERATIONS),
    Field("ot.function.name", Kind.KEYWORD, "The name of the operation.", _OPERATIONS),
    Field(
        "ot.role",
        Kind.KEYWORD,
        "The part that the message plays.",
        _OPERATIONS,
        values=frozenset(("request", "response", "event", "unknown")),
    ),
    Field(
        "ot.phase",
        Kind.KEYWORD,
        "The step of a two-step command.",
        _OPERATIONS,
        values=frozenset(("select", "operate", "direct", "cancel")),
    ),
    Field("ot.answered", Kind.BOOLEAN, "Whether an answer was seen.", _OPERATIONS),
    Field("ot.unit.id", Kind.KEYWORD, "The addressed station behind the server.", _OPERATIONS),
    Field("ot.object.id", Kind.KEYWORD, "What is addressed: `hr:100-139`.", _OPERATIONS, many=True),
    Field(
        "ot.object.type",
        Kind.KEYWORD,
        "The space that is addressed: `hr`, `DB10`, `block`.",
        _OPERATIONS,
        many=True,
    ),
    Field("ot.object.address_low", Kind.LONG, "The lowest address.", _OPERATIONS, many=True),
    Field("ot.object.address_high", Kind.LONG, "The highest address.", _OPERATIONS, many=True),
    Field("ot.object.quantity", Kind.LONG, "How many elements are addressed.", _OPERATIONS),
    Field("ot.value", Kind.KEYWORD, "The values, as text.", _OPERATIONS, many=True),
    Field("ot.value_number", Kind.FLOAT, "The values that are numbers.", _OPERATIONS, many=True),
    Field("ot.value_count", Kind.LONG, "How many values there were.", _OPERATIONS),
    Field(
        "ot.status.name",
        Kind.KEYWORD,
        "The name of the protocol's status; `partly_refused` where other parts were done.",
        _OPERATIONS,
    ),
    Field("ot.status.code", Kind.KEYWORD, "The protocol's number of a failure.", _OPERATIONS),
    Field(
        "ot.anomaly",
        Kind.KEYWORD,
        "Departures from the specification.",
        _OPERATIONS,
        many=True,
        values=frozenset(ANOMALIES),
    ),
    Field(
        "ot.first_seen",
        Kind.BOOLEAN,
        "Whether this client did this to this server for the first time; told by one event.",
        _OPERATIONS,
    ),
    Field(
        "ot.history.read_count",
        Kind.LONG,
        "Operations of this conversation before that only looked.",
        _OPERATIONS,
    ),
    Field(
        "ot.history.change_count",
        Kind.LONG,
        "Operations of this conversation before that changed something.",
        _OPERATIONS,
    ),
    Field(
        "ot.history.first_seen_at",
        Kind.DATE,
        "When the conversation was seen first.",
        _OPERATIONS,
    ),
)

_DETECTED: tuple[Field, ...] = (
    Field(
        "ot.asset.attribute",
        Kind.KEYWORD,
        "The attribute of a device that changed or is contradicted.",
        frozenset(("ot_asset",)),
    ),
    Field("anomaly.type", Kind.KEYWORD, "What the detector found.", _ANOMALIES),
    Field("anomaly.expected", Kind.KEYWORD, "What would have been normal.", _ANOMALIES),
    Field("anomaly.observed", Kind.KEYWORD, "What was seen instead.", _ANOMALIES),
    Field(
        "anomaly.count",
        Kind.LONG,
        "How often it was seen since it was told last; 1 where it is not there.",
        _ANOMALIES,
    ),
    Field("anomaly.since", Kind.DATE, "Since when the normal held.", _ANOMALIES),
    Field(
        "observer.ingress.interface.name",
        Kind.KEYWORD,
        "The interface of the sensor that a finding about the sensor itself is about.",
        frozenset(("ot_sensor",)),
    ),
)

_BASELINE: tuple[Field, ...] = (
    Field(
        "baseline.state",
        Kind.KEYWORD,
        "What the conversation is in: none where no baseline is used.",
        values=frozenset(("none", "learning", "enforcing")),
    ),
    Field(
        "baseline.novel",
        Kind.KEYWORD,
        "In what the event is new, against what was learned.",
        many=True,
        values=frozenset(NOVEL),
    ),
    Field("baseline.statement", Kind.KEYWORD, "The statement that covers the event."),
    Field(
        "baseline.statement_state",
        Kind.KEYWORD,
        "What is settled about that statement.",
        values=frozenset(STATEMENT_STATES),
    ),
    Field(
        "baseline.normal",
        Kind.BOOLEAN,
        "Whether what was learned for good, approved or muted covers the event, and nothing of it "
        "is new.",
    ),
    Field("baseline.expected", Kind.KEYWORD, "The nearest thing that is normal, in words."),
    Field("baseline.observed", Kind.KEYWORD, "What was done instead, in words."),
    Field("baseline.first_seen", Kind.DATE, "When the like was seen first."),
    Field("baseline.count", Kind.LONG, "How often the like was seen before."),
    Field(
        "baseline.unsaturated",
        Kind.BOOLEAN,
        "Whether the conversation still showed new things when its learning ended.",
    ),
)

_FILE: tuple[Field, ...] = (
    Field("file.name", Kind.KEYWORD, "Name of what was transferred.", _FILES),
    Field("file.size", Kind.LONG, "Bytes seen of it.", _FILES),
    Field("file.hash.sha256", Kind.KEYWORD, "SHA-256 of those bytes.", _FILES),
    Field(
        "ot.content.kind",
        Kind.KEYWORD,
        "What was transferred.",
        _FILES,
        values=frozenset(("program", "firmware", "file")),
    ),
    Field("ot.content.to_server", Kind.BOOLEAN, "Whether it went to the server.", _FILES),
    Field("ot.content.complete", Kind.BOOLEAN, "Whether all of it was seen.", _FILES),
)

FIELDS: Mapping[str, Field] = {
    field.name: field for field in (*_COMMON, *_BASELINE, *_OPERATION, *_DETECTED, *_FILE)
}
"""Every field but those that a protocol adds, by name."""

_ENGINE_KINDS: Mapping[str, Kind] = {
    "bool": Kind.BOOLEAN,
    "integer": Kind.LONG,
    "float": Kind.FLOAT,
    "text": Kind.KEYWORD,
    "bytes": Kind.KEYWORD,
    "time": Kind.DATE,
}


def catalogue(protocols: Iterable[ProtocolInfo]) -> dict[str, Field]:
    """Every field there is: `FIELDS`, and those that protocols add.

    Args:
        protocols: What the engine says of its dissectors.
    """
    added = (
        Field(field.name, _ENGINE_KINDS[field.kind], field.description, _OPERATIONS)
        for protocol in protocols
        for field in protocol.fields
    )
    return {**FIELDS, **{field.name: field for field in added}}
