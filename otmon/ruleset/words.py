"""Conditions, correlations and levels in an analyst's words."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from otmon.model.rule import IMPACTS, Rule, round_half_up
from otmon.ruleset.condition import (
    And,
    Compare,
    Condition,
    CorrelationRule,
    Criterion,
    Equals,
    EventRule,
    Exists,
    Like,
    Missing,
    Not,
    Or,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    Within,
)

CATEGORY_WORDS: Mapping[str, str] = {
    "ot_operation": "an operation",
    "ot_session": "the opening or closing of a session",
    "ot_conformance": "a message that departs from its specification",
    "ot_anomaly": "what a detector found",
    "ot_asset": "news of a device",
    "ot_flow": "a conversation",
    "ot_auth": "a log-in",
    "ot_file": "a transferred program, firmware or file",
    "ot_process": "a process value or state",
    "ot_sensor": "the health of the sensor",
}
"""What one event of each category is."""

_COMPARISONS = {
    "lt": "below",
    "lte": "at most",
    "gt": "above",
    "gte": "at least",
    "eq": "exactly",
}


def about(rule: EventRule) -> str:
    """What kind of event a rule is about."""
    what = CATEGORY_WORDS.get(rule.category or "", "any event")
    return f"{what} of {rule.service}" if rule.service else what


def condition_lines(condition: Condition, depth: int = 0) -> Iterator[str]:
    """A condition as an indented tree, one test a line."""
    margin = "  " * depth
    match condition:
        case Test(field=field, criterion=criterion):
            yield f"{margin}{field} {_criterion(criterion)}"
        case Not(part=Test(field=field, criterion=criterion)):
            yield f"{margin}not: {field} {_criterion(criterion)}"
        case Not(part=part):
            yield f"{margin}not:"
            yield from condition_lines(part, depth + 1)
        case Or(parts=parts) if (joined := _joined(parts)) is not None:
            yield f"{margin}{joined}"
        case And(parts=parts) | Or(parts=parts):
            word = "all of" if isinstance(condition, And) else "any of"
            yield f"{margin}{word}:"
            for part in _flat(condition, parts):
                yield from condition_lines(part, depth + 1)


def correlation_lines(rule: CorrelationRule, titles: Mapping[str, str]) -> Iterator[str]:
    """When a correlation holds; `titles` names its members."""
    members = [titles.get(one, one) for one in rule.members]
    span, side = duration(rule.timespan_s), _COMPARISONS[rule.operator]
    number = f"{rule.threshold:g}"
    match rule.kind:
        case "temporal_ordered":
            yield f"these hold one after the other within {span}:"
        case "temporal":
            yield f"at least {number} of these hold within {span}:"
        case "event_count":
            yield f"{side} {number} events within {span} on which one of these holds:"
        case "value_count":
            what = f"{side} {number} different values of {rule.field}"
            yield f"{what} within {span}, in events on which one of these holds:"
        case _:
            what = {"value_sum": "sum", "value_avg": "average"}.get(
                rule.kind, f"percentile {rule.percentile}"
            )
            yield f"the {what} of {rule.field} within {span} is {side} {number}, where these hold:"
    yield from (f"  {title}" for title in members)
    yield f"in events of the same {', '.join(rule.group_by)}"
    for alias, fields in rule.aliases.items():
        meant = ", ".join(f"{field} in {titles.get(one, one)}" for one, field in fields.items())
        yield f"  ({alias} is {meant})"
    if rule.unless_normal:
        yield "what the baseline has as normal is counted, but does not make it hold"
    if not rule.generate:
        yield "these are no alerts by themselves"


def level_words(rule: Rule) -> str:
    """How a level comes about, before the context of an alert."""
    number = IMPACTS[rule.impact]
    score = round_half_up(number * rule.confidence)
    said = f"{rule.impact} {number} x confidence {rule.confidence:g} = {score}, {rule.level}"
    return f"{rule.site_level}, as set in otmon.toml (else {said})" if rule.site_level else said


def duration(seconds: int) -> str:
    """A timespan in its largest whole unit."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds} seconds"


def _flat(whole: Condition, parts: Sequence[Condition]) -> Iterator[Condition]:
    """The parts, with those of a part that joins in the same way instead of it."""
    for part in parts:
        if (
            isinstance(part, (And, Or))
            and type(part) is type(whole)
            and _joined(part.parts) is None
        ):
            yield from _flat(part, part.parts)
        else:
            yield part


def _joined(parts: Sequence[Condition]) -> str | None:
    """Equalities of one field as one line."""
    values: list[str] = []
    fields = set()
    for part in parts:
        if not isinstance(part, Test) or not isinstance(part.criterion, Equals):
            return None
        fields.add(part.field)
        values += [_value(one) for one in part.criterion.values]
    return f"{fields.pop()} is one of: {', '.join(values)}" if len(fields) == 1 else None


def _criterion(criterion: Criterion) -> str:
    match criterion:
        case Equals(values=values, cased=cased):
            said = " or ".join(map(_value, values))
            return f"is {said}{' (to the letter)' if cased else ''}"
        case Like(parts=parts):
            return f"looks like {'*'.join(''.join(one or '?' for one in part) for part in parts)}"
        case Regex(pattern=pattern):
            return f"fits the regular expression {pattern}"
        case Compare(operator=operator, number=number):
            return f"is {_COMPARISONS[operator]} {number:g}"
        case Within(network=network):
            return f"is in {ipaddress.ip_network(network)}"
        case Missing():
            return "is not there"
        case Exists(exists=exists):
            return "is there" if exists else "is not there"
        case SameAs(field=other):
            return f"is the same as {other}"
        case PartOfTime(part=part, operator=operator, number=number):
            return f"has a {part} of {_COMPARISONS[operator]} {number}, on the clocks of the site"


def _value(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
