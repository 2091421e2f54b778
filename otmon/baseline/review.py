"""What people settle: approve, reject, mute, forget, and accept devices."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from otmon.baseline.book import Book
from otmon.baseline.learn import widen
from otmon.errors import UsageError
from otmon.fields import DANGER_CLASSES
from otmon.model.statement import Key, Statement


@dataclass(frozen=True, slots=True)
class Word:
    """Who says what of statements, and until when."""

    action: str
    author: str
    now_ns: int
    reason: str | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A statement before and after somebody settled it; None where it was not there, or is gone."""

    id: str
    before: Statement | None
    after: Statement | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which statements are meant; what is empty chooses nothing away."""

    ids: tuple[str, ...] = ()
    assets: frozenset[str] = frozenset()
    """Ids of devices, of which one takes part."""
    classes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it chooses everything."""
        return not (self.ids or self.assets or self.classes or self.states or self.protocols)

    def fits(self, statement: Statement) -> bool:
        """Whether a statement is meant."""
        key = statement.key
        return (
            (not self.ids or statement.id in self.ids)
            and (not self.assets or not self.assets.isdisjoint((key.client, key.server)))
            and (not self.classes or key.operation_class in self.classes)
            and (not self.states or statement.state in self.states)
            and (not self.protocols or key.protocol in self.protocols)
        )


def chosen(book: Book, choice: Choice) -> list[Statement]:
    """The statements that are meant, in their order.

    Raises:
        UsageError: An id is no statement's.
    """
    for identity in choice.ids:
        if book.by_id(identity) is None:
            raise UsageError(f"There is no statement {identity}. `otmon baseline show` lists them.")
    return in_order(book, filter(choice.fits, book.statements()))


def in_order(book: Book, statements: Iterable[Statement]) -> list[Statement]:
    """By the names of client and server, and protocol; then as in `order`."""
    return sorted(
        statements,
        key=lambda one: (
            natural(book.name(one.key.client)),
            natural(book.name(one.key.server)) if one.key.server else (),
            one.key.protocol,
            order(one),
        ),
    )


def natural(name: str) -> tuple[object, ...]:
    """Text with its numbers in the order of numbers: 10.0.0.9 before 10.0.0.10."""
    return tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)
    )


def order(statement: Statement) -> tuple[object, ...]:
    """Of an edge its statements: the conversation first, then unit, class, operation."""
    key = statement.key
    return (
        key.kind != "asset",
        key.kind != "edge",
        -1 if key.unit is None else key.unit,
        key.operation_class,
        key.operation,
        key.target,
        key.status,
        key.kind,
    )


def settle(book: Book, statements: Iterable[Statement], word: Word) -> list[Change]:
    """Does to statements what somebody says, and gives what that changed."""
    act = _ACTS[word.action]
    changes: list[Change] = []
    for statement in list(statements):
        changes += act(book, statement, word)
    return changes


def _approve(book: Book, statement: Statement, word: Word) -> Iterator[Change]:
    if statement.key.kind == "outside":
        yield from _widen(book, statement, word)
        return
    yield _restate(book, statement, "approved", word)
    if statement.key.kind == "asset":
        yield from _accept(book, statement.key.client, word)


def _widen(book: Book, statement: Statement, word: Word) -> Iterator[Change]:
    """Addresses beyond those learned become part of the statement about reads."""
    read = book.get(statement.key._replace(kind="read"))
    if read is None:
        yield _restate(book, statement, "approved", word)
        return
    before = copy.deepcopy(read)
    widen(read, statement.ranges)
    yield _restate(book, read, "approved", word, before)
    yield _forget(book, statement)


def _accept(book: Book, asset: str, word: Word) -> Iterator[Change]:
    """A device that is accepted has its conversations learned."""
    for edge in list(book.edges()):
        key = (edge.client, edge.server, edge.protocol)
        head = book.get(Key("edge", *key))
        if asset not in key[:2] or head is None or head.state != "pending":
            continue
        edge.enforcing, edge.enforcing_ns = False, None
        edge.first_seen_ns = edge.new_ns = edge.last_seen_ns
        edge.quiet_ns = 0
        book.changed_edges[key] = None
        for one in list(book.of_edge(key)):
            if one.state == "pending" and one.key.operation_class not in DANGER_CLASSES:
                before = copy.deepcopy(one)
                one.novel = ()
                book.set_state(one, "learning")
                yield Change(one.id, before, one)


def _reject(book: Book, statement: Statement, word: Word) -> Iterator[Change]:
    yield _restate(book, statement, "rejected", word)


def _mute(book: Book, statement: Statement, word: Word) -> Iterator[Change]:
    yield _restate(book, statement, "muted", word)


def _forget_one(book: Book, statement: Statement, word: Word) -> Iterator[Change]:
    yield _forget(book, statement)


def _restate(
    book: Book, statement: Statement, state: str, word: Word, before: Statement | None = None
) -> Change:
    before = copy.deepcopy(statement) if before is None else before
    statement.author, statement.reason = word.author, word.reason
    statement.settled_ns, statement.until_ns = word.now_ns, word.until_ns
    book.set_state(statement, state)
    return Change(statement.id, before, statement)


def _forget(book: Book, statement: Statement) -> Change:
    before = copy.deepcopy(statement)
    book.remove(statement)
    return Change(statement.id, before, None)


_ACTS: dict[str, Callable[[Book, Statement, Word], Iterator[Change]]] = {
    "approve": _approve,
    "reject": _reject,
    "mute": _mute,
    "forget": _forget_one,
}
