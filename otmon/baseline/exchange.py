"""The baseline as YAML: what an engineer reads, signs and keeps under version control.

Every statement opens with its sentence, which is generated from its fields and
checked when the file is read. What was only counted stands on a line of its own,
so that the differences of two exports show what matters.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from otmon.baseline.book import MAX_STATEMENTS, Address, Book, EdgeKey, statement_id
from otmon.baseline.learn import Site
from otmon.baseline.review import in_order, natural
from otmon.baseline.words import protocol_name, says
from otmon.errors import UsageError
from otmon.fields import STATEMENT_STATES
from otmon.model.document import render_time
from otmon.model.statement import ANY_MODE, KINDS, Edge, Habit, Key, Party, Statement

VERSION = 1
"""Rises when an older otmon could not read the file any more."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.#/-]*")
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Known:
    """What a file says is normal."""

    book: Book
    site: Site
    name: str


def looks_like_export(head: bytes) -> bool:
    """Whether a file that begins so is an export of a baseline."""
    return re.search(rb"^otmon_baseline:", head, re.MULTILINE) is not None


def export(book: Book, site: Site, name: str) -> Iterator[str]:
    """The lines of the export of a baseline, sorted: the same for the same baseline.

    Args:
        book: The statements.
        site: How far the site is learned.
        name: What the site is called.
    """
    yield "# What is normal at this site. Each line that begins with `says` is one statement.\n"
    yield f"otmon_baseline: {VERSION}\n"
    yield f"site: {_scalar(name)}\n"
    yield f"learning: {'true' if site.learning else 'false'}\n"
    if site.since_ns is not None:
        yield f"since: {_time(site.since_ns)}\n"
    if site.days:
        yield f"watched_days: [{', '.join(_spans(site.days))}]\n"
    if any(site.hours):
        yield f"watched_hours: {_value(_Flow(_hours(site.hours)))}\n"
        yield f"latest_hour: {site.latest_hour}\n"
    yield "\ndevices:\n"
    yield from _parties(book)
    yield "\nconversations:\n"
    for edge in sorted(book.edges(), key=lambda one: _edge_order(book, one)):
        yield _flow(_edge(book, edge))
    yield "\nstatements:\n"
    last: EdgeKey | None = None
    for statement in in_order(book, book.statements()):
        key = statement.key
        if key[1:4] != last and key.kind != "asset":
            last = key[1:4]
            heading = f"{book.name(key.client)} and {book.name(key.server)}"
            yield f"\n  # {heading} in {protocol_name(key.protocol)}\n"
        yield from _lines(book, statement)


def _edge_order(book: Book, edge: Edge) -> tuple[object, ...]:
    return natural(book.name(edge.client)), natural(book.name(edge.server)), edge.protocol


def _parties(book: Book) -> Iterator[str]:
    addresses: dict[str, list[Address]] = {}
    for address, identity in book.addresses():
        addresses.setdefault(identity, []).append(address)
    for party in sorted(book.parties(), key=lambda one: natural(one.name)):
        row: dict[str, Any] = {"name": party.name, "id": party.id}
        own: Address = (party.ip, party.mac, party.vlan)
        row |= _address(own)
        others = [one for one in addresses.get(party.id, ()) if one != own]
        if others:
            row["also"] = [_Flow(_address(one)) for one in sorted(others, key=str)]
        yield _flow(row)


def _address(address: Address) -> dict[str, Any]:
    named = zip(("ip", "mac", "vlan"), address, strict=True)
    return {name: value for name, value in named if value is not None}


def _edge(book: Book, edge: Edge) -> dict[str, Any]:
    row: dict[str, Any] = {
        "client": book.name(edge.client),
        "server": book.name(edge.server),
        "protocol": edge.protocol,
        "state": "enforcing" if edge.enforcing else "learning",
    }
    if edge.unsaturated:
        row["unsaturated"] = True
    row |= {
        "first": _Raw(_time(edge.first_seen_ns)),
        "last": _Raw(_time(edge.last_seen_ns)),
        "new": _Raw(_time(edge.new_ns)),
    }
    if edge.enforcing_ns is not None:
        row["since"] = _Raw(_time(edge.enforcing_ns))
    row |= {
        "active_ns": edge.active_ns,
        "quiet_ns": edge.quiet_ns,
        "operations": edge.transactions,
        "flows": edge.flows,
    }
    if edge.hours:
        row["hours"] = _Flow({name: _Flow(_hours(week)) for name, week in edge.hours.items()})
    return row


