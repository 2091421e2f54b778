"""What the evaluator supports of Sigma; all else is an error, never ignored."""

from __future__ import annotations

import difflib
import string
from collections.abc import Iterable, Mapping
from typing import Any

from otmon.fields import Field, Kind
from otmon.model.rule import PLACES
from otmon.ruleset.compile import linear_regex
from otmon.ruleset.condition import Equals, Test
from otmon.ruleset.source import KeyPath, UnusableError

MODIFIERS = frozenset(
    (
        "contains",
        "startswith",
        "endswith",
        "all",
        "cased",
        "exists",
        "neq",
        "re",
        "i",
        "m",
        "s",
        "lt",
        "lte",
        "gt",
        "gte",
        "cidr",
        "fieldref",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "year",
    )
)
"""The modifiers that the evaluator supports."""
_ORDER = frozenset(("lt", "lte", "gt", "gte"))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest of the known ones, if one is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def check_message(message: object) -> None:
    """Refuses a sentence of an alert that could not be filled in when it is needed."""
    if message is None:
        return
    where = ("otmon", "message")
    if not isinstance(message, str):
        raise UnusableError("message is no text: put it in quotes", *where)
    try:
        parts = list(string.Formatter().parse(message))
    except ValueError as error:
        raise UnusableError(f"message: {error}; a brace itself is written twice", *where) from error
    for _, place, form, conversion in parts:
        if place is None:
            continue
        if place not in PLACES:
            listed = ", ".join(sorted(PLACES))
            raise UnusableError(f"the message has a place {place!r}: there are {listed}", *where)
        if form or conversion:
            raise UnusableError(f"the place {place!r} of the message takes no format", *where)


def check_selection(definition: Any, fields: Mapping[str, Field], where: KeyPath) -> None:
    """Refuses what the evaluator does not support, with its place in the file."""
    if isinstance(definition, list):
        for place, item in enumerate(definition):
            if not isinstance(item, dict):
                raise UnusableError("searches for text without a field", *where, place)
            check_selection(item, fields, (*where, place))
        return
    if not definition:
        raise UnusableError("asks for nothing: name a field and its value", *where)
    if not isinstance(definition, dict):
        raise UnusableError("searches for text without a field", *where)
    for key in definition:
        field, *modifiers = str(key).split("|")
        if not field:
            raise UnusableError("searches for text without a field", *where, key)
        for modifier in modifiers:
            if modifier not in MODIFIERS:
                near = did_you_mean(modifier, MODIFIERS)
                raise UnusableError(f"modifier {modifier} is not supported{near}", *where, key)
        for order in _ORDER.intersection(modifiers):
            values = definition[key]
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    said = f"{order} compares numbers, and {value!r} is none"
                    raise UnusableError(said, *where, key)
        if "re" in modifiers:
            values = definition[key]
            for pattern in values if isinstance(values, list) else [values]:
                _check_regex(str(pattern), (*where, key))
        check_field(field, fields, (*where, key))


def _check_regex(pattern: str, where: KeyPath) -> None:
    try:
        linear_regex(pattern, "")
    except ValueError as error:
        raise UnusableError(str(error), *where) from error
    except ImportError as error:
        raise UnusableError("regular expressions need google-re2: install it", *where) from error


def check_field(field: str, fields: Mapping[str, Field], where: KeyPath) -> None:
    """Refuses a field that is not in the catalogue, whose group of names is."""
    root = field.partition(".")[0]
    if field not in fields and any(name.partition(".")[0] == root for name in fields):
        near = did_you_mean(field, fields)
        raise UnusableError(f"there is no field {field}{near}", *where)


def check_values(
    test: Test, fields: Mapping[str, Field], detection: Mapping[str, Any], part: str
) -> None:
    """Refuses a value that its field never has; `part` is the key of the selections."""
    known = fields.get(test.field)
    if known is None or not isinstance(test.criterion, Equals):
        return
    for value in test.criterion.values:
        where = _where(detection, test.field, part)
        if known.values is not None and str(value).lower() not in known.values:
            near = did_you_mean(str(value).lower(), known.values)
            raise UnusableError(f"{test.field} never has the value {value}{near}", *where)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if known.kind in (Kind.LONG, Kind.FLOAT) and not is_number:
            raise UnusableError(f"{test.field} is a number and never {value!r}", *where)
        if known.kind is Kind.BOOLEAN and not isinstance(value, bool):
            raise UnusableError(f"{test.field} is true or false and never {value!r}", *where)


def _where(detection: Mapping[str, Any], field: str, part: str) -> KeyPath:
    """The first place in the selections that names a field."""

    def search(definition: Any, where: KeyPath) -> KeyPath | None:
        if isinstance(definition, list):
            for place, item in enumerate(definition):
                found = search(item, (*where, place))
                if found:
                    return found
        if isinstance(definition, dict):
            for key in definition:
                if str(key).split("|")[0] == field:
                    return (*where, key)
        return None

    for selection, definition in detection.items():
        found = search(definition, (part, selection))
        if found:
            return found
    return (part,)
