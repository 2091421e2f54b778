"""Alerts in the state: kept as traffic makes them, settled as people say.

What people settle is theirs: traffic adds to the count of an alert, and opens
it again where the rules of reopening say so, never anything else. Every change
that others have to be told of is a row of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from otmon.errors import UsageError
from otmon.model.alert import LEVELS, Alert, KeptAlert
from otmon.model.document import Time, pack, packed_text, unpack
from otmon.state.journal import Action, Facts, Writer
from otmon.state.site_file import now_ns

TOLD_COUNTS = (10, 100, 1_000)
"""Counts at which an open alert is told of again."""
MAX_CHANGES = 100_000
"""Changes kept for those who tell of them; the oldest go first."""

AT_ONCE = 256
"""New alerts that are written in one go."""

_COLUMNS = "number, key, sighted_ns, storm, status, muted_until_ns, document"
_NOTE = (
    "INSERT INTO alert_changes"
    " (number, kind, time_ns, status, severity, level, count, author, note)"
    " SELECT number, ?, ?, status, severity, level, count, ?, ? FROM alerts WHERE number = ?"
)
"""Notes what others have to be told of an alert, as it is now."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something about an alert that others have to be told of."""

    id: int
    """Rises with every change."""
    number: int
    kind: str
    """`raised`, `level`, `count` or `reopened` by traffic; else what somebody did."""
    time_ns: int
    """Packet time, or when somebody acted."""
    status: str
    severity: int
    level: str
    count: int
    author: str | None
    note: str | None


def last_number(db: sqlite3.Connection) -> int:
    """The highest number that was ever given; 0 where none was."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'alerts'").fetchone()
    return 0 if row is None else row[0]


def recall(
    db: sqlite3.Connection, key: str, time_ns: int, idle_ns: int, span_ns: int
) -> KeptAlert | None:
    """The alert of a key that a match at a time belongs to; else the latest of the key."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE key = :key ORDER BY"
        " (:now BETWEEN sighted_ns - :idle AND last_ns + :idle AND :now <= sighted_ns + :span)"
        " DESC, number DESC LIMIT 1",
        {"key": key, "now": time_ns, "idle": idle_ns, "span": span_ns},
    ).fetchone()
    return None if row is None else _kept(row)


def save(db: sqlite3.Connection, alerts: Iterable[KeptAlert]) -> None:
    """Keeps what traffic made of alerts, and notes what others have to be told.

    Args:
        db: A connection inside a transaction.
        alerts: Those that changed; what people settled is taken from the state,
            not from them.
    """
    last, notes = last_number(db), list[tuple[Any, ...]]()
    fresh: list[tuple[Any, ...]] = []
    for kept in alerts:
        alert = kept.alert
        if alert.id > last:
            kind = None if alert.storm else "raised"
            fresh.append(_row(kept, "open", None))
            if len(fresh) >= AT_ONCE:
                _insert(db, fresh)
        else:
            kind = _update(db, kept)
        if kind is not None:
            notes.append((kind, alert.last_seen, None, None, alert.id))
    _insert(db, fresh)
    db.executemany(_NOTE, notes)


def _row(kept: KeptAlert, status: str, until_ns: int | None) -> tuple[Any, ...]:
    """An alert as a row of its table."""
    alert = kept.alert
    return (
        *(alert.id, kept.key, alert.rule.id, alert.severity, alert.level, kept.sighted_ns),
        *(alert.first_seen, alert.last_seen, alert.count, alert.client, alert.server),
        *(alert.storm, status, until_ns, _text(alert)),
    )


