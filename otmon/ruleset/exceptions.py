"""Exceptions of a site as exception lists of Kibana's detection engine.

An item holds where all of its entries do, and a list where any of its items
does. What they cannot say (ranges, a match without regard to case) is refused,
never approximated: an exception that holds too often hides an attack.
"""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections.abc import Mapping
from typing import Any

from otmon.fields import Field, Kind
from otmon.ruleset.condition import (
    And,
    Compare,
    Condition,
    Criterion,
    Equals,
    Exists,
    Filter,
    Like,
    Missing,
    Not,
    Or,
    Test,
    Within,
    tests_of,
)
from otmon.ruleset.stored import STORED, RefusedError, stored_text

LIST_PREFIX = "otmon-exception-"
"""How the id of each list of otmon begins."""
MOST_ITEMS = 50
"""Items of a list: an exception that needs more is better written in another way."""
_NAMESPACE = uuid.UUID("0d0d7c0e-6a53-4f0e-8a3e-0d6b3a1f9c52")
Entry = dict[str, Any]


def exception_list(one: Filter, fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    """A list for Kibana's import, and its items; the list comes first.

    Raises:
        RefusedError: Kibana cannot say what the exception says.
    """
    lacking = {test.field for test in tests_of(one.condition)} - STORED
    if lacking:
        raise RefusedError(f"operations are stored without {', '.join(sorted(lacking))}")
    items = _alternatives(one.condition.part, fields, negated=False)
    if len(items) > MOST_ITEMS:
        raise RefusedError(f"it would be {len(items)} items; at most {MOST_ITEMS} are made")
    until = f"{one.expires.isoformat()}T00:00:00.000Z"
    about = {
        "list_id": list_id(one),
        "name": f"otmon: {one.title}",
        "description": f"{one.reason} ({one.author}, until {one.expires})",
        "namespace_type": "single",
        "os_types": [],
        "tags": ["OT", "OTMON"],
    }
    return [
        {**about, "type": "detection", "version": 1, "immutable": False},
        *(
            {
                **about,
                "type": "simple",
                "item_id": f"{list_id(one)}-{number}",
                "entries": [*entries],
                "comments": [],
                "expire_time": until,
            }
            for number, entries in enumerate(items, 1)
        ),
    ]


def list_id(one: Filter) -> str:
    """The id of the list of an exception: the same as long as it is called so."""
    known = one.source.document.get("id") or one.title
    return f"{LIST_PREFIX}{uuid.uuid5(_NAMESPACE, str(known))}"


def reference(one: Filter) -> dict[str, str]:
    """How a rule names the list of an exception; Kibana puts its own id in at the import."""
    name = list_id(one)
    return {"id": name, "list_id": name, "type": "detection", "namespace_type": "single"}


def is_over(one: Filter, today: datetime.date) -> bool:
    """Whether it holds no more."""
    return one.expires <= today


def _alternatives(
    condition: Condition, fields: Mapping[str, Field], *, negated: bool
) -> list[tuple[Entry, ...]]:
    """Entries of which all hold, of any of these: the same as a condition, or as its opposite."""
    match condition:
        case Not(part=part):
            return _alternatives(part, fields, negated=not negated)
        case Test(field=field, criterion=criterion):
            return [(_entry(field, criterion, fields, negated=negated),)]
        case And(parts=parts) | Or(parts=parts):
            each = [_alternatives(part, fields, negated=negated) for part in parts]
            if isinstance(condition, Or) is not negated:
                return _merged([*itertools.chain.from_iterable(each)])
            combined = itertools.islice(itertools.product(*each), MOST_ITEMS + 1)
            return [tuple(itertools.chain.from_iterable(some)) for some in combined]
    raise RefusedError("it says what Kibana has no words for")


def _merged(items: list[tuple[Entry, ...]]) -> list[tuple[Entry, ...]]:
    """The same with one item for several values of one field."""
    values: dict[str, list[str]] = {}
    others: list[tuple[Entry, ...]] = []
    for item in items:
        match item:
            case ({"operator": "included", "type": "match", "field": field, "value": value},):
                values.setdefault(field, []).append(value)
            case _:
                others.append(item)
    merged: list[tuple[Entry, ...]] = []
    for field, some in values.items():
        kind: Entry = {"type": "match", "value": some[0]}
        if len(some) > 1:
            kind = {"type": "match_any", "value": some}
        merged.append((_said(field, kind, negated=False),))
    return [*merged, *others]


def _entry(
    field: str, criterion: Criterion, fields: Mapping[str, Field], *, negated: bool
) -> Entry:
    match criterion:
        case Missing() | Exists(exists=False):
            return _said(field, {"type": "exists"}, negated=not negated)
        case Exists():
            return _said(field, {"type": "exists"}, negated=negated)
        case Equals(values=values, cased=cased):
            words = [_exact(field, value, cased, fields) for value in values]
            kind: Entry = {"type": "match", "value": words[0]}
            if len(words) > 1:
                kind = {"type": "match_any", "value": words}
            return _said(field, kind, negated=negated)
        case Compare(operator="eq", number=number):
            return _said(field, {"type": "match", "value": f"{number:g}"}, negated=negated)
        case Within(network=network) if field in fields and fields[field].kind is Kind.IP:
            return _said(field, {"type": "match", "value": str(network)}, negated=negated)
        case Like(parts=parts, cased=cased):
            pattern = "*".join(
                "".join("?" if text is None else _literal(field, text, cased) for text in part)
                for part in parts
            )
            return _said(field, {"type": "wildcard", "value": pattern}, negated=negated)
    raise RefusedError(f"Kibana's exceptions have no such test of {field}")


def _said(field: str, what: Entry, *, negated: bool) -> Entry:
    return {"field": field, "operator": "excluded" if negated else "included", **what}


def _exact(
    field: str, value: bool | int | float | str, cased: bool, fields: Mapping[str, Field]
) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    known = fields.get(field)
    closed = known is not None and (known.values is not None or known.kind is Kind.IP)
    return _text(field, value, cased or closed or field == "network.protocol")


def _literal(field: str, text: str, cased: bool) -> str:
    if any(char in text for char in "*?\\"):
        raise RefusedError(f"a pattern of Kibana's exceptions has no word for {text!r} in {field}")
    return _text(field, text, cased)


def _text(field: str, text: str, cased: bool) -> str:
    """A text as it is stored, where that is known: exceptions of Kibana know case."""
    stored = stored_text(field, text)
    if cased or stored.lower() == stored.upper():
        return stored
    if field.endswith(".mac"):
        return stored.upper()
    raise RefusedError(
        f"Kibana's exceptions know upper and lower case, and this one of {field} does not: "
        f"write {field}|cased, as it is stored"
    )
