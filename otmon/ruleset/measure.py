"""Correlations that measure a window: sums, averages, percentiles, and too few of something.

A window of `gt` or `gte` slides: it is measured at each event, over the events
not older than a timespan. A window of `lt`, `lte` or `eq` begins with an event
and is measured once, when it ends: what is still missing may come until then.
A window that does not end before the capture does is not measured.
"""

from __future__ import annotations

import functools
import operator
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from otmon.model.event import NEVER_NS, Event, FieldValue
from otmon.model.kept_event import Json, Reader, Writer
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule
from otmon.ruleset.gauge import Different, Events, Gauge, Rank, Total
from otmon.ruleset.group import MAX_GROUPS, Counter, Groups, Key, member_fields, shared

MAX_MOMENTS = 10_000
"""Events of a group that are remembered one by one; more of them share whole seconds."""
MAX_MEMBERS = 50
"""Events of a group that go into its match."""

_SECOND_NS = 1_000_000_000
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
}


@dataclass(slots=True)
class _Moment:
    """One event, or several of one second."""

    time_ns: int
    part: Any


@dataclass(slots=True)
class _Window:
    """What is remembered of a group."""

    gauge: Gauge
    moments: deque[_Moment] = field(default_factory=deque)
    members: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_MEMBERS))
    fired_ns: int | None = None
    due_ns: int | None = None
    """When it ends, if it does not slide."""
    now_ns: int = -(1 << 63)


class Measure:
    """A correlation whose window is measured."""

    def __init__(self, correlation: CorrelationRule) -> None:
        self.correlations = (correlation,)
        self.merged_count = 0
        """Events that share a second with others, for lack of room."""
        self._rule = correlation
        self._span_ns = correlation.timespan_s * _SECOND_NS
        self._holds = _HOLDS[correlation.operator]
        self._slides = correlation.operator in ("gt", "gte")
        self._groups = Groups(member_fields(correlation), lambda: _Window(_gauge(correlation)))
        self._open: OrderedDict[Key, int] = OrderedDict()
        """When each window that does not slide ends, the first one first."""

    @property
    def evicted_count(self) -> int:
        """Groups that were forgotten because there were too many."""
        return self._groups.evicted_count

    @property
    def due_ns(self) -> int:
        """When the first window ends that does not slide."""
        return next(iter(self._open.values()), NEVER_NS)

    def memory(self, write: Writer, now_ns: int) -> Json:
        """Of each group what is in its window."""
        oldest_ns = now_ns - self._span_ns

        def written(window: _Window) -> Json:
            if window.due_ns is None and window.now_ns < oldest_ns:
                return None
            moments = [[one.time_ns, window.gauge.written(one.part)] for one in window.moments]
            state = [window.fired_ns, window.due_ns, window.now_ns]
            return {"moments": moments, "members": write.places(window.members), "state": state}

        return self._groups.written(written)

    def restore(self, memory: Json, read: Reader) -> None:
        """Takes what `memory` gave."""

        def fill(held: Json, window: _Window) -> None:
            for time_ns, part in held["moments"]:
                window.moments.append(_Moment(time_ns, window.gauge.read(part)))
            window.members.extend(read.events(held["members"]))
            window.fired_ns, window.due_ns, window.now_ns = held["state"]

        self._groups.read(memory, fill)
        due = [(key, window.due_ns) for key, window in self._groups.items()]
        ended = sorted((due_ns, at) for at, (_, due_ns) in enumerate(due) if due_ns is not None)
        self._open = OrderedDict((due[at][0], due_ns) for due_ns, at in ended)

    def observe(self, member: str, event: Event) -> Sequence[Match]:
        """Takes an event on which a member rule held; gives what holds since then."""
        ended = self.advance(event.time_ns)
        name = self._rule.field
        values = () if name is None else _parts(event.get(name))
        if name is not None and not values:
            return ended
        key, window = self._groups.of(member, event)
        # A late event counts at the newest time: it does not move time back.
        window.now_ns = max(event.time_ns, window.now_ns)
        self._remember(window, values)
        window.members.append(event)
        if self._slides:
            return (*ended, *self._slide(key, window))
        if window.due_ns is None:
            self._open.pop(key, None)
            self._open[key] = window.due_ns = window.now_ns + self._span_ns
            if len(self._open) > MAX_GROUPS:
                self._open.popitem(last=False)
        return ended

    def counter(self, member: str, event: Event) -> Counter:
        """What observes events of the likeness of `event` on which a member rule held."""
        return functools.partial(self.observe, member)

    def advance(self, time_ns: int) -> Sequence[Match]:
        """Gives what held in the windows that have ended by now."""
        matches: list[Match] = []
        while self._open:
            key, due_ns = next(iter(self._open.items()))
            if time_ns < due_ns:
                break
            del self._open[key]
            window = self._groups.known(key)
            if window is None:
                continue  # there were too many groups
            if self._holds(window.gauge.measure(), self._rule.threshold):
                matches.append(self._match(key, window, False))
            self._groups.drop(key)
        return matches

    def _remember(self, window: _Window, values: Sequence[FieldValue]) -> None:
        moments, gauge, now_ns = window.moments, window.gauge, window.now_ns
        part = gauge.take(values)
        last = moments[-1] if len(moments) >= MAX_MOMENTS else None
        if last is not None and last.time_ns // _SECOND_NS == now_ns // _SECOND_NS:
            self.merged_count += 1
            last.time_ns = now_ns
            last.part = gauge.join(last.part, part)
            return
        if len(moments) >= 2 * MAX_MOMENTS:
            gauge.drop(moments.popleft().part)
            self.merged_count += 1
        moments.append(_Moment(now_ns, part))

    def _slide(self, key: Key, window: _Window) -> Sequence[Match]:
        now_ns = window.now_ns
        while window.moments[0].time_ns < now_ns - self._span_ns:
            window.gauge.drop(window.moments.popleft().part)
        members = window.members
        while len(members) > 1 and members[0].time_ns < now_ns - self._span_ns:
            members.popleft()
        if not self._holds(window.gauge.measure(), self._rule.threshold):
            window.fired_ns = None
            return ()
        continues = window.fired_ns is not None and now_ns - window.fired_ns < self._span_ns
        if not continues:
            window.fired_ns = now_ns
        return (self._match(key, window, continues),)

    def _match(self, key: Key, window: _Window, continues: bool) -> Match:
        *members, event = window.members
        window.members.clear()
        measured = window.gauge.measure()

        def reasons() -> tuple[str, ...]:
            return (f"{self._what()} is {measured:g} within {self._rule.timespan_s} s",)

        group = shared(self._rule.group_by, key)
        count = len(members) + 1
        return Match(self._rule.rule, event, tuple(members), count, group, continues, reasons)

    def _what(self) -> str:
        match self._rule.kind:
            case "event_count":
                return "the number of events"
            case "value_count":
                return f"the number of different values of {self._rule.field}"
            case "value_sum":
                return f"the sum of {self._rule.field}"
            case "value_avg":
                return f"the average of {self._rule.field}"
        return f"percentile {self._rule.percentile} of {self._rule.field}"


def _gauge(correlation: CorrelationRule) -> Gauge:
    match correlation.kind:
        case "event_count":
            return Events()
        case "value_count":
            return Different()
        case "value_sum" | "value_avg":
            return Total(average=correlation.kind == "value_avg")
    return Rank(correlation.percentile or 0)


def _parts(value: FieldValue) -> tuple[FieldValue, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
