"""Correlations: how many events, or how many distinct values, come together.

Windows slide on event time, so a burst over the turn of a minute is not split.
A correlation fires when its condition turns true, then at most once per
timespan while it holds. Everything that traffic can fill has a bound.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from otmon.model.event import Event, FieldValue
from otmon.model.kept_event import Json, Reader, Writer, values
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule
from otmon.ruleset.group import MAX_GROUPS, Correlator, Counter, Key, Untimed, member_fields, shared
from otmon.ruleset.measure import Measure
from otmon.ruleset.temporal import Temporal
from otmon.ruleset.window import Plan, Times, Values, Window

MAX_COUNT = 10_000
"""The highest threshold for which each time or value is remembered; above, see `measure`."""
MAX_REMEMBERED = 100_000
"""Times and values that one grouping remembers, over all groups."""
MAX_MEMBERS = 50
"""Events of a group that go into its match."""
MAX_HELD = 10_000
"""Events that one grouping holds on to for its matches, over all groups."""


class _Group:
    """Events that share the values of `group-by`."""

    __slots__ = ("key", "members", "newest_ns", "number", "windows")

    def __init__(self, plans: Iterable[Plan], key: Key) -> None:
        self.key = key
        self.newest_ns = -(1 << 63)
        self.number = 0
        """How many events there were."""
        self.members: list[tuple[int, Event]] = []
        """The newest of them, at most `MAX_MEMBERS`, with their numbers."""
        self.windows = [Times(plan) if plan.field is None else Values(plan) for plan in plans]


class Grouping(Untimed):
    """Correlations that group the matches of the same rules by the same fields."""

    def __init__(
        self, correlations: Iterable[CorrelationRule], fields: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Begins with no group.

        Args:
            correlations: What is counted.
            fields: Of each member rule, the fields that its events are grouped by.
        """
        self.correlations = tuple(correlations)
        self.evicted_count = 0
        """Groups that were forgotten because there was too much to remember."""
        self._fields = fields
        fielded = [one.field for one in self.correlations if one.field is not None]
        self._counted = tuple(dict.fromkeys(fielded))
        self._plans = [
            Plan(
                one.rule,
                one.group_by,
                one.field,
                -1 if one.field is None else self._counted.index(one.field),
                int(one.threshold),
                one.timespan_s * 1_000_000_000,
                not one.aliases and set(one.rule.aggregate_by) <= set(one.group_by),
                one.unless_normal,
            )
            for one in self.correlations
        ]
        self._groups: OrderedDict[Key, _Group] = OrderedDict()
        self._remembered = 0
        self._held = 0
        self._longest_ns = max(plan.span_ns for plan in self._plans)
        self._look_ns = -(1 << 63)
        """Before then no group is over, of those that were there when it looked last."""

    def inherit(self, before: Grouping) -> bool:
        """Goes on with the windows of the correlations that it has in common with another.

        Returns:
            Whether there are any.
        """
        places = [
            before.correlations.index(one) if one in before.correlations else None
            for one in self.correlations
        ]
        if self._fields != before._fields or places.count(None) == len(places):
            return False
        for key, known in before._groups.items():
            group = self._groups[key] = _Group(self._plans, key)
            group.newest_ns, group.number = known.newest_ns, known.number
            group.members.extend(known.members)
            for at, place in enumerate(places):
                if place is not None:
                    window = group.windows[at] = known.windows[place]
                    window.plan = self._plans[at]
            self._remembered += sum(map(len, group.windows))
            self._held += len(group.members)
        return True

    def memory(self, write: Writer, now_ns: int) -> Json:
        """What it counted that a window can still hold, the longest untouched group first."""
        longest_ns = self._longest_ns
        return [
            {
                "key": group.key,
                "newest": group.newest_ns,
                "number": group.number,
                "members": [
                    [number, place]
                    for number, event in group.members
                    if (place := write.place(event)) is not None
                ],
                "windows": [[one.fired_ns, one.counted, one.written()] for one in group.windows],
            }
            for group in self._groups.values()
            if group.newest_ns >= now_ns - longest_ns
        ]

    def restore(self, memory: Json, read: Reader) -> None:
        """Takes what `memory` gave."""
        for one in memory:
            key = values(one["key"])
            group = self._groups[key] = _Group(self._plans, key)
            group.newest_ns, group.number = one["newest"], one["number"]
            group.members.extend((number, read.event(place)) for number, place in one["members"])
            for window, (fired_ns, counted, held) in zip(
                group.windows, one["windows"], strict=True
            ):
                window.fired_ns, window.counted = fired_ns, counted
                window.read(held)
            self._remembered += sum(map(len, group.windows))
            self._held += len(group.members)

    def observe(self, member: str, event: Event) -> Sequence[Match]:
        """Counts an event on which a member rule held.

        Events without one of the fields are grouped together, as SQL does with
        what is missing: S7 controllers have no unit. While the condition of a
        correlation goes on to hold, each further event is a match that
        `continues` the one that fired, so that its alert counts all.
        """
        return self._count(event.several(self._fields[member]), None, event)

    def counter(self, member: str, event: Event) -> Counter:
        """What observes events of the likeness of `event`: it knows their group."""
        fields, decided = self._fields[member], event.likeness.decided
        if not decided.issuperset(fields):
            return functools.partial(self.observe, member)
        values = event.several(self._counted) if decided.issuperset(self._counted) else None
        return functools.partial(self._count, event.several(fields), values)

    def _count(
        self, key: Key, values: tuple[FieldValue, ...] | None, event: Event
    ) -> Sequence[Match]:
        groups = self._groups
        group = groups.get(key)
        if group is None:
            self._forget_over(event.time_ns)
            group = groups[key] = _Group(self._plans, key)
            self._make_room()
        else:
            groups.move_to_end(key)
        # A late event counts at the newest time: it does not move time back.
        now_ns = event.time_ns
        if now_ns < group.newest_ns:
            now_ns = group.newest_ns
        else:
            group.newest_ns = now_ns
        group.number = number = group.number + 1
        if values is None:
            values = event.several(self._counted) if self._counted else ()
        matches: list[Match] | None = None
        wanted = False
        for window in group.windows:
            holds = window.take(values, now_ns)
            if holds is None:
                continue
            if window.grown:
                self._remembered += window.grown
            if not holds or (window.plan.unless_normal and _is_normal(event)):
                wanted = True
            elif matches is None:
                matches = [_match(window, group, event)]
            else:
                matches.append(_match(window, group, event))
        members = group.members
        if wanted:
            if len(members) == MAX_MEMBERS:
                del members[0]
                members.append((number, event))
            elif self._held < MAX_HELD or (now_ns >= self._look_ns and self._has_room(now_ns)):
                self._held += 1
                members.append((number, event))
        elif members:
            # Every window has counted the event: no match to come wants it.
            self._held -= len(members)
            members.clear()
        return matches or ()

    def _has_room(self, now_ns: int) -> bool:
        """Whether one more event can be held on to, once groups are gone that are over."""
        self._forget_over(now_ns)
        return self._held < MAX_HELD

    def _forget_over(self, now_ns: int) -> None:
        """Drops groups in which nothing was seen for longer than every window lasts."""
        oldest_ns = now_ns - self._longest_ns
        while self._groups:
            first = next(iter(self._groups.values()))
            if first.newest_ns >= oldest_ns:
                self._look_ns = first.newest_ns + self._longest_ns + 1
                break
            self._drop_first()

    def _drop_first(self) -> None:
        _, gone = self._groups.popitem(last=False)
        self._held -= len(gone.members)
        self._remembered -= sum(map(len, gone.windows))

    def _make_room(self) -> None:
        while len(self._groups) > MAX_GROUPS or (
            self._remembered > MAX_REMEMBERED and len(self._groups) > 1
        ):
            self._drop_first()
            self.evicted_count += 1


