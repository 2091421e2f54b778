"""Condition trees to predicates.

A missing field is false for every test but `Missing`, and so true under `not`.
On a list field any element may match.
"""

from __future__ import annotations

import datetime
import functools
import importlib
import ipaddress
import operator
import re
from collections.abc import Callable
from typing import Any

from otmon.model.event import Event, FieldValue, Scalar, listed
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
    Within,
)

Predicate = Callable[[Event], bool]
_Matcher = Callable[[Scalar], bool]

MAX_REGEX_INPUT = 4096
"""Most characters of a value that a regular expression is shown."""

MAX_EXPLAINERS = 4096
"""Conditions of which it is remembered how to explain them."""
MAX_VALUES = 16
"""Values of a field that a reason names."""

_NUMBERS = frozenset((int, float))
"""The types of numbers; a bool is none."""
_OPERATORS: dict[Comparison, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
}


def compile_condition(condition: Condition, time_zone: datetime.tzinfo = datetime.UTC) -> Predicate:
    """A function that tells whether an event fulfils `condition`.

    Args:
        condition: The tree.
        time_zone: Of the site, for tests of parts of times.
    """
    match condition:
        case And(parts=parts):
            return _all([compile_condition(part, time_zone) for part in parts])
        case Or(parts=parts):
            return _any([compile_condition(part, time_zone) for part in _merged(parts)])
        case Not(part=part):
            inner = compile_condition(part, time_zone)
            return lambda event: not inner(event)
        case Test(field=field, criterion=criterion):
            return _test(field, criterion, time_zone)


def reasons(condition: Condition, event: Event) -> tuple[str, ...]:
    """The tests that made `condition` hold on `event`, in words."""
    known = _explainers.get(id(condition))
    if known is None:
        if len(_explainers) >= MAX_EXPLAINERS:
            _explainers.clear()
        # With the condition itself, so that nothing else can have its place in memory.
        known = _explainers[id(condition)] = condition, _explainer(condition)
    found: list[str] = []
    known[1](event, found)
    return tuple(dict.fromkeys(found))


_Explainer = Callable[[Event, list[str]], None]
_explainers: dict[int, tuple[Condition, _Explainer]] = {}
"""What explains a condition, by where that is in memory: to hash all of it takes longer."""


def _explainer(condition: Condition) -> _Explainer:
    """What adds the tests that made a condition hold to a list, in words."""
    match condition:
        case And(parts=parts) | Or(parts=parts):
            told = [(compile_condition(part), _explainer(part)) for part in parts]

            def explain_parts(event: Event, found: list[str]) -> None:
                for holds, explain in told:
                    if holds(event):
                        explain(event, found)

            return explain_parts
        case Test(field=field):

            def explain_test(event: Event, found: list[str]) -> None:
                value = event.get(field)
                if isinstance(value, tuple) and value:
                    found.append(f"{field} is {listed(value, MAX_VALUES)}")
                else:
                    text = event.text(field)
                    found.append(f"{field} is {'not there' if text is None else text}")

            return explain_test
    return lambda _event, _found: None


def _all(parts: list[Predicate]) -> Predicate:
    # Nested pairs: a loop over the parts costs more than the parts themselves.
    first, *rest = parts
    if not rest:
        return first
    others = _all(rest)
    return lambda event: first(event) and others(event)


def _any(parts: list[Predicate]) -> Predicate:
    first, *rest = parts
    if not rest:
        return first
    others = _any(rest)
    return lambda event: first(event) or others(event)


def _merged(parts: tuple[Condition, ...]) -> list[Condition]:
    """The alternatives, with equalities on one field joined to one look-up."""
    merged: list[Condition] = []
    values: dict[tuple[str, bool], list[bool | int | float | str]] = {}
    for part in parts:
        match part:
            case Test(field=field, criterion=Equals(values=some, cased=cased)):
                values.setdefault((field, cased), []).extend(some)
            case _:
                merged.append(part)
    joined: list[Condition] = [
        Test(field, Equals(tuple(some), cased)) for (field, cased), some in values.items()
    ]
    return joined + merged


def _test(field: str, criterion: Criterion, time_zone: datetime.tzinfo) -> Predicate:
    match criterion:
        case Missing():
            return lambda event: _is_missing(event.get(field))
        case Exists(exists=exists):
            return lambda event: _is_missing(event.get(field)) is not exists
        case SameAs(field=other):
            return lambda event: _share(event.get(field), event.get(other))
    matcher = _matcher(criterion, time_zone)

    def test(event: Event) -> bool:
        value = event.get(field)
        if value is None:
            return False
        if isinstance(value, tuple):
            # Most lists are of one part.
            return matcher(value[0]) if len(value) == 1 else any(map(matcher, value))
        return matcher(value)

    return test


def _is_missing(value: FieldValue) -> bool:
    return value is None or value == ()


