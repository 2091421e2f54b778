"""Documents to rules and filters, through pySigma: the only module that imports it.

What the evaluator does not support is an error, never ignored.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.correlations import SigmaCorrelationCondition, SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from otmon.fields import CATEGORIES, Field
from otmon.model.alert import LEVELS
from otmon.model.rule import IMPACTS, Rule
from otmon.ruleset import attack
from otmon.ruleset.condition import (
    And,
    Compare,
    Comparison,
    Condition,
    CorrelationKind,
    CorrelationRule,
    Criterion,
    Equals,
    EventRule,
    Exists,
    Filter,
    Like,
    Missing,
    Not,
    Or,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    TimePart,
    Within,
    tests_of,
)
from otmon.ruleset.source import Source, UnusableError
from otmon.ruleset.support import (
    check_field,
    check_message,
    check_selection,
    check_values,
    did_you_mean,
)

KINDS: tuple[CorrelationKind, ...] = get_args(CorrelationKind)
"""The types of correlations that the evaluator supports."""


_CORRELATION_KEYS = (
    "type", "rules", "group-by", "timespan", "condition", "aliases", "generate",
)  # fmt: skip


_FILTER_KEYS = ("title", "id", "description", "date", "modified", "logsource", "filter", "otmon")


def rule_of(source: Source, fields: Mapping[str, Field]) -> EventRule | CorrelationRule:
    """The rule that a file holds.

    Raises:
        UnusableError: It is none, or needs what the evaluator does not support.
    """
    document = source.document
    if "filter" in document:
        raise UnusableError("is a filter: name it under rules.filters in otmon.toml", "filter")
    if "correlation" not in document:
        _check_product(document)
    rule = _facts(source)
    for field in rule.aggregate_by:
        check_field(field, fields, ("otmon", "aggregate_by"))
    name = document.get("name")
    if "correlation" in document:
        return _correlation(document, rule, name, fields)
    return _event_rule(document, rule, name, fields)


def _facts(source: Source) -> Rule:
    """What people are told about the rule."""
    document = source.document
    for key in ("title", "id", "level", "otmon"):
        if not document.get(key):
            more = ": impact and confidence stand there" if key == "otmon" else ""
            raise UnusableError(f"has no {key}{more}", key)
    try:
        uuid.UUID(str(document["id"]))
    except ValueError as error:
        example = "3d09cac6-3ca4-49cd-bdfe-91a2e02141e2"
        raise UnusableError(f"id is no UUID, such as {example}", "id") from error
    own = document["otmon"]
    if not isinstance(own, dict):
        raise UnusableError("otmon is not a map", "otmon")
    if document["level"] not in LEVELS:
        raise UnusableError(f"level {document['level']} is none of {', '.join(LEVELS)}", "level")
    if own.get("impact") not in IMPACTS:
        raise UnusableError(f"impact is none of {', '.join(IMPACTS)}", "otmon", "impact")
    check_message(own.get("message"))
    confidence = own.get("confidence")
    if not isinstance(confidence, (int, float)) or not 0 <= confidence <= 1:
        raise UnusableError("confidence is no number from 0 to 1", "otmon", "confidence")
    techniques, legacy = attack.split(_texts(document, "tags"))
    canonical = json.dumps(document, sort_keys=True, default=str).encode()
    return Rule(
        id=str(document["id"]),
        title=str(document["title"]),
        description=str(document.get("description") or ""),
        level=str(document["level"]),
        version=hashlib.sha256(canonical).hexdigest()[:12],
        status=str(document.get("status") or "experimental"),
        impact=own["impact"],
        confidence=float(confidence),
        techniques=techniques,
        legacy_techniques=legacy,
        triage=_texts(own, "triage"),
        false_positives=_texts(document, "falsepositives"),
        references=_texts(document, "references"),
        fields=_texts(document, "fields"),
        message=own.get("message"),
        aggregate_by=_texts(own, "aggregate_by"),
        always=own.get("always") is True,
        path=source.inner_path,
    )


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = document.get(key) or ()
    if not isinstance(values, (list, tuple)):
        raise UnusableError(f"{key} is not a list", key)
    for value in values:
        if isinstance(value, (dict, list)):
            raise UnusableError(f"{key} holds what is no text: a colon needs quotes", key)
    return tuple(str(value) for value in values)


def _event_rule(
    document: Mapping[str, Any], rule: Rule, name: str | None, fields: Mapping[str, Field]
) -> EventRule:
    _check_selections(document, "detection", fields)
    parsed = _parsed(SigmaRule, document, "detection")
    category, service = _log_source(parsed.logsource)
    condition = _checked(parsed.detection, document, "detection", fields)
    return EventRule(rule, name, category, service, condition)


def filter_of(source: Source, fields: Mapping[str, Field]) -> Filter:
    """The exception that a filter file holds.

    Raises:
        UnusableError: It is none, or needs what the evaluator does not support.
    """
    document = source.document
    _check_product(document)
    for key in document:
        if key not in _FILTER_KEYS:
            raise UnusableError(f"filters have no key {key}", key)
    own = document.get("otmon")
    if not isinstance(own, dict):
        raise UnusableError("otmon is not a map", "otmon")
    for key in ("reason", "author", "expires"):
        if not own.get(key):
            raise UnusableError(f"has no otmon.{key}", "otmon")
    for key in own:
        if key not in ("reason", "author", "expires"):
            raise UnusableError(f"filters have no key {key}", "otmon", key)
    expires = own["expires"]
    if not isinstance(expires, datetime.date):
        raise UnusableError("otmon.expires is no date such as 2027-06-30", "otmon", "expires")
    named = (document.get("filter") or {}).get("rules")
    if not isinstance(named, list) or not named:
        raise UnusableError("filter.rules is no list of ids or names", "filter", "rules")
    _check_selections(document, "filter", fields, besides=("rules",))
    parsed = _parsed(SigmaFilter, document, "filter")
    category, service = _log_source(parsed.logsource)
    condition = _checked(parsed.filter, document, "filter", fields)
    if not isinstance(condition, Not):
        raise UnusableError(
            "the condition of an exception is `not` and a selection", "filter", "condition"
        )
    return Filter(
        source=source,
        title=str(document.get("title") or source.path.stem),
        rules=tuple(map(str, named)),
        category=category,
        service=service,
        condition=condition,
        reason=str(own["reason"]),
        author=str(own["author"]),
        expires=expires.date() if isinstance(expires, datetime.datetime) else expires,
    )


def _check_selections(
    document: Mapping[str, Any],
    part: str,
    fields: Mapping[str, Field],
    besides: tuple[str, ...] = (),
) -> None:
    """Refuses selections that the evaluator does not support, and several conditions."""
    detection = document.get(part)
    if not isinstance(detection, dict):
        raise UnusableError(f"has no {part}", part)
    if not isinstance(detection.get("condition"), str):
        raise UnusableError("needs exactly one condition", part, "condition")
    for selection, definition in detection.items():
        if selection not in ("condition", *besides):
            check_selection(definition, fields, (part, selection))


def _check_product(document: Mapping[str, Any]) -> None:
    """Refuses rules for other logs before anything else that they lack."""
    source = document.get("logsource")
    if not isinstance(source, dict):
        raise UnusableError("has no logsource: product otmon, and a service or a category")
    if source.get("product") != "otmon":
        raise UnusableError(
            "logsource.product is not otmon: rules for other logs cannot judge what otmon sees",
            "logsource",
            "product",
        )


def _log_source(source: Any) -> tuple[str | None, str | None]:
    """Category and service of a log source."""
    if source.category is None and source.service is None:
        raise UnusableError("logsource names neither category nor service", "logsource")
    if source.category is not None and source.category not in CATEGORIES:
        raise UnusableError(
            f"logsource.category {source.category} is none of {', '.join(CATEGORIES)}"
            f"{did_you_mean(str(source.category), CATEGORIES)}",
            "logsource",
            "category",
        )
    return source.category, source.service


def _checked(
    detections: Any, document: Mapping[str, Any], part: str, fields: Mapping[str, Field]
) -> Condition:
    """The condition of selections, none of whose tests asks for what its field never has."""
    try:
        tree = detections.parsed_condition[0].parsed
    except SigmaError as error:
        written = str(document[part]["condition"])
        stopped = re.search(r"\(at char (\d+)\)", str(error))
        said = _sentence(error)
        if stopped is not None:
            rest = written[int(stopped[1]) :]
            said = f"from {rest!r} on" if rest else "at its end, where something is missing"
            said = f"the condition cannot be read {said}"
        raise UnusableError(said, part, "condition") from error
    condition = _condition(tree)
    for test in tests_of(condition):
        check_values(test, fields, document[part], part)
    return condition


def _parsed(kind: Any, document: Mapping[str, Any], part: str) -> Any:
    try:
        rule = kind.from_dict(dict(document), collect_errors=True)
    except SigmaError as error:
        raise UnusableError(_sentence(error), part) from error
    if rule.errors:
        raise UnusableError(_sentence(rule.errors[0]), _blamed(rule.errors[0], part))
    return rule


def _blamed(error: SigmaError, otherwise: str) -> str:
    """The key that pySigma complains about, by the name of its error."""
    key = re.sub(r"^Sigma|Error$", "", type(error).__name__).lower()
    keys = {"identifier": "id", "falsepositives": "falsepositives", "tag": "tags"}
    known = ("title", "level", "status", "date", "references", "fields", "logsource", "author")
    return keys.get(key) or (key if key in known else otherwise)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())


def _condition(tree: Any) -> Condition:
    """The tree that pySigma read, as otmon's own."""
    if isinstance(tree, ConditionAND):
        return And(tuple(_condition(part) for part in tree.args))
    if isinstance(tree, ConditionOR):
        return Or(tuple(_condition(part) for part in tree.args))
    if isinstance(tree, ConditionNOT):
        return Not(_condition(tree.args[0]))
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        return Test(tree.field, _criterion(tree.value))
    raise UnusableError("searches for text without a field", "detection")


