"""Every rule held against every event, by an index."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from otmon.model.context import Context
from otmon.model.event import NEVER_NS, Event
from otmon.model.kept_event import Json, Reader, Writer
from otmon.model.layout import RELATION_FIELDS, SAID_FIELDS, SHAPE_FIELDS, FieldValue, Layout
from otmon.model.likeness import Likeness
from otmon.model.rule import Match, Rule
from otmon.ruleset.compile import Predicate, compile_condition, reasons
from otmon.ruleset.condition import (
    Condition,
    CorrelationRule,
    Equals,
    EventRule,
    SameAs,
    Test,
    fields_of,
    specialised,
    tests_of,
)
from otmon.ruleset.correlate import Grouping, correlators
from otmon.ruleset.group import Correlator
from otmon.ruleset.of_device import remembering

_UNJUDGED = Event(Likeness("", None, None, Layout({})), None, 0)
"""An event of which no baseline says anything."""
MAX_SHAPES = 4096
"""Shapes whose buckets are remembered; when there are more, all are made anew."""
LATE_FIELDS = (
    "baseline.",
    "event.duration",
    "event.outcome",
    "ot.anomaly",
    "ot.answered",
    "ot.first_seen",
    "ot.status.",
)
"""What is not known of a request before its answer has come, or stayed away."""
MAX_LANES = 12_288
"""Likenesses whose lanes are remembered; when there are more, all are made anew."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule as it is held against the events of one bucket."""

    rule: Rule
    condition: Condition
    left: Condition | None
    """What the bucket does not decide; none where every event of it is a match."""
    holds: Predicate | None
    """The same, ready to be held against an event."""
    asks: frozenset[str]
    """The fields that it asks for."""
    alerts: bool
    """Whether its match is a match of its own, or only counted by correlations."""
    correlators: tuple[Correlator, ...]
    """Who counts its matches."""


_Bucket = tuple[_Ready, ...]


class _Step:
    """A rule as it is held against events of one likeness."""

    __slots__ = ("condition", "counts", "holds", "rule", "series")

    def __init__(self, ready: _Ready, event: Event) -> None:
        self.rule = ready.rule if ready.alerts else None
        """Whose match it is; none where matches are only counted."""
        self.condition = ready.condition
        holds = ready.holds
        self.holds = None if holds is None else remembering(holds, ready.asks, event)
        self.counts = tuple(
            correlator.counter(ready.rule.id, event) for correlator in ready.correlators
        )
        """Who counts its matches: each takes an event and gives what holds since then."""
        alike = _ENDS.union(ready.rule.aggregate_by) <= event.likeness.decided
        # Not the step itself: what refers to itself is freed late.
        self.series: object | None = object() if alike else None
        """What tells that its matches belong to one alert, where they do."""


_Lane = tuple[_Step, ...]
_Key = TypeVar("_Key")
_ENDS = frozenset(("client.address", "server.address"))


