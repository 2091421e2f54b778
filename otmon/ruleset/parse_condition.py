"""Selections and conditions as pySigma reads them, as otmon's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.exceptions import SigmaError
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

from otmon.fields import Field
from otmon.ruleset.condition import (
    And,
    Compare,
    Comparison,
    Condition,
    Criterion,
    Equals,
    Exists,
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
from otmon.ruleset.source import UnusableError
from otmon.ruleset.support import check_selection, check_values


def check_selections(
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


def condition_of(
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


def parsed(kind: Any, document: Mapping[str, Any], part: str) -> Any:
    """What pySigma makes of a document.

    Args:
        kind: Its class for the kind of document.
        document: The document.
        part: What is blamed where pySigma does not say what is wrong.

    Raises:
        UnusableError: It is no such document.
    """
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