def _criterion(value: Any) -> Criterion:
    match value:
        case SigmaString():
            return _text_criterion(value)
        case SigmaTimestampPart():
            return PartOfTime(_part(value), "eq", int(value.number))
        case SigmaNumber():
            return Equals((value.number,))
        case SigmaBool():
            return Equals((value.boolean,))
        case SigmaNull():
            return Missing()
        case SigmaExists():
            return Exists(value.exists)
        case SigmaCompareExpression():
            operator = cast(Comparison, value.op.name.lower())
            if isinstance(value.number, SigmaTimestampPart):
                return PartOfTime(_part(value.number), operator, int(value.number.number))
            return Compare(operator, value.number.number)
        case SigmaCIDRExpression():
            return Within(str(value.network))
        case SigmaFieldReference(starts_with=False, ends_with=False):
            return SameAs(value.field)
        case SigmaRegularExpression():
            flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
            return Regex(str(value.regexp.original), flags)
    raise UnusableError(f"{type(value).__name__} is not supported", "detection")


def _part(value: SigmaTimestampPart) -> TimePart:
    return cast(TimePart, value.timestamp_part.name.lower())


def _text_criterion(value: SigmaString) -> Equals | Like:
    cased = isinstance(value, SigmaCasedString)
    parts: list[list[str | None]] = [[]]
    for part in value.s:
        if part is SpecialChars.WILDCARD_MULTI:
            parts.append([])
        elif part is SpecialChars.WILDCARD_SINGLE:
            parts[-1].append(None)
        else:
            parts[-1].append(str(part))
    if len(parts) == 1 and None not in parts[0]:
        return Equals(("".join(text or "" for text in parts[0]),), cased)
    return Like(tuple(tuple(part) for part in parts), cased)


