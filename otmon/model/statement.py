"""What is normal, one sentence at a time, and what an event is against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

KINDS: tuple[str, ...] = (
    "asset",
    "edge",
    "stream",
    "read",
    "outside",
    "change",
    "other",
    "session",
    "exception",
)
"""What statements are about."""

Range = tuple[int, int]
"""Lowest and highest address, both included."""

_SETTLED = frozenset(("learned", "approved", "muted"))
"""States of statements about what is no news, or none that is to be told."""

ANY_MODE = "any"
"""The operating mode of a site that has none."""


@dataclass(frozen=True, slots=True)
class Party:
    """A device or a group of them, as statements name it."""

    id: str
    """Its asset id, or its address where it is no asset."""
    name: str
    """What people call it; no two have the same name."""
    ip: str | None
    mac: str | None
    vlan: int | None


class Key(NamedTuple):
    """What makes a statement itself."""

    kind: str
    client: str
    """Asset id of who asks or sends, or its address where it is no asset."""
    server: str
    """The same of who is asked, or the group that is sent to."""
    protocol: str
    unit: int | None = None
    operation_class: str = ""
    operation: str = ""
    target: str = ""
    """Of reads the address space, of everything else the exact object."""
    status: str = ""


@dataclass(slots=True)
class Habit:
    """How a thing is done in one operating mode."""

    period_ns: int | None = None
    deviation_ns: int | None = None
    intervals: int = 0
    """How many intervals the period rests on."""
    kind: str | None = None
    """What kind of value it carries: `bool`, `integer`, `float`, `text`, `bytes`, `time`."""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    """The distinct values, while they are few."""
    value_count: int = 0


@dataclass(slots=True)
class Statement:
    """One sentence of what is normal; it changes as long as it is learned."""

    id: str
    key: Key
    state: str
    first_seen_ns: int
    last_seen_ns: int
    count: int = 0
    ranges: tuple[Range, ...] = ()
    """The addresses that are read, merged."""
    novel: tuple[str, ...] = ()
    """In what it was new, where it was first seen as a deviation."""
    frames: tuple[str, ...] = ()
    """The frames that showed it first: `plant.pcapng#12`."""
    author: str | None = None
    settled_ns: int | None = None
    """When a person settled it."""
    reason: str | None = None
    until_ns: int | None = None
    """When what a person said of it ends."""
    habits: dict[str, Habit] = field(default_factory=dict)
    """How it is done, by operating mode."""


@dataclass(slots=True)
class Edge:
    """How far the conversations of two devices in one protocol are learned."""

    client: str
    server: str
    protocol: str
    enforcing: bool
    first_seen_ns: int
    last_seen_ns: int
    new_ns: int
    """When something new was seen last."""
    active_ns: int = 0
    """Time in which it was used."""
    quiet_ns: int = 0
    """The part of it since something new was seen."""
    transactions: int = 0
    flows: int = 0
    unsaturated: bool = False
    """Whether it was made to enforce though new things still appeared."""
    enforcing_ns: int | None = None
    """Since when it enforces."""
    hours: dict[str, list[int]] = field(default_factory=dict)
    """Of each change class how often it was done in each hour of the week, in site time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the baseline says of one event."""

    state: str
    """`learning` or `enforcing`: what the conversation is in."""
    novel: tuple[str, ...] = ()
    """In what the event is new, the widest first."""
    statement: str | None = None
    """Id of the statement that covers it, or of the one nearest to it."""
    statement_state: str | None = None
    """State of the statement that covers it."""
    expected: str | None = None
    """The nearest statement, in words."""
    observed: str | None = None
    first_seen_ns: int | None = None
    """When the like was seen first."""
    count: int = 0
    """How often the like was seen before."""
    unsaturated: bool = False
    """Whether the conversation was still showing new things when it began to enforce."""

    @property
    def normal(self) -> bool:
        """Whether what was learned for good, approved or muted covers it, and nothing is new."""
        return not self.novel and self.statement_state in _SETTLED