def _is_normal(event: Event) -> bool:
    return event.verdict is not None and event.verdict.normal


def _match(window: Window, group: _Group, event: Event) -> Match:
    """The match of a condition that holds; its first one has the events before it."""
    plan, told = window.plan, window.told
    if told is None:
        told = window.told = shared(plan.group_by, group.key)
    now_ns, counted = group.newest_ns, window.counted
    oldest_ns = now_ns - plan.span_ns
    window.counted = group.number
    series = (window, event.likeness.service) if plan.of_one_alert else None
    if window.fired_ns is not None:
        # What fired less than a timespan ago: only its alert counts on.
        continues = window.fired_ns > oldest_ns
        if not continues:
            window.fired_ns = now_ns
        return Match(plan.rule, event, (), 1, told, continues, plan.reasons, series)
    window.fired_ns = now_ns
    members = tuple(
        one for number, one in group.members if number > counted and one.time_ns >= oldest_ns
    )
    count = max(plan.threshold, len(members) + 1)
    return Match(plan.rule, event, members, count, told, False, plan.reasons, series)


def correlators(correlations: Iterable[CorrelationRule]) -> tuple[Correlator, ...]:
    """What counts correlations: as one those that group the same matches by the same fields."""
    alike: dict[tuple[tuple[str, tuple[str, ...]], ...], list[CorrelationRule]] = {}
    alone: list[Correlator] = []
    for one in correlations:
        if one.kind in ("temporal", "temporal_ordered"):
            alone.append(Temporal(one))
        elif _counts_up(one):
            alike.setdefault(tuple(member_fields(one).items()), []).append(one)
        else:
            alone.append(Measure(one))
    together = (Grouping(some, dict(fields)) for fields, some in alike.items())
    return (*together, *alone)


def _counts_up(one: CorrelationRule) -> bool:
    """Whether it is enough to remember as many times or values as the threshold says."""
    counts = one.kind in ("event_count", "value_count")
    return counts and one.operator == "gte" and one.threshold <= MAX_COUNT
