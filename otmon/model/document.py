"""Frozen dataclasses as JSON documents, and the JSON Schema that describes them.

The types are the one declaration: rendering and schema are both derived from
their annotations, so that they cannot drift apart.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import operator
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import (
    Any,
    Literal,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

Time = NewType("Time", int)
"""Nanoseconds since 1970; an RFC 3339 string in documents."""

JsonValue = None | bool | int | float | str
"""A value as a protocol carries it, where its type is known only at run time."""

_Render = Callable[[Any], Any] | None


Item = TypeVar("Item")


class Deferred(Sequence[Item]):
    """A sequence whose items are made each time they are looked at, and never kept."""

    __slots__ = ("_find", "_make", "_sources")

    def __init__(self, find: Callable[[], Sequence[Any]], make: Callable[[Any], Item]) -> None:
        """Takes what finds the sources of the items, and what makes an item of its source."""
        self._find = find
        self._make = make
        self._sources: Sequence[Any] | None = None

    def _found(self) -> Sequence[Any]:
        if self._sources is None:
            self._sources = self._find()
        return self._sources

    def __len__(self) -> int:
        return len(self._found())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [*map(self._make, self._found()[index])]
        return self._make(self._found()[index])

    def __iter__(self) -> Iterator[Item]:
        return map(self._make, self._found())


def render_time(time_ns: int) -> str:
    """RFC 3339 in UTC with nine digits, as the capture has them.

    Times outside the years 1 to 9999, which only a broken clock writes, are
    given as the nearest end of that span.
    """
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds:09d}Z"


@functools.lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    bounded = min(max(seconds, -62_135_596_800), 253_402_300_799)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=bounded)
    return moment.isoformat(timespec="seconds")


def to_document(value: Any) -> Any:
    """A dataclass as plain JSON types, its keys in the order of declaration."""
    kind: Any = type(value)
    render = _renderer(kind)
    return render(value) if render else value


def pack(value: Any) -> Any:
    """The same with times as numbers: quicker to make and to read again, for keeping."""
    kind: Any = type(value)
    render = _renderer(kind, packed=True)
    return render(value) if render else value


packed_text: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode
"""What `pack` gave, or other plain values, as JSON text without spaces.

