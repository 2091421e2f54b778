"""Assets in the state: the devices as runs leave them, and what people said of them."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from otmon.model.asset import Words
from otmon.model.document import packed_text
from otmon.state.journal import Action, Facts, Writer

_WATCHED = "watched_ns"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the site remembers of its devices."""

    records: list[dict[str, Any]]
    """Each device as the inventory left it, the oldest first."""
    aliases: dict[str, str]
    words: dict[str, Words]
    watched_ns: int
    """For how long the site has been watched, in packet time."""


def load(db: sqlite3.Connection) -> Kept:
    """Everything that is remembered."""
    records = db.execute("SELECT record FROM assets ORDER BY number")
    watched = db.execute("SELECT value FROM meta WHERE name = ?", (_WATCHED,)).fetchone()
    return Kept(
        [json.loads(record) for (record,) in records],
        dict(db.execute("SELECT old, id FROM asset_aliases")),
        words(db),
        0 if watched is None else int(watched[0]),
    )


def save(
    db: sqlite3.Connection,
    records: Iterable[Mapping[str, Any]],
    aliases: Mapping[str, str],
    watched_ns: int,
    forgotten: Iterable[str] = (),
) -> None:
    """Keeps devices in place of what was known of them before.

    Args:
        db: A connection inside a transaction.
        records: The devices that changed.
        aliases: Every id that was given up: its device is no row of its own any more.
        watched_ns: For how long the site has been watched.
        forgotten: Ids of devices that never showed to be one.
    """
    db.executemany("DELETE FROM assets WHERE id = ?", [(old,) for old in forgotten])
    db.executemany(
        "INSERT INTO assets VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " gateway = excluded.gateway, first_ns = excluded.first_ns, last_ns = excluded.last_ns,"
        " record = excluded.record WHERE record IS NOT excluded.record",
        (
            (
                record["id"],
                record["number"],
                record["gateway"],
                record["first_ns"],
                record["last_ns"],
                packed_text(record),
            )
            for record in records
        ),
    )
    db.executemany("DELETE FROM assets WHERE id = ?", [(old,) for old in aliases])
    db.executemany(
        "INSERT INTO asset_aliases VALUES (?, ?) ON CONFLICT (old) DO UPDATE SET id = excluded.id",
        aliases.items(),
    )
    db.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_WATCHED, str(watched_ns)),
    )


def words(db: sqlite3.Connection) -> dict[str, Words]:
    """What people said, by the id of the asset."""
    return {
        asset: _words(json.loads(text))
        for asset, text in db.execute("SELECT id, words FROM asset_words")
    }


def say(db: sqlite3.Connection, action: Action, said: Mapping[str, Words | None]) -> Writer:
    """Keeps what a person said of assets; None takes all of it back.

    Gives the writer of the journal, for what else the same command does.

    Args:
        db: A connection inside a transaction.
        action: Who says it, for the journal.
        said: The words by the id of the asset.
    """
    writer = Writer(db, action)
    for asset, own in said.items():
        before = db.execute("SELECT words FROM asset_words WHERE id = ?", (asset,)).fetchone()
        after = None if own is None else _facts(own)
        restore(db, asset, after)
        writer.add("asset", asset, None if before is None else json.loads(before[0]), after)
    return writer


def restore(
    db: sqlite3.Connection, asset: str, facts: Facts | None, _after: Facts | None = None
) -> None:
    """Puts the words about an asset back to what they were."""
    if facts is None:
        db.execute("DELETE FROM asset_words WHERE id = ?", (asset,))
        return
    db.execute(
        "INSERT INTO asset_words VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET words = excluded.words",
        (asset, json.dumps(facts, ensure_ascii=False, sort_keys=True)),
    )


def _facts(own: Words) -> Facts:
    """Words as JSON, without what was not said."""
    facts = dataclasses.asdict(own)
    return {name: value for name, value in facts.items() if value not in (None, (), False, "")}


def _words(facts: Facts) -> Words:
    known = {field.name for field in dataclasses.fields(Words)}
    said: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts.items()
        if name in known
    }
    return Words(**said)
