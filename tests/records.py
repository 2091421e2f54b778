"""Records as the engine gives them, for tests that need no capture."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from otmon.fields import PARTLY_REFUSED
from otmon.model.context import Address, AssetFacts
from otmon.model.event import Event
from otmon.model.internet import is_public
from otmon.model.rule import Rule

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
RULE = Rule(
    id="r-1",
    title="Something was seen",
    description="",
    level="critical",
    version="0",
    status="test",
    impact="control",
    confidence=0.95,
    techniques=(),
    legacy_techniques=(),
    triage=(),
    false_positives=(),
    references=(),
    fields=(),
    message=None,
    aggregate_by=(),
    always=False,
    path="x.yml",
)


@dataclass(frozen=True)
class History:
    """What the two ends had done before."""

    read_count: int = 0
    change_count: int = 0
    first_seen_ns: int = START


@dataclass(frozen=True)
class Flow:
    """What every record has of its flow."""

    client_ip: str | None = "10.0.0.66"
    client_mac: str | None = "00:00:5e:00:53:66"
    client_port: int = 50000
    server_ip: str | None = "10.0.0.11"
    server_mac: str | None = "00:00:5e:00:53:11"
    server_port: int = 502
    vlan: int | None = None
    transport: str = "tcp"
    identified_by: str | None = "pairing"
    protocol: str = "modbus"
    relation: int | None = None
    flow_id: int = 1
    interface: int = 0

    @property
    def client_address(self) -> str | None:
        return self.client_ip or self.client_mac

    @property
    def server_address(self) -> str | None:
        return self.server_ip or self.server_mac


_SHAPES: dict[tuple[object, ...], int] = {}


class Operation:
    """What every operation has ready: texts, and the number of its shape."""

    unit: int | None
    status: str | None
    status_code: int | None
    file_name: ClassVar[None] = None

    @property
    def shape(self) -> int:
        alike = (
            *("transport", "identified_by", "protocol", "role", "answered", "function_code"),
            *("operation", "operation_class", "status", "status_code", "phase", "anomalies"),
            "first_seen",
        )
        key = (type(self).__name__, *(getattr(self, name, None) for name in alike))
        return _SHAPES.setdefault(key, len(_SHAPES) + 1)

    @property
    def unit_text(self) -> str | None:
        return None if self.unit is None else str(self.unit)

    @property
    def status_text(self) -> str | None:
        return None if self.status_code is None else str(self.status_code)

    @property
    def outcome(self) -> str:
        if self.status is None:
            return "unknown"
        return "success" if self.status in ("ok", PARTLY_REFUSED) else "failure"


@dataclass(frozen=True)
class Transaction(Flow, Operation):
    """A request with its answer."""

    time_ns: int = START
    frames: list[tuple[int, int]] = field(default_factory=lambda: [(0, 1), (0, 2)])
    latency_ns: int | None = 1_000_000
    role: str = "request"
    answered: bool = True
    function_code: int = 3
    operation: str = "read_holding_registers"
    operation_class: str = "read"
    unit: int | None = 1
    targets: tuple[str, ...] = ("hr:100-139",)
    quantity: int | None = 40
    values: list[Any] = field(default_factory=list)
    value_count: int = 0
    status: str | None = "ok"
    status_code: int | None = None
    phase: str | None = None
    anomalies: tuple[str, ...] = ()
    first_seen: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    history: History = field(default_factory=History)

    def field(self, name: str) -> Any:
        return self.fields.get(name)

    @property
    def history_read_count(self) -> int:
        return self.history.read_count

    @property
    def history_change_count(self) -> int:
        return self.history.change_count

    @property
    def history_first_seen_ns(self) -> int:
        return self.history.first_seen_ns

    @property
    def value_texts(self) -> tuple[str, ...]:
        return tuple(
            value.hex()
            if isinstance(value, bytes)
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)
            for value in self.values
        )


@dataclass(frozen=True)
class Behaviour(Flow, Operation):
    """Something that is done, for the first time."""

    role: str = "request"
    answered: bool = True
    function_code: int = 3
    operation: str = "read_holding_registers"
    operation_class: str = "read"
    unit: int | None = 1
    target: str | None = "hr"
    status: str | None = "ok"
    status_code: int | None = None
    anomalies: tuple[str, ...] = ()
    first_seen_ns: int = START
    frame: tuple[int, int] = (0, 1)


@dataclass(frozen=True)
class Content(Flow):
    """Something that was transferred."""

    kind: str = "program"
    name: str = "OB1"
    to_server: bool = True
    size: int = 100
    sha256: str = "00" * 32
    complete: bool = True
    first_seen_ns: int = START
    last_seen_ns: int = START
    frames: tuple[tuple[int, int], tuple[int, int]] = ((0, 1), (0, 9))
    head: bytes = b""


@dataclass(frozen=True)
class Conversation(Flow):
    """Somebody who talks to somebody."""

    protocol: str | None = None  # type: ignore[assignment]  # other traffic has none
    id: int = 1
    new: bool = True
    flow_count: int = 1
    vain_count: int = 0
    left: bool = False
    first_seen_ns: int = START
    last_seen_ns: int = START
    packets: int = 1
    bytes: int = 60
    pdus: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    failure_count: int = 0
    answered_count: int = 0
    one_sided: bool = False
    gap_bytes: int = 0
    frame: tuple[int, int] = (0, 1)


@dataclass(frozen=True)
class Surroundings:
    """A context that answers what it was given."""

    assets: Mapping[str, AssetFacts] = field(default_factory=dict)
    """What is known, by IP address."""
    window: str | None = None
    seen: str = "good"
    zone: datetime.tzinfo = datetime.UTC

    def asset(self, address: Address) -> AssetFacts | None:
        return self.assets.get(address.ip or "")

    def is_outside(self, ip: str) -> bool:
        return is_public(ip)

    def maintenance(self, event: Event) -> str | None:
        return self.window

    def quality(self, event: Event) -> str:
        return self.seen

    def site_time(self, time_ns: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(time_ns // SECOND, self.zone)


@dataclass(frozen=True)
class Rhythm(Flow):
    """What happened to a rhythm."""

    kind: str = "overdue"
    id: str = "r1"
    role: str = "request"
    operation: str = "read_holding_registers"
    operation_class: str = "read"
    unit: int | None = 1
    target: str | None = "hr"
    interval: tuple[int, int] | None = (100, 101)
    time_ns: int = START
    count: int = 100
    last_seen_ns: int = START
    frame: tuple[int, int] = (0, 1)
    period_ns: float | None = 2.0 * SECOND
    deviation_ns: float | None = 0.0
    deadline_ns: int | None = 10 * SECOND
    observed_ns: float | None = None
    burst_count: int | None = None
    usual_count: int | None = None
    client_last_seen_ns: int | None = None
    server_last_seen_ns: int | None = None
    unanswered_count: int = 0


@dataclass(frozen=True)
class NoReply(Flow):
    """Calls that nobody answers."""

    answered: bool = False
    unit: int | None = None
    request_count: int = 8
    repeat_count: int = 0
    open_count: int = 0
    refused_count: int = 0
    since_ns: int = START
    time_ns: int = START
    last_answer_ns: int | None = START
    server_last_seen_ns: int | None = None
    frames: tuple[tuple[int, int], tuple[int, int]] = ((0, 1), (0, 9))


@dataclass(frozen=True)
class HeaderShift(Flow):
    """A packet of a flow that looks as if another machine had sent it."""

    kind: str = "ttl"
    from_client: bool = True
    time_ns: int = START
    values: tuple[int, int] | None = (64, 128)
    frames: tuple[tuple[int, int], tuple[int, int]] = ((0, 1), (0, 2))
    count: int = 4


@dataclass(frozen=True)
class Health:
    """How well an interface was seen."""

    kind: str = "window"
    interface: int = 0
    file: int = 0
    from_ns: int = START
    until_ns: int = START + 10 * SECOND
    frames: int = 1000
    bytes: int = 100_000
    gap_bytes: int = 0
    dropped_packets: int = 0
    duplicate_frames: int = 0
    truncated_frames: int = 0
    tcp_frames: int = 1000
    one_sided_frames: int = 0
    late_frames: int = 0
    mirror_gap_frames: int = 0
    fault_count: int = 0
    unread_bytes: int = 0
    left_out_count: int = 0


@dataclass(frozen=True)
class Pair:
    """A hardware and an IP address that send together."""

    mac: str | None = "00:00:5e:00:53:66"
    ip: str | None = "10.0.0.66"
    vlan: int | None = None
    packets: int = 1
    first_seen_ns: int = START
    last_seen_ns: int = START
    arp: bool = True
    ttl: int = 64
    frame: tuple[int, int] = (0, 1)
