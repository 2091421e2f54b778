"""The evaluator agrees with a plain walk of the tree that pySigma reads, on random events."""

from __future__ import annotations

import datetime
import fnmatch
import ipaddress
import re
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruleset.texts import HEAD
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
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

from otmon.model.event import Layout, event_of
from otmon.ruleset.judge import Judge
from otmon.ruleset.load import load_rules

NOON_NS = 1_700_000_000 * 1_000_000_000

texts = st.sampled_from(["a", "A", "ab", "ba", "aXb", "b", "10", ""])
numbers = st.integers(0, 12)
TESTS: dict[str, st.SearchStrategy[Any]] = {
    "ot.function.name": st.sampled_from(["a", "A", "a*", "*b", "a?b", "*x*", r"a\*"]),
    "ot.function.name|contains": texts.filter(bool),
    "ot.function.name|startswith": texts.filter(bool),
    "ot.function.name|endswith": texts.filter(bool),
    "ot.function.name|cased": st.sampled_from(["a", "A", "ab"]),
    "ot.function.name|contains|cased": st.sampled_from(["a", "X"]),
    "ot.function.name|re": st.sampled_from(["^a", "b$", "a.b", "[0-9]+"]),
    "ot.function.name|re|i": st.sampled_from(["^A", "xB$"]),
    "ot.function.name|neq": texts.filter(bool),
    "ot.function.code": numbers,
    "ot.function.code|gt": numbers,
    "ot.function.code|lte": numbers,
    "ot.function.code|neq": numbers,
    "ot.answered": st.booleans(),
    "ot.phase": st.none(),
    "ot.phase|exists": st.booleans(),
    "ot.value": st.lists(texts.filter(bool), min_size=1, max_size=3),
    "ot.value|all": st.lists(texts.filter(bool), min_size=2, max_size=3),
    "ot.value|contains|all": st.lists(st.sampled_from(["a", "b", "X"]), min_size=2, max_size=2),
    "source.ip|cidr": st.sampled_from(["10.0.0.0/8", "192.168.0.0/16", "fe80::/10"]),
    "ot.function.name|fieldref": st.just("ot.status.name"),
    "@timestamp|hour": st.integers(20, 23),
    "@timestamp|minute|gte": st.integers(0, 59),
    "@timestamp|day": st.integers(13, 16),
}
items = st.sampled_from(sorted(TESTS)).flatmap(lambda key: st.tuples(st.just(key), TESTS[key]))
selections = st.lists(items, min_size=1, max_size=3).map(dict)
conditions = st.sampled_from(
    [
        "x1", "not x1", "x1 and x2", "x1 or x2", "x1 and not x2", "not (x1 or x2)",
        "1 of x*", "all of x*", "1 of them", "all of them", "(x1 or x2) and not (x1 and x2)",
    ]
)  # fmt: skip
events = st.fixed_dictionaries(
    {},
    optional={
        "ot.function.name": texts,
        "ot.status.name": texts,
        "ot.function.code": numbers,
        "ot.answered": st.booleans(),
        "ot.phase": st.just("select"),
        "ot.value": st.lists(texts, max_size=3).map(tuple),
        "source.ip": st.sampled_from(["10.1.2.3", "192.168.1.1", "fe80::1", "8.8.8.8"]),
        "@timestamp": st.integers(NOON_NS - 10**14, NOON_NS + 10**14),
    },
)


def walk(tree: Any, event: dict[str, Any]) -> bool:
    """Whether a tree of pySigma holds, as its specification says it."""
    match tree:
        case ConditionAND():
            return all(walk(part, event) for part in tree.args)
        case ConditionOR():
            return any(walk(part, event) for part in tree.args)
        case ConditionNOT():
            return not walk(tree.args[0], event)
        case ConditionFieldEqualsValueExpression():
            found = event.get(tree.field)
            values = [] if found is None else list(found) if isinstance(found, tuple) else [found]
            return holds(tree.value, values, event)
    raise TypeError(tree)


def holds(wanted: Any, values: list[Any], event: dict[str, Any]) -> bool:
    match wanted:
        case SigmaNull():
            return not values
        case SigmaExists():
            return bool(values) is wanted.exists
        case SigmaFieldReference():
            other = event.get(wanted.field)
            others = list(other) if isinstance(other, tuple) else [other]
            return any(
                fold(one) == fold(two) for one in values for two in others if two is not None
            )
    return any(fits(wanted, one) for one in values)


def fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def fits(wanted: Any, value: Any) -> bool:
    match wanted:
        case SigmaString():
            pattern = "".join(
                "*" if part is SpecialChars.WILDCARD_MULTI
                else "?" if part is SpecialChars.WILDCARD_SINGLE
                else re.sub(r"([*?\[])", r"[\1]", str(part))
                for part in wanted.s
            )  # fmt: skip
            if isinstance(wanted, SigmaCasedString):
                return fnmatch.fnmatchcase(str(value), pattern)
            return fnmatch.fnmatchcase(str(value).lower(), pattern.lower())
        case SigmaTimestampPart():
            return part_of(wanted, value) == wanted.number
        case SigmaNumber():
            return value == wanted.number and not isinstance(value, bool)
        case SigmaBool():
            return value is wanted.boolean
        case SigmaCompareExpression():
            number = wanted.number
            if isinstance(number, SigmaTimestampPart):
                return compared(wanted.op.name, part_of(number, value), number.number)
            return compared(wanted.op.name, value, number.number)
        case SigmaCIDRExpression():
            return ipaddress.ip_address(value) in wanted.network
        case SigmaRegularExpression():
            flags = re.IGNORECASE if wanted.flags else 0
            return re.search(str(wanted.regexp.original), str(value), flags) is not None
    raise TypeError(wanted)


def part_of(wanted: SigmaTimestampPart, value: int) -> int:
    moment = datetime.datetime.fromtimestamp(value // 1_000_000_000, datetime.UTC)
    return int(getattr(moment, wanted.timestamp_part.name.lower()))


def compared(name: str, one: float, other: float) -> bool:
    return {"LT": one < other, "LTE": one <= other, "GT": one > other, "GTE": one >= other}[name]


@settings(max_examples=150, deadline=None)
@given(first=selections, second=selections, condition=conditions, some=st.lists(events, max_size=8))
def test_a_rule_holds_where_a_plain_walk_of_its_tree_does(
    tmp_path_factory, first, second, condition, some
):
    detection = {"x1": first, "x2": second, "condition": condition}
    path = tmp_path_factory.mktemp("oracle") / "rule.yml"
    path.write_text(HEAD + yaml.safe_dump({"detection": detection}))
    rules = load_rules([path])
    assert () == rules.errors
    tree = (
        SigmaRule.from_dict(yaml.safe_load(path.read_text())).detection.parsed_condition[0].parsed
    )
    judge = Judge(rules.events)

    for own in some:
        event = event_of("ot_operation", "modbus", 0, None, Layout({}), own)
        assert walk(tree, own) is bool(judge.judge(event)), own
