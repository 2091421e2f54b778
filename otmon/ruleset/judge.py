"""Every rule held against every event, by an index."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otmon.model.event import Event
from otmon.model.rule import Match, Rule
from otmon.ruleset.compile import Predicate, compile_condition, reasons
from otmon.ruleset.condition import Condition, CorrelationRule, EventRule, specialised
from otmon.ruleset.correlate import Grouping, groupings


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule as it is held against the events of one bucket."""

    rule: Rule
    condition: Condition
    holds: Predicate | None
    """What decides; none where every event of the bucket is a match."""
    alerts: bool
    """Whether its match is a match of its own, or only counted by correlations."""
    groupings: tuple[Grouping, ...]
    """Who counts its matches."""


_Bucket = tuple[_Ready, ...]


class Judge:
    """The rules, ready to be held against events in the order of their time.

    Category, service and class of an event choose its bucket: the rules that
    can hold, each reduced to what these three do not decide.
    """

    def __init__(
        self,
        events: Sequence[EventRule],
        correlations: Sequence[CorrelationRule] = (),
        time_zone: datetime.tzinfo = datetime.UTC,
    ) -> None:
        """Takes the rules.

        Args:
            events: Rules about single events.
            correlations: Rules about groups of them; every member is among `events`.
            time_zone: Of the site, for tests of parts of times.
        """
        self._silent = {
            member for rule in correlations if not rule.generate for member in rule.members
        }
        self._groupings = groupings(correlations)
        self._time_zone = time_zone
        self._events = sorted(events, key=lambda rule: rule.rule.id)
        self._buckets: dict[tuple[str, str | None, str | None], _Bucket] = {}

    @property
    def evicted_count(self) -> int:
        """Groups of correlations that were forgotten because there were too many."""
        return sum(one.evicted_count for one in self._groupings)

    def wants(self, category: str, service: str | None, operation_class: str | None) -> bool:
        """Whether any rule could hold on such an event."""
        return bool(self._bucket((category, service, operation_class)))

    def judge(self, event: Event) -> list[Match]:
        """What holds on `event`: event rules in the order of their ids, then correlations."""
        matches: list[Match] = []
        fired: list[Match] = []
        for one in self._bucket((event.category, event.service, event.operation_class)):
            if one.holds is not None and not one.holds(event):
                continue
            if one.alerts:
                why = functools.partial(reasons, one.condition, event)
                matches.append(Match(one.rule, event, reasons=why))
            for grouping in one.groupings:
                fired += grouping.observe(one.rule.id, event)
        return matches + fired if fired else matches

    def _bucket(self, key: tuple[str, str | None, str | None]) -> _Bucket:
        # Categories, services and classes are closed lists, and so are their buckets.
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = tuple(self._select(*key))
        return bucket

    def _select(
        self, category: str, service: str | None, operation_class: str | None
    ) -> Iterator[_Ready]:
        known = {"ot.operation.class": operation_class, "network.protocol": service}
        for one in self._events:
            if one.category not in (None, category) or one.service not in (None, service):
                continue
            left = specialised(one.condition, known)
            if left is False:
                continue
            yield _Ready(
                one.rule,
                one.condition,
                None if left is True else compile_condition(left, self._time_zone),
                one.rule.id not in self._silent,
                tuple(
                    grouping
                    for grouping in self._groupings
                    if any(one.rule.id in rule.members for rule in grouping.correlations)
                ),
            )
