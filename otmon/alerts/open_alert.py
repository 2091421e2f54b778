"""An alert that further matches can still add to, and what people are told of it."""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from otmon.alerts.message import message_of
from otmon.alerts.refusal import is_deed, refusals
from otmon.alerts.said import anomaly_of, baseline_of, provider_of
from otmon.alerts.severity import Severity, severity_of
from otmon.model.alert import Alert, AlertEvidence, AlertRule, FrameList, Violation
from otmon.model.document import Time
from otmon.model.event import Event, FieldValue, Frame, listed
from otmon.model.rule import Match, Rule, level_of

MAX_VIOLATIONS = 100
"""Rows of the violation table of one alert."""
MAX_VALUES = 16
"""Values that a row shows."""
MAX_STATEMENTS = 100
"""Baseline statements that one alert names."""
UNSAVED = -1
"""A count that no alert has: it is to be saved, whatever its count."""
MAX_FRAMES = 200
"""Frames of evidence of one alert."""

FileNames = Callable[[int], str]
"""The path of a capture file, by its place in the input."""

_WEIGHTY = ("ot.operation.class", "event.outcome", "ot.answered", "otmon.identified_by")
"""The fields that severity depends on, each with a handful of values."""

_ROW = (
    "ot.function.name",
    "file.name",
    "ot.object.id",
    "ot.value",
    "ot.status.name",
    "ot.unit.id",
)
"""The fields that make a row of the violation table."""

_FILE = 40
"""Bits of the number of a frame; those of its file are above."""
_NUMBER = (1 << _FILE) - 1

_Row = tuple[FieldValue, ...]
_Told = tuple[str, str | None, str | None, str | None, str | None, str | None, str | None]
"""A row as people read it: operation, target, value, status, unit, client, server."""


class Numbered(Protocol):
    """Something that has a number among the alerts, or will have one."""

    number: int | None


