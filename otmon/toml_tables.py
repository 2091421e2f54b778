"""Tables of a TOML file as dataclasses, and what is wrong with them, by line."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import difflib
import functools
import inspect
import itertools
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from otmon.errors import ConfigError

Built = TypeVar("Built")
_Where = tuple[str | int, ...]
"""The keys that lead to a value, with the place in a list of tables."""


class TableReader:
    """Turns tables into dataclasses, and says where something is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def build(self, kind: type[Built], table: Mapping[str, Any], where: _Where) -> Built:
        """A dataclass from its table; `where` are the keys that lead to it."""
        known = {key.name: key for key in keys(typing.cast(Any, kind))}
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                advice = f"Did you mean {near[0]!r}?" if near else f"Known: {_listed(known)}."
                raise self._error((*where, key), f"{key!r} is not known here. {advice}")
        values = {
            known[key].attribute: self._value(
                known[key].kind, value, (*where, key), signed=known[key].signed
            )
            for key, value in table.items()
        }
        for needed in known.values():
            if needed.required and needed.attribute not in values:
                raise self._error(where, f"{needed.name!r} is missing. Add it.")
        try:
            return kind(**values)
        except ValueError as error:
            raise self._error(where, f"{error}. Correct it.") from error

    def _value(self, kind: Any, value: Any, where: _Where, *, signed: bool = False) -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            (kind,) = (arg for arg in args if arg is not type(None))
            return self._value(kind, value, where, signed=signed)
        if origin is tuple:
            if not isinstance(value, list):
                raise self._error(where, f"{_name(where)!r} is a list. Put it in brackets.")
            return tuple(
                self._value(args[0], item, (*where, place) if isinstance(item, dict) else where)
                for place, item in enumerate(value)
            )
        if origin is not None:
            self._expect(isinstance(value, dict), "a table", where)
            return types.MappingProxyType(
                {key: self._value(args[1], item, (*where, key)) for key, item in value.items()}
            )
        if dataclasses.is_dataclass(kind):
            self._expect(isinstance(value, dict), "a table", where)
            return self.build(typing.cast("type[Any]", kind), value, where)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is datetime.date:
            self._expect(type(value) is datetime.date, "a date such as 2026-12-24", where)
            return value
        self._expect(type(value) is kind, _KINDS[kind], where)
        if isinstance(value, int | float) and value < 0 and not signed:
            raise self._error(where, f"{_name(where)!r} is below zero. Give it a size.")
        return value

    def _expect(self, right: bool, what: str, where: _Where) -> None:
        if not right:
            raise self._error(where, f"{_name(where)!r} has to be {what}. Correct it.")

    def _error(self, where: _Where, what: str) -> ConfigError:
        line = self._line(where)
        place = f"{self._path}:{line}" if line else f"{self._path}"
        inside = ".".join(part for part in where[:-1] if isinstance(part, str))
        return ConfigError(f"{place}: {f'[{inside}] ' if inside else ''}{what}")

    def _line(self, where: _Where) -> int | None:
        """The line of a key, or of the table it is in, as far as that can be found."""
        names = [part for part in where if isinstance(part, str)]
        nth = next((part for part in reversed(where) if isinstance(part, int)), 0)
        table, key = ".".join(names[:-1]), names[-1] if names else ""
        current, headings, found = "", 0, None
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
                current = re.sub(r"[\"' ]", "", header[1])
                if current in (table, ".".join(names)) and current:
                    headings += 1
                    if headings == nth + 1:
                        found = number
            elif (
                current == table
                and headings in (0, nth + 1)
                and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line)
            ):
                return number
        return found


def _name(where: _Where) -> str:
    return next((part for part in reversed(where) if isinstance(part, str)), "")


_KINDS: Mapping[Any, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    datetime.datetime: "a date with a time such as 2026-12-24T06:00:00",
}


class Key(NamedTuple):
    """A key of a table, and the attribute of the dataclass that it is."""

    name: str
    attribute: str
    kind: Any
    """Its type."""
    required: bool
    """Whether it must be there."""
    default: Any
    """What it is where it is left out."""
    signed: bool
    """Whether it may be below zero: what a plant measures, not a size."""


@functools.cache
def keys(kind: Any) -> tuple[Key, ...]:
    """The keys of the table that a dataclass is, in their order.

    A field is a key of its own name, unless its metadata has another `key`, or
    none. A number is a size, unless its metadata says that it is `signed`.
    """
    hints = get_type_hints(kind)
    found = []
    for part in dataclasses.fields(kind):
        name = part.metadata.get("key", part.name)
        if name is None:
            continue
        default = part.default
        if part.default_factory is not dataclasses.MISSING:
            default = part.default_factory()
        required = default is dataclasses.MISSING
        signed = part.metadata.get("signed", False)
        found.append(Key(name, part.name, hints[part.name], required, default, signed))
    return tuple(found)


def meanings(kind: Any) -> dict[str, str]:
    """Of each key of a table what the docstring below it says."""
    tree = ast.parse(inspect.cleandoc(inspect.getsource(kind)))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    said: dict[str, str] = {}
    for node, after in itertools.pairwise(body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            said[node.target.id] = " ".join(str(after.value.value).split())
    return {key.name: said.get(key.attribute, "") for key in keys(kind)}


def _listed(keys: Mapping[str, Any]) -> str:
    return ", ".join(keys) or "nothing yet"