Made once: `json.dumps` makes another one each time that it is told about spaces.
"""


def unpack(kind: type[Item], value: Any) -> Item:
    """A dataclass from what `pack` made of it; keys that it lacks have their defaults."""
    parse = _parser(cast(Any, kind))
    parsed: Item = parse(value) if parse else value
    return parsed


def json_text(value: Any) -> Iterator[str]:
    """A dataclass as JSON text with indents of one space, in pieces.

    The lists of `value` itself come item by item, so that a long document is
    never in memory as a whole.
    """
    separator = "{\n "
    for name, (key, annotation) in _keys(type(value)).items():
        part = getattr(value, name)
        yield f"{separator}{_quoted(key)}: "
        separator = ",\n "
        if get_origin(annotation) in (tuple, Sequence) and part:
            render = _renderer(get_args(annotation)[0])
            opening = "[\n  "
            for item in part:
                yield opening
                yield _text(render(item) if render else item, "\n  ")
                opening = ",\n  "
            yield "\n ]"
        else:
            render = _renderer(annotation)
            yield _text(render(part) if render else part, "\n ")
    yield "\n}"


_quoted = json.encoder.encode_basestring
_scalar = json.JSONEncoder(ensure_ascii=False).encode


def _text(value: Any, indent: str) -> str:
    """JSON text as `json.dumps` writes it with an indent, in a third of the time.

    Args:
        value: Plain JSON types.
        indent: A line break, and the spaces before the line that `value` ends on.
    """
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int:
        return str(value)
    inner = f"{indent} "
    if kind is dict and value:
        rows = [f"{_quoted(key)}: {_text(part, inner)}" for key, part in value.items()]
        return f"{{{inner}{f',{inner}'.join(rows)}{indent}}}"
    if kind is list and value:
        rows = [_text(part, inner) for part in value]
        return f"[{inner}{f',{inner}'.join(rows)}{indent}]"
    return _scalar(value)


@functools.cache
def _renderer(annotation: Any, *, packed: bool = False) -> _Render:
    """What turns a value of this annotation into JSON; none where it is JSON already."""
    if annotation is Time:
        return None if packed else render_time
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        inner = [_renderer(kind, packed=packed) for kind in kinds]
        if all(render is None for render in inner):
            return None
        (only,) = inner

        def optional(value: Any) -> Any:
            return None if value is None or only is None else only(value)

        return optional
    if origin in (tuple, Sequence):
        item = _renderer(get_args(annotation)[0], packed=packed)
        return list if item is None else lambda values: [item(value) for value in values]
    if origin is dict:
        return dict
    if dataclasses.is_dataclass(annotation):
        fields = _keys(annotation)
        keys = [key for key, _ in fields.values()]
        renders = [(key, _renderer(kind, packed=packed)) for key, kind in fields.values()]
        changed = [(key, render) for key, render in renders if render is not None]
        get = operator.attrgetter(*fields)
        single = len(fields) == 1

        def dataclass(value: Any) -> dict[str, Any]:
            row = dict(zip(keys, (get(value),) if single else get(value), strict=True))
            for name, render in changed:
                row[name] = render(row[name])
            return row

        return dataclass
    return None


@functools.cache
def _parser(annotation: Any) -> _Render:
    """What turns JSON into a value of this annotation; none where it is one already."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        inner = [_parser(kind) for kind in args if kind is not type(None)]
        if all(parse is None for parse in inner):
            return None
        (only,) = inner
        return lambda value: None if value is None or only is None else only(value)
    if origin in (tuple, Sequence):
        item = _parser(args[0])
        return tuple if item is None else lambda values: tuple([item(value) for value in values])
    if dataclasses.is_dataclass(annotation):
        fields = [(name, key, _parser(kind)) for name, (key, kind) in _keys(annotation).items()]
        make: Any = annotation

        def dataclass(value: Any) -> Any:
            given = {}
            for name, key, parse in fields:
                if key in value:
                    given[name] = parse(value[key]) if parse else value[key]
            return make(**given)

        return dataclass
    return None


@dataclasses.dataclass(frozen=True)
class Key:
    """Annotates a field whose key in documents is a word that Python reserves."""

    name: str


def _keys(kind: Any) -> dict[str, tuple[str, Any]]:
    """Of each field of a dataclass its key in documents, and its annotation."""
    keys = {}
    for name, annotation in get_type_hints(kind, include_extras=True).items():
        other = [
            extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, Key)
        ]
        keys[name] = (other[0].name if other else name, annotation)
    plain = get_type_hints(kind)
    return {
        field.name: (keys[field.name][0], plain[field.name]) for field in dataclasses.fields(kind)
    }


def json_schema(root: type, title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the documents of `root`.

    No object allows a property that is not declared, but for maps of names to
    counts.
    """
    definitions: dict[str, Any] = {}
    schema = _schema(root, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


_PLAIN: dict[Any, dict[str, Any]] = {
    Time: {"type": "string", "format": "date-time"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
}


def _schema(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(kind, definitions) for kind in args]}
    if origin in (tuple, Sequence):
        return {"type": "array", "items": _schema(args[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(args[1], definitions)}
    if origin is Literal:
        return {"enum": list(args)}
    if not dataclasses.is_dataclass(annotation):
        raise TypeError(f"{annotation!r} cannot stand in a document")
    kind = typing.cast(type, annotation)
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}
        fields = _keys(kind)
        definitions[kind.__name__] = {
            "type": "object",
            "description": (kind.__doc__ or "").strip().splitlines()[0],
            "properties": {key: _schema(inner, definitions) for key, inner in fields.values()},
            "required": [key for key, _ in fields.values()],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}
