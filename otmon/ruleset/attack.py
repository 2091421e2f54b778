"""MITRE ATT&CK for ICS, from the vendored list."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from otmon.model.rule import Technique


@dataclass(frozen=True, slots=True)
class Entry:
    """A technique or sub-technique of v19."""

    id: str
    name: str
    """With its parent's name in front, where it has a parent."""
    tactics: tuple[str, ...]
    v18_ids: tuple[str, ...]
    parent: str | None
    rating: str
    """What a passive sensor can see of it: D direct, C context needed, P, N."""


@functools.cache
def techniques() -> Mapping[str, Entry]:
    """Every technique of v19, by its id."""
    text = importlib.resources.files("otmon.vendored").joinpath("attack_ics.json").read_text("utf8")
    rows = json.loads(text)
    names = {row["id"]: row["name"] for row in rows}
    return {
        row["id"]: Entry(
            row["id"],
            f"{names[row['parent']]}: {row['name']}" if row["parent"] else row["name"],
            tuple(row["tactics"]),
            tuple(row["v18_ids"]),
            row["parent"],
            row["rating"],
        )
        for row in rows
    }


@functools.cache
def legacy_ids() -> frozenset[str]:
    """Every id of v18 that an entry of v19 answers to."""
    return frozenset(old for entry in techniques().values() for old in entry.v18_ids)


def successors(old: str) -> list[str]:
    """The sub-techniques of v19 that a retired id of v18 became."""
    return [entry.id for entry in techniques().values() if old in entry.v18_ids and entry.parent]


def ids_of(tags: Iterable[str]) -> list[str]:
    """The technique ids among a rule's tags: `attack.t0843.001` is T0843.001."""
    return [
        tag.removeprefix("attack.").upper()
        for tag in tags
        if tag.startswith("attack.t") and tag[8:9].isdigit()
    ]


def split(tags: Iterable[str]) -> tuple[tuple[Technique, ...], tuple[str, ...]]:
    """The techniques of v19 that a rule's tags name, and its ids of v18.

    A parent beside its own sub-technique is there as the id of v18.
    """
    known = techniques()
    ids = ids_of(tags)
    parents = {known[one].parent for one in ids if one in known}
    current = [one for one in ids if one in known and one not in parents]
    legacy = [one for one in ids if one in legacy_ids()]
    return tuple(Technique(one, known[one].name) for one in current), tuple(legacy)
