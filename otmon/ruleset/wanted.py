"""What rules have to see one by one, so that the engine tells it instead of folding it.

Most operations that only look are told once, as a behaviour. A rule that asks for
what single ones carry, such as a value that is read, would never see them. What it
asks for is worked out from its condition, never narrower than the rule, which is
held against everything that comes.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from otmon.fields import NOTABLE_CLASSES
from otmon.ruleset.condition import (
    And,
    Compare,
    Condition,
    Equals,
    EventRule,
    Not,
    Or,
    Test,
)

MAX_WISHES = 1_024
"""What the engine can look for at a time."""
MAX_OF_A_RULE = 64
"""What a single rule can ask for; one that asks for more asks for too much."""
MAX_ADDRESS = 2**32 - 1

SINGLE_FIELDS = frozenset(
    ("ot.value", "ot.value_number", "ot.value_count", "ot.object.quantity", "event.duration")
)
"""Fields that single operations have, and behaviours do not; besides those of protocols."""
_SPACE = re.compile(r"[a-z][a-z0-9_]*|DB[0-9]+")
"""Spaces of which the rule's spelling is the engine's."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Operations that a rule has to see each: those for which all that is given holds."""

    protocol: str
    operation_class: str | None = None
    operation: str | None = None
    function_code: int | None = None
    unit: int | None = None
    space: str | None = None
    addresses: tuple[int, int] | None = None
    values: tuple[float, float] | None = None

    @property
    def is_of_all(self) -> bool:
        """Whether it is everything of a protocol."""
        return self == Wish(self.protocol)


def wishes(rules: Iterable[EventRule], protocols: Sequence[str]) -> tuple[Wish, ...]:
    """What rules have to see one by one, each once; at most `MAX_WISHES`.

    Args:
        rules: The rules.
        protocols: Those that are dissected.
    """
    every = itertools.chain.from_iterable(of_rule(one, protocols) for one in rules)
    return tuple(itertools.islice(dict.fromkeys(every), MAX_WISHES))


def of_rule(rule: EventRule, protocols: Sequence[str]) -> tuple[Wish, ...]:
    """What one rule has to see one by one; nothing where what is told anyway will do."""
    if rule.category not in (None, "ot_operation", "ot_conformance"):
        return ()
    found: dict[Wish, None] = {}
    for tests in alternatives(rule.condition):
        if _needs_single(tests):
            found |= dict.fromkeys(_of(tests, rule.service, protocols))
    return tuple(found) if len(found) <= MAX_OF_A_RULE else ()


def asks_too_much(rule: EventRule, protocols: Sequence[str]) -> bool:
    """Whether a rule wants all operations of a protocol, or too many kinds of them, singly."""
    if rule.category not in (None, "ot_operation", "ot_conformance"):
        return False
    found: set[Wish] = set()
    for tests in alternatives(rule.condition):
        if _needs_single(tests):
            found.update(_of(tests, rule.service, protocols))
    return len(found) > MAX_OF_A_RULE or any(one.is_of_all for one in found)


def alternatives(condition: Condition) -> Iterator[tuple[Test, ...]]:
    """Tests of which all have to hold, in each way in which a condition can.

    What must not hold is left out, so an alternative is never narrower than it was.
    """
    match condition:
        case Test():
            yield (condition,)
        case Not():
            yield ()
        case Or(parts=parts):
            for part in parts:
                yield from alternatives(part)
        case And(parts=parts):
            several = itertools.product(*(tuple(alternatives(part)) for part in parts))
            for some in itertools.islice(several, MAX_OF_A_RULE):
                yield tuple(itertools.chain.from_iterable(some))


def _needs_single(tests: Sequence[Test]) -> bool:
    """Whether tests hold on single operations alone, and on such as are not told anyway."""
    asked = {test.field for test in tests}
    if not any(field in SINGLE_FIELDS or _is_of_protocol(field) for field in asked):
        return False
    for test in tests:
        values = _texts(test)
        if values is None:
            continue
        if test.field == "ot.first_seen" and values <= {"true"}:
            return False
        if test.field == "event.outcome" and values <= {"failure"}:
            return False
        if test.field == "ot.operation.is_write" and values <= {"true"}:
            return False
        if test.field == "ot.operation.class" and values <= NOTABLE_CLASSES:
            return False
    # Whatever departs from its specification is told.
    return "ot.anomaly" not in asked


