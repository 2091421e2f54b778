"""Correlations: how many events, or how many distinct values, come together.

Windows slide on event time, so a burst over the turn of a minute is not split.
A correlation fires when its condition turns true, then at most once per
timespan while it holds. Everything that traffic can fill has a bound.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from functools import partial

from otmon.model.event import Event, FieldValue
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule

MAX_GROUPS = 10_000
"""Groups that one correlation remembers; the longest untouched goes first."""
MAX_VALUES = 4_096
"""Distinct values that one group remembers."""
MAX_MEMBERS = 50
"""Events of a group that go into its match."""
MAX_HELD = 50_000
"""Events that one correlation holds on to for its matches, over all groups."""

Key = tuple[FieldValue, ...]
"""The values of `group-by` that the events of a group share."""


class _Group:
    """What is remembered of the events that share the values of `group-by`."""

    __slots__ = ("fired_ns", "members", "newest_ns", "shared", "times", "values")

    def __init__(self, threshold: int, shared: tuple[tuple[str, str], ...]) -> None:
        self.shared = shared
        """The fields of `group-by` and their values, as text."""
        self.newest_ns = -(1 << 63)
        self.fired_ns: int | None = None
        """When it fired last; None while its condition does not hold."""
        self.times: deque[int] = deque(maxlen=threshold)
        """The newest times, as many as it takes to fire."""
        self.values: OrderedDict[FieldValue, int] = OrderedDict()
        """When each value was seen last, the longest unseen first."""
        self.members: deque[Event] = deque(maxlen=MAX_MEMBERS)
        """The newest events of the window, until it fires."""


class Correlator:
    """One correlation on its way through the events."""

    def __init__(self, correlation: CorrelationRule) -> None:
        self.correlation = correlation
        self.evicted_count = 0
        """Groups that were forgotten because there were too many."""
        self._span_ns = correlation.timespan_s * 1_000_000_000
        self._groups: OrderedDict[Key, _Group] = OrderedDict()
        self._held = 0

    def observe(self, key: Key, event: Event) -> Match | None:
        """Counts an event of the group `key`, on which a member rule held.

        While the condition goes on to hold, each further event is a match that
        `continues` the one that fired, so that its alert counts them all.
        """
        group = self._groups.get(key)
        if group is None:
            names = self.correlation.group_by
            shared = tuple((name, _text(value)) for name, value in zip(names, key, strict=True))
            group = self._groups[key] = _Group(self.correlation.threshold, shared)
            self._make_room()
        else:
            self._groups.move_to_end(key)
        # A late event counts at the newest time: it does not move time back.
        now_ns = group.newest_ns = max(group.newest_ns, event.time_ns)
        self._expire(group, now_ns)
        if not self._count(group, event, now_ns):
            return None
        return self._match(group, event, now_ns)

    def _make_room(self) -> None:
        while len(self._groups) > MAX_GROUPS:
            _, gone = self._groups.popitem(last=False)
            self._held -= len(gone.members)
            self.evicted_count += 1

    def _expire(self, group: _Group, now_ns: int) -> None:
        """Forgets what has left the window, and with it that the condition held."""
        oldest_ns = now_ns - self._span_ns
        times, values, members = group.times, group.values, group.members
        while times and times[0] < oldest_ns:
            times.popleft()
        while values and next(iter(values.values())) < oldest_ns:
            values.popitem(last=False)
        while members and members[0].time_ns < oldest_ns:
            members.popleft()
            self._held -= 1
        if self._size(group) < self.correlation.threshold:
            group.fired_ns = None

    def _count(self, group: _Group, event: Event, now_ns: int) -> bool:
        """Takes the event into the window; False where it has nothing to count."""
        if self.correlation.kind == "event_count":
            group.times.append(now_ns)
            return True
        field = self.correlation.field
        value = event.get(field) if field else None
        found = value if isinstance(value, tuple) else () if value is None else (value,)
        for part in found:
            group.values[part] = now_ns
            group.values.move_to_end(part)
            if len(group.values) > MAX_VALUES:
                group.values.popitem(last=False)
        return bool(found)

    def _hold(self, group: _Group, event: Event) -> None:
        if self._held < MAX_HELD:
            if len(group.members) < MAX_MEMBERS:
                self._held += 1
            group.members.append(event)

    def _size(self, group: _Group) -> int:
        return len(group.times) if self.correlation.kind == "event_count" else len(group.values)

    def _match(self, group: _Group, event: Event, now_ns: int) -> Match | None:
        size = self._size(group)
        if size < self.correlation.threshold:
            self._hold(group, event)
            return None
        shared = group.shared
        why = partial(self._reasons, size)
        rule = self.correlation.rule
        if group.fired_ns is not None:
            continues = now_ns - group.fired_ns < self._span_ns
            if not continues:
                group.fired_ns = now_ns
            return Match(rule, event, (), 1, shared, continues, why)
        group.fired_ns = now_ns
        members = tuple(group.members)
        self._held -= len(members)
        group.members.clear()
        return Match(rule, event, members, max(size, len(members) + 1), shared, False, why)

    def _reasons(self, size: int) -> tuple[str, ...]:
        correlation = self.correlation
        what = "events" if correlation.field is None else f"different values of {correlation.field}"
        return (
            f"{size} {what} within {correlation.timespan_s} s; "
            f"the rule fires from {correlation.threshold} on",
        )


def _text(value: FieldValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


Listeners = tuple[tuple[tuple[str, ...], tuple[Correlator, ...]], ...]
"""The correlators that count one rule, by the fields that they group by."""


def grouping(correlation: CorrelationRule, member: str) -> tuple[str, ...]:
    """The fields by which events of a member rule are grouped, aliases resolved."""
    return tuple(
        correlation.aliases.get(name, {}).get(member, name) for name in correlation.group_by
    )


def key_of(fields: tuple[str, ...], event: Event) -> Key | None:
    """The group of an event; none where it lacks one of the fields."""
    key = tuple(map(event.get, fields))
    return None if None in key or () in key else key


def listeners(correlations: Iterable[CorrelationRule]) -> Mapping[str, Listeners]:
    """Who counts the matches of each rule, by its id; those of one grouping together."""
    listening: dict[str, dict[tuple[str, ...], list[Correlator]]] = {}
    for correlation in correlations:
        correlator = Correlator(correlation)
        for member in correlation.members:
            by_fields = listening.setdefault(member, {})
            by_fields.setdefault(grouping(correlation, member), []).append(correlator)
    return {
        member: tuple((fields, tuple(some)) for fields, some in by_fields.items())
        for member, by_fields in listening.items()
    }
