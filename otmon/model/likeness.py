"""What events have in common, so that it is worked out once for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from otmon.model.layout import (
    BEHAVIOUR,
    RELATION_FIELDS,
    SAID_FIELDS,
    SHAPE_FIELDS,
    TRANSACTION,
    FieldValue,
    Layout,
)

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Transaction
    from otmon.model.context import Context

MAX_LIKENESSES = 8_192
"""Likenesses that are kept; when there are more, all are made anew."""

OFTEN = 3
"""Operations of one shape from which a relation has a likeness of its own."""

_OF_RELATION = SHAPE_FIELDS | RELATION_FIELDS
_SAID = frozenset(SAID_FIELDS)


class Likeness:
    """What events have in common that differ only in what they carry.

    Rules and detectors work out once for a likeness what is the same for all of
    its events. Two likenesses are never equal, whatever they hold.
    """

    __slots__ = (
        "category",
        "context",
        "decided",
        "derived",
        "failed",
        "kin",
        "layout",
        "of_relation",
        "operation_class",
        "service",
        "shape",
    )

    def __init__(
        self,
        category: str,
        service: str | None,
        operation_class: str | None,
        layout: Layout,
        context: Context | None = None,
        shape: int | None = None,
        decided: frozenset[str] = frozenset(),
        failed: bool | None = None,
    ) -> None:
        self.category = category
        self.service = service
        self.operation_class = operation_class
        self.layout = layout
        self.context = context
        """What answers the fields that the events do not carry themselves."""
        self.shape = shape
        """Events of one shape and category have the same `SHAPE_FIELDS`; none where not known."""
        self.decided = decided
        """The fields of which all events have the same values, where it is kept for many."""
        self.of_relation = bool(decided) and decided >= RELATION_FIELDS
        """Whether all events are of one conversation and unit."""
        self.failed = failed
        """Whether all events failed or were refused; none where it is not the same of all."""
        self.kin: Hashable = shape
        """Likenesses with the same differ in `RELATION_FIELDS` at most; none where not known."""
        self.derived: dict[tuple[object, ...], Likeness] | None = None
        """Those of events that detectors derive, by what they say."""

    def derive(self, category: str, own: Mapping[str, FieldValue]) -> Likeness:
        """What such events have in common, as another kind of event with fields of its own."""
        if not self.decided:
            # It is not kept, and so its own are not.
            return Likeness(category, self.service, self.operation_class, self.layout, self.context)
        said = tuple([own.get(field) for field in SAID_FIELDS])
        key = (category, *said, *own)
        if self.derived is None:
            self.derived = {}
        known = self.derived.get(key)
        if known is None:
            known = self.derived[key] = Likeness(
                category,
                self.service,
                self.operation_class,
                self.layout,
                self.context,
                decided=self.decided.difference(own) | _SAID.intersection(own),
                failed=None if "event.outcome" in own else self.failed,
            )
            known.kin = (self.shape, key)
        return known


_Both = tuple[Likeness, Likeness | None]
"""Of a transaction: as an operation, and as a departure from its specification if it is one."""


class Likenesses:
    """The likenesses of the operations of a run, each made once and kept.

    Most relations show an operation only once or twice: these have the likeness
    of their shape, and one of their own from the third time on.
    """

    def __init__(self, context: Context | None = None) -> None:
        """Takes what answers what events do not carry themselves."""
        self._context = context
        self._count = 0
        self._shapes: dict[int, _Transactions] = {}
        self._behaviours: dict[int, Likeness] = {}

    def of_transaction(self, transaction: Transaction) -> _Both:
        """As an operation, and as a departure from its specification where it is one."""
        shape = self._shapes.get(transaction.shape)
        if shape is not None:
            known = shape.relations.get(transaction.relation)
            if known is not None:
                return known
        return self._find(transaction)

    def of_behaviour(self, behaviour: Behaviour) -> Likeness:
        """As an operation."""
        known = self._behaviours.get(behaviour.shape)
        if known is None:
            if len(self._behaviours) >= MAX_LIKENESSES:
                self._behaviours.clear()
            known = likeness_of_behaviour(behaviour, self._context, decided=SHAPE_FIELDS)
            self._behaviours[behaviour.shape] = known
        return known

    def _find(self, transaction: Transaction) -> _Both:
        if self._count >= MAX_LIKENESSES:
            self._shapes.clear()
            self._count = 0
        shape = self._shapes.get(transaction.shape)
        if shape is None:
            both = self._both(transaction, SHAPE_FIELDS)
            shape = self._shapes[transaction.shape] = _Transactions(both)
        relation = transaction.relation
        times = shape.seldom.get(relation, 0) + 1
        if relation is None or times < OFTEN:
            self._count += times == 1
            shape.seldom[relation] = times
            return shape.both
        known = shape.relations[relation] = self._both(transaction, _OF_RELATION)
        return known

    def _both(self, transaction: Transaction, decided: frozenset[str]) -> _Both:
        def of(category: str) -> Likeness:
            return likeness_of_transaction(transaction, self._context, category, decided)

        return of("ot_operation"), of("ot_conformance") if transaction.anomalies else None


class _Transactions:
    """The likenesses of transactions of one shape."""

    __slots__ = ("both", "relations", "seldom")

    def __init__(self, both: _Both) -> None:
        self.both = both
        """What all of them have in common."""
        self.relations: dict[int | None, _Both] = {}
        """What those of a relation have in common, where there were several."""
        self.seldom: dict[int | None, int] = {}
        """How many there were of relations that have nothing of their own yet."""


def likeness_of_transaction(
    transaction: Transaction,
    context: Context | None,
    category: str,
    decided: frozenset[str] = frozenset(),
) -> Likeness:
    """What a transaction has in common with others, which have the same in `decided` fields."""
    return Likeness(
        category,
        transaction.protocol,
        transaction.operation_class,
        TRANSACTION,
        context,
        transaction.shape,
        decided,
        transaction.outcome == "failure" if "event.outcome" in decided else None,
    )


def likeness_of_behaviour(
    behaviour: Behaviour,
    context: Context | None,
    category: str = "ot_operation",
    decided: frozenset[str] = frozenset(),
) -> Likeness:
    """What a behaviour has in common with others, which have the same in `decided` fields."""
    return Likeness(
        category,
        behaviour.protocol,
        behaviour.operation_class,
        BEHAVIOUR,
        context,
        behaviour.shape,
        decided,
        behaviour.outcome == "failure" if "event.outcome" in decided else None,
    )
