"""Exception lists of Kibana's detection engine, as its documentation and its import have them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otmon.sinks.elastic.catalogue import fields_of

OPERATIONS = fields_of("logs-otmon.operation")
LIST_NEEDS = {"description", "list_id", "name", "type"}
LIST_KNOWS = LIST_NEEDS | {"namespace_type", "os_types", "tags", "version", "immutable"}
ITEM_NEEDS = {"description", "entries", "item_id", "list_id", "name", "type"}
ITEM_KNOWS = ITEM_NEEDS | {"namespace_type", "os_types", "tags", "comments", "expire_time"}
"""Keys of lines; the import refuses others."""
VALUES = {"match": str, "match_any": list, "wildcard": str, "exists": type(None)}
"""Of each type of entry, what its value is."""


def complaints(lines: Iterable[Mapping[str, Any]], there: Iterable[str] = ()) -> list[str]:
    """What an import of rules would refuse about exceptions, with the lists that are there."""
    return [*_complaints([*lines], {*there})]


def _complaints(lines: list[Mapping[str, Any]], there: set[str]) -> Iterator[str]:
    rules = [one for one in lines if "rule_id" in one]
    items = [one for one in lines if "item_id" in one]
    lists = [one for one in lines if "list_id" in one and one not in items]
    ids = [one.get("list_id") for one in lists]
    named = {other["list_id"] for one in rules for other in one["exceptions_list"]}
    if len(set(ids)) != len(ids) or len({one["item_id"] for one in items}) != len(items):
        yield "an id is there twice"
    if not named - there <= set(ids) <= named or {one["list_id"] for one in items} != set(ids):
        yield "rules, lists and items do not name one another"
    for one in rules:
        for other in one["exceptions_list"]:
            if set(other) != {"id", "list_id", "type", "namespace_type"}:
                yield f"{one['name']}: a reference has other keys"
            if (other["type"], other["namespace_type"]) != ("detection", "single"):
                yield f"{one['name']}: a reference is of another sort than its list"
    for one in lists:
        if not LIST_NEEDS <= set(one) <= LIST_KNOWS or one["type"] != "detection":
            yield f"{one.get('list_id')}: keys or type"
    for one in items:
        if not ITEM_NEEDS <= set(one) <= ITEM_KNOWS or one["type"] != "simple":
            yield f"{one['item_id']}: keys or type"
        if not one["entries"]:
            yield f"{one['item_id']}: without entries it lets everything pass"
        until = one.get("expire_time", "")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\.000Z", until):
            yield f"{one['item_id']}: {until} is no time"
        datetime.datetime.fromisoformat(until)
        yield from (f"{one['item_id']}: {said}" for said in map(_of_entry, one["entries"]) if said)


def _of_entry(entry: Mapping[str, Any]) -> str | None:
    kind, value = entry.get("type"), entry.get("value")
    if kind not in VALUES or not isinstance(value, VALUES[str(kind)]):
        return f"{entry} is of no type with such a value"
    if entry.get("operator") not in ("included", "excluded"):
        return f"{entry} has no operator"
    if entry.get("field") not in OPERATIONS:
        return f"{entry.get('field')} is not stored"
    if kind == "wildcard" and OPERATIONS[entry["field"]] != "keyword":
        return f"{entry['field']} is no keyword"
    return None


def let_pass(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The search for what items let pass, as the detection engine makes it."""
    items = [one for one in lines if "entries" in one]
    return {"bool": {"should": [_all(one["entries"]) for one in items]}}


def _all(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"filter": [_clause(one) for one in entries]}}


def _clause(entry: Mapping[str, Any]) -> dict[str, Any]:
    field, value = entry["field"], entry.get("value")
    clause: dict[str, Any]
    match entry["type"]:
        case "match":
            clause = {"match_phrase": {field: value}}
        case "match_any":
            clause = {"bool": {"should": [{"match_phrase": {field: one}} for one in value or ()]}}
        case "wildcard":
            clause = {"wildcard": {field: value}}
        case _:
            clause = {"exists": {"field": field}}
    return {"bool": {"must_not": [clause]}} if entry["operator"] == "excluded" else clause