def _hours(week: list[int]) -> dict[str, Any]:
    return {
        f"{_DAYS[hour // 24]} {hour % 24:02d}": count for hour, count in enumerate(week) if count
    }


def _lines(book: Book, statement: Statement) -> Iterator[str]:
    """A statement: what it says and what is settled; its fields; what was counted."""
    key = statement.key
    head: dict[str, Any] = {"says": says(statement, book.name), "state": statement.state}
    if statement.novel:
        head["novel"] = list(statement.novel)
    if statement.author is not None:
        head["by"] = statement.author
    if statement.settled_ns is not None:
        head["at"] = _Raw(_time(statement.settled_ns))
    if statement.until_ns is not None:
        head["until"] = _Raw(_time(statement.until_ns))
    if statement.reason is not None:
        head["reason"] = statement.reason
    fields: dict[str, Any] = {"id": statement.id, "kind": key.kind, "client": book.name(key.client)}
    if key.kind != "asset":
        fields |= {"server": book.name(key.server), "protocol": key.protocol}
    if key.unit is not None:
        fields["unit"] = key.unit
    for name, value in (
        ("class", key.operation_class),
        ("operation", key.operation),
        ("target", key.target),
        ("status", key.status),
    ):
        if value:
            fields[name] = value
    if statement.ranges:
        fields["ranges"] = [f"{low}-{high}" for low, high in statement.ranges]
    habits = statement.habits
    if len(habits) == 1 and ANY_MODE in habits:
        fields |= _habit(habits[ANY_MODE])
    elif habits:
        fields["modes"] = _Flow({mode: _Flow(_habit(one)) for mode, one in sorted(habits.items())})
    counts: dict[str, Any] = {
        "first": _Raw(_time(statement.first_seen_ns)),
        "last": _Raw(_time(statement.last_seen_ns)),
        "seen": statement.count,
    }
    if statement.frames:
        counts["frames"] = list(statement.frames)
    parts = [_inner(head), _inner(fields), _inner(counts)]
    yield f"  - {{{parts[0]},\n     {parts[1]},\n     {parts[2]}}}\n"


def _habit(habit: Habit) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if habit.period_ns is not None:
        row["period_ms"] = _Raw(_milliseconds(habit.period_ns))
        row["deviation_ms"] = _Raw(_milliseconds(habit.deviation_ns or 0))
        row["intervals"] = habit.intervals
    if habit.kind is not None:
        row["values_are"] = habit.kind
    if habit.low is not None:
        row["low"] = habit.low
    if habit.high is not None:
        row["high"] = habit.high
    if habit.values:
        row["values"] = list(habit.values)
    if habit.value_count:
        row["value_count"] = habit.value_count
    return row


class _Raw(str):
    """Text that is written as it is."""


class _Flow(dict[str, Any]):
    """A mapping inside a line."""


def _flow(row: Mapping[str, Any]) -> str:
    return f"  - {{{_inner(row)}}}\n"


def _inner(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{_scalar(key)}: {_value(value)}" for key, value in row.items())


def _value(value: Any) -> str:
    if isinstance(value, _Raw):
        return value
    if isinstance(value, dict):
        return f"{{{_inner(value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _scalar(value)
    return json.dumps(value)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)


def _time(time_ns: int) -> str:
    """RFC 3339 in quotes, without zeros that say nothing."""
    whole, _, digits = render_time(time_ns).removesuffix("Z").partition(".")
    digits = digits.rstrip("0")
    return f'"{whole}.{digits}Z"' if digits else f'"{whole}Z"'


def _milliseconds(nanoseconds: int) -> str:
    whole, rest = divmod(nanoseconds, 1_000_000)
    digits = f"{rest:06d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _spans(days: Iterable[int]) -> Iterator[str]:
    """Days since 1970 as spans: `20000-20013`."""
    first = last = None
    for day in sorted(days):
        if last is not None and day == last + 1:
            last = day
            continue
        if first is not None:
            yield f'"{first}-{last}"'
        first = last = day
    if first is not None:
        yield f'"{first}-{last}"'


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
        if version != VERSION:
            raise UsageError(
                f"{self._path} has form {version}, and this otmon knows form {VERSION}. "
                "Use the otmon that wrote it, or a newer one."
            )
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
        if told is not None and told != says_now:
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
        week[_DAYS.index(day) * 24 + int(hour)] = int(count)
    return week
