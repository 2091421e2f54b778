"""The baseline as YAML: what an engineer reads, signs and keeps under version control.

Every statement opens with its sentence, which is generated from its fields and
checked when the file is read. What was only counted stands on a line of its own,
so that the differences of two exports show what matters.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otmon.baseline.book import Address, Book, EdgeKey
from otmon.baseline.learn import Site
from otmon.baseline.review import in_order, natural
from otmon.baseline.words import protocol_name, says
from otmon.model.document import render_time
from otmon.model.statement import ANY_MODE, Edge, Habit, Statement

VERSION = 3
"""Rises when an older otmon could not read the file any more, or says some things otherwise."""

_PREFACE = """\
# What is normal at this site. Each `says` is one statement in words; its fields follow,
# and both are held against each other when the file is read. What is pending is not
# normal: it waits for somebody to approve or reject it.
"""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.#/-]*")
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def export(book: Book, site: Site, name: str) -> Iterator[str]:
    """The lines of the export of a baseline, sorted: the same for the same baseline.

    Args:
        book: The statements.
        site: How far the site is learned.
        name: What the site is called.
    """
    yield _PREFACE
    yield from _summary(book)
    yield f"otmon_baseline: {VERSION}\n"
    yield f"site: {_scalar(name)}\n"
    yield f"learning: {'true' if site.learning else 'false'}\n"
    if site.since_ns is not None:
        yield f"since: {_time(site.since_ns)}\n"
    yield "\ndevices:\n"
    yield from _parties(book)
    yield "\nstatements:\n"
    last: EdgeKey | None = None
    for statement in in_order(book, book.statements()):
        key = statement.key
        if key[1:4] != last and key.kind != "asset":
            last = key[1:4]
            heading = f"{book.name(key.client)} and {book.name(key.server)}"
            yield f"\n  # {heading} in {protocol_name(key.protocol)}\n"
        yield from _lines(book, statement)
    yield "\n# How far it is learned: what otmon needs to go on, and nobody has to sign.\n"
    if site.days:
        yield f"watched_days: [{', '.join(_spans(site.days))}]\n"
    if any(site.hours):
        yield f"watched_hours: {_value(_Flow(_hours(site.hours)))}\n"
        yield f"latest_hour: {site.latest_hour}\n"
    yield "conversations:\n"
    for edge in sorted(book.edges(), key=lambda one: _edge_order(book, one)):
        yield _flow(_edge(book, edge))


def _summary(book: Book) -> Iterator[str]:
    """What is signed, in numbers: for people, not for the import."""
    statements = list(book.statements())
    if not statements:
        return
    first = min(one.first_seen_ns for one in statements)
    last = max(one.last_seen_ns for one in statements)
    states = Counter(one.state for one in statements)
    named = {end for one in statements for end in one.key[1:3] if end}
    counted = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    how = f"all {statements[0].state}" if len(states) == 1 else counted
    told = _count(len(statements), "statement")
    yield f"#\n# {told}, {how}, about {_count(len(named), 'device')} or groups,\n"
    yield f"# of what was seen from {_minute(first)} to {_minute(last)} UTC.\n"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _minute(time_ns: int) -> str:
    return render_time(time_ns)[:16].replace("T", " ")


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
        f"{DAYS[hour // 24]} {hour % 24:02d}": count for hour, count in enumerate(week) if count
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