class OpenAlert:
    """What was seen of one alert in this run, on top of what the state has of it."""

    __slots__ = (
        "_origin",
        "alike",
        "client",
        "count",
        "evidence",
        "first_ns",
        "frames",
        "is_refused",
        "kept",
        "last_ns",
        "left_out",
        "match",
        "number",
        "previous",
        "refused",
        "replaced",
        "row_fields",
        "rows",
        "saved_count",
        "server",
        "severity",
        "sighted_ns",
        "statements",
        "storm",
        "weighed",
    )

    def __init__(
        self,
        origin: tuple[object, ...],
        match: Match,
        client: str | None,
        server: str | None,
        kept: Alert | None,
    ) -> None:
        self._origin = origin
        self.match = match
        self.client = client
        self.server = server
        self.kept = kept
        """What the state has of it from before this run."""
        self.number: int | None = None if kept is None else kept.id
        self.replaced = False
        """Whether there is a newer alert about the same thing."""
        self.previous: Numbered | int | None = None
        """The alert about the same thing before."""
        self.storm: Numbered | int | None = None if kept is None else kept.storm
        """The storm that it is folded into."""
        self.severity: Severity = severity_of(match)
        self.is_refused = _is_refused(match)
        """Whether it is a group of which nothing took effect, or not all steps did."""
        self.weighed = [_weight(match)]
        """What severity depends on besides client and server, as far as it was weighed."""
        self.alike = match.event.likeness.kin
        """What was weighed last, as its kin."""
        self.count = 0
        self.refused = 0
        """Of `count` how many took no effect."""
        self.saved_count = 0
        """The count when it was last given to the state."""
        self.first_ns = match.event.time_ns
        self.last_ns = match.event.time_ns
        self.sighted_ns = match.event.time_ns
        """The first match since it was last quiet for long."""
        self.row_fields = (
            _ROW
            + (() if client is not None else ("client.address",))
            + (() if server is not None else ("server.address",))
        )
        """The fields that make a row: with the ends, where there are several."""
        self.rows: dict[_Row, list[int]] = {}
        """Of each row its count, first and last time."""
        self.left_out = 0
        self.statements: dict[str, None] = {}
        """The baseline statements that it departs from, or that would make it normal."""
        self.frames = array("q")
        """Its frames, each once: the file above the number."""
        self.evidence: AlertEvidence | None = None
        """Where its frames were saved, if they are not where they were captured."""

    @property
    def key(self) -> str:
        """What all of its matches have in common, as the state has it."""
        return name_of(*self._origin)

    def add(self, match: Match, room: int) -> int:
        """Takes a match in; gives how many rows and frames it took of the `room` there is."""
        taken, count = 0, _stands_for(match)
        self.count += count
        self.refused += _refused(match, count)
        for member in match.members:
            taken += self._add_event(member, room)
        taken += self._add_event(match.event, room)
        # What was refused until now weighs more once it is not.
        if not match.continues or self.is_refused:
            self.weigh(match)
        return taken

    def take_back(self, match: Match) -> int:
        """Takes out what `add` took in of a match; gives how many rows are free again.

        Its frames stay: the same match comes again with them, and more.
        """
        count = _stands_for(match)
        self.count -= count
        self.refused -= _refused(match, count)
        if self.saved_count:
            self.saved_count = UNSAVED
        row = match.event.several(self.row_fields)
        known = self.rows.get(row)
        if known is None:
            return 0
        known[0] -= 1
        if known[0]:
            return 0
        del self.rows[row]
        return 1

    def weigh(self, match: Match) -> None:
        """Takes the severity of a match, where it is higher."""
        # All of one shape weighs the same, and so does what is said of it in the same words;
        # of a group its other events weigh as well.
        alike = match.event.likeness.kin
        if alike is not None and alike == self.alike and match.group is None:
            return
        self.alike = alike
        weight = _weight(match)
        if weight in self.weighed:
            return
        self.weighed.append(weight)
        severity = severity_of(match)
        if severity.score > self.severity.score:
            self.match, self.severity = match, severity
            self.is_refused = _is_refused(match)

    def _add_event(self, event: Event, room: int) -> int:
        time_ns, taken = event.time_ns, 0
        if time_ns < self.first_ns:
            self.first_ns = time_ns
        if time_ns > self.last_ns:
            self.last_ns = time_ns
        verdict = event.verdict
        if (
            verdict is not None
            and verdict.novel
            and verdict.statement is not None
            and len(self.statements) < MAX_STATEMENTS
        ):
            self.statements[verdict.statement] = None
        row = event.several(self.row_fields)
        known = self.rows.get(row)
        if known is not None:
            known[0] += 1
            if time_ns < known[1]:
                known[1] = time_ns
            if time_ns > known[2]:
                known[2] = time_ns
        elif len(self.rows) < MAX_VIOLATIONS and room > 0:
            self.rows[row] = [1, time_ns, time_ns]
            taken = 1
        else:
            self.left_out += 1
        frames = self.frames
        before = len(frames)
        if before < MAX_FRAMES and room > 0:
            for file, number in event.frames[: MAX_FRAMES - before]:
                frame = file << _FILE | number
                # They come in order, but for few.
                if not frames or frame > frames[-1] or frame not in frames:
                    frames.append(frame)
            taken += len(frames) - before
        return taken

    @property
    def places(self) -> list[Frame]:
        """Its frames, each as its file and its number there, in the order they were seen."""
        return [(frame >> _FILE, frame & _NUMBER) for frame in self.frames]

    @property
    def score(self) -> int:
        """Its severity, with what was seen before this run."""
        return max(self.severity.score, 0 if self.kept is None else self.kept.severity)

    def alert(self, number: int, file_name: FileNames) -> Alert:
        """What people are told of it."""
        match, rule, severity = self.match, self.match.rule, self.severity
        protocol, kept = match.event.service, self.kept
        fresh = kept is None or severity.score > kept.severity
        count = self.count + (0 if kept is None else kept.count)
        rows, beyond = _merged(kept, self.rows, self.row_fields)
        return Alert(
            id=number,
            fingerprint=_fingerprint(rule.id, self.client, self.server, protocol),
            rule=rule_facts(rule),
            techniques=tuple(technique.id for technique in rule.techniques),
            technique_names=tuple(technique.name for technique in rule.techniques),
            severity=self.score,
            level=level_of(self.score),
            confidence=severity.confidence if fresh or kept is None else kept.confidence,
            first_seen=Time(self.first_ns if kept is None else min(self.first_ns, kept.first_seen)),
            last_seen=Time(self.last_ns if kept is None else max(self.last_ns, kept.last_seen)),
            count=count,
            client=self.client,
            server=self.server,
            protocol=protocol,
            message=(
                message_of(match, self.client, self.server, count)
                if fresh or kept is None
                else kept.message
            ),
            why=_reasons(match, severity) if fresh or kept is None else kept.why,
            violations=rows,
            violations_left_out=(
                self.left_out + beyond + (0 if kept is None else kept.violations_left_out)
            ),
            evidence=self.evidence or _evidence(kept, self.frames, file_name),
            triage=rule.triage,
            false_positives=rule.false_positives,
            statements=_statements(kept, self.statements),
            storm=_number(self.storm),
            previous=_number(self.previous) if kept is None else kept.previous,
            # Of the match that `message` tells of, which is the first one unless one is worse.
            provider=provider_of(match) if fresh or kept is None else kept.provider,
            baseline=baseline_of(match.event) if fresh or kept is None else kept.baseline,
            anomaly=anomaly_of(match.event) if fresh or kept is None else kept.anomaly,
            refused=self.refused + (0 if kept is None else kept.refused),
        )


def _weight(match: Match) -> tuple[object, ...]:
    """What severity depends on besides client and server."""
    own = match.event.several(_WEIGHTY)
    return own if match.group is None else (*own, *refusals(match))


