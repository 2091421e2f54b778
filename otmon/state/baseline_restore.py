"""The baseline as it was before a command, with what traffic has done to it since.

Each thing is known three times: before the command, after it, and now. What the
command did not touch is as it is now; what it did is as it was before; counts go
on from before by as much as was counted since.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from otmon.model.statement import Edge, Party
from otmon.state import baseline
from otmon.state.baseline import Address, Changes, EdgeKey
from otmon.state.journal import Facts


def restore(
    db: sqlite3.Connection, identity: str, before: Facts | None, after: Facts | None
) -> None:
    """Puts a statement back: for the journal's undo."""
    if before is None:
        db.execute("DELETE FROM baseline_statements WHERE id = ?", (identity,))
        return
    now = baseline.find(db, identity)
    facts = before if now is None else _undone(before, after, baseline.facts_of(now))
    statement = baseline.statement_of(facts)
    baseline.save(db, Changes(statements=[statement]))


def restore_edge(
    db: sqlite3.Connection, subject: str, before: Facts | None, after: Facts | None
) -> None:
    """Puts a conversation back to how it was learned."""
    key = tuple(json.loads(subject))
    now = baseline.find_edge(db, key)
    facts = before
    if before is not None and now is not None:
        facts = _undone(before, after, asdict(now))
    if facts is None:
        baseline.save(db, Changes(removed_edges=[key]))
    else:
        baseline.save(db, Changes(edges=[Edge(**facts)]))


def restore_surroundings(
    db: sqlite3.Connection, _subject: str, before: Facts | None, after: Facts | None
) -> None:
    """Puts everything but the statements back; they are what they were already.

    A conversation or a device that only the command brought stays where traffic has
    said something of it since.
    """
    nothing: Facts = {"facts": {}, "edges": [], "parties": []}
    old, new, now = before or nothing, after or nothing, baseline.surroundings(db)
    edges = _edges_undone(_edges(old), _edges(new), _edges(now), _used(db))
    parties = _parties_undone(_parties(old), _parties(new), _parties(now), _named(edges, db))
    site = now["facts"] if old["facts"] == new["facts"] else _site(old, new, now)
    for table in ("edges", "parties", "facts"):
        db.execute(f"DELETE FROM baseline_{table}")
    baseline.save(
        db,
        Changes(
            edges=[Edge(**one) for one in edges.values()],
            parties=[(Party(**one), addresses) for one, addresses in parties.values()],
            facts=site,
        ),
    )


def _earlier(before: int, after: int, now: int) -> int:
    return min(before, now) if now < after else before


def _later(before: int, after: int, now: int) -> int:
    return max(before, now) if now > after else before


def _counted(before: int, after: int, now: int) -> int:
    return before + max(0, now - after)


_GROWS: Mapping[str, tuple[Callable[[int, int, int], int], int]] = {
    "count": (_counted, 0),
    "transactions": (_counted, 0),
    "flows": (_counted, 0),
    "active_ns": (_counted, 0),
    "quiet_ns": (_counted, 0),
    "first_seen_ns": (_earlier, 2**63),
    "last_seen_ns": (_later, -(2**63)),
}
"""What traffic goes on to change whatever people do: what it is then, and what it is of
something that was not there."""


def _undone(before: Facts, after: Facts | None, now: Facts) -> Facts:
    """What somebody changed is as it was before, the rest as it is now."""
    facts = {}
    for name, was in before.items():
        if after is not None and was == after[name]:
            facts[name] = now[name]
        elif name in _GROWS:
            grown, nothing = _GROWS[name]
            # What was taken away and came back by itself began at nothing.
            facts[name] = grown(was, nothing if after is None else after[name], now[name])
        else:
            facts[name] = was
    return facts


_Edges = dict[EdgeKey, Facts]
_Parties = dict[str, tuple[Facts, list[Address]]]


def _edges(around: Facts) -> _Edges:
    return {(one["client"], one["server"], one["protocol"]): one for one in around["edges"]}


def _parties(around: Facts) -> _Parties:
    return {
        one["id"]: (one, [(at[0], at[1], at[2]) for at in addresses])
        for one, addresses in around["parties"]
    }


def _edges_undone(old: _Edges, new: _Edges, now: _Edges, used: set[EdgeKey]) -> _Edges:
    edges: _Edges = {}
    for key in dict.fromkeys((*old, *now)):
        before, after, there = old.get(key), new.get(key), now.get(key)
        if before is not None and there is not None:
            edges[key] = _undone(before, after, there)
        elif before is not None and before != after:
            edges[key] = before
        elif there is not None and (after is None or key in used):
            edges[key] = there
    return edges


def _parties_undone(old: _Parties, new: _Parties, now: _Parties, named: set[str]) -> _Parties:
    parties: _Parties = {}
    for identity in dict.fromkeys((*old, *now)):
        before, after, there = old.get(identity), new.get(identity), now.get(identity)
        if before is not None and there is not None:
            since = [] if after is None else [at for at in there[1] if at not in after[1]]
            party = there[0] if after is not None and before[0] == after[0] else before[0]
            parties[identity] = (party, list(dict.fromkeys((*before[1], *since))))
        elif before is not None and before != after:
            parties[identity] = before
        elif there is not None and (after is None or identity in named):
            parties[identity] = there
    return parties


def _used(db: sqlite3.Connection) -> set[EdgeKey]:
    """The conversations of which a statement says something."""
    return {one.key[1:4] for one in baseline.load_statements(db) if one.key.kind != "asset"}


def _named(edges: _Edges, db: sqlite3.Connection) -> set[str]:
    """The devices that conversations and statements name."""
    ends = {end for key in edges for end in key[:2]}
    return ends | {one.key.client for one in baseline.load_statements(db)}


def _site(old: Facts, new: Facts, now: Facts) -> dict[str, Any]:
    """How far the site was learned, with the time that the sensor has watched since."""
    before, after, there = (one["facts"] for one in (old, new, now))
    if not before or not after or not there:
        return dict(there if before == after else before)
    facts = _undone(before, after, there)
    facts["latest_hour"] = _later(before["latest_hour"], after["latest_hour"], there["latest_hour"])
    facts["days"] = sorted({*before["days"], *({*there["days"]} - {*after["days"]})})
    facts["hours"] = [
        _counted(*hours)
        for hours in zip(before["hours"], after["hours"], there["hours"], strict=True)
    ]
    return facts
