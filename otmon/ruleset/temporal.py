"""Correlations of different rules that hold within a timespan, in any order or in a given one.

A condition holds from the event that completes it until its first event is a
timespan old. It fires when it turns true, then at most once per timespan while
it holds.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from otmon.model.event import Event
from otmon.model.kept_event import Json, Reader, Writer
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule
from otmon.ruleset.group import Counter, Groups, Key, Untimed, member_fields, shared

_BEFORE_ALL = -(1 << 63)


@dataclass(slots=True)
class _Chain:
    """The first steps of an order, as far as they were taken."""

    began_ns: int
    events: tuple[Event, ...]

    def is_before(self, event: Event) -> bool:
        """Whether its last event was before another: at an earlier time, or in earlier frames."""
        last = self.events[-1]
        if last.time_ns != event.time_ns:
            return last.time_ns < event.time_ns
        return last.frames < event.frames


@dataclass(slots=True)
class _Group:
    """What was seen of a group."""

    newest: dict[str, tuple[int, Event]] = field(default_factory=dict)
    """Of each member rule, when it held last, and on what."""
    chains: list[list[_Chain]] = field(default_factory=list)
    """Of each step, the chain that began last, and before it one that ends earlier."""
    fired_ns: int | None = None
    holds_until_ns: int = _BEFORE_ALL
    now_ns: int = _BEFORE_ALL


class Temporal(Untimed):
    """A correlation of type `temporal` or `temporal_ordered`."""

    def __init__(self, correlation: CorrelationRule) -> None:
        self.correlations = (correlation,)
        self._rule = correlation
        self._members = correlation.members
        self._ordered = correlation.kind == "temporal_ordered"
        steps = tuple(enumerate(correlation.members))
        self._steps = {
            member: [step for step, one in reversed(steps) if one == member]
            for member in set(correlation.members)
        }
        """Of each member rule, the steps that it can be, the last first."""
        self._span_ns = correlation.timespan_s * 1_000_000_000
        self._groups = Groups(member_fields(correlation), self._make)

    @property
    def evicted_count(self) -> int:
        """Groups that were forgotten because there were too many."""
        return self._groups.evicted_count

    def memory(self, write: Writer, now_ns: int) -> Json:
        """Of each group its steps that a window can still hold."""
        oldest_ns = now_ns - self._span_ns

        def written(group: _Group) -> Json:
            if max(group.now_ns, group.holds_until_ns) < oldest_ns:
                return None
            newest = {
                member: [time_ns, place]
                for member, (time_ns, event) in group.newest.items()
                if (place := write.place(event)) is not None
            }
            chains = [
                [[one.began_ns, write.places(one.events)] for one in some] for some in group.chains
            ]
            state = [group.fired_ns, group.holds_until_ns, group.now_ns]
            return {"newest": newest, "chains": chains, "state": state}

        return self._groups.written(written)

    def restore(self, memory: Json, read: Reader) -> None:
        """Takes what `memory` gave."""

        def fill(held: Json, group: _Group) -> None:
            for member, (time_ns, place) in held["newest"].items():
                group.newest[member] = (time_ns, read.event(place))
            for step, some in enumerate(held["chains"]):
                for began_ns, places in some:
                    events = tuple(read.events(places))
                    # Steps without room for their events were not kept whole.
                    if len(events) == step + 1:
                        group.chains[step].append(_Chain(began_ns, events))
            group.fired_ns, group.holds_until_ns, group.now_ns = held["state"]

        self._groups.read(memory, fill)

    def observe(self, member: str, event: Event) -> Sequence[Match]:
        """Takes an event on which a member rule held; gives the match that it completes."""
        return self._observe(self._groups.of(member, event), member, event)

    def _observe(self, place: tuple[Key, _Group], member: str, event: Event) -> Sequence[Match]:
        key, group = place
        # A late event counts at the newest time: it does not move time back.
        group.now_ns = max(event.time_ns, group.now_ns)
        take = self._take_ordered if self._ordered else self._take
        chain = take(group, member, event)
        if chain is None or not self._fires(group, chain):
            return ()
        return (self._match(key, chain),)

    def counter(self, member: str, event: Event) -> Counter:
        """What observes events of the likeness of `event` on which a member rule held."""
        key = self._groups.key_of(member, event)
        if key is None:
            return functools.partial(self.observe, member)
        at, observe = self._groups.at, self._observe
        return lambda later: observe(at(key), member, later)

    def _make(self) -> _Group:
        return _Group(chains=[[] for _ in self._members] if self._ordered else [])

    def _take(self, group: _Group, member: str, event: Event) -> _Chain | None:
        """In any order: the newest event of each member that is in the window."""
        newest = group.newest
        newest.pop(member, None)
        newest[member] = (group.now_ns, event)
        oldest_ns = group.now_ns - self._span_ns
        for one in [one for one, (time_ns, _) in newest.items() if time_ns < oldest_ns]:
            del newest[one]
        if len(newest) < self._rule.threshold:
            return None
        times = sorted((time_ns for time_ns, _ in newest.values()), reverse=True)
        events = dict.fromkeys(one for _, one in newest.values())
        began_ns = times[int(self._rule.threshold) - 1]
        return _Chain(began_ns, tuple(events))

    def _take_ordered(self, group: _Group, member: str, event: Event) -> _Chain | None:
        """In order: of each step the chain that began last, which stays in the window longest."""
        completed = None
        for step in self._steps[member]:
            chain = self._longer(group, step, event)
            if chain is None:
                continue
            if step == len(self._members) - 1:
                completed = chain
            # One event is one step: what it would replace may go on with it.
            kept = [one for one in group.chains[step] if one.is_before(event)][-1:]
            group.chains[step] = [*kept, chain]
        return completed

    def _longer(self, group: _Group, step: int, event: Event) -> _Chain | None:
        """The chain that an event makes as a step, if the steps before it were taken."""
        if step == 0:
            return _Chain(group.now_ns, (event,))
        oldest_ns = group.now_ns - self._span_ns
        before = [
            one
            for one in group.chains[step - 1]
            if one.began_ns >= oldest_ns and one.is_before(event)
        ]
        if not before:
            return None
        last = max(before, key=lambda one: one.began_ns)
        return _Chain(last.began_ns, (*last.events, event))

    def _fires(self, group: _Group, chain: _Chain) -> bool:
        """Whether a complete chain is news: the condition was false, or has held for a timespan."""
        now_ns, held_until_ns = group.now_ns, group.holds_until_ns
        group.holds_until_ns = max(held_until_ns, chain.began_ns + self._span_ns)
        fired_ns = group.fired_ns
        if fired_ns is not None and now_ns <= held_until_ns and now_ns - fired_ns < self._span_ns:
            return False
        group.fired_ns = now_ns
        return True

    def _match(self, key: Key, chain: _Chain) -> Match:
        """The match of a chain: it counts as one, however many steps it has."""
        *members, event = chain.events
        group = shared(self._rule.group_by, key)
        return Match(self._rule.rule, event, tuple(members), 1, group, False, self._reasons)

    def _reasons(self) -> tuple[str, ...]:
        """Why it holds."""
        how = "one after the other" if self._ordered else "together"
        count = len(self._members) if self._ordered else int(self._rule.threshold)
        return (f"{count} rules held {how} within {self._rule.timespan_s} s",)
