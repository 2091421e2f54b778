"""Event rules as detection rules of Kibana, for searches in stored operations.

The query is Lucene: it has networks, ranges, wildcards and a match without
regard to case. What it cannot say is refused, never approximated. A
correlation is refused always: buckets of time split bursts, and orders and
distinct values come out wrong.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from otmon.fields import Field
from otmon.model.rule import IMPACTS, Rule, round_half_up
from otmon.model.tactic import FRAMEWORK, SITE, TACTICS, name_of, page_of
from otmon.ruleset import attack
from otmon.ruleset.condition import (
    And,
    Compare,
    Condition,
    CorrelationRule,
    Criterion,
    Equals,
    EventRule,
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
from otmon.ruleset.describe import Described
from otmon.ruleset.exceptions import exception_list, is_over, list_id, reference
from otmon.ruleset.stored import INDEX, STORED, RefusedError, stored_text

_NAMESPACE = uuid.UUID("6f1f2d0a-0f5f-4a53-9a3e-6c8b0a3b8d51")
"""Makes the id of a converted rule from that of its rule, so that both can be in one Kibana."""
_RISK = {"critical": 99, "high": 73, "medium": 47, "low": 21, "informational": 21}
_SEVERITY = {"informational": "low"}
_SPECIAL = re.compile(r'([+\-=&|><!(){}\[\]^"~*?:\\/\s])')
_REGEX_SPECIAL = re.compile(r'([.?+*|{}\[\]()"\\#@&<>~/^$-])')
_EVERYTHING = "*:*"


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of rules."""

    made: list[dict[str, Any]]
    """Detection rules, then the exception lists that they name, as the lines of an import."""
    refused: list[str]
    """What a query cannot say, and why, by the title of the rule."""


def converted(
    every: Iterable[Described], fields: Mapping[str, Field], today: datetime.date
) -> Conversion:
    """Rules with the exceptions that a site makes from them; of what is over there is none.

    Args:
        every: The rules, without the exceptions in their conditions.
        fields: The field catalogue.
        today: By UTC.
    """
    made: list[dict[str, Any]] = []
    refused: list[str] = []
    lists: dict[str, list[dict[str, Any]]] = {}
    for one in every:
        try:
            rule = kibana_rule(one.found, fields)
            for filter_ in one.filters:
                if is_over(filter_, today):
                    continue
                try:
                    items = exception_list(filter_, fields)
                except RefusedError as error:
                    raise RefusedError(f"its exception {filter_.title!r}: {error}") from error
                lists[list_id(filter_)] = items
                _except(rule, filter_, items)
            made.append(rule)
        except RefusedError as error:
            refused.append(f"{one.title}: {error}")
    named = {other["list_id"] for rule in made for other in rule["exceptions_list"]}
    aside = [line for name, items in lists.items() if name in named for line in items]
    return Conversion([*made, *aside], refused)


