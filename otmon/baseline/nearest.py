"""The statement nearest to a deviation: what would have been normal instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from otmon.baseline.book import Book, is_known
from otmon.baseline.words import Names, protocol_name, says, says_key
from otmon.model.statement import Key, Statement

MAX_LOOKED_AT = 512
"""Statements among which the nearest is looked for."""
MAX_NAMED = 4
"""Peers that are named."""

_NUMBER = re.compile(r"\d+")


def expected_of(book: Book, statement: Statement, names: Names) -> tuple[str | None, str]:
    """The id of the nearest statement, and what would have been normal in words."""
    key, novel = statement.key, statement.novel
    if "peer" in novel:
        return _peers(book, key, names)
    if "service" in novel:
        return _services(book, key, names)
    known = [one for one in islice(book.of_edge(key[1:4]), MAX_LOOKED_AT) if is_known(one)]
    rest = [one for one in known if one.key.kind != "edge" and one is not statement]
    if not rest:
        head = next(iter(known), None)
        return (head.id, says(head, names)) if head else (None, "nothing of the kind")
    near = min(rest, key=lambda one: _distance(one.key, key))
    if key.kind == "exception" and near.key.kind != "exception":
        return near.id, f"{says_key(near.key, names, near.ranges)}, never refused"
    return near.id, says(near, names)


def _peers(book: Book, key: Key, names: Names) -> tuple[str | None, str]:
    """Who usually talks to the server."""
    clients: dict[str, Statement] = {}
    for one in _edges(book):
        if one.key.server == key.server:
            clients.setdefault(one.key.client, one)
    if not clients:
        return None, f"nobody asks {names(key.server)} for anything"
    listed = sorted(map(names, clients))
    if len(listed) > MAX_NAMED:
        listed = [*listed[:MAX_NAMED], f"{len(listed) - MAX_NAMED} more"]
    first = min(clients.values(), key=lambda one: one.id)
    return (
        first.id,
        f"only {_and(listed)} {'talk' if len(clients) > 1 else 'talks'} to {names(key.server)}",
    )


def _services(book: Book, key: Key, names: Names) -> tuple[str | None, str]:
    """What the two usually speak."""
    spoken = [one for one in _edges(book) if one.key[1:3] == key[1:3]]
    if not spoken:
        return None, "nothing between the two"
    listed = sorted(protocol_name(one.key.protocol) for one in spoken)
    first = min(spoken, key=lambda one: one.id)
    return first.id, f"{names(key.client)} speaks only {_and(listed)} with {names(key.server)}"


def _edges(book: Book) -> Iterator[Statement]:
    for edge in islice(book.edges(), MAX_LOOKED_AT):
        one = book.get(Key("edge", edge.client, edge.server, edge.protocol))
        if one is not None and is_known(one):
            yield one


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _distance(one: Key, other: Key) -> tuple[object, ...]:
    """How far two keys of one edge are apart: kind of deed, operation, unit, space, address."""
    space, _, rest = one.target.partition(":")
    wanted, _, address = other.target.partition(":")
    return (
        one.operation_class != other.operation_class,
        one.operation != other.operation,
        one.unit != other.unit,
        space != wanted,
        one.kind != other.kind,
        abs(_first_number(rest) - _first_number(address)),
        one.target,
        one.status,
    )


def _first_number(text: str) -> int:
    found = _NUMBER.search(text)
    return int(found[0]) if found else 0
