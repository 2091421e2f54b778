"""The result of an analysis: one document, of which terminal and JSON are renderings.

Its JSON Schema, `docs/result.schema.json`, is generated from these types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from otmon.model.alert import Alert
from otmon.model.asset import Asset
from otmon.model.document import JsonValue, Key, Time

SCHEMA_VERSION = 1
"""Rises when a key is removed or changes its meaning; new keys do not raise it."""


@dataclass(frozen=True, slots=True)
class About:
    """What made the document."""

    version: str
    schema: int


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """One input file, and what was wrong with it."""

    path: str
    format: str | None
    link_types: tuple[str, ...]
    packets: int
    bytes: int
    first_seen: Time | None
    last_seen: Time | None
    truncated: bool
    skipped_bytes: int
    error: str | None


@dataclass(frozen=True, slots=True)
class NotRead:
    """Industrial traffic that otmon has no dissector for."""

    name: str
    """What it is, by what it is told by: a guess where that is a port."""
    told_by: str
    """Port, such as `tcp/44818`, ethertype, such as `ethertype 0x8892`, or `cotp`."""
    conversations: int | None
    """None where only frames are counted."""
    packets: int


@dataclass(frozen=True, slots=True)
class Capture:
    """What was read, and what it cannot show."""

    files: tuple[CaptureFile, ...]
    packets: int
    bytes: int
    first_seen: Time | None
    last_seen: Time | None
    pdus: int
    gap_bytes: int
    """Bytes that were sent but that the sensor did not see."""
    duplicate_frames: int
    undecoded_bytes: int
    one_sided: bool
    """Whether more than 80 % of the TCP flows show one direction only."""
    interrupted: bool
    """Whether a person stopped the analysis before the end of the input."""
    rule_errors: tuple[str, ...]
    """Rules that could not be loaded, and why; the others were used."""
    remarks: tuple[str, ...]
    """What was done in another way than asked, and why: captures left out, nothing kept."""
    counters: dict[str, int]
    """Everything that was counted and is not zero."""
    not_read: tuple[NotRead, ...] = ()
    """Industrial traffic that otmon has no dissector for, the most of it first."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """An industrial protocol that was recognised."""

    name: str
    flows: int
    pdus: int
    anomalies: dict[str, int]
    identified_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Client, server and protocol, across flows."""

    client: str | None
    """Asset id; none where the address never sent a frame."""
    server: str | None
    client_ip: str | None
    server_ip: str | None
    protocol: str | None
    """The industrial protocol; none for other traffic."""
    transport: str
    port: int
    first_seen: Time
    last_seen: Time
    flows: int
    packets: int
    bytes: int
    pdus: int
    classes: dict[str, int]
    failures: int
    one_sided: bool
    gap_bytes: int
    not_read: str | None = None
    """What industrial traffic it is, where no dissector reads it: a guess by the port, or what
    ISO transport carries beside S7comm."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values that a behaviour carried."""

    kind: str
    min: float | None
    max: float | None
    last: JsonValue
    changes: int


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Who does what to whom, again and again."""

    id: str
    client: str | None
    server: str | None
    protocol: str
    role: str
    unit: int | None
    operation: str
    function_code: int
    operation_class: Annotated[str, Key("class")]
    target: str | None
    intervals: tuple[str, ...]
    """Addresses of a read, merged: `100-139`."""
    status: str | None
    answered: bool
    count: int
    first_seen: Time
    last_seen: Time
    period_ms: float | None
    latency_ms: float | None
    values: Values | None
    anomalies: tuple[str, ...]
    overflow: bool
    """Whether the row stands for operations past a bound."""


@dataclass(frozen=True, slots=True)
class Content:
    """A program, firmware or file that was transferred."""

    client: str | None
    server: str | None
    protocol: str
    kind: str
    name: str
    to_server: bool
    size: int
    sha256: str
    complete: bool
    first_seen: Time
    last_seen: Time
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LearnedEdge:
    """How well the conversation of two devices in one protocol was learned."""

    client: str
    server: str
    protocol: str
    state: str
    """`learning` or `enforcing`."""
    statements: int
    late_share: float
    """Share of the statements that were seen first in the second half: 0 is saturated."""
    unsaturated: bool
    """Whether it was made to enforce though new things still appeared."""


@dataclass(frozen=True, slots=True)
class Normal:
    """What the input was held against."""

    sources: tuple[str, ...]
    """Where it was learned or read from."""
    statements: int
    left_out: int
    """What found no room, or made room for something else."""
    edges: tuple[LearnedEdge, ...]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A difference from what is normal, with how often it was seen."""

    statement: str
    """The statement that waits for a person to settle it."""
    state: str
    novel: tuple[str, ...]
    """In what it is new, the widest first."""
    nearest: str | None
    """The statement that comes nearest to it."""
    expected: str | None
    """The same in words."""
    observed: str
    first_seen: Time
    last_seen: Time
    count: int
    frames: tuple[int, ...]
    """The first frames that showed it."""


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that an analysis found."""

    otmon: About
    capture: Capture
    protocols: tuple[Protocol, ...]
    assets: tuple[Asset, ...]
    conversations: tuple[Conversation, ...]
    behaviours: Sequence[Behaviour]
    """Made each time they are looked at: a table needs none of them."""
    contents: tuple[Content, ...]
    baseline: Normal | None
    """None where no baseline was used."""
    deviations: tuple[Deviation, ...]
    alerts: Sequence[Alert]
    """Made each time they are looked at: a table shows a few of them."""
