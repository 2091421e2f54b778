"""Correlations: how many events, or how many distinct values, come together.

Windows slide on event time, so a burst over the turn of a minute is not split.
A correlation fires when its condition turns true, then at most once per
timespan while it holds. Everything that traffic can fill has a bound.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from otmon.model.event import Event, FieldValue
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule

MAX_GROUPS = 10_000
"""Groups that one correlation remembers; the longest untouched goes first."""
MAX_REMEMBERED = 50_000
"""Times or values that one correlation remembers, over all groups."""
MAX_MEMBERS = 50
"""Events of a group that go into its match."""
MAX_HELD = 5_000
"""Events that one correlation holds on to for its matches, over all groups."""

Key = tuple[FieldValue, ...]
"""The values of `group-by` that the events of a group share."""


class _Group:
    """What is remembered of the events that share the values of `group-by`."""

    __slots__ = ("fired_ns", "members", "newest_ns", "seen", "shared")

    def __init__(self) -> None:
        self.newest_ns = -(1 << 63)
        self.fired_ns: int | None = None
        """When it fired last; None while its condition does not hold."""
        self.seen: dict[FieldValue, int] = {}
        """When each value was seen last, the longest unseen first. Where events
        are counted, each of them stands for itself."""
        self.members: list[Event] = []
        """The newest events of the window, until it fires."""
        self.shared: tuple[tuple[str, str], ...] = ()
        """The fields of `group-by` and their values as text, once it has fired."""


class Correlator:
    """One correlation on its way through the events.

    Of a group it remembers no more than it takes to fire: the condition holds
    if so many of the newest times, or values, are in the window.
    """

    def __init__(self, correlation: CorrelationRule) -> None:
        self.correlation = correlation
        self.evicted_count = 0
        """Groups that were forgotten because there was too much to remember."""
        self._span_ns = correlation.timespan_s * 1_000_000_000
        self._groups: OrderedDict[Key, _Group] = OrderedDict()
        self._remembered = 0
        self._held = 0
        self._number = 0

    def observe(self, key: Key, event: Event) -> Match | None:
        """Counts an event of the group `key`, on which a member rule held.

        While the condition goes on to hold, each further event is a match that
        `continues` the one that fired, so that its alert counts them all.
        """
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group()
            self._make_room()
        else:
            self._groups.move_to_end(key)
        # A late event counts at the newest time: it does not move time back.
        now_ns = group.newest_ns = max(group.newest_ns, event.time_ns)
        self._expire(group, now_ns)
        if not self._count(group, event, now_ns):
            return None
        return self._match(key, group, event, now_ns)

    def _make_room(self) -> None:
        while len(self._groups) > MAX_GROUPS or (
            self._remembered > MAX_REMEMBERED and len(self._groups) > 1
        ):
            _, gone = self._groups.popitem(last=False)
            self._held -= len(gone.members)
            self._remembered -= len(gone.seen)
            self.evicted_count += 1

    def _expire(self, group: _Group, now_ns: int) -> None:
        """Forgets what has left the window, and with it that the condition held."""
        oldest_ns = now_ns - self._span_ns
        seen, members = group.seen, group.members
        gone = 0
        for time_ns in seen.values():
            if time_ns >= oldest_ns:
                break
            gone += 1
        if not gone:
            return
        for value in list(itertools.islice(seen, gone)):
            del seen[value]
        self._remembered -= gone
        if len(seen) < self.correlation.threshold:
            group.fired_ns = None
        kept = [event for event in members if event.time_ns >= oldest_ns]
        self._held -= len(members) - len(kept)
        group.members = kept

    def _count(self, group: _Group, event: Event, now_ns: int) -> bool:
        """Takes the event into the window; False where it has nothing to count."""
        seen = group.seen
        before = len(seen)
        field = self.correlation.field
        if field is None:
            self._number += 1
            seen[self._number] = now_ns
        else:
            value = event.get(field)
            if value is None or value == ():
                return False
            for part in value if isinstance(value, tuple) else (value,):
                seen.pop(part, None)
                seen[part] = now_ns
        while len(seen) > self.correlation.threshold:
            del seen[next(iter(seen))]
        self._remembered += len(seen) - before
        return True

    def _hold(self, group: _Group, event: Event) -> None:
        members = group.members
        if len(members) >= MAX_MEMBERS:
            del members[0]
        elif self._held < MAX_HELD:
            self._held += 1
        else:
            return
        members.append(event)

    def _match(self, key: Key, group: _Group, event: Event, now_ns: int) -> Match | None:
        if len(group.seen) < self.correlation.threshold:
            self._hold(group, event)
            return None
        rule = self.correlation.rule
        if group.fired_ns is not None:
            continues = now_ns - group.fired_ns < self._span_ns
            if not continues:
                group.fired_ns = now_ns
            return Match(rule, event, (), 1, group.shared, continues, self._reasons)
        names = self.correlation.group_by
        group.shared = tuple((name, _text(value)) for name, value in zip(names, key, strict=True))
        group.fired_ns = now_ns
        members = tuple(group.members)
        self._held -= len(members)
        group.members = []
        count = max(self.correlation.threshold, len(members) + 1)
        return Match(rule, event, members, count, group.shared, False, self._reasons)

    def _reasons(self) -> tuple[str, ...]:
        correlation = self.correlation
        what = "events" if correlation.field is None else f"different values of {correlation.field}"
        return (f"{correlation.threshold} {what} within {correlation.timespan_s} s",)


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
