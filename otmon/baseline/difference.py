"""Two baselines side by side: what was added, is gone, or is done in another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otmon.baseline.book import Book
from otmon.baseline.review import natural, order
from otmon.baseline.words import says
from otmon.model.statement import Habit, Key, Statement

PERIOD_SHARE = 0.25
"""Part of a period by which another is no longer the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, in words."""

    kind: str
    """`added`, `gone` or `changed`."""
    before: str | None
    after: str | None
    why: tuple[str, ...] = ()
    """Of a changed one, in what."""


def differences(before: Book, after: Book) -> Iterator[Difference]:
    """What differs, by client, server and protocol.

    Devices are the same where they have the same name, and statements where all
    that makes them is the same; how often something was seen is no difference.
    """
    old, new = _by_names(before), _by_names(after)
    keys = {**old, **new}
    for key in sorted(keys, key=lambda one: _order(one, keys[one])):
        one, other = old.get(key), new.get(key)
        if one is None:
            assert other is not None  # it is in one of the two
            yield Difference("added", None, says(other, after.name))
        elif other is None:
            yield Difference("gone", says(one, before.name), None)
        else:
            why = tuple(_changes(one, other))
            if why:
                yield Difference("changed", says(one, before.name), says(other, after.name), why)


def _by_names(book: Book) -> dict[Key, Statement]:
    """Statements by their keys, with names for ids; what only deviated is left out."""
    return {
        one.key._replace(
            client=book.name(one.key.client),
            server=book.name(one.key.server) if one.key.server else "",
        ): one
        for one in book.statements()
        if not one.novel
    }


def _order(key: Key, statement: Statement) -> tuple[object, ...]:
    return (natural(key.client), natural(key.server), key.protocol, order(statement))


def _changes(one: Statement, other: Statement) -> Iterator[str]:
    if _settled(one) != _settled(other):
        yield f"{one.state} is now {other.state}"
    if one.ranges != other.ranges:
        yield "other addresses"
    for mode in sorted({*one.habits, *other.habits}):
        yield from _habit_changes(one.habits.get(mode), other.habits.get(mode), one.key.kind)


def _settled(statement: Statement) -> str:
    """The state, learning and learned being one."""
    return "learned" if statement.state == "learning" else statement.state


def _habit_changes(one: Habit | None, other: Habit | None, kind: str) -> Iterator[str]:
    if one is None or other is None:
        return
    if one.period_ns and other.period_ns and min(one.intervals, other.intervals) >= 3:
        off = abs(one.period_ns - other.period_ns)
        noise = max(one.deviation_ns or 0, other.deviation_ns or 0)
        if off > max(PERIOD_SHARE * one.period_ns, 2 * noise):
            yield "another period"
    if kind == "change" and (one.low, one.high) != (other.low, other.high):
        yield "other values"
