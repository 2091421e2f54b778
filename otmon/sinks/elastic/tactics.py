"""ATT&CK for ICS as documents name it: techniques, sub-techniques, tactics, ids of v18."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Iterable, Mapping
from typing import Any

from otmon.model.tactic import FRAMEWORK, SITE, TACTICS, name_of, page_of


@functools.cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    place = importlib.resources.files("otmon.vendored").joinpath("attack_ics.json")
    return {row["id"]: row for row in json.loads(place.read_text("utf8"))}


def threat_fields(techniques: Iterable[str]) -> dict[str, Any]:
    """`threat.*` of technique ids, as parallel lists in one order."""
    rows = _rows()
    known = [rows[one] for one in techniques if one in rows]
    if not known:
        return {}
    parents = _unlike(rows[one["parent"] or one["id"]] for one in known)
    below = _unlike(one for one in known if one["parent"])
    tactics = sorted({slug for one in known for slug in one["tactics"]})
    fields: dict[str, Any] = {
        "threat.framework": FRAMEWORK,
        "threat.tactic.id": [TACTICS[slug] for slug in tactics],
        "threat.tactic.name": [name_of(slug) for slug in tactics],
        "threat.tactic.reference": [page_of(slug) for slug in tactics],
        "otmon.attack.legacy_ids": sorted({old for one in known for old in one["v18_ids"]}),
    }
    for name, entries in (("technique", parents), ("technique.subtechnique", below)):
        fields[f"threat.{name}.id"] = [one["id"] for one in entries]
        fields[f"threat.{name}.name"] = [one["name"] for one in entries]
        fields[f"threat.{name}.reference"] = [
            f"{SITE}/techniques/{one['id'].replace('.', '/')}/" for one in entries
        ]
    return fields


def _unlike(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [*{row["id"]: row for row in rows}.values()]