def _correlation(
    document: Mapping[str, Any], rule: Rule, name: str | None, fields: Mapping[str, Field]
) -> CorrelationRule:
    definition = document["correlation"]
    if not isinstance(definition, dict):
        raise UnusableError("correlation is not a map", "correlation")
    kind = definition.get("type")
    if kind not in KINDS:
        raise UnusableError(f"correlation {kind} is not supported", "correlation", "type")
    for key in definition:
        if key not in _CORRELATION_KEYS:
            raise UnusableError(f"correlations have no key {key}", "correlation", key)
    if not re.fullmatch(r"\d+[smhdwMy]", str(definition.get("timespan", ""))):
        said = "timespan is no number with a unit, such as 30s, 5m, 1h or 1d"
        raise UnusableError(said, "correlation", "timespan")
    parsed = _parsed(SigmaCorrelationRule, document, "correlation")
    if not parsed.group_by:
        raise UnusableError("has no group-by", "correlation")
    aliases = {
        alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
        for alias in parsed.aliases
    }
    for field in parsed.group_by:
        if field not in aliases:
            check_field(field, fields, ("correlation", "group-by"))
    for mapping in aliases.values():
        for field in mapping.values():
            check_field(field, fields, ("correlation", "aliases"))
    members = tuple(reference.reference for reference in parsed.rules or ())
    bound = _bound(kind, parsed.condition, members)
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
        group_by=tuple(parsed.group_by),
        aliases=aliases,
        timespan_s=parsed.timespan.seconds,
        threshold=bound.threshold,
        field=bound.field,
        generate=parsed.generate,
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
