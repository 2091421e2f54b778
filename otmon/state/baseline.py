"""The baseline in the site file: statements, conversations, and who takes part.

Traffic never changes what a person settled, even if the person did so while a
run was under way: the run takes that over when it saves.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from otmon.model.statement import Edge, Habit, Key, Party, Statement
from otmon.state import journal
from otmon.state.journal import Facts, Writer

KIND = "statement"
"""What the journal calls a statement."""
WHOLE = "baseline"
"""What the journal calls all of it but the statements."""
EDGE = "conversation"
"""What the journal calls how two devices are learned in a protocol."""

EdgeKey = tuple[str, str, str]
"""Client, server and protocol."""

Address = tuple[str | None, str | None, int | None]


@dataclass(slots=True)
class Changes:
    """What a run has to write."""

    statements: Iterable[Statement] = ()
    counted: Iterable[Statement] = ()
    """Those of which only the counts differ."""
    removed: Iterable[str] = ()
    edges: Iterable[Edge] = ()
    removed_edges: Iterable[tuple[str, str, str]] = ()
    parties: Iterable[tuple[Party, list[Address]]] = ()
    removed_parties: Iterable[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def load_facts(db: sqlite3.Connection) -> dict[str, Any]:
    """Whether the site learns, since when, and when the sensor watched; empty where it is new."""
    rows = db.execute("SELECT name, value FROM baseline_facts")
    return {name: json.loads(value) for name, value in rows}


def load_parties(db: sqlite3.Connection) -> Iterator[tuple[Party, list[Address]]]:
    """Who takes part, each with its addresses."""
    rows = db.execute("SELECT id, name, ip, mac, vlan, addresses FROM baseline_parties")
    for identity, name, ip, mac, vlan, addresses in rows:
        listed = [(one[0], one[1], one[2]) for one in json.loads(addresses)]
        yield Party(identity, name, ip, mac, vlan), listed


def load_edges(db: sqlite3.Connection) -> Iterator[Edge]:
    """Every conversation."""
    for (document,) in db.execute("SELECT document FROM baseline_edges"):
        yield Edge(**json.loads(document))


def load_statements(db: sqlite3.Connection) -> Iterator[Statement]:
    """Every statement."""
    for row in db.execute(f"SELECT {_COLUMNS} FROM baseline_statements"):
        yield _statement(row)


def save(db: sqlite3.Connection, changes: Changes) -> None:
    """Writes what a run learned and counted.

    Args:
        db: A connection inside a transaction.
        changes: What differs from what was loaded or saved last. States that
            people gave are not among what is changed by them.
    """
    db.executemany("DELETE FROM baseline_statements WHERE id = ?", ((i,) for i in changes.removed))
    db.executemany(_WRITE, map(_row, changes.statements))
    db.executemany(
        "UPDATE baseline_statements SET count = ?, last_seen_ns = ? WHERE id = ?",
        ((one.count, one.last_seen_ns, one.id) for one in changes.counted),
    )
    db.executemany(
        "DELETE FROM baseline_edges WHERE client = ? AND server = ? AND protocol = ?",
        changes.removed_edges,
    )
    db.executemany(
        "INSERT OR REPLACE INTO baseline_edges (client, server, protocol, document)"
        " VALUES (?, ?, ?, ?)",
        ((one.client, one.server, one.protocol, _text(asdict(one))) for one in changes.edges),
    )
    db.executemany(
        "DELETE FROM baseline_parties WHERE id = ?", ((i,) for i in changes.removed_parties)
    )
    db.executemany(
        "INSERT OR REPLACE INTO baseline_parties (id, name, ip, mac, vlan, addresses)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            (one.id, one.name, one.ip, one.mac, one.vlan, _text(addresses))
            for one, addresses in changes.parties
        ),
    )
    db.executemany(
        "INSERT OR REPLACE INTO baseline_facts (name, value) VALUES (?, ?)",
        ((name, _text(value)) for name, value in changes.facts.items()),
    )


def clear(db: sqlite3.Connection) -> None:
    """Removes all of it, within a transaction."""
    for table in ("statements", "edges", "parties", "facts"):
        db.execute(f"DELETE FROM baseline_{table}")


def note(writer: Writer, before: Facts | None, after: Statement | None, identity: str) -> None:
    """Adds to the journal that a person changed a statement."""
    writer.add(KIND, identity, before, None if after is None else facts_of(after))


def note_edges(
    writer: Writer, before: Mapping[EdgeKey, Facts], after: Mapping[EdgeKey, Facts]
) -> None:
    """Adds to the journal the conversations that learn again, or are gone, by what was settled."""
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old != new:
            writer.add(EDGE, json.dumps(key), old, new)


def settled_since(
    db: sqlite3.Connection, entry: int
) -> tuple[int, dict[str, Statement | None], list[Edge]]:
    """What people did to statements since an entry of the journal.

    Returns:
        The latest entry; each statement that somebody touched as it is now,
        None where it is gone; and the conversations that they belong to.
    """
    latest = journal.last_id(db)
    touched: dict[str, Statement | None] = {}
    edges: dict[tuple[str, str, str], Edge] = {}
    if latest == entry:
        return latest, touched, []
    for one in journal.entries(db, kind=KIND, after_id=entry):
        if one.subject in touched:
            continue
        statement = find(db, one.subject)
        touched[one.subject] = statement
        if statement is not None:
            key = statement.key[1:4]
            edge = find_edge(db, key)
            if edge is not None:
                edges[key] = edge
    return latest, touched, list(edges.values())


_COLUMNS = "document, count, last_seen_ns"
_WRITE = (
    "INSERT OR REPLACE INTO baseline_statements (id, state, count, last_seen_ns, document)"
    " VALUES (?, ?, ?, ?, ?)"
)


def _row(statement: Statement) -> tuple[Any, ...]:
    document = _text(facts_of(statement))
    return statement.id, statement.state, statement.count, statement.last_seen_ns, document


def find(db: sqlite3.Connection, identity: str) -> Statement | None:
    """The statement of an id."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM baseline_statements WHERE id = ?", (identity,)
    ).fetchone()
    return None if row is None else _statement(row)