def _is_refused(match: Match) -> bool:
    return match.group is not None and refusals(match)[0] > 0


def name_of(*key: object) -> str:
    """A key as the state has it: the same in every run."""
    return hashlib.sha256(repr(key).encode()).hexdigest()[:40]


def _stands_for(match: Match) -> int:
    """How many occurrences a match stands for: detectors tell of several at once."""
    told = match.event.own("anomaly.count") if match.group is None else None
    return told if isinstance(told, int) else match.event_count


def _refused(match: Match, count: int) -> int:
    """Of so many occurrences of a match, how many a device refused."""
    # Of most matches the event is all that there is, and it was not refused.
    if not (match.members or match.event.has_failed):
        return 0
    if match.rule.is_about_refusals or match.is_sequence or not is_deed(match.event):
        return 0
    refused, done = refusals(match)
    return count if 0 < refused == done else refused


def rule_facts(rule: Rule) -> AlertRule:
    """What an alert says of its rule."""
    return AlertRule(rule.id, rule.title, rule.level, rule.version)


def _statements(kept: Alert | None, more: Iterable[str]) -> tuple[str, ...]:
    known = dict.fromkeys(() if kept is None else kept.statements)
    return tuple(known | dict.fromkeys(more))[:MAX_STATEMENTS]


def _number(other: Numbered | int | None) -> int | None:
    return other if other is None or isinstance(other, int) else other.number


def _reasons(match: Match, severity: Severity) -> tuple[str, ...]:
    factors = " x ".join(severity.factors)
    return (
        *match.reasons(),
        *_departure(match.event),
        f"severity {severity.score}: {factors}",
    )


def _departure(event: Event) -> Iterator[str]:
    """The line of the baseline that was broken, where one was."""
    verdict = event.verdict
    if verdict is not None and verdict.expected is not None:
        yield f"normal is: {verdict.expected}"
        # What a detector found on its own account is covered by no statement.
        source = "" if verdict.statement is None else f" ({verdict.statement})"
        yield f"seen was: {verdict.observed}{source}"


def _merged(
    kept: Alert | None, rows: dict[_Row, list[int]], fields: Sequence[str]
) -> tuple[tuple[Violation, ...], int]:
    """The table with the rows of this run, and how often there was none for lack of room."""
    before = () if kept is None else kept.violations
    table: dict[_Told, list[int]] = {
        (one.operation, one.target, one.value, one.status, one.unit, one.client, one.server): [
            one.count,
            one.first_seen,
            one.last_seen,
        ]
        for one in before
    }
    beyond = 0
    for row, (count, first_ns, last_ns) in rows.items():
        told = _told(row, fields)
        known = table.get(told)
        if known is not None:
            known[:] = known[0] + count, min(known[1], first_ns), max(known[2], last_ns)
        elif len(table) < MAX_VIOLATIONS:
            table[told] = [count, first_ns, last_ns]
        else:
            beyond += count
    return tuple(
        _violation(told, count, first_ns, last_ns)
        for told, (count, first_ns, last_ns) in table.items()
    ), beyond


def _violation(told: _Told, count: int, first_ns: int, last_ns: int) -> Violation:
    return Violation(*told[:4], count, Time(first_ns), Time(last_ns), *told[4:])


def _told(row: _Row, fields: Sequence[str]) -> _Told:
    operation, file, target, value, status, unit = map(_text, row[: len(_ROW)])
    ends = dict(zip(fields[len(_ROW) :], map(_text, row[len(_ROW) :]), strict=True))
    client, server = ends.get("client.address"), ends.get("server.address")
    return operation or file or "unknown", target, value, status, unit, client, server


def _text(value: FieldValue) -> str | None:
    """A field as text; of a list the first parts."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, tuple):
        return str(value)
    if not value:
        return None
    if len(value) == 1:
        return str(value[0])
    return listed(value, MAX_VALUES)


def _fingerprint(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode()).hexdigest()[:32]


def _evidence(kept: Alert | None, frames: Iterable[int], file_name: FileNames) -> AlertEvidence:
    by_file: dict[str, list[int]] = {}
    room = MAX_FRAMES
    if kept is not None:
        if kept.evidence.file is not None:
            by_file[kept.evidence.file] = list(kept.evidence.frames)
        for more in kept.evidence.continued:
            by_file[more.file] = list(more.frames)
        room -= sum(map(len, by_file.values()))
    for file, some in itertools.groupby(sorted(frames)[: max(room, 0)], lambda one: one >> _FILE):
        by_file.setdefault(file_name(file), []).extend([one & _NUMBER for one in some])
    lists = [FrameList(file, tuple(numbers)) for file, numbers in by_file.items()]
    if not lists:
        return AlertEvidence(None, (), ())
    return AlertEvidence(lists[0].file, lists[0].frames, tuple(lists[1:]))