class Judge:
    """The rules, ready to be held against events in the order of their time.

    Category, service and class of an event choose its bucket: the rules that
    can hold, each reduced to what these three do not decide. Operations of one
    shape have a bucket of their own, in which all that their shape decides is
    decided: most rules ask for nothing else. Events of one likeness have a lane,
    in which all that they have in common is worked out, such as their groups.
    """

    def __init__(
        self,
        events: Sequence[EventRule],
        correlations: Sequence[CorrelationRule] = (),
        time_zone: datetime.tzinfo = datetime.UTC,
        before: Judge | None = None,
        *,
        has_baseline: bool = True,
    ) -> None:
        """Takes the rules.

        Args:
            events: Rules about single events.
            correlations: Rules about groups of them; every member is among `events`, or
                a correlation itself. None is its own member, however far removed.
            time_zone: Of the site, for tests of parts of times.
            before: The judge that this one takes over from: correlations that have not
                changed, and whose members have not, go on with what they counted. It must
                not be asked any more.
            has_baseline: Whether events have verdicts of a baseline; where they have none,
                what rules ask of it costs nothing.
        """
        self._has_baseline = has_baseline
        self._silent = {
            member for rule in correlations if not rule.generate for member in rule.members
        }
        self._versions = {one.rule.id: one.rule.version for one in events}
        self._versions.update((one.rule.id, one.rule.version) for one in correlations)
        self._groupings = tuple(self._same_of(one, before) for one in correlators(correlations))
        self._timed = tuple(one for one in self._groupings if _has_ends(one))
        self.is_timed = bool(self._timed)
        """Whether a correlation speaks when its window ends, so that `advance` is of use."""
        self._chained = {
            rule.rule.id: tuple(
                one
                for one in self._groupings
                if any(rule.rule.id in other.members for other in one.correlations)
            )
            for rule in correlations
            if any(rule.rule.id in other.members for other in correlations)
        }
        self._time_zone = time_zone
        self._events = sorted(events, key=lambda rule: rule.rule.id)
        self._buckets: dict[tuple[str, str | None, str | None], _Bucket] = {}
        self._shapes: dict[tuple[str, int], _Bucket] = {}
        self._lanes: dict[Likeness, _Lane] = {}
        self._kin: dict[tuple[object, ...], _Bucket] = {}
        """The rules for what detectors say of operations, by what tells it apart."""
        self._plain: dict[tuple[FieldValue, ...], _Lane] = {}
        """Of likenesses that are not kept, by what tells them apart."""
        self._predicates: dict[Condition, Predicate] = {}
        self._tests: dict[int, tuple[Predicate, Test]] = {}
        """Of each test, by its identity, which stays its own as long as it is held here."""
        self._early: dict[Condition, bool] = {}
        """Of each condition of a rule, whether a request alone decides it."""

    def _same_of(self, fresh: Correlator, before: Judge | None) -> Correlator:
        """What counted the same before; the fresh one, with what it has in common, if none did."""
        if before is None:
            return fresh
        members = {member for rule in fresh.correlations for member in rule.members}
        if any(self._versions.get(one) != before._versions.get(one) for one in members):
            return fresh
        for one in before._groupings:
            if [*one.correlations] == [*fresh.correlations]:
                return one
            if isinstance(one, Grouping) and isinstance(fresh, Grouping) and fresh.inherit(one):
                return fresh
        return fresh

    def memory(self, file_name: Callable[[int], str], now_ns: int) -> Json:
        """What correlations counted that can still matter, for a run that goes on with it."""
        write = Writer(file_name)
        told = [
            [self._marks(one), one.memory(write, now_ns)]
            for one in self._groupings
            if one.correlations
        ]
        return {"counted": [one for one in told if one[1]], "events": write.written()}

    def restore(
        self,
        memory: Json,
        place_of: Callable[[str], int] | None,
        context: Context | None = None,
    ) -> None:
        """Goes on with what an earlier run counted, before the first event.

        What was counted by a rule that is another now, or whose members are, is forgotten.

        Args:
            memory: What `memory` gave.
            place_of: Gives a place in the input to the path of an earlier capture; none
                where frames of earlier runs are gone.
            context: What answers the fields that events do not carry themselves.
        """
        read = Reader(memory["events"], place_of, context)
        known = {json.dumps(self._marks(one)): one for one in self._groupings}
        for marks, held in memory["counted"]:
            one = known.get(json.dumps(marks))
            if one is not None:
                one.restore(held, read)

    def _marks(self, correlator: Correlator) -> Json:
        """What has to be the same, so that what was counted still holds."""
        rules = [[one.rule.id, one.rule.version] for one in correlator.correlations]
        members = {member for one in correlator.correlations for member in one.members}
        return [rules, sorted([one, self._versions.get(one)] for one in members)]

    @property
    def evicted_count(self) -> int:
        """Groups of correlations that were forgotten because there were too many."""
        return sum(one.evicted_count for one in self._groupings)

    @property
    def merged_count(self) -> int:
        """Events that correlations remember only together with others, for lack of room."""
        return sum(one.merged_count for one in self._groupings)

    @property
    def due_ns(self) -> int:
        """The packet time from which `advance` has something to give."""
        return min((one.due_ns for one in self._timed), default=NEVER_NS)

    def advance(self, time_ns: int) -> Sequence[Match]:
        """Learns that packet time has come this far; gives what held in windows that ended."""
        fired = [match for one in self._timed for match in one.advance(time_ns)]
        return self._follow(fired) if self._chained else fired

    def wants(self, category: str, service: str | None, operation_class: str | None) -> bool:
        """Whether any rule could hold on such an event."""
        return bool(self._bucket((category, service, operation_class)))

    def judge(self, event: Event) -> Sequence[Match]:
        """What holds on `event`: event rules in the order of their ids, then correlations."""
        lane = self._lanes.get(event.likeness)
        if lane is None:
            lane = self._lane(event)
        if not lane:
            return ()
        matches: list[Match] = []
        fired: list[Match] = []
        for step in lane:
            holds = step.holds
            if holds is not None and not holds(event):
                continue
            if step.rule is not None:
                why = functools.partial(reasons, step.condition, event)
                matches.append(Match(step.rule, event, reasons=why, series=step.series))
            for count in step.counts:
                found = count(event)
                if found:
                    fired += found
        if fired and self._chained:
            fired = self._follow(fired)
        return matches + fired if fired else matches

    def judge_early(self, event: Event) -> Sequence[Match]:
        """What holds on a request whatever its answer will be: event rules alone.

        Nothing is counted. The same rules hold on the request with its answer.
        """
        lane = self._lanes.get(event.likeness)
        if lane is None:
            lane = self._lane(event)
        return [
            Match(step.rule, event, reasons=functools.partial(reasons, step.condition, event))
            for step in lane
            if step.rule is not None
            and self._is_early(step)
            and (step.holds is None or step.holds(event))
        ]

    def _is_early(self, step: _Step) -> bool:
        """Whether a rule asks only for what a request says itself."""
        known = self._early.get(step.condition)
        if known is None:
            fields = {test.field for test in tests_of(step.condition)}
            known = not any(field.startswith(LATE_FIELDS) for field in fields)
            self._early[step.condition] = known
        return known

    def _follow(self, fired: list[Match]) -> list[Match]:
        """What correlations of correlations make of matches; those that only count are left out."""
        told: list[Match] = []
        while fired:
            further: list[Match] = []
            for match in fired:
                if match.rule.id not in self._silent:
                    told.append(match)
                if not match.continues:
                    for one in self._chained.get(match.rule.id, ()):
                        further += one.observe(match.rule.id, match.event)
            fired = further
        return told

    def _lane(self, event: Event) -> _Lane:
        """The rules as they are held against events like this one."""
        likeness = event.likeness
        if likeness.decided:
            if likeness.shape is None:
                bucket = self._bucket_of_kin(event)
                steps = tuple([_Step(ready, event) for ready in bucket])
            else:
                steps = self._steps(event, likeness.decided - SHAPE_FIELDS)
            return self._remember(self._lanes, likeness, steps)
        # A likeness that is not kept does not come again; what detectors say does.
        said = tuple([event.own(field) for field in SAID_FIELDS])
        own = (likeness.category, likeness.service, likeness.operation_class, likeness.shape)
        key = (*own, *said)
        lane = self._plain.get(key)
        if lane is None:
            told = zip(SAID_FIELDS, said, strict=True)
            fields = frozenset(field for field, value in told if value is not None)
            lane = self._remember(self._plain, key, self._steps(event, fields))
        return lane

    def _steps(self, event: Event, fields: frozenset[str]) -> _Lane:
        """The rules of the bucket of `event` that its shape and `fields` do not rule out."""
        shape = event.shape
        if shape is None:
            bucket = self._bucket((event.category, event.service, event.operation_class))
        else:
            known = self._shapes.get((event.category, shape))
            bucket = self._bucket_of_shape(event, shape) if known is None else known
        left = self._narrow(bucket, event, fields) if fields else bucket
        return tuple([_Step(ready, event) for ready in left])

    def _bucket_of_kin(self, event: Event) -> _Bucket:
        """The rules that what is said of an operation does not rule out, whoever took part."""
        likeness = event.likeness
        own = (likeness.category, likeness.service, likeness.operation_class)
        key = (*own, likeness.kin)
        bucket = self._kin.get(key)
        if bucket is None:
            if len(self._kin) >= MAX_SHAPES:
                self._kin.clear()
            decided = likeness.decided - RELATION_FIELDS
            bucket = self._kin[key] = tuple(self._narrow(self._bucket(own), event, decided))
        return bucket

    @staticmethod
    def _remember(lanes: dict[_Key, _Lane], key: _Key, lane: _Lane) -> _Lane:
        if len(lanes) >= MAX_LANES:
            lanes.clear()
        lanes[key] = lane
        return lane

    def _bucket(self, key: tuple[str, str | None, str | None]) -> _Bucket:
        # Categories, services and classes are closed lists, and so are their buckets.
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = tuple(self._select(*key))
        return bucket

    def _select(
        self, category: str, service: str | None, operation_class: str | None
    ) -> Iterator[_Ready]:
        by_text = _by_text({"ot.operation.class": operation_class, "network.protocol": service})

        def decide(test: Test) -> bool | None:
            if not self._has_baseline and _asks_only_baseline(test):
                return self._compiled(test)(_UNJUDGED)
            return by_text(test)

        for one in self._events:
            if one.category not in (None, category) or one.service not in (None, service):
                continue
            left = specialised(one.condition, decide)
            if left is False:
                continue
            yield _Ready(
                one.rule,
                one.condition,
                None if left is True else left,
                None if left is True else self._compiled(left),
                frozenset() if left is True else fields_of(left),
                one.rule.id not in self._silent,
                tuple(
                    correlator
                    for correlator in self._groupings
                    if any(one.rule.id in rule.members for rule in correlator.correlations)
                ),
            )

    def _bucket_of_shape(self, event: Event, shape: int) -> _Bucket:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        wider = self._bucket((event.category, event.service, event.operation_class))
        bucket = self._shapes[event.category, shape] = tuple(
            self._narrow(wider, event, SHAPE_FIELDS)
        )
        return bucket

    def _narrow(self, wider: _Bucket, event: Event, fields: frozenset[str]) -> Iterator[_Ready]:
        """The rules of a bucket, reduced to what `fields` of `event` do not decide."""

        def decide(test: Test) -> bool | None:
            return self._compiled(test)(event) if _asks_only(test, fields) else None

        for one in wider:
            if one.left is None or fields.isdisjoint(one.asks):
                yield one
                continue
            left = specialised(one.left, decide)
            if left is True:
                yield dataclasses.replace(one, left=None, holds=None, asks=frozenset())
            elif left is not False:
                holds, asks = self._compiled(left), fields_of(left)
                yield dataclasses.replace(one, left=left, holds=holds, asks=asks)

    def _compiled(self, condition: Condition) -> Predicate:
        """The predicate of a condition: of a rule, or of what is left of one."""
        if isinstance(condition, Test):
            # Tests are never made anew, and to look for an equal one takes longer.
            known = self._tests.get(id(condition))
            if known is None:
                known = (compile_condition(condition, self._time_zone), condition)
                self._tests[id(condition)] = known
            return known[0]
        predicate = self._predicates.get(condition)
        if predicate is None:
            predicate = compile_condition(condition, self._time_zone)
            self._predicates[condition] = predicate
        return predicate


def _has_ends(correlator: Correlator) -> bool:
    """Whether a correlation is judged when its window ends."""
    return any(one.operator in ("lt", "lte", "eq") for one in correlator.correlations)


def _asks_only(test: Test, fields: frozenset[str]) -> bool:
    """Whether a test asks for nothing but `fields`."""
    if isinstance(test.criterion, SameAs) and test.criterion.field not in fields:
        return False
    return test.field in fields


def _asks_only_baseline(test: Test) -> bool:
    """Whether a test asks for nothing but what the baseline says."""
    return test.field.startswith("baseline.") and not isinstance(test.criterion, SameAs)


def _by_text(known: Mapping[str, str | None]) -> Callable[[Test], bool | None]:
    """Decides equalities of known fields: one text each, or None where events lack them."""

    def decide(test: Test) -> bool | None:
        if test.field not in known or not isinstance(test.criterion, Equals):
            return None
        value, cased = known[test.field], test.criterion.cased
        if value is None:
            return False
        texts = {str(one) if cased else str(one).lower() for one in test.criterion.values}
        return (value if cased else value.lower()) in texts

    return decide