def find_edge(db: sqlite3.Connection, key: EdgeKey) -> Edge | None:
    """The conversation of client, server and protocol."""
    row = db.execute(
        "SELECT document FROM baseline_edges WHERE client = ? AND server = ? AND protocol = ?", key
    ).fetchone()
    return None if row is None else Edge(**json.loads(row[0]))


def _statement(row: tuple[str, int, int]) -> Statement:
    statement = statement_of(json.loads(row[0]))
    statement.count, statement.last_seen_ns = row[1], row[2]
    return statement


def surroundings(db: sqlite3.Connection) -> Facts:
    """Everything but the statements, as JSON: for the journal, where all of it is replaced."""
    return {
        "facts": load_facts(db),
        "edges": [asdict(one) for one in load_edges(db)],
        "parties": [[asdict(one), addresses] for one, addresses in load_parties(db)],
    }


def facts_of(statement: Statement) -> Facts:
    """A statement as JSON."""
    facts = {name: getattr(statement, name) for name in _FIELDS}
    # By hand: `asdict` copies every part of every part, which takes most of a large save.
    facts["habits"] = {
        mode: {name: getattr(habit, name) for name in _HABIT_FIELDS}
        for mode, habit in statement.habits.items()
    }
    return facts


def statement_of(facts: Mapping[str, Any]) -> Statement:
    """The statement that JSON describes."""
    values = dict(facts)
    values["key"] = Key(*facts["key"])
    values["ranges"] = tuple([(low, high) for low, high in facts["ranges"]])
    values["novel"] = tuple(facts["novel"])
    values["frames"] = tuple(facts["frames"])
    values["habits"] = {
        mode: Habit(**(habit | {"values": tuple(habit["values"])}))
        for mode, habit in facts["habits"].items()
    }
    return Statement(**values)


_FIELDS = tuple(part.name for part in fields(Statement))
_HABIT_FIELDS = tuple(part.name for part in fields(Habit))


_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
