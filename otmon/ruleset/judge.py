"""Every rule held against every event, by an index."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from otmon.model.event import Event
from otmon.model.rule import Match
from otmon.ruleset.compile import Predicate, compile_condition, reasons
from otmon.ruleset.condition import CorrelationRule, EventRule, necessary_values
from otmon.ruleset.correlate import Listeners, key_of, listeners


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: EventRule
    holds: Predicate
    classes: frozenset[str] | None
    """The only operation classes with which it can hold."""
    alerts: bool
    """Whether its match is a match of its own, or only counted by correlations."""
    listeners: Listeners


_Bucket = tuple[_Compiled, ...]


class Judge:
    """The rules, ready to be held against events in the order of their time."""

    def __init__(
        self,
        events: Sequence[EventRule],
        correlations: Sequence[CorrelationRule] = (),
        time_zone: datetime.tzinfo = datetime.UTC,
    ) -> None:
        """Compiles the rules.

        Args:
            events: Rules about single events.
            correlations: Rules about groups of them; every member is among `events`.
            time_zone: Of the site, for tests of parts of times.
        """
        silent = {member for rule in correlations if not rule.generate for member in rule.members}
        listening = listeners(correlations)
        self._rules = tuple(
            _Compiled(
                rule,
                compile_condition(rule.condition, time_zone),
                necessary_values(rule.condition, "ot.operation.class"),
                rule.rule.id not in silent,
                listening.get(rule.rule.id, ()),
            )
            for rule in sorted(events, key=lambda rule: rule.rule.id)
        )
        self._buckets: dict[tuple[str, str | None, str | None], _Bucket] = {}
        self._correlators = {
            one for some in listening.values() for _, several in some for one in several
        }

    @property
    def evicted_count(self) -> int:
        """Groups of correlations that were forgotten because there were too many."""
        return sum(one.evicted_count for one in self._correlators)

    def wants(self, category: str, service: str | None, operation_class: str | None) -> bool:
        """Whether any rule could hold on such an event."""
        return bool(self._bucket((category, service, operation_class)))

    def judge(self, event: Event) -> list[Match]:
        """What holds on `event`: event rules in the order of their ids, then correlations."""
        matches: list[Match] = []
        fired: list[Match] = []
        for one in self._bucket((event.category, event.service, event.operation_class)):
            if not one.holds(event):
                continue
            if one.alerts:
                why = functools.partial(reasons, one.rule.condition, event)
                matches.append(Match(one.rule.rule, event, reasons=why))
            for fields, correlators in one.listeners:
                key = key_of(fields, event)
                if key is None:
                    continue
                for correlator in correlators:
                    match = correlator.observe(key, event)
                    if match is not None:
                        fired.append(match)
        return matches + fired if fired else matches

    def _bucket(self, key: tuple[str, str | None, str | None]) -> _Bucket:
        # Categories, services and classes are closed lists, and so are their buckets.
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = tuple(self._select(*key))
        return bucket

    def _select(
        self, category: str, service: str | None, operation_class: str | None
    ) -> Iterator[_Compiled]:
        for one in self._rules:
            if one.rule.category not in (None, category) or one.rule.service not in (None, service):
                continue
            if one.classes is None or operation_class in one.classes:
                yield one
