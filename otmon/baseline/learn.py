"""When what is seen becomes normal: by saturation, each conversation for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from otmon.baseline.book import Book
from otmon.baseline.ranges import merged
from otmon.config import Baseline as Settings
from otmon.model.statement import Edge, Habit, Range, Statement

HOUR_NS = 3_600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS
IDLE_CAP_NS = 600 * 1_000_000_000
"""The longest pause that counts as use: past it both ends were silent, or nobody watched."""
WATCHED = "*"
"""Under this name an edge has how often the sensor watched each hour while it learned."""
MAX_VALUES = 16
"""Distinct values that a habit lists."""
MIN_TRANSACTIONS = 50
MIN_FLOWS = 3
"""Operations, or else connections, that an edge must have shown before it enforces."""


@dataclass(slots=True)
class Site:
    """How far a site is learned."""

    learning: bool = True
    """Whether conversations that appear are learned."""
    since_ns: int | None = None
    """Packet time from which it learns."""
    days: set[int] = field(default_factory=set)
    """Days since 1970 on which the sensor saw anything, the latest 400."""
    hours: list[int] = field(default_factory=lambda: [0] * 168)
    """How often it saw anything in each hour of the week, by the clocks of the site."""
    latest_hour: int = 0
    """The latest hour since 1970 that was counted."""

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Site:
        """The site that `facts` describes; a new one where it is empty."""
        if not facts:
            return cls()
        return cls(
            facts["learning"],
            facts["since_ns"],
            set(facts["days"]),
            list(facts["hours"]),
            facts["latest_hour"],
        )

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "learning": self.learning,
            "since_ns": self.since_ns,
            "days": sorted(self.days),
            "hours": self.hours,
            "latest_hour": self.latest_hour,
        }

    def watch(self, time_ns: int, hour_of_week: Callable[[int], int]) -> None:
        """Notes that the sensor saw something then."""
        hour = time_ns // HOUR_NS
        if hour > self.latest_hour:
            self.latest_hour = hour
            self.hours[hour_of_week(time_ns)] += 1
        if self.since_ns is None:
            self.since_ns = time_ns
        day = time_ns // DAY_NS
        if day not in self.days:
            self.days.add(day)
            if len(self.days) > 400:
                self.days.discard(min(self.days))

    def watched_days(self, from_ns: int, to_ns: int) -> int:
        """Days after the one of `from_ns` up to that of `to_ns` on which the sensor watched."""
        first, last = from_ns // DAY_NS, to_ns // DAY_NS
        if last - first <= 1:
            return max(0, last - first)
        return sum(first < day <= last for day in self.days)


STEADY = 0.2
"""Share of the period up to which its deviation may go."""


def may_learn(edge: Edge, settings: Settings, time_ns: int) -> bool:
    """Whether something new on an edge is still learned; an edge past its time enforces."""
    if edge.enforcing:
        return False
    if time_ns - edge.first_seen_ns > settings.learning_days * DAY_NS:
        edge.unsaturated = True
        return False
    return True


def is_saturated(edge: Edge, settings: Settings, longest_period_ns: float) -> bool:
    """Whether an edge has shown nothing new for long enough."""
    if edge.transactions < MIN_TRANSACTIONS and edge.flows < MIN_FLOWS:
        return False
    return edge.quiet_ns >= max(settings.quiet_hours * HOUR_NS, 3 * longest_period_ns)


def used(edge: Edge, first_ns: int, last_ns: int, count: int) -> None:
    """Counts operations of an edge, and the time in which they happened."""
    edge.transactions += count
    pause = (last_ns - first_ns) // max(count - 1, 1)
    begins = first_ns if pause <= IDLE_CAP_NS else last_ns
    if last_ns > edge.last_seen_ns:
        gap = last_ns - edge.last_seen_ns
        # What was busy throughout was no pause.
        busy = last_ns - max(begins, edge.last_seen_ns)
        spent = busy + min(gap - busy, IDLE_CAP_NS)
        edge.active_ns += spent
        edge.quiet_ns = min(edge.quiet_ns + spent, last_ns - edge.new_ns)
        edge.last_seen_ns = last_ns


def noted_new(edge: Edge, time_ns: int) -> None:
    """Something new was seen on an edge: its quiet time begins again."""
    if time_ns >= edge.new_ns:
        edge.new_ns = time_ns
        edge.quiet_ns = max(0, edge.last_seen_ns - time_ns)


def enforce(book: Book, edge: Edge, time_ns: int, watched: Sequence[int] | None = None) -> None:
    """Ends the learning of an edge: what it showed is learned.

    Args:
        book: What knows it.
        edge: The edge.
        time_ns: When that is.
        watched: How often the sensor watched each hour of the week until then.
    """
    if not edge.enforcing:
        edge.enforcing = True
        edge.enforcing_ns = time_ns
        if edge.hours and watched is not None:
            edge.hours[WATCHED] = list(watched)
    key = (edge.client, edge.server, edge.protocol)
    book.changed_edges[key] = None
    for statement in list(book.of_edge(key)):
        if statement.state == "learning":
            book.set_state(statement, "learned")


def enforce_saturated(book: Book, settings: Settings, time_ns: int, watched: Sequence[int]) -> int:
    """Ends the learning of every edge that is saturated or past its time; how many."""
    ended = 0
    for edge in list(book.edges()):
        if edge.enforcing:
            continue
        if is_saturated(edge, settings, longest_period(book, edge)):
            enforce(book, edge, time_ns, watched)
        elif time_ns - edge.first_seen_ns > settings.learning_days * DAY_NS:
            edge.unsaturated = True
            enforce(book, edge, time_ns, watched)
        else:
            continue
        ended += 1
    return ended


def is_steady(period: float, deviation: float) -> bool:
    """Whether a rhythm is even enough to be one."""
    return deviation <= STEADY * period


def longest_period(book: Book, edge: Edge) -> float:
    """The longest steady period on an edge, in nanoseconds."""
    periods = (
        habit.period_ns
        for statement in book.of_edge((edge.client, edge.server, edge.protocol))
        for habit in statement.habits.values()
        if habit.period_ns is not None and habit.intervals >= 3
        if is_steady(habit.period_ns, habit.deviation_ns or 0.0)
    )
    return max(periods, default=0.0)


def widen(statement: Statement, ranges: tuple[Range, ...]) -> None:
    """Adds addresses to a statement about reads."""
    statement.ranges = merged((*statement.ranges, *ranges))


def note_period(
    habit: Habit, period_ns: float | None, deviation_ns: float | None, intervals: int
) -> None:
    """Takes the rhythm that rests on the most intervals."""
    if period_ns is not None and intervals >= habit.intervals:
        habit.period_ns, habit.deviation_ns = round(period_ns), round(deviation_ns or 0)
        habit.intervals = intervals


def note_values(habit: Habit, kind: str, low: float | None, high: float | None) -> None:
    """Widens the range of the values."""
    habit.kind = kind
    if low is not None:
        habit.low = low if habit.low is None else min(habit.low, low)
    if high is not None:
        habit.high = high if habit.high is None else max(habit.high, high)


def note_value(habit: Habit, text: str) -> None:
    """Adds a value to a habit; past sixteen distinct ones none is listed."""
    habit.value_count += 1
    if text in habit.values:
        return
    if not habit.values and habit.value_count > 1:
        return
    habit.values = (*habit.values, text) if len(habit.values) < MAX_VALUES else ()


@dataclass(frozen=True, slots=True)
class Learned:
    """How well an edge is learned."""

    keys: int
    """What it showed that statements tell apart."""
    late: int
    """How many of them were seen first in the second half of its time."""

    @property
    def late_share(self) -> float:
        """The same as a part of one: 0 is saturated."""
        return self.late / self.keys if self.keys else 0.0


def learned(book: Book) -> Iterator[tuple[Edge, Learned]]:
    """Every edge of which something is known, by client, server and protocol, and how well."""
    for edge in sorted(book.edges(), key=lambda one: (one.client, one.server, one.protocol)):
        middle = edge.first_seen_ns + (edge.last_seen_ns - edge.first_seen_ns) / 2
        firsts = [
            statement.first_seen_ns
            for statement in book.of_edge((edge.client, edge.server, edge.protocol))
            if statement.key.kind != "edge" and not statement.novel
        ]
        if firsts:
            yield edge, Learned(len(firsts), sum(first > middle for first in firsts))
