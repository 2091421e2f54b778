"""The rules that come with otmon as pySigma read them when otmon was made.

pySigma takes most of the time that otmon needs to start. What it made of a file is
written down beside the package, by the digest of the file's text. A file that was
changed since, or that a site added, has no digest there and is read anew.

It is plain JSON, and everything in it is checked: what is not as it should be is read
anew as well.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.resources
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from otmon.model.rule import IMPACTS, Rule, Technique
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
)

FORMAT = 1
"""Goes up with each change of how rules are written down."""
FILE = "shipped_rules.json"
"""Where they are, beside this module."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule that was read before."""

    found: EventRule | CorrelationRule
    """With no path: that is where the file is."""
    counted: frozenset[str]
    """What it counts without letting that alert by itself."""

    def at(self, path: str) -> EventRule | CorrelationRule:
        """The rule, from a file of this path inside its folder."""
        return dataclasses.replace(self.found, rule=dataclasses.replace(self.found.rule, path=path))


def digest(text: str) -> str:
    """What a rule file is known by."""
    return hashlib.sha256(text.encode()).hexdigest()


def ready(text: str) -> Ready | None:
    """What was made of a file with this text; none where it has to be read."""
    given = _rows().get(digest(text))
    if given is None:
        return None
    try:
        return _ready(given)
    except (KeyError, TypeError, ValueError):
        return None


@functools.cache
def _rows() -> Mapping[str, Any]:
    """What is written of each rule, not looked at yet; nothing where it is of no use."""
    place = importlib.resources.files("otmon.ruleset").joinpath(FILE)
    try:
        given = json.loads(place.read_text(encoding="utf-8"))
        if given["format"] == FORMAT and isinstance(given["rules"], dict):
            return dict(given["rules"])
    except (OSError, KeyError, TypeError, ValueError):
        pass
    return {}


def written(rules: Iterable[tuple[str, Ready]]) -> str:
    """Rules and the text of each one's file, as they are written down.

    Raises:
        ValueError: A rule has something that this module does not know how to write.
    """
    lines = []
    for text, one in rules:
        given = json.dumps(_given(one), ensure_ascii=False)
        if _ready(json.loads(given)).at(one.found.rule.path) != one.found:
            raise ValueError(f"{one.found.rule.path} is not what was written down of it")
        lines.append(f'"{digest(text)}": {given}')
    body = ",\n".join(lines)
    return f'{{"format": {FORMAT}, "rules": {{\n{body}\n}}}}\n'


def _given(one: Ready) -> dict[str, Any]:
    """A rule as plain values."""
    facts = {name: getattr(one.found.rule, name) for name in _FACTS}
    facts["techniques"] = [[each.id, each.name] for each in one.found.rule.techniques]
    given: dict[str, Any] = {"rule": facts, "counted": sorted(one.counted), "name": one.found.name}
    found = one.found
    if isinstance(found, EventRule):
        return given | {
            "category": found.category,
            "service": found.service,
            "condition": _plain(found.condition),
        }
    return given | {name: getattr(found, name) for name in _COUNTS}


def _plain(condition: Condition) -> list[Any]:
    match condition:
        case And(parts=parts):
            return ["and", *map(_plain, parts)]
        case Or(parts=parts):
            return ["or", *map(_plain, parts)]
        case Not(part=part):
            return ["not", _plain(part)]
        case Test(field=field, criterion=criterion):
            values = [getattr(criterion, one.name) for one in dataclasses.fields(criterion)]
            return [type(criterion).__name__, field, *values]


def _ready(given: Mapping[str, Any]) -> Ready:
    """What `_given` was made from.

    Raises:
        ValueError: It is not as it should be; so are KeyError and TypeError.
    """
    facts = given["rule"]
    if facts.keys() != _FACTS.keys():
        raise ValueError(facts)
    said = {name: checked(facts[name]) for name, checked in _FACTS.items()}
    rule, name = Rule(**said, path=""), _maybe_text(given["name"])
    counted = frozenset(_texts(given["counted"]))
    if "condition" not in given:
        counts = {key: checked(given[key]) for key, checked in _COUNTS.items()}
        return Ready(CorrelationRule(rule=rule, name=name, **counts), counted)
    category, service = _maybe_text(given["category"]), _maybe_text(given["service"])
    condition = _condition(given["condition"])
    return Ready(EventRule(rule, name, category, service, condition), counted)


