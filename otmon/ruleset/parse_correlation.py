"""Correlations as pySigma reads them, as otmon's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule

from otmon.fields import Field
from otmon.model.rule import Rule
from otmon.ruleset.condition import Comparison, CorrelationKind, CorrelationRule
from otmon.ruleset.parse_condition import parsed
from otmon.ruleset.source import UnusableError
from otmon.ruleset.support import check_field

KINDS: tuple[CorrelationKind, ...] = get_args(CorrelationKind)
"""The types of correlations that the evaluator supports."""

_KEYS = (
    "type", "rules", "group-by", "timespan", "condition", "aliases", "generate",
)  # fmt: skip


def correlation_of(
    document: Mapping[str, Any], rule: Rule, name: str | None, fields: Mapping[str, Field]
) -> CorrelationRule:
    """The correlation that a document holds.

    Args:
        document: The document.
        rule: What people are told about it.
        name: By which others count it.
        fields: The catalogue.

    Raises:
        UnusableError: It is none, or needs what the evaluator does not support.
    """
    definition = document["correlation"]
    if not isinstance(definition, dict):
        raise UnusableError("correlation is not a map", "correlation")
    kind = definition.get("type")
    if kind not in KINDS:
        raise UnusableError(f"correlation {kind} is not supported", "correlation", "type")
    for key in definition:
        if key not in _KEYS:
            raise UnusableError(f"correlations have no key {key}", "correlation", key)
    if not re.fullmatch(r"\d+[smhdwMy]", str(definition.get("timespan", ""))):
        said = "timespan is no number with a unit, such as 30s, 5m, 1h or 1d"
        raise UnusableError(said, "correlation", "timespan")
    read = parsed(SigmaCorrelationRule, document, "correlation")
    if not read.group_by:
        raise UnusableError("has no group-by", "correlation")
    aliases = {
        alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
        for alias in read.aliases
    }
    for field in read.group_by:
        if field not in aliases:
            check_field(field, fields, ("correlation", "group-by"))
    for mapping in aliases.values():
        for field in mapping.values():
            check_field(field, fields, ("correlation", "aliases"))
    members = tuple(reference.reference for reference in read.rules or ())
    bound = _bound(kind, read.condition, members)
    if bound.field is not None:
        check_field(bound.field, fields, ("correlation", "condition", "field"))
    unless_normal = document["otmon"].get("unless_normal") is True
    if unless_normal and (bound.operator != "gte" or kind not in ("event_count", "value_count")):
        said = "unless_normal goes with event_count and value_count, and gte"
        raise UnusableError(said, "otmon", "unless_normal")
    return CorrelationRule(
        rule=rule,
        name=name,
        kind=kind,
        members=members,
        group_by=tuple(read.group_by),
        aliases=aliases,
        timespan_s=read.timespan.seconds,
        threshold=bound.threshold,
        field=bound.field,
        generate=read.generate,
        operator=bound.operator,
        percentile=bound.percentile,
        unless_normal=unless_normal,
    )


@dataclass(frozen=True, slots=True)
class _Bound:
    """What the condition of a correlation says."""

    operator: Comparison
    threshold: float
    field: str | None
    percentile: int | None


def _bound(kind: CorrelationKind, condition: Any, members: tuple[str, ...]) -> _Bound:
    """The condition of a correlation, as far as its type can have it."""
    where = ("correlation", "condition")
    if not isinstance(condition, SigmaCorrelationCondition):
        raise UnusableError("this condition is not supported", *where)
    operator = condition.op.name.lower()
    threshold, field = condition.count, condition.fieldref
    counts = kind in ("event_count", "value_count")
    if kind.startswith("temporal"):
        distinct = len(set(members))
        if distinct < 2:
            raise UnusableError("needs at least two different rules", "correlation", "rules")
        if operator not in ("gt", "gte"):
            raise UnusableError(f"condition {operator} is not supported", *where)
        threshold += operator == "gt"
        most = len(members) if kind == "temporal_ordered" else distinct
        least = most if kind == "temporal_ordered" else 1
        if not least <= threshold <= most or threshold != int(threshold):
            raise UnusableError(f"condition is no number of rules from {least} to {most}", *where)
        operator = "gte"
    elif operator not in ("lt", "lte", "gt", "gte", "eq"):
        raise UnusableError(f"condition {operator} is not supported", *where)
    if counts:
        if threshold != int(threshold) or threshold < 1:
            raise UnusableError("condition is no whole number from 1 on", *where)
        if operator == "gt":
            operator, threshold = "gte", threshold + 1
    if kind.startswith("value") is not isinstance(field, str):
        raise UnusableError(
            f"{kind} {'needs one' if field is None else 'takes no such'} field", *where
        )
    percentile = condition.percentile
    if (percentile is not None) != (kind == "value_percentile"):
        said = "has no percentile" if percentile is None else f"{kind} has no percentile"
        raise UnusableError(said, *where)
    if percentile is not None and not 0 < percentile <= 100:
        raise UnusableError("percentile is no whole number from 1 to 100", *where, "percentile")
    name = field if isinstance(field, str) else None
    return _Bound(cast(Comparison, operator), threshold, name, percentile)
