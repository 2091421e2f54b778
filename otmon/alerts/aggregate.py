"""Matches to alerts: one per thing that happened, with a count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from otmon.alerts.message import message_of
from otmon.alerts.severity import Severity, severity_of
from otmon.model.alert import Alert, AlertEvidence, AlertRule, FrameList, Violation
from otmon.model.document import Deferred, Time
from otmon.model.event import Event, FieldValue, Frame
from otmon.model.rule import Match

MAX_ALERTS = 10_000
"""Alerts of one run; what comes after them is counted."""
MAX_VIOLATIONS = 100
"""Rows of the violation table of one alert."""
MAX_VALUES = 16
"""Values that a row shows."""
MAX_FRAMES = 200
"""Frames of evidence of one alert."""
MAX_ALL = 200_000
"""Rows and frames of all alerts of a run; what comes after them is only counted."""
IDLE_NS = 3_600 * 1_000_000_000
"""A match this long after the last one is a new alert."""
SPAN_NS = 24 * 3_600 * 1_000_000_000
"""A match this long after the first one is a new alert."""

_WEIGHTY = ("ot.operation.class", "event.outcome", "ot.answered", "otmon.identified_by")
"""The fields that severity depends on, each with a handful of values."""

_Key = tuple[str, tuple[object, ...], str | None, tuple[FieldValue, ...]]
_ENDS = ("client.address", "server.address")
_ROW = ("ot.function.name", "file.name", "ot.object.id", "ot.value", "ot.status.name")
"""The fields that make a row of the violation table."""

_Row = tuple[FieldValue, ...]


class _Open:
    """An alert that further matches can still add to."""

    __slots__ = (
        "client",
        "count",
        "first_ns",
        "frames",
        "last_ns",
        "left_out",
        "match",
        "number",
        "rows",
        "server",
        "severity",
        "shape",
        "weighed",
    )

    def __init__(self, number: int, match: Match, client: str | None, server: str | None) -> None:
        self.number = number
        self.match = match
        self.client = client
        self.server = server
        self.severity: Severity = severity_of(match)
        self.weighed = {match.event.several(_WEIGHTY)}
        """What severity depends on besides client and server, as far as it was weighed."""
        self.shape = match.event.shape
        """The shape that was weighed last: all of it weighs the same."""
        self.count = 0
        self.first_ns = match.event.time_ns
        self.last_ns = match.event.time_ns
        self.rows: dict[_Row, list[int]] = {}
        """Of each row its count, first and last time."""
        self.left_out = 0
        self.frames: dict[Frame, None] = {}

    def add(self, match: Match, room: int) -> int:
        """Takes a match in; gives how many rows and frames it took of the `room` there is."""
        before = len(self.rows) + len(self.frames)
        self.count += _stands_for(match)
        for member in match.members:
            self._add_event(member, room)
        self._add_event(match.event, room)
        if not match.continues:
            self._weigh(match)
        return len(self.rows) + len(self.frames) - before

    def _weigh(self, match: Match) -> None:
        event = match.event
        shape = event.shape
        if shape is not None and shape == self.shape:
            return
        self.shape = shape
        weight = event.several(_WEIGHTY)
        if weight in self.weighed:
            return
        self.weighed.add(weight)
        severity = severity_of(match)
        if severity.score > self.severity.score:
            self.match, self.severity = match, severity

    def _add_event(self, event: Event, room: int) -> None:
        time_ns = event.time_ns
        if time_ns < self.first_ns:
            self.first_ns = time_ns
        if time_ns > self.last_ns:
            self.last_ns = time_ns
        row = event.several(_ROW)
        known = self.rows.get(row)
        if known is not None:
            known[0] += 1
            known[1] = min(known[1], time_ns)
            known[2] = max(known[2], time_ns)
        elif len(self.rows) < MAX_VIOLATIONS and room > 0:
            self.rows[row] = [1, time_ns, time_ns]
        else:
            self.left_out += 1
        if len(self.frames) < MAX_FRAMES and room > 0:
            for frame in event.frames[: MAX_FRAMES - len(self.frames)]:
                self.frames[frame] = None


def _stands_for(match: Match) -> int:
    """How many occurrences a match stands for: detectors tell of several at once."""
    told = match.event.get("anomaly.count") if match.group is None else None
    return told if isinstance(told, int) else match.event_count


class Aggregator:
    """Collects matches and gives the alerts that they make.

    Matches of one rule with the same client, server, protocol and, where the
    rule says so, further fields are one alert, unless they are far apart.
    """

    def __init__(self) -> None:
        self.left_out_count = 0
        """Matches that would have been an alert past `MAX_ALERTS`."""
        self._room = MAX_ALL
        self._open: dict[_Key, _Open] = {}
        self._all: list[_Open] = []

    def add(self, match: Match) -> None:
        """Takes a match into its alert, or makes one for it."""
        key = _key(match)
        alert = self._open.get(key)
        now_ns = match.event.time_ns
        fresh = alert is None or (
            now_ns - alert.last_ns > IDLE_NS or now_ns - alert.first_ns > SPAN_NS
        )
        if fresh:
            if match.continues:
                return
            if len(self._all) >= MAX_ALERTS:
                self.left_out_count += 1
                return
            alert = self._open[key] = _Open(len(self._all) + 1, match, *_ends(match))
            self._all.append(alert)
        assert alert is not None  # either it was open or it has just been made
        self._room -= alert.add(match, self._room)

    def add_all(self, matches: Iterable[Match]) -> None:
        """Takes several matches, in order."""
        for match in matches:
            self.add(match)

    def alerts(self, file_name: Callable[[int], str] = str) -> Sequence[Alert]:
        """Every alert so far, the most severe first, of equal ones the one raised first.

        Their words are found when an alert is looked at, since a table shows a few.

        Args:
            file_name: The path of a capture file, by its place in the input.
        """

        def worst_first() -> list[tuple[int, _Open]]:
            ordered = sorted(self._all, key=lambda alert: (-alert.severity.score, alert.number))
            return [*enumerate(ordered, 1)]

        return Deferred(worst_first, lambda ranked: _alert(ranked[0], ranked[1], file_name))


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


def _alert(number: int, alert: _Open, file_name: Callable[[int], str]) -> Alert:
    match, rule, severity = alert.match, alert.match.rule, alert.severity
    protocol = match.event.service
    factors = " x ".join(severity.factors)
    return Alert(
        id=number,
        fingerprint=_fingerprint(rule.id, alert.client, alert.server, protocol),
        rule=AlertRule(rule.id, rule.title, rule.level, rule.version),
        techniques=tuple(technique.id for technique in rule.techniques),
        technique_names=tuple(technique.name for technique in rule.techniques),
        severity=severity.score,
        level=severity.level,
        confidence=severity.confidence,
        first_seen=Time(alert.first_ns),
        last_seen=Time(alert.last_ns),
        count=alert.count,
        client=alert.client,
        server=alert.server,
        protocol=protocol,
        message=message_of(match, alert.client, alert.server, alert.count),
        why=(*match.reasons(), f"severity {severity.score}: {factors}"),
        violations=tuple(_violation(row, *times) for row, times in alert.rows.items()),
        violations_left_out=alert.left_out,
        evidence=_evidence(alert.frames, file_name),
        triage=rule.triage,
        false_positives=rule.false_positives,
    )


def _violation(row: _Row, count: int, first_ns: int, last_ns: int) -> Violation:
    operation, file, target, value, status = map(_text, row)
    return Violation(
        operation or file or "unknown", target, value, status, count, Time(first_ns), Time(last_ns)
    )


def _text(value: FieldValue) -> str | None:
    """A field as text; of a list the first parts."""
    if value is None or value == ():
        return None
    parts = value if isinstance(value, tuple) else (value,)
    shown = ", ".join(map(str, parts[:MAX_VALUES]))
    return f"{shown} ..." if len(parts) > MAX_VALUES else shown


def _fingerprint(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode()).hexdigest()[:32]


def _evidence(frames: Iterable[Frame], file_name: Callable[[int], str]) -> AlertEvidence:
    by_file: dict[int, list[int]] = {}
    for file, number in sorted(frames):
        by_file.setdefault(file, []).append(number)
    lists = [FrameList(file_name(file), tuple(numbers)) for file, numbers in by_file.items()]
    if not lists:
        return AlertEvidence(None, (), ())
    return AlertEvidence(lists[0].file, lists[0].frames, tuple(lists[1:]))