def _condition(given: list[Any]) -> Condition:
    kind, *rest = given
    if kind == "and":
        return And(tuple(map(_condition, rest)))
    if kind == "or":
        return Or(tuple(map(_condition, rest)))
    if kind == "not":
        (part,) = rest
        return Not(_condition(part))
    field, *values = rest
    return Test(_text(field), _CRITERIA[kind](*values))


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise TypeError(given)
    return given


def _maybe_text(given: object) -> str | None:
    return None if given is None else _text(given)


def _texts(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise TypeError(given)
    return tuple(map(_text, given))


def _flag(given: object) -> bool:
    if not isinstance(given, bool):
        raise TypeError(given)
    return given


def _number(given: object) -> Any:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(given)
    return given


def _whole(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(given)
    return given


def _maybe_whole(given: object) -> int | None:
    return None if given is None else _whole(given)


def _one_of(words: Iterable[str]) -> Callable[[object], Any]:
    known = frozenset(words)

    def checked(given: object) -> Any:
        if given not in known:
            raise ValueError(given)
        return given

    return checked


def _techniques(given: list[Any]) -> tuple[Technique, ...]:
    return tuple(Technique(_text(key), _text(name)) for key, name in given)


def _aliases(given: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, str]]:
    return {
        alias: {member: _text(field) for member, field in mapping.items()}
        for alias, mapping in given.items()
    }


def _equals(values: list[Any], cased: object) -> Equals:
    if not isinstance(values, list) or not all(isinstance(one, _SCALARS) for one in values):
        raise TypeError(values)
    return Equals(tuple(values), _flag(cased))


def _like(parts: list[list[Any]], cased: object) -> Like:
    return Like(tuple(tuple(map(_maybe_text, part)) for part in parts), _flag(cased))


_SCALARS = (bool, int, float, str)
_comparison = _one_of(get_args(Comparison))
_time_part = _one_of(get_args(TimePart))

_CRITERIA: dict[str, Callable[..., Criterion]] = {
    "Equals": _equals,
    "Like": _like,
    "Regex": lambda pattern, flags: Regex(_text(pattern), _text(flags)),
    "Compare": lambda operator, number: Compare(_comparison(operator), _number(number)),
    "Within": lambda network: Within(_text(network)),
    "Missing": Missing,
    "Exists": lambda exists: Exists(_flag(exists)),
    "SameAs": lambda field: SameAs(_text(field)),
    "PartOfTime": lambda part, operator, number: PartOfTime(
        _time_part(part), _comparison(operator), _whole(number)
    ),
}
"""What makes a criterion of what was written down of its fields, by the name of its class."""

_FACTS: dict[str, Callable[[Any], Any]] = {
    "id": _text,
    "title": _text,
    "description": _text,
    "level": _text,
    "version": _text,
    "status": _text,
    "impact": _one_of(IMPACTS),
    "confidence": _number,
    "techniques": _techniques,
    "legacy_techniques": _texts,
    "triage": _texts,
    "false_positives": _texts,
    "references": _texts,
    "fields": _texts,
    "message": _maybe_text,
    "aggregate_by": _texts,
    "always": _flag,
    "guessed_roles": _texts,
    "is_about_refusals": _flag,
}
"""What is written down of a rule itself, and how each of it is checked."""

_COUNTS: dict[str, Callable[[Any], Any]] = {
    "kind": _one_of(get_args(CorrelationKind)),
    "members": _texts,
    "group_by": _texts,
    "aliases": _aliases,
    "timespan_s": _whole,
    "threshold": _number,
    "field": _maybe_text,
    "generate": _flag,
    "operator": _comparison,
    "percentile": _maybe_whole,
    "unless_normal": _flag,
}
"""The same of what a correlation counts."""
