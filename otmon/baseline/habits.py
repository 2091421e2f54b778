"""How things are done, while that is learned: their rhythm and values, by operating mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from otmon.baseline.learn import is_steady, note_period, note_value, note_values
from otmon.model.statement import ANY_MODE, Habit, Statement

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Transaction, Value

MAX_EVENT_VALUES = 4
"""Values of one write that a habit tells apart."""
FEW = 4
"""Times up to which a behaviour was not yet seen in the mode before."""
MIN_INTERVALS = 20
"""Intervals within one mode that give its rhythm."""


class _Stretch:
    """Since when a behaviour of this run has been seen in one mode without a break."""

    __slots__ = ("count", "mode", "share", "since_ns", "whole")

    def __init__(self, mode: str, since_ns: int, count: int) -> None:
        self.mode = mode
        self.since_ns = since_ns
        self.count = count
        self.whole = True
        """Whether the run has seen it in this mode alone."""
        self.share: float | None = None
        """How even its rhythm was while that was so: deviation by period."""


class Habits:
    """Notes the habits of statements that are still learned."""

    def __init__(self, mode: Callable[[int], str] | None = None) -> None:
        """Takes what gives the operating mode at a time; none where there is but one."""
        self._mode = mode
        self._stretches: dict[int, _Stretch] = {}
        """By behaviour of the run, where the site has modes."""

    def renew(self, mode: Callable[[int], str] | None) -> None:
        """Goes on with other operating modes."""
        self._mode = mode

    def behaviour(self, statement: Statement, record: Behaviour) -> None:
        """Takes a behaviour, new or with new counts."""
        if statement.state not in ("learning", "pending"):
            return
        mode = ANY_MODE if self._mode is None else self._mode(record.last_seen_ns)
        if record.period_ns is None and record.values is None:
            self._stretch(mode, record)
            return
        habit = _habit(statement, mode)
        stretch = self._stretch(mode, record)
        if stretch is not None and not stretch.whole:
            self._in_part(habit, stretch, record)
            return
        period_ns, deviation_ns = record.period_ns, record.period_deviation_ns
        note_period(habit, period_ns, deviation_ns, record.count - 1)
        if stretch is not None and period_ns:
            stretch.share = (deviation_ns or 0) / period_ns
        values = record.values
        if values is not None and statement.key.kind in ("change", "stream"):
            note_values(habit, values.kind, values.min, values.max)

    def _stretch(self, mode: str, record: Behaviour) -> _Stretch | None:
        number = record.behaviour
        if number is None or self._mode is None:
            return None
        stretch = self._stretches.get(number)
        if stretch is None or (stretch.whole and record.count <= FEW):
            # What shows the mode may be this very behaviour.
            stretch = self._stretches[number] = _Stretch(mode, record.first_seen_ns, 1)
        elif stretch.mode != mode:
            # What the engine says of all of the run is of several modes from now on.
            stretch.mode, stretch.whole = mode, False
            stretch.since_ns, stretch.count = record.last_seen_ns, record.count
        return stretch

    def _in_part(self, habit: Habit, stretch: _Stretch, record: Behaviour) -> None:
        """Takes the rhythm since a mode began of what was even before."""
        intervals = record.count - stretch.count
        if intervals < MIN_INTERVALS or stretch.share is None or not is_steady(1, stretch.share):
            return
        period_ns = (record.last_seen_ns - stretch.since_ns) / intervals
        note_period(habit, period_ns, stretch.share * period_ns, intervals)

    def operation(self, statement: Statement, record: Transaction) -> None:
        """Takes a change: the values that it sets are those of the mode it happens in."""
        if statement.state not in ("learning", "pending"):
            return
        values = record.values
        if not values:
            return
        mode = ANY_MODE if self._mode is None else self._mode(record.time_ns)
        habit = _habit(statement, mode)
        if len(values) <= MAX_EVENT_VALUES:
            note_value(habit, ", ".join(map(_text, values)))
        number = record.behaviour
        stretch = None if number is None else self._stretches.get(number)
        if stretch is not None and not stretch.whole:
            # Of all of the run the engine says it: but that is of several modes.
            kind, numbers = _numbers(values)
            if numbers:
                note_values(habit, kind, min(numbers), max(numbers))


def _habit(statement: Statement, mode: str) -> Habit:
    habit = statement.habits.get(mode)
    if habit is None:
        habit = statement.habits[mode] = Habit()
    return habit


def _numbers(values: Sequence[Value]) -> tuple[str, list[float]]:
    """Values that are numbers, and what kind of numbers they are; none where one is not."""
    if all(isinstance(value, bool) for value in values):
        return "bool", [float(bool(value)) for value in values]
    numbers = [float(value) for value in values if isinstance(value, (int, float))]
    if len(numbers) < len(values):
        return "", []
    kind = "float" if any(isinstance(value, float) for value in values) else "integer"
    return kind, numbers


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
