"""Conditions and correlations as otmon evaluates them, free of the rule reader."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from otmon.model.rule import Rule

if TYPE_CHECKING:
    from otmon.ruleset.source import Source

Comparison = Literal["lt", "lte", "gt", "gte", "eq"]
TimePart = Literal["minute", "hour", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Equals:
    """The field is one of these values; text without regard to case, unless `cased`."""

    values: tuple[bool | int | float | str, ...]
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Like:
    """The field fits a pattern, whose parts stand between its `*`; None is one `?`."""

    parts: tuple[tuple[str | None, ...], ...]
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Regex:
    """The field contains what a regular expression describes."""

    pattern: str
    flags: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The field is a number on this side of another."""

    operator: Comparison
    number: float


@dataclass(frozen=True, slots=True)
class Within:
    """The field is an address in this network."""

    network: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The event does not carry the field."""


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the event carries the field."""

    exists: bool


@dataclass(frozen=True, slots=True)
class SameAs:
    """The field equals another field of the same event."""

    field: str


@dataclass(frozen=True, slots=True)
class PartOfTime:
    """A part of a time, in the time zone of the site, compared with a number."""

    part: TimePart
    operator: Comparison
    number: int


Criterion = Equals | Like | Regex | Compare | Within | Missing | Exists | SameAs | PartOfTime


@dataclass(frozen=True, slots=True)
class Test:
    """One field held against one criterion."""

    __test__ = False

    field: str
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = And | Or | Not | Test


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule about single events."""

    rule: Rule
    name: str | None
    category: str | None
    service: str | None
    condition: Condition


CorrelationKind = Literal[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
]


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """A rule about what comes together: how many, which values, in which order."""

    rule: Rule
    name: str | None
    kind: CorrelationKind
    members: tuple[str, ...]
    """Ids of the rules whose matches it counts; of `temporal_ordered` in their order."""
    group_by: tuple[str, ...]
    aliases: dict[str, dict[str, str]]
    """Of each alias, the field that stands for it in each member."""
    timespan_s: int
    threshold: float
    """What is compared: a count, a sum; of `temporal` how many members must hold."""
    field: str | None
    """Whose values are counted or measured."""
    generate: bool
    """Whether its members alert as well."""
    operator: Comparison = "gte"
    """The side of the threshold on which it holds."""
    percentile: int | None = None
    """Of `value_percentile`, the share of values, in per cent, that do not exceed it."""
    unless_normal: bool = False
    """Whether what the baseline has as normal is counted, but does not make it hold."""


@dataclass(frozen=True, slots=True)
class Filter:
    """An exception that a site makes from event rules, for a reason and for a time."""

    source: Source
    title: str
    rules: tuple[str, ...]
    """Ids, names or titles of the rules."""
    category: str | None
    service: str | None
    condition: Not
    """What must hold besides the condition of each rule."""
    reason: str
    author: str
    expires: datetime.date
    """The day, in UTC, from which it holds no more."""


_SUGGESTED = frozenset(
    ("historian", "database_server", "time_server", "jump_host", "it_host", "network_device")
)
"""Roles that a port or a habit suggests. What answers as a controller is one."""
_OF_REFUSALS = frozenset(("novel_exception", "exception_rate"))
"""What detectors say of refusals."""


def necessary_values(condition: Condition, field: str) -> frozenset[str] | None:
    """The only values of `field` with which `condition` can hold.

    None where it can hold with any, or where that cannot be told.
    """
    match condition:
        case Test(field=name, criterion=Equals(values=values)) if name == field:
            return frozenset(str(value).lower() for value in values)
        case And(parts=parts):
            bounds = [necessary_values(part, field) for part in parts]
            known = [bound for bound in bounds if bound is not None]
            return frozenset.intersection(*known) if known else None
        case Or(parts=parts):
            bounds = [necessary_values(part, field) for part in parts]
            known = [bound for bound in bounds if bound is not None]
            return frozenset.union(*known) if len(known) == len(bounds) else None
    return None


def tests_of(condition: Condition) -> list[Test]:
    """Every test of a condition, in the order of its text."""
    match condition:
        case Test():
            return [condition]
        case Not(part=part):
            return tests_of(part)
        case And(parts=parts) | Or(parts=parts):
            return [test for part in parts for test in tests_of(part)]


def fields_of(condition: Condition) -> frozenset[str]:
    """Every field that a condition asks for."""
    asked = set()
    for test in tests_of(condition):
        asked.add(test.field)
        if isinstance(test.criterion, SameAs):
            asked.add(test.criterion.field)
    return frozenset(asked)


def asserted(condition: Condition) -> list[Test]:
    """The tests of a condition that stand under no `not`, in the order of its text."""
    match condition:
        case Test():
            return [condition]
        case And(parts=parts) | Or(parts=parts):
            return [test for part in parts for test in asserted(part)]
    return []


def guessed_roles(condition: Condition) -> tuple[str, ...]:
    """The roles of a client that a condition asks for, of those that traffic only suggests."""
    asked = [
        str(value)
        for test in asserted(condition)
        if test.field == "source.asset.role" and isinstance(test.criterion, Equals)
        for value in test.criterion.values
    ]
    return tuple(sorted(_SUGGESTED.intersection(asked)))


def is_about_refusals(condition: Condition) -> bool:
    """Whether a condition asks, alone or among others, for what a device refused."""
    match condition:
        case Test(field="event.outcome", criterion=Equals(values=values)):
            return "failure" in values
        case Test(field="anomaly.type", criterion=Equals(values=values)):
            return not _OF_REFUSALS.isdisjoint(values)
        case And(parts=parts) | Or(parts=parts):
            return any(map(is_about_refusals, parts))
    return False


def specialised(condition: Condition, decide: Callable[[Test], bool | None]) -> Condition | bool:
    """What is left of a condition where some tests are decided beforehand.

    Args:
        condition: The condition.
        decide: Gives the outcome of a test, or None where it depends on the event.

    Returns:
        True or False where nothing is left to be held against an event.
    """
    match condition:
        case Test():
            outcome = decide(condition)
            return condition if outcome is None else outcome
        case Not(part=part):
            rest = specialised(part, decide)
            return not rest if isinstance(rest, bool) else Not(rest)
        case And(parts=parts):
            return _joined(And, parts, decide, decisive=False)
        case Or(parts=parts):
            return _joined(Or, parts, decide, decisive=True)


def _joined(
    kind: type[And] | type[Or],
    parts: tuple[Condition, ...],
    decide: Callable[[Test], bool | None],
    decisive: bool,
) -> Condition | bool:
    """An `and` or `or` of what is left of its parts; one `decisive` part decides it."""
    left: list[Condition] = []
    for part in parts:
        rest = specialised(part, decide)
        if rest is decisive:
            return decisive
        if not isinstance(rest, bool):
            left.append(rest)
    if not left:
        return not decisive
    return left[0] if len(left) == 1 else kind(tuple(left))