def _is_of_protocol(field: str) -> bool:
    """Whether a field is one that a protocol adds."""
    known = ("ot", "event", "source", "destination", "client", "server", "network", "otmon")
    others = ("baseline", "maintenance", "capture", "site_time", "anomaly", "file")
    prefix, dot, _ = field.partition(".")
    return bool(dot) and prefix not in known and prefix not in others


def _of(tests: Sequence[Test], service: str | None, protocols: Sequence[str]) -> Iterator[Wish]:
    """What fulfils all tests, as far as the engine can tell."""
    asked: dict[str, set[str]] = {}
    for test in tests:
        values = _texts(test)
        if values is not None:
            before = asked.get(test.field)
            asked[test.field] = values if before is None else before & values
    of = asked.get("network.protocol")
    named = [one for one in protocols if service in (None, one) and (of is None or one in of)]
    spaces = asked.get("ot.object.type")
    if spaces is not None and not all(map(_SPACE.fullmatch, spaces)):
        spaces = None
    choices: Mapping[str, Sequence[object]] = {
        "protocol": named,
        "operation_class": _choices(asked.get("ot.operation.class")),
        "operation": _choices(asked.get("ot.function.name")),
        "function_code": _numbers(asked.get("ot.function.code")),
        "unit": _numbers(asked.get("ot.unit.id")),
        "space": _choices(spaces),
        "addresses": (_addresses(tests),),
        "values": _values(tests),
    }
    for chosen in itertools.product(*choices.values()):
        given = dict(zip(choices, chosen, strict=True))
        if given["operation_class"] not in NOTABLE_CLASSES:
            yield Wish(**given)  # type: ignore[arg-type]  # each choice is of its field


def _choices(values: Iterable[str] | None) -> Sequence[str | None]:
    return (None,) if values is None else sorted(values)


def _numbers(values: Iterable[str] | None) -> Sequence[int | None]:
    """Whole numbers; any where one of the values is none."""
    if values is None or not all(one.isascii() and one.isdigit() for one in values):
        return (None,)
    return sorted(map(int, values))


def _texts(test: Test) -> set[str] | None:
    """The values that a test lets through, in the engine's spelling; none where many do."""
    if not isinstance(test.criterion, Equals):
        return None
    kept = test.field == "ot.object.type"
    return {str(one) if kept else str(one).lower() for one in test.criterion.values}


def _addresses(tests: Sequence[Test]) -> tuple[int, int] | None:
    """The addresses into which a target has to reach."""
    lowest, highest = 0, MAX_ADDRESS
    for test in tests:
        if test.field not in ("ot.object.address_low", "ot.object.address_high"):
            continue
        bounds = _bounds(test)
        if bounds is not None:
            lowest = max(lowest, math.floor(max(bounds[0], 0)))
            highest = min(highest, math.ceil(min(bounds[1], MAX_ADDRESS)))
    if (lowest, highest) == (0, MAX_ADDRESS):
        return None
    # A target that begins below one and ends above the other covers what is between.
    return min(lowest, highest), max(lowest, highest)


def _values(tests: Sequence[Test]) -> Sequence[tuple[float, float] | None]:
    """Between which two bounds a value has to be, in each way that will do."""
    numbers = [test for test in tests if test.field == "ot.value_number"]
    if not numbers:
        return (None,)
    # Of several values each may fulfil another test, so one test is all that is sure.
    one = numbers[0]
    if isinstance(one.criterion, Equals):
        exact = [value for value in one.criterion.values if isinstance(value, (int, float))]
        return [(float(value), float(value)) for value in exact] or (None,)
    return (_bounds(one),)


def _bounds(test: Test) -> tuple[float, float] | None:
    """Between which two bounds a number has to be; none where that cannot be told."""
    match test.criterion:
        case Compare(operator=operator, number=number):
            if operator in ("gt", "gte"):
                return float(number), math.inf
            if operator in ("lt", "lte"):
                return -math.inf, float(number)
            return float(number), float(number)
        case Equals(values=values):
            numbers = [float(one) for one in values if isinstance(one, (int, float))]
            return (min(numbers), max(numbers)) if len(numbers) == len(values) else None
    return None
