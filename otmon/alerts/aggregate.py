"""Matches to alerts: one per thing that happened, with a count."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from otmon.alerts.open_alert import FileNames, OpenAlert, name_of
from otmon.alerts.related import Span, related
from otmon.alerts.storm import Storm, Storms
from otmon.config import Alerts
from otmon.model.alert import Alert, KeptAlert
from otmon.model.document import Deferred, Time
from otmon.model.event import Event, FieldValue
from otmon.model.rule import Match

MAX_ALERTS = 10_000
"""Alerts of one run; what comes after them is counted."""
MAX_ALL = 200_000
"""Rows and frames of all alerts of a run; what comes after them is only counted."""
MAX_SERIES = 4_096
"""Series of matches of which the alert is remembered; when there are more, all are found anew."""
MINUTE_NS = 60 * 1_000_000_000

_Key = tuple[str, tuple[object, ...], str | None, tuple[FieldValue, ...]]
_ENDS = ("client.address", "server.address")

Recall = Callable[[str, int], KeptAlert | None]
"""Gives what the state has of a key at a time: the alert that is about to be added to, if any."""

Settled = Mapping[int, tuple[str, int | None]]
"""Of each alert that somebody settled its status, and when its mute ends."""

_OPEN = ("open", None)

_FIRST_TIMES = frozenset(("baseline", "first_change", "newcomer"))
"""Detectors that say no more than that something was not done before."""

_CONTINUED = ("closed", "muted", "learned")
"""What people settled goes on as the same alert, however long it was quiet."""


class Aggregator:
    """Collects matches and gives the alerts that they make.

    Matches of one rule with the same client, server, protocol and, where the
    rule says so, further fields are one alert, unless they are far apart.
    """

    def __init__(self, settings: Alerts | None = None) -> None:
        settings = settings or Alerts()
        self.has_news = False
        """Whether an alert began since `saved` was last told."""
        self.left_out_count = 0
        """Matches that would have been an alert past `MAX_ALERTS`."""
        self.settled_count = 0
        """Matches on what a person approved, or muted, in the baseline."""
        self.configure(settings)
        self._room = MAX_ALL
        self._record: object = None
        """What the last match was of."""
        self._told_of: set[OpenAlert] = set()
        """The alerts that it was counted for."""
        self._open: dict[_Key, OpenAlert] = {}
        self._by_series: dict[object, OpenAlert] = {}
        """The alert of the last match of each series, which most often is that of the next."""
        self._silent: set[_Key] = set()
        """What a group had in common that fired, and that a person settled all of."""
        self._all: list[OpenAlert] = []
        self._storm_of: dict[str, Storm] = {}
        """The latest storm of each rule."""
        self._all_storms: list[Storm] = []
        self._recall: Recall | None = None
        self._last_number = 0
        self._adds = True
        self._named: set[int] = set()
        """Numbers that this run took from the state without adding to what has them."""

    def configure(self, settings: Alerts) -> None:
        """Takes when matches are one alert, from now on."""
        self._idle_ns = round(settings.idle_minutes * MINUTE_NS)
        self._span_ns = round(settings.span_hours * 60 * MINUTE_NS)
        self._related_ns = round(settings.related_minutes * MINUTE_NS)
        self._storms = Storms(settings.storm_keys, round(settings.storm_minutes * MINUTE_NS))

    def continue_from(self, recall: Recall, last_number: int, *, adds: bool = True) -> None:
        """Makes alerts of a state go on: those that it has, and their numbers.

        Args:
            recall: Gives alerts of the state.
            last_number: The highest number that it ever gave.
            adds: Whether this run adds to them; else they only give their numbers
                to what the state has from the same captures.
        """
        self._recall = recall
        self._last_number = last_number
        self._adds = adds

    def add(self, match: Match) -> None:
        """Takes a match into its alert, or makes one for it."""
        event, series = match.event, match.series
        if event.verdict is not None and _is_settled(match):
            self._settle(match)
            return
        now_ns = event.time_ns
        alert = None if series is None else self._by_series.get(series)
        if alert is None or alert.replaced or self._apart(now_ns, alert.sighted_ns, alert.last_ns):
            alert = self._find(match, now_ns)
            if alert is None:
                return
            if series is not None:
                if len(self._by_series) >= MAX_SERIES:
                    self._by_series.clear()
                self._by_series[series] = alert
        record, told_of = event.record, self._told_of
        if record is not self._record:
            self._record = record
            told_of.clear()
        elif match.group is None and record is not None and alert in told_of:
            # Several departures of one message are one operation.
            alert.weigh(match)
            return
        told_of.add(alert)
        self._room -= alert.add(match, self._room)

    def _settle(self, match: Match) -> None:
        """Passes over a match that a person settled, not over what continues it unsettled."""
        self.settled_count += 1
        if match.group is not None and not match.continues:
            if len(self._silent) >= MAX_SERIES:
                self._silent.clear()
            self._silent.add(_key(match))

    def _find(self, match: Match, now_ns: int) -> OpenAlert | None:
        """The alert of a match, made where there is none; none past the bounds."""
        key = _key(match)
        alert = self._open.get(key)
        if alert is not None and not self._apart(now_ns, alert.sighted_ns, alert.last_ns):
            return alert
        if not match.continues:
            self._silent.discard(key)
        elif key in self._silent:
            # What it continues was never told, and so is no alert that counts on.
            self._silent.discard(key)
            match = match._replace(continues=False)
        elif not self._may_go_on(alert):
            return None
        begun = self._begin(key, match, alert)
        if alert is not None and begun is not alert:
            alert.replaced = True
        return begun

    def _may_go_on(self, alert: OpenAlert | None) -> bool:
        """Whether a match that only continues may belong to an alert of an earlier run."""
        known = self._recall is not None and self._adds and alert is None
        return known and len(self._all) < MAX_ALERTS

    def add_all(self, matches: Iterable[Match]) -> None:
        """Takes several matches, in order."""
        for match in matches:
            self.add(match)

    def take_back(self, match: Match, *, unless_last: bool = False) -> None:
        """Takes a match out of its alert again: the same comes anew, with more in it.

        Args:
            match: What `add` took.
            unless_last: Whether an alert keeps its only match.
        """
        alert = self._open.get(_key(match))
        if alert is not None and (alert.count > 1 or not unless_last):
            self._room += alert.take_back(match)

    def _apart(self, now_ns: int, sighted_ns: int, last_ns: int) -> bool:
        """Whether a match is too far from those before to be about the same."""
        return (
            now_ns - last_ns > self._idle_ns
            or now_ns - sighted_ns > self._span_ns
            or sighted_ns - now_ns > self._idle_ns
        )

    def _begin(self, key: _Key, match: Match, before: OpenAlert | None) -> OpenAlert | None:
        """The alert of a match that is not part of one at hand: one of the state, or a new one."""
        now_ns = match.event.time_ns
        if not self._adds:
            return self._name_only(key, match)
        kept = None
        if self._recall is not None and (before is None or before.number is not None):
            kept = self._recall(name_of(*key), now_ns)
        goes_on = kept is not None and (
            kept.alert.status in _CONTINUED
            or not self._apart(now_ns, kept.sighted_ns, kept.alert.last_seen)
        )
        if kept is not None and goes_on and before is not None and before.number == kept.alert.id:
            before.sighted_ns = now_ns
            return before
        if match.continues and not goes_on:
            return None
        if len(self._all) >= MAX_ALERTS:
            self.left_out_count += 1
            return None
        alert = OpenAlert(key, match, *_ends(match), kept.alert if kept and goes_on else None)
        if kept is not None and not self._apart(now_ns, kept.sighted_ns, kept.alert.last_seen):
            alert.sighted_ns = kept.sighted_ns
        if not goes_on:
            alert.previous = before or (None if kept is None else kept.alert.id)
        self._open[key] = alert
        self._all.append(alert)
        self.has_news = True
        if not goes_on:
            self._look_for_a_storm(alert)
        return alert

    def _name_only(self, key: _Key, match: Match) -> OpenAlert:
        """An alert of its own, with the number that the same one has in the state."""
        alert = self._open[key] = OpenAlert(key, match, *_ends(match), None)
        self._all.append(alert)
        kept = None if self._recall is None else self._recall(alert.key, match.event.time_ns)
        if kept is not None and kept.alert.id not in self._named:
            self._named.add(kept.alert.id)
            alert.number = kept.alert.id
            alert.storm = kept.alert.storm
        return alert

    def _look_for_a_storm(self, alert: OpenAlert) -> None:
        to_fold = self._storms.note(alert)
        if not to_fold:
            return
        rule, now_ns = alert.match.rule, alert.sighted_ns
        storm = self._storm_of.get(rule.id)
        if storm is None or self._apart(now_ns, storm.sighted_ns, storm.last_ns):
            name = name_of(rule.id, ("storm",), None, ())
            kept = None if self._recall is None else self._recall(name, now_ns)
            if kept is not None and self._apart(now_ns, kept.sighted_ns, kept.alert.last_seen):
                kept = kept if kept.alert.status in _CONTINUED else None
            storm = Storm(name, rule, None if kept is None else kept.alert, now_ns)
            self._storm_of[rule.id] = storm
            self._all_storms.append(storm)
        for one in to_fold:
            storm.fold(one)

    def alerts(
        self, file_name: FileNames = str, settled: Settled = MappingProxyType({})
    ) -> Sequence[Alert]:
        """Every alert of this run, the most severe first, of equal ones the one raised first.

        Storms stand for the alerts that are folded into them. The words are
        found when an alert is looked at, since a table shows a few.

        Args:
            file_name: The path of a capture file, by its place in the input.
            settled: What people made of alerts. Muted ones are left out.
        """

        def worst_first() -> list[tuple[OpenAlert | Storm, tuple[int, ...]]]:
            self.number()
            told: list[OpenAlert | Storm] = [*(one for one in self._all if one.storm is None)]
            told += self._all_storms
            told = [one for one in told if settled.get(one.number or 0, _OPEN)[0] != "muted"]
            told.sort(key=lambda one: (-one.score, one.number))
            beside = related((_span(one) for one in told), self._related_ns)
            return [(one, beside.get(one.number or 0, ())) for one in told]

        def make(ranked: tuple[OpenAlert | Storm, tuple[int, ...]]) -> Alert:
            alert = self._told(ranked[0], file_name)
            status, until = settled.get(alert.id, _OPEN)
            if not ranked[1] and status == "open":
                return alert
            end = None if until is None else Time(until)
            return dataclasses.replace(alert, related=ranked[1], status=status, muted_until=end)

        return Deferred(worst_first, make)

    def number(self) -> None:
        """Gives a number to each alert that has none, the most severe first."""
        fresh: list[OpenAlert | Storm] = [one for one in self._all if one.number is None]
        fresh += [one for one in self._all_storms if one.number is None]
        # Sorting is stable: of equal ones the one raised first comes first.
        fresh.sort(key=lambda one: -one.score)
        for one in fresh:
            self._last_number += 1
            one.number = self._last_number

    def changed(self, file_name: FileNames) -> Iterator[KeptAlert]:
        """Every alert with matches that `saved` was not told of yet, storms first."""
        self.number()
        for one in self._both():
            if one.count != one.saved_count:
                yield KeptAlert(one.key, one.sighted_ns, self._told(one, file_name))

    def saved(self) -> None:
        """Learns that what `changed` gave is in the state."""
        self.has_news = False
        for one in self._both():
            one.saved_count = one.count

    def _both(self) -> Iterator[OpenAlert | Storm]:
        yield from self._all_storms
        yield from self._all

    def unsaved(self, file_name: FileNames) -> Iterator[tuple[OpenAlert, Alert]]:
        """Alerts that began since `saved` was last told, each with what people are told of it."""
        self.number()
        for one in self._all:
            if one.saved_count == 0 and one.kept is None and one.storm is None:
                yield one, self._told(one, file_name)

    def forget_before(self, time_ns: int) -> None:
        """Drops saved alerts that no match before `time_ns` can add to any more.

        The state still has them, and gives them back when they are needed.
        """
        old = [one for one in self._all if one.last_ns < time_ns - self._idle_ns]
        gone = {id(one) for one in old if one.count == one.saved_count}
        self._all = [one for one in self._all if id(one) not in gone]
        self._open = {key: one for key, one in self._open.items() if id(one) not in gone}
        self._by_series.clear()
        self._room += sum(len(one.rows) + len(one.frames) for one in old if id(one) in gone)

    def _told(self, one: OpenAlert | Storm, file_name: FileNames) -> Alert:
        assert one.number is not None  # `number` gave it one
        if isinstance(one, Storm):
            return one.alert(one.number, self._storms.within_ns)
        return one.alert(one.number, file_name)


def _is_settled(match: Match) -> bool:
    """Whether a person said that exactly this is normal, or not to be told.

    Who approves that something is done approves neither its form nor its values,
    rhythm or order: what other detectors find is told. Of a group every event
    has to be settled. Rules that always hold are not ended by it.
    """
    return not match.rule.always and all(map(_is_normal, (*match.members, match.event)))


def _is_normal(event: Event) -> bool:
    verdict = event.verdict
    if verdict is None or verdict.statement_state not in ("approved", "muted"):
        return False
    if event.category == "ot_operation":
        return True
    return event.category == "ot_anomaly" and event.get("event.provider") in _FIRST_TIMES


def _span(one: OpenAlert | Storm) -> Span:
    client, server = (one.client, one.server) if isinstance(one, OpenAlert) else (None, None)
    return Span(one.first_ns, one.last_ns, one.number or 0, client, server)


def _ends(match: Match) -> tuple[str | None, str | None]:
    """Client and server of a match; None where its events have several."""
    if match.group is None:
        return match.event.text("client.address"), match.event.text("server.address")
    shared = dict(match.group)
    return _end(shared, ("client", "source")), _end(shared, ("server", "destination"))


def _end(shared: dict[str, str], roles: tuple[str, ...]) -> str | None:
    for role in roles:
        for attribute in ("address", "ip", "mac"):
            value = shared.get(f"{role}.{attribute}")
            if value is not None:
                return value
    return None


def _key(match: Match) -> _Key:
    """What the matches of one alert have in common."""
    event, rule = match.event, match.rule
    further: tuple[FieldValue, ...] = ()
    if rule.aggregate_by:
        further = event.several(rule.aggregate_by)
    if match.group is not None:
        return rule.id, match.group, event.service, further
    return rule.id, event.several(_ENDS), event.service, further
