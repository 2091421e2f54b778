"""KQL as far as otmon uses it: read, checked against the fields, and said as Elasticsearch's DSL.

Kibana turns KQL into the same queries: a quoted value into `match_phrase`, a bare
one into `match`, a star alone into `exists`, a comparison into `range`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<quoted>"(?:[^"\\]|\\.)*") |
    (?P<sign><=|>=|<|>|:|\(|\)) |
    (?P<word>[^\s():<>"]+)
    )""",
    re.VERBOSE,
)
_MOMENT = re.compile(r"now([+-]\d+[smhdwMy])*(/[smhdwMy])?$|\d{4}-\d\d-\d\d(T[\d:.]+Z?)?$")
_RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


class KqlError(Exception):
    """A query that Kibana would not take, or that could never find anything."""


@dataclass(frozen=True)
class Value:
    """A value, and whether it was in quotes."""

    text: str
    is_quoted: bool


@dataclass(frozen=True)
class Is:
    """A field has a value, or one in a range."""

    field: str
    sign: str
    value: Value


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Any_:
    """A part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Node


Node = Is | All | Any_ | Not


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise KqlError(f"{text!r} cannot be read at {text[place:]!r}")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()
        self._next = 0

    def read(self) -> Node:
        node = self._either(None)
        if self._peek() is not None:
            raise KqlError(f"something is left over: {self._peek()}")
        return node

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        if token is None:
            raise KqlError("it ends too early")
        self._next += 1
        return token

    def _is_word(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token[0] == "word" and token[1].lower() == word

    def _either(self, field: str | None) -> Node:
        parts = [self._both(field)]
        while self._is_word("or"):
            self._take()
            parts.append(self._both(field))
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def _both(self, field: str | None) -> Node:
        parts = [self._not(field)]
        while self._is_word("and"):
            self._take()
            parts.append(self._not(field))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self, field: str | None) -> Node:
        if self._is_word("not"):
            self._take()
            return Not(self._not(field))
        return self._one(field)

    def _one(self, field: str | None) -> Node:
        kind, text = self._take()
        if (kind, text) == ("sign", "("):
            node = self._either(field)
            if self._take() != ("sign", ")"):
                raise KqlError("a bracket is not closed")
            return node
        if kind == "sign":
            raise KqlError(f"{text!r} stands where a field or a value should")
        value = Value(text[1:-1] if kind == "quoted" else text, kind == "quoted")
        if field is not None:
            return Is(field, ":", value)
        sign_kind, sign = self._take()
        if sign_kind != "sign" or sign in "()":
            raise KqlError(f"{text!r} has no field")
        token = self._peek()
        if sign == ":" and token == ("sign", "("):
            return self._one(text)
        kind, text_of_value = self._take()
        if kind == "sign":
            raise KqlError(f"{text} has no value")
        quoted = kind == "quoted"
        return Is(text, sign, Value(text_of_value[1:-1] if quoted else text_of_value, quoted))


def read(text: str) -> Node:
    """A query as a tree."""
    return _Reader(text).read()


def tests_of(node: Node) -> Iterator[Is]:
    """Every test of a field."""
    match node:
        case Is():
            yield node
        case Not(part=part):
            yield from tests_of(part)
        case All(parts=parts) | Any_(parts=parts):
            for part in parts:
                yield from tests_of(part)


def check(text: str, fields: Mapping[str, str]) -> None:
    """Refuse what cannot be read, fields that are not mapped, and values that do not fit."""
    for one in tests_of(read(text)):
        kind = fields.get(one.field)
        if kind is None:
            raise KqlError(f"{one.field} is not mapped")
        value = one.value.text
        if one.sign != ":" and kind not in ("long", "float", "double", "date"):
            raise KqlError(f"{one.field} is a {kind}, which has no order")
        if value != "*" and not _fits(kind, value):
            raise KqlError(f"{one.field} is a {kind}, which {value!r} is not")


def _fits(kind: str, value: str) -> bool:
    match kind:
        case "boolean":
            return value in ("true", "false")
        case "long":
            return bool(re.fullmatch(r"-?\d+", value))
        case "float" | "double":
            return bool(re.fullmatch(r"-?\d+(\.\d+)?", value))
        case "date":
            return bool(_MOMENT.match(value))
        case "ip":
            try:
                ipaddress.ip_network(value)
            except ValueError:
                return False
    return True


def dsl(text: str) -> dict[str, Any]:
    """A query in Elasticsearch's own words."""
    return _dsl(read(text)) if text.strip() else {"match_all": {}}


def _dsl(node: Node) -> dict[str, Any]:
    match node:
        case All(parts=parts):
            return {"bool": {"filter": [_dsl(part) for part in parts]}}
        case Any_(parts=parts):
            should = [_dsl(part) for part in parts]
            return {"bool": {"should": should, "minimum_should_match": 1}}
        case Not(part=part):
            return {"bool": {"must_not": [_dsl(part)]}}
        case Is(field=field, sign=":", value=value):
            if value.text == "*" and not value.is_quoted:
                return {"exists": {"field": field}}
            if "*" in value.text and not value.is_quoted:
                return {"query_string": {"fields": [field], "query": value.text}}
            return {"match_phrase" if value.is_quoted else "match": {field: value.text}}
        case Is(field=field, sign=sign, value=value):
            return {"range": {field: {_RANGES[sign]: value.text}}}
    raise AssertionError(node)