def _except(rule: dict[str, Any], filter_: Filter, items: list[dict[str, Any]]) -> None:
    """Lets a rule name an exception, with a hash: another exception is another rule."""
    rule["exceptions_list"].append(reference(filter_))
    text = json.dumps(items, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    rule["meta"]["otmon"].setdefault("exceptions", []).append(digest)


def kibana_rule(found: EventRule | CorrelationRule, fields: Mapping[str, Field]) -> dict[str, Any]:
    """A detection rule for Kibana's import, switched off.

    Raises:
        RefusedError: A query cannot say what the rule says.
    """
    rule = found.rule
    return {
        "rule_id": str(uuid.uuid5(_NAMESPACE, rule.id)),
        "name": rule.title,
        "description": rule.description,
        "type": "query",
        "language": "lucene",
        "index": [INDEX],
        "query": query(found, fields),
        "enabled": False,
        "interval": "5m",
        "from": "now-10m",
        "to": "now",
        "max_signals": 100,
        "risk_score": _RISK[rule.level],
        "severity": _SEVERITY.get(rule.level, rule.level),
        "threat": list(_threats(rule)),
        "tags": ["OT", "OTMON", *(f"ATT&CK ICS: {one.id}" for one in rule.techniques)],
        "references": list(rule.references),
        "false_positives": list(rule.false_positives),
        "note": "## Triage\n\n" + "\n".join(f"- {step}" for step in rule.triage),
        "author": ["otmon"],
        "license": "BSD-3-Clause",
        "meta": {
            "otmon": {
                "rule_id": rule.id,
                "rule_version": rule.version,
                "impact_x_confidence": round_half_up(IMPACTS[rule.impact] * rule.confidence),
            }
        },
        "version": 1,
        "immutable": False,
        "actions": [],
        "exceptions_list": [],
    }


def query(found: EventRule | CorrelationRule, fields: Mapping[str, Field]) -> str:
    """The query of a rule, in Lucene's words.

    Raises:
        RefusedError: A query cannot say what the rule says.
    """
    if isinstance(found, CorrelationRule):
        raise RefusedError(f"it is a correlation ({found.kind}), which no query can say")
    if found.category not in (None, "ot_operation", "ot_conformance"):
        raise RefusedError(f"events of {found.category} are not stored one by one")
    lacking = {one.field for one in tests_of(found.condition)} - STORED
    if lacking:
        raise RefusedError(f"operations are stored without {', '.join(sorted(lacking))}")
    text = _query(found.condition, fields)
    if found.category == "ot_conformance":
        text = f"_exists_:ot.anomaly AND {text}"
    if found.service is None:
        return text
    service = _equals("network.protocol", (found.service,), False, fields)
    return f"{service} AND {text}"


def _threats(rule: Rule) -> Iterable[dict[str, Any]]:
    """The techniques as Kibana writes them; it knows those of Enterprise only by name."""
    known = attack.techniques()
    for one in rule.techniques:
        page = f"{SITE}/techniques/{one.id.replace('.', '/')}/"
        for tactic in known[one.id].tactics:
            yield {
                "framework": FRAMEWORK,
                "tactic": {
                    "id": TACTICS[tactic],
                    "name": name_of(tactic),
                    "reference": page_of(tactic),
                },
                "technique": [
                    {
                        "id": one.id,
                        "name": one.name,
                        "reference": page,
                    }
                ],
            }


def _query(condition: Condition, fields: Mapping[str, Field]) -> str:
    match condition:
        case And(parts=parts):
            return "(" + " AND ".join(_query(part, fields) for part in parts) + ")"
        case Or(parts=parts):
            return "(" + " OR ".join(_query(part, fields) for part in parts) + ")"
        case Not(part=part):
            # A clause that only excludes finds nothing: it needs something to exclude from.
            return f"({_EVERYTHING} AND NOT {_query(part, fields)})"
        case Test(field=field, criterion=criterion):
            return _test(field, criterion, fields)


def _test(field: str, criterion: Criterion, fields: Mapping[str, Field]) -> str:
    match criterion:
        case Equals(values=values, cased=cased):
            return _equals(field, values, cased, fields)
        case Like(parts=parts, cased=cased):
            return f"{field}:{_pattern(_as_stored(field, parts), cased)}"
        case Compare(operator="eq", number=number):
            return f"{field}:{number:g}"
        case Compare(operator=operator, number=number):
            sign = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}[operator]
            return f"{field}:{sign}{number!r}"
        case Within(network=network):
            return f'{field}:"{network}"'
        case Missing() | Exists(exists=False):
            return f"({_EVERYTHING} AND NOT _exists_:{field})"
        case Exists():
            return f"_exists_:{field}"
    raise RefusedError(f"the test of {field} ({type(criterion).__name__}) has no equal in Lucene")


def _equals(
    field: str,
    values: tuple[bool | int | float | str, ...],
    cased: bool,
    fields: Mapping[str, Field],
) -> str:
    known = fields.get(field)
    closed = field == "network.protocol" or (known is not None and known.values is not None)
    stored = [stored_text(field, one) if isinstance(one, str) else one for one in values]
    words = [_word(value, cased or closed) for value in stored]
    return f"{field}:{words[0]}" if len(words) == 1 else f"{field}:({' OR '.join(words)})"


def _word(value: bool | int | float | str, cased: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f'"{value:g}"' if isinstance(value, float) else f'"{value}"'
    if cased or value.lower() == value.upper():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f"/{_letters(value)}/"


def _as_stored(
    field: str, parts: tuple[tuple[str | None, ...], ...]
) -> tuple[tuple[str | None, ...], ...]:
    return tuple(
        tuple(None if text is None else stored_text(field, text) for text in part) for part in parts
    )


def _pattern(parts: tuple[tuple[str | None, ...], ...], cased: bool) -> str:
    if cased:
        return "*".join(
            "".join("?" if text is None else _SPECIAL.sub(r"\\\1", text) for text in part)
            for part in parts
        )
    inner = ".*".join(
        "".join("." if text is None else _letters(text) for text in part) for part in parts
    )
    return f"/{inner}/"


def _letters(text: str) -> str:
    """A text as a regular expression that is blind to case."""
    return "".join(
        f"[{char.lower()}{char.upper()}]"
        if char.lower() != char.upper() and len(char.upper()) == 1
        else _REGEX_SPECIAL.sub(r"\\\1", char)
        for char in text
    )