def _share(one: FieldValue, other: FieldValue) -> bool:
    """Whether two fields have a value in common."""
    return not _folded(one).isdisjoint(_folded(other))


def _folded(value: FieldValue) -> set[Scalar]:
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    return {part.lower() if isinstance(part, str) else part for part in values}


def _matcher(criterion: Criterion, time_zone: datetime.tzinfo) -> _Matcher:
    match criterion:
        case Equals():
            return _equals(criterion)
        case Like():
            return _like(criterion)
        case Regex(pattern=pattern, flags=flags):
            search = linear_regex(pattern, flags).search
            return lambda value: search(str(value)[:MAX_REGEX_INPUT]) is not None
        case Compare(operator=name, number=number):
            holds = _OPERATORS[name]
            return lambda value: type(value) in _NUMBERS and holds(value, number)
        case Within(network=network):
            return functools.partial(_is_within, ipaddress.ip_network(network))
        case PartOfTime():
            return _part_of_time(criterion, time_zone)
    raise TypeError(f"{criterion!r} is not held against single values")


def _equals(criterion: Equals) -> _Matcher:
    numbers = {
        value
        for value in criterion.values
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    flags = {value for value in criterion.values if isinstance(value, bool)}
    plain = [value for value in criterion.values if isinstance(value, str)]
    texts = set(plain) if criterion.cased else {value.lower() for value in plain}
    # An identifier such as a unit is text in events and a number in rules.
    texts |= {str(number) for number in numbers}
    cased = criterion.cased
    if not plain and not flags:
        # No text stands for another number than these.
        def is_number(value: Scalar) -> bool:
            if isinstance(value, str):
                return value in texts
            return not isinstance(value, bool) and value in numbers

        return is_number

    def equals(value: Scalar) -> bool:
        if isinstance(value, str):
            return value in texts if cased else value.lower() in texts
        if isinstance(value, bool):
            return value in flags
        return value in numbers or str(value) in texts

    return equals


def _like(criterion: Like) -> _Matcher:
    cased = criterion.cased
    parts = criterion.parts if cased else tuple(_lowered(part) for part in criterion.parts)
    if None not in [char for part in parts for char in part]:
        texts = ["".join(char or "" for char in part) for part in parts]
        match texts:
            case ["", middle, ""]:
                return _on_text(lambda text: middle in text, cased)
            case [start, ""]:
                return _on_text(lambda text: text.startswith(start), cased)
            case ["", end]:
                return _on_text(lambda text: text.endswith(end), cased)
    pattern = re.compile(_glob(parts), re.DOTALL)
    return _on_text(lambda text: pattern.match(text) is not None, cased)


def _lowered(part: tuple[str | None, ...]) -> tuple[str | None, ...]:
    return tuple(None if text is None else text.lower() for text in part)


def _on_text(holds: Callable[[str], bool], cased: bool) -> _Matcher:
    def on_text(value: Scalar) -> bool:
        text = value if isinstance(value, str) else str(value)
        return holds(text if cased else text.lower())

    return on_text


def _glob(parts: tuple[tuple[str | None, ...], ...]) -> str:
    """A pattern as a regular expression that never goes back far.

    For the parts between two `*` the first place that fits is as good as any
    later one, so each is sought once, in an atomic group; the last one is
    anchored to the end.
    """
    texts = ["".join("." if text is None else re.escape(text) for text in part) for part in parts]
    if len(texts) == 1:
        return rf"{texts[0]}\Z"
    first, *middle, last = texts
    sought = "".join(f"(?>.*?{text})" for text in middle if text)
    return rf"{first}{sought}.*{last}\Z" if last else rf"{first}{sought}"


def linear_regex(pattern: str, flags: str) -> Any:
    """A regular expression on an engine whose time is linear in its input.

    Raises:
        ValueError: It is no regular expression of that engine.
    """
    re2 = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
    except re2.error as error:
        raise ValueError(f"{pattern} is no regular expression") from error


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@functools.lru_cache(maxsize=65536)
def _is_within(network: Network, value: Scalar) -> bool:
    try:
        return ipaddress.ip_address(value if isinstance(value, str) else "") in network
    except ValueError:
        return False


def _part_of_time(criterion: PartOfTime, time_zone: datetime.tzinfo) -> _Matcher:
    holds, number = _OPERATORS[criterion.operator], criterion.number
    parts: dict[str, Callable[[datetime.datetime], int]] = {
        "minute": lambda moment: moment.minute,
        "hour": lambda moment: moment.hour,
        "day": lambda moment: moment.day,
        "week": lambda moment: moment.isocalendar().week,
        "month": lambda moment: moment.month,
        "year": lambda moment: moment.year,
    }
    part = parts[criterion.part]

    def part_of_time(value: Scalar) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        try:
            moment = epoch + datetime.timedelta(seconds=value // 1_000_000_000)
            return holds(part(moment.astimezone(time_zone)), number)
        except OverflowError:
            return False

    return part_of_time
