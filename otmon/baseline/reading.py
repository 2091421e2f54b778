"""An export of a baseline taken back: what it says is checked, sentence by sentence."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from otmon.baseline.book import MAX_STATEMENTS, Address, Book, statement_id
from otmon.baseline.exchange import DAYS, VERSION
from otmon.baseline.learn import Site
from otmon.baseline.words import says
from otmon.errors import UsageError
from otmon.fields import STATEMENT_STATES
from otmon.model.statement import ANY_MODE, KINDS, Edge, Habit, Key, Party, Statement

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """What a file says is normal."""

    book: Book
    site: Site
    name: str


def read(text: str, path: str) -> Known:
    """The baseline that an export describes.

    Args:
        text: The export.
        path: Where it stands, for errors.

    Raises:
        UsageError: It is no export, of a newer form, or says something that is
            not so; nothing of it is used then.
    """
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UsageError(f"{path}{line}: no YAML: {problem}. Correct that line.") from error
    return _Reader(path).known(document)


class _Reader:
    """Takes an export apart, and says where something is wrong."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._book = Book()
        self._where = "the file"
        self._in_these_words = True

    def known(self, document: Any) -> Known:
        try:
            return self._known(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise UsageError(
                f"{self._path}: {self._where}: {what}. Correct it, or export the baseline anew."
            ) from error

    def _known(self, document: Any) -> Known:
        if not isinstance(document, dict) or "otmon_baseline" not in document:
            raise UsageError(
                f"{self._path} is no export of a baseline. Make one with `otmon baseline export`."
            )
        version = document["otmon_baseline"]
        if version not in range(1, VERSION + 1):
            raise UsageError(
                f"{self._path} has form {version}, and this otmon knows form {VERSION}. "
                "Use the otmon that wrote it, or a newer one."
            )
        # Sentences of an older otmon may be in other words; its fields say the same.
        self._in_these_words = version == VERSION
        site = Site(
            learning=self._is(document.get("learning", False), bool, "learning"),
            since_ns=_optional_time(document.get("since")),
            hours=_week(dict(document.get("watched_hours") or {})),
            latest_hour=self._is(document.get("latest_hour", 0), int, "latest_hour"),
            days={day for span in document.get("watched_days") or () for day in _days(span)},
        )
        for place, row in enumerate(document.get("devices") or (), 1):
            self._where = f"device {place}"
            self._party(dict(row))
        for place, row in enumerate(document.get("conversations") or (), 1):
            self._where = f"conversation {place}"
            self._conversation(dict(row))
        rows = document.get("statements") or ()
        if len(rows) > MAX_STATEMENTS:
            raise ValueError(f"{len(rows)} statements are more than {MAX_STATEMENTS}")
        for place, row in enumerate(rows, 1):
            named = row.get("id", "without id") if isinstance(row, dict) else "unreadable"
            self._where = f"statement {place} ({named})"
            self._statement(dict(row))
        self._book.kept()
        return Known(self._book, site, str(document.get("site", "site")))

    def _party(self, row: dict[str, Any]) -> None:
        name = self._is(row.pop("name"), str, "name")
        identity = self._is(row.pop("id"), str, "id")
        others = [_taken_address(dict(one)) for one in row.pop("also", ())]
        ip, mac, vlan = _taken_address(row)
        self._done(row)
        if self._book.named(name) is not None:
            raise ValueError(f"two devices are called {name}")
        self._book.add_party(Party(identity, name, ip, mac, vlan))
        for address in others:
            self._book.add_address(address, identity)

    def _conversation(self, row: dict[str, Any]) -> None:
        state = row.pop("state")
        if state not in ("learning", "enforcing"):
            raise ValueError(f"state {state!r} is none of learning, enforcing")
        since = row.pop("since", None)
        hours = {name: _week(dict(week)) for name, week in (row.pop("hours", None) or {}).items()}
        edge = Edge(
            client=self._id(row.pop("client")),
            server=self._id(row.pop("server")),
            protocol=self._is(row.pop("protocol"), str, "protocol"),
            enforcing=state == "enforcing",
            first_seen_ns=_taken_time(row.pop("first")),
            last_seen_ns=_taken_time(row.pop("last")),
            new_ns=_taken_time(row.pop("new")),
            active_ns=self._is(row.pop("active_ns", 0), int, "active_ns"),
            quiet_ns=self._is(row.pop("quiet_ns", 0), int, "quiet_ns"),
            transactions=self._is(row.pop("operations", 0), int, "operations"),
            flows=self._is(row.pop("flows", 0), int, "flows"),
            unsaturated=self._is(row.pop("unsaturated", False), bool, "unsaturated"),
            enforcing_ns=_optional_time(since),
            hours=hours,
        )
        self._done(row)
        self._book.add_edge(edge)

    def _statement(self, row: dict[str, Any]) -> None:
        told = row.pop("says", None)
        kind, state = row.pop("kind"), row.pop("state")
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
        if state not in STATEMENT_STATES:
            raise ValueError(f"state {state!r} is none of {', '.join(STATEMENT_STATES)}")
        unit = row.pop("unit", None)
        key = Key(
            kind,
            self._id(row.pop("client")),
            "" if kind == "asset" else self._id(row.pop("server")),
            "" if kind == "asset" else self._is(row.pop("protocol"), str, "protocol"),
            None if unit is None else self._is(unit, int, "unit"),
            *(self._is(row.pop(name, ""), str, name) for name in _KEY_TEXTS),
        )
        identity = self._is(row.pop("id"), str, "id")
        if identity != statement_id(key):
            raise ValueError(f"the id of what its fields say is {statement_id(key)}")
        modes = row.pop("modes", None)
        statement = Statement(
            identity,
            key,
            state,
            first_seen_ns=_taken_time(row.pop("first")),
            last_seen_ns=_taken_time(row.pop("last")),
            count=self._is(row.pop("seen", 0), int, "seen"),
            ranges=tuple(map(_range, row.pop("ranges", ()))),
            novel=tuple(row.pop("novel", ())),
            frames=tuple(row.pop("frames", ())),
            author=row.pop("by", None),
            settled_ns=_optional_time(row.pop("at", None)),
            reason=row.pop("reason", None),
            until_ns=_optional_time(row.pop("until", None)),
            habits={mode: _taken_habit(dict(one)) for mode, one in modes.items()}
            if modes is not None
            else {ANY_MODE: _taken_habit(row)}
            if not _HABIT.isdisjoint(row)
            else {},
        )
        self._done(row)
        if self._book.get(key) is not None:
            raise ValueError("there is the same statement before it")
        if kind != "asset" and self._book.edge(key[1:4]) is None:
            raise ValueError("its conversation is not among the conversations")
        says_now = says(statement, self._book.name)
        if self._in_these_words and told is not None and told != says_now:
            raise ValueError(f"it says {told!r}, but its fields say {says_now!r}")
        self._book.add(statement)

    def _id(self, name: Any) -> str:
        identity = self._book.named(str(name))
        if identity is None:
            raise ValueError(f"{name!r} is not among the devices")
        return identity

    @staticmethod
    def _is(value: Any, kind: type, name: str) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{name} {value!r} is no {kind.__name__}")
        return value

    @staticmethod
    def _done(row: Mapping[str, Any]) -> None:
        if row:
            raise ValueError(f"{', '.join(map(str, row))} is not known here")


_KEY_TEXTS = ("class", "operation", "target", "status")
_HABIT = frozenset(
    ("period_ms", "deviation_ms", "intervals", "values_are", "low", "high", "values", "value_count")
)


def _taken_address(row: dict[str, Any]) -> Address:
    return row.pop("ip", None), row.pop("mac", None), row.pop("vlan", None)


def _taken_habit(row: dict[str, Any]) -> Habit:
    period, deviation = row.pop("period_ms", None), row.pop("deviation_ms", None)
    low, high = row.pop("low", None), row.pop("high", None)
    return Habit(
        period_ns=None if period is None else round(float(period) * 1_000_000),
        deviation_ns=None if deviation is None else round(float(deviation) * 1_000_000),
        intervals=int(row.pop("intervals", 0)),
        kind=row.pop("values_are", None),
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        values=tuple(map(str, row.pop("values", ()))),
        value_count=int(row.pop("value_count", 0)),
    )


def _taken_time(text: Any) -> int:
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no time such as 2026-03-02T06:00:00Z")
    moment = datetime.datetime.fromisoformat(f"{found[1]}+00:00")
    seconds = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    return seconds * 1_000_000_000 + int((found[2] or "0").ljust(9, "0"))


def _optional_time(text: Any) -> int | None:
    return None if text is None else _taken_time(text)


def _range(text: Any) -> tuple[int, int]:
    low, _, high = str(text).partition("-")
    return int(low), int(high or low)


def _days(span: Any) -> Iterator[int]:
    low, high = _range(span)
    if high - low > 400:
        raise ValueError(f"{span!r} are too many days")
    yield from range(low, high + 1)


def _week(hours: dict[str, Any]) -> list[int]:
    week = [0] * 168
    for name, count in hours.items():
        day, _, hour = name.partition(" ")
        week[DAYS.index(day) * 24 + int(hour)] = int(count)
    return week