def _insert(db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    """Puts rows of new alerts into the table, and leaves none of them."""
    db.executemany("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    rows.clear()


def _update(db: sqlite3.Connection, kept: KeptAlert) -> str | None:
    """Keeps what was seen again; gives what others have to be told of it."""
    alert = kept.alert
    row = db.execute(
        "SELECT status, muted_until_ns, level, count FROM alerts WHERE number = ?", (alert.id,)
    ).fetchone()
    if row is None:
        # Its row was dropped because it was old.
        _insert(db, [_row(kept, "open", None)])
        return None if alert.storm else "raised"
    status, until, level, count = row
    status, until, kind = _after(alert, status, until, level, count)
    values = (
        *(alert.severity, alert.level, kept.sighted_ns, alert.first_seen, alert.last_seen),
        *(alert.count, alert.storm, status, until, _text(alert), alert.id),
    )
    db.execute(
        "UPDATE alerts SET severity = ?, level = ?, sighted_ns = ?, first_ns = ?, last_ns = ?,"
        " count = ?, storm = ?, status = ?, muted_until_ns = ?, document = ? WHERE number = ?",
        values,
    )
    return kind


def _after(
    alert: Alert, status: str, until: int | None, level: str, count: int
) -> tuple[str, int | None, str | None]:
    """Status and end of mute of an alert that was seen again, and what to tell of it."""
    worse = LEVELS.index(alert.level) > LEVELS.index(level)
    match status:
        case "muted":
            if until is None or alert.last_seen <= until:
                return status, until, None
            return "open", None, "reopened"
        case "closed" | "learned":
            return "open", None, "reopened"
        case "acknowledged":
            return ("open", None, "reopened") if worse else (status, None, None)
    if alert.storm is not None:
        return status, None, None
    if worse:
        return status, None, "level"
    passed = any(count < told <= alert.count for told in TOLD_COUNTS)
    return status, None, "count" if passed else None


def load(
    db: sqlite3.Connection,
    *,
    numbers: Sequence[int] | None = None,
    statuses: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    rule: str | None = None,
    end: str | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    folded: bool = True,
    limit: int | None = None,
) -> list[Alert]:
    """Alerts, the most severe first, of equal ones the lower number first.

    Args:
        db: The connection.
        numbers: Only these.
        statuses: Only with one of these.
        levels: Only of one of these.
        rule: Only of the rule with this id, or with this text in its title.
        end: Only with this client or server.
        since_ns: Only those that were seen then or later.
        until_ns: Only those that were seen then or before.
        folded: Whether those that a storm stands for are among them.
        limit: At most so many.
    """
    conditions, values = ["1"], dict[str, Any](limit=-1 if limit is None else limit)
    for column, wanted in (("number", numbers), ("status", statuses), ("level", levels)):
        if wanted is not None:
            conditions.append(f"{column} IN (SELECT value FROM json_each(:{column}))")
            values[column] = json.dumps(list(wanted))
    if rule is not None:
        conditions.append(
            "(rule = :rule OR instr(lower(json_extract(document, '$.rule.title')), :title))"
        )
        values |= {"rule": rule, "title": rule.lower()}
    if end is not None:
        conditions.append("(client = :end OR server = :end)")
        values["end"] = end
    if since_ns is not None:
        conditions.append("last_ns >= :since")
        values["since"] = since_ns
    if until_ns is not None:
        conditions.append("first_ns <= :until")
        values["until"] = until_ns
    if not folded:
        conditions.append("storm IS NULL")
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM alerts WHERE {' AND '.join(conditions)}"
        " ORDER BY severity DESC, number LIMIT :limit",
        values,
    )
    return [_kept(row).alert for row in rows]


def one(db: sqlite3.Connection, number: int) -> Alert:
    """The alert of a number.

    Raises:
        UsageError: There is none.
    """
    row = db.execute(f"SELECT {_COLUMNS} FROM alerts WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise UsageError(f"There is no alert {number}. See `otmon alerts list`.")
    return _kept(row).alert


def settled(db: sqlite3.Connection) -> dict[int, tuple[str, int | None]]:
    """Of each alert that is not open its status, and when its mute ends."""
    rows = db.execute("SELECT number, status, muted_until_ns FROM alerts WHERE status != 'open'")
    return {number: (status, until) for number, status, until in rows}


def spans(
    db: sqlite3.Connection,
) -> Iterator[tuple[int, int, int, str | None, str | None]]:
    """First and last time, number, client and server of every alert outside of storms."""
    yield from db.execute(
        "SELECT first_ns, last_ns, number, client, server FROM alerts WHERE storm IS NULL"
    )


def counts(db: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """How many alerts there are by status and level, without those folded into storms."""
    rows = db.execute(
        "SELECT status, level, count(*) FROM alerts WHERE storm IS NULL GROUP BY status, level"
    )
    return {(status, level): count for status, level, count in rows}


def last_change(db: sqlite3.Connection) -> int:
    """The id of the latest change; 0 where there is none."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM alert_changes").fetchone()[0])


def changes(db: sqlite3.Connection, after_id: int = 0, limit: int = 1_000) -> list[Change]:
    """What others have to be told after a change that they know, the oldest first."""
    rows = db.execute(
        "SELECT id, number, kind, time_ns, status, severity, level, count, author, note"
        " FROM alert_changes WHERE id > ? ORDER BY id LIMIT ?",
        (after_id, limit),
    )
    return [Change(*row) for row in rows]


def settle(
    db: sqlite3.Connection,
    numbers: Sequence[int],
    status: str,
    action: Action,
    until_ns: int | None = None,
    writer: Writer | None = None,
) -> list[Alert]:
    """Gives alerts a status as somebody says, and gives them as they are now.

    A storm takes the alerts that are folded into it along.

    Args:
        db: A connection inside a transaction.
        numbers: Which.
        status: `acknowledged`, `closed`, `muted` or `learned`.
        action: Who says so and why.
        until_ns: When a mute ends.
        writer: Of the command that this is a part of: both are taken back together.

    Raises:
        UsageError: There is no such alert, or it cannot become that from what it is.
    """
    writer = writer or Writer(db, action)
    for number in numbers:
        alert = one(db, number)
        if status == "acknowledged" and alert.status in ("closed", "learned"):
            raise UsageError(
                f"Alert {number} is {alert.status} already. "
                "If that was wrong, take it back: `otmon undo`."
            )
        members = [row[0] for row in db.execute(
            "SELECT number FROM alerts WHERE storm = ? ORDER BY number", (number,)
        )]  # fmt: skip
        for each in (number, *members):
            before = _settled(db, each)
            after: Facts = {"status": status, "muted_until_ns": until_ns}
            if before != after:
                restore(db, str(each), after)
                writer.add("alert", str(each), before, after)
        if alert.status != status or alert.muted_until != until_ns:
            _note(db, number, action.name, now_ns(), action.author, action.note)
    return load(db, numbers=numbers)


def _settled(db: sqlite3.Connection, number: int) -> Facts:
    row = db.execute("SELECT status, muted_until_ns FROM alerts WHERE number = ?", (number,))
    status, until = row.fetchone()
    return {"status": status, "muted_until_ns": until}


def restore(
    db: sqlite3.Connection, subject: str, facts: Facts | None, _after: Facts | None = None
) -> None:
    """Puts the status of an alert back to what the journal says."""
    if facts is not None:
        db.execute(
            "UPDATE alerts SET status = ?, muted_until_ns = ? WHERE number = ?",
            (facts["status"], facts["muted_until_ns"], int(subject)),
        )


def taken_back(db: sqlite3.Connection, subject: str, author: str, note: str | None) -> None:
    """Notes for others that what was done to an alert has been taken back."""
    _note(db, int(subject), "undo", now_ns(), author, note)


def retain(db: sqlite3.Connection, time_ns: int, closed_ns: int, at_most: int) -> int:
    """Drops alerts that are over and old, and gives how many.

    Args:
        db: A connection inside a transaction.
        time_ns: Packet time now.
        closed_ns: How long after their last match those are kept that are
            closed or learned, or whose mute has ended.
        at_most: How many are kept in all; of what is too many the settled ones
            that were quiet longest go first, then the others.
    """
    over = "status IN ('closed', 'learned') OR (status = 'muted' AND muted_until_ns < :now)"
    dropped = db.execute(
        f"DELETE FROM alerts WHERE ({over}) AND last_ns < :now - :closed",
        {"now": time_ns, "closed": closed_ns},
    ).rowcount
    present = db.execute("SELECT count(*) FROM alerts").fetchone()[0]
    if present > at_most:
        dropped += db.execute(
            "DELETE FROM alerts WHERE number IN (SELECT number FROM alerts ORDER BY"
            f" ({over}) DESC, last_ns LIMIT :excess)",
            {"now": time_ns, "excess": present - at_most},
        ).rowcount
    if dropped:
        for table in ("alert_changes", "told_alerts"):
            db.execute(f"DELETE FROM {table} WHERE number NOT IN (SELECT number FROM alerts)")
    db.execute(
        "DELETE FROM alert_changes WHERE id <= (SELECT max(id) FROM alert_changes) - ?",
        (MAX_CHANGES,),
    )
    db.execute(
        "DELETE FROM told_alerts WHERE NOT raised"
        " AND seq <= (SELECT max(seq) FROM told_alerts) - ?",
        (MAX_CHANGES,),
    )
    return dropped


def _note(
    db: sqlite3.Connection,
    number: int,
    kind: str,
    time_ns: int,
    author: str | None = None,
    note: str | None = None,
) -> None:
    db.execute(_NOTE, (kind, time_ns, author, note, number))


def _text(alert: Alert) -> str:
    return packed_text(pack(alert))


def _kept(row: tuple[Any, ...]) -> KeptAlert:
    number, key, sighted_ns, storm, status, until_ns, document = row
    alert = unpack(Alert, json.loads(document))
    until = None if until_ns is None else Time(until_ns)
    alert = replace(alert, id=number, storm=storm, status=status, muted_until=until)
    return KeptAlert(key, sighted_ns, alert)
