"""Documents to rules and filters, through pySigma, which only `parse*.py` import.

What the evaluator does not support is an error, never ignored.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from otmon.fields import CATEGORIES, Field
from otmon.model.alert import LEVELS
from otmon.model.rule import IMPACTS, Rule
from otmon.ruleset import attack
from otmon.ruleset.condition import CorrelationRule, EventRule, Filter, Not
from otmon.ruleset.parse_condition import check_selections, condition_of, parsed
from otmon.ruleset.parse_correlation import correlation_of
from otmon.ruleset.source import Source, UnusableError
from otmon.ruleset.support import (
    check_field,
    check_message,
    did_you_mean,
)

_FILTER_KEYS = ("title", "id", "description", "date", "modified", "logsource", "filter", "otmon")


def rule_of(source: Source, fields: Mapping[str, Field]) -> EventRule | CorrelationRule:
    """The rule that a file holds.

    Raises:
        UnusableError: It is none, or needs what the evaluator does not support.
    """
    document = source.document
    if "filter" in document:
        raise UnusableError("is a filter: name it under rules.filters in otmon.toml", "filter")
    if "correlation" not in document:
        _check_product(document)
    rule = _facts(source)
    for field in rule.aggregate_by:
        check_field(field, fields, ("otmon", "aggregate_by"))
    name = document.get("name")
    if "correlation" in document:
        return correlation_of(document, rule, name, fields)
    return _event_rule(document, rule, name, fields)


def _facts(source: Source) -> Rule:
    """What people are told about the rule."""
    document = source.document
    for key in ("title", "id", "level", "otmon"):
        if not document.get(key):
            more = ": impact and confidence stand there" if key == "otmon" else ""
            raise UnusableError(f"has no {key}{more}", key)
    try:
        uuid.UUID(str(document["id"]))
    except ValueError as error:
        example = "3d09cac6-3ca4-49cd-bdfe-91a2e02141e2"
        raise UnusableError(f"id is no UUID, such as {example}", "id") from error
    own = document["otmon"]
    if not isinstance(own, dict):
        raise UnusableError("otmon is not a map", "otmon")
    if document["level"] not in LEVELS:
        raise UnusableError(f"level {document['level']} is none of {', '.join(LEVELS)}", "level")
    if own.get("impact") not in IMPACTS:
        raise UnusableError(f"impact is none of {', '.join(IMPACTS)}", "otmon", "impact")
    check_message(own.get("message"))
    confidence = own.get("confidence")
    if not isinstance(confidence, (int, float)) or not 0 <= confidence <= 1:
        raise UnusableError("confidence is no number from 0 to 1", "otmon", "confidence")
    techniques, legacy = attack.split(_texts(document, "tags"))
    canonical = json.dumps(document, sort_keys=True, default=str).encode()
    return Rule(
        id=str(document["id"]),
        title=str(document["title"]),
        description=str(document.get("description") or ""),
        level=str(document["level"]),
        version=hashlib.sha256(canonical).hexdigest()[:12],
        status=str(document.get("status") or "experimental"),
        impact=own["impact"],
        confidence=float(confidence),
        techniques=techniques,
        legacy_techniques=legacy,
        triage=_texts(own, "triage"),
        false_positives=_texts(document, "falsepositives"),
        references=_texts(document, "references"),
        fields=_texts(document, "fields"),
        message=own.get("message"),
        aggregate_by=_texts(own, "aggregate_by"),
        always=own.get("always") is True,
        path=source.inner_path,
    )


def _texts(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = document.get(key) or ()
    if not isinstance(values, (list, tuple)):
        raise UnusableError(f"{key} is not a list", key)
    for value in values:
        if isinstance(value, (dict, list)):
            raise UnusableError(f"{key} holds what is no text: a colon needs quotes", key)
    return tuple(str(value) for value in values)


def _event_rule(
    document: Mapping[str, Any], rule: Rule, name: str | None, fields: Mapping[str, Field]
) -> EventRule:
    check_selections(document, "detection", fields)
    read = parsed(SigmaRule, document, "detection")
    category, service = _log_source(read.logsource)
    condition = condition_of(read.detection, document, "detection", fields)
    return EventRule(rule, name, category, service, condition)


def filter_of(source: Source, fields: Mapping[str, Field]) -> Filter:
    """The exception that a filter file holds.

    Raises:
        UnusableError: It is none, or needs what the evaluator does not support.
    """
    document = source.document
    _check_product(document)
    for key in document:
        if key not in _FILTER_KEYS:
            raise UnusableError(f"filters have no key {key}", key)
    own = document.get("otmon")
    if not isinstance(own, dict):
        raise UnusableError("otmon is not a map", "otmon")
    for key in ("reason", "author", "expires"):
        if not own.get(key):
            raise UnusableError(f"has no otmon.{key}", "otmon")
    for key in own:
        if key not in ("reason", "author", "expires"):
            raise UnusableError(f"filters have no key {key}", "otmon", key)
    expires = own["expires"]
    if not isinstance(expires, datetime.date):
        raise UnusableError("otmon.expires is no date such as 2027-06-30", "otmon", "expires")
    named = (document.get("filter") or {}).get("rules")
    if not isinstance(named, list) or not named:
        raise UnusableError("filter.rules is no list of ids or names", "filter", "rules")
    check_selections(document, "filter", fields, besides=("rules",))
    read = parsed(SigmaFilter, document, "filter")
    category, service = _log_source(read.logsource)
    condition = condition_of(read.filter, document, "filter", fields)
    if not isinstance(condition, Not):
        raise UnusableError(
            "the condition of an exception is `not` and a selection", "filter", "condition"
        )
    return Filter(
        source=source,
        title=str(document.get("title") or source.path.stem),
        rules=tuple(map(str, named)),
        category=category,
        service=service,
        condition=condition,
        reason=str(own["reason"]),
        author=str(own["author"]),
        expires=expires.date() if isinstance(expires, datetime.datetime) else expires,
    )


def _check_product(document: Mapping[str, Any]) -> None:
    """Refuses rules for other logs before anything else that they lack."""
    source = document.get("logsource")
    if not isinstance(source, dict):
        raise UnusableError("has no logsource: product otmon, and a service or a category")
    if source.get("product") != "otmon":
        raise UnusableError(
            "logsource.product is not otmon: rules for other logs cannot judge what otmon sees",
            "logsource",
            "product",
        )


def _log_source(source: Any) -> tuple[str | None, str | None]:
    """Category and service of a log source."""
    if source.category is None and source.service is None:
        raise UnusableError("logsource names neither category nor service", "logsource")
    if source.category is not None and source.category not in CATEGORIES:
        raise UnusableError(
            f"logsource.category {source.category} is none of {', '.join(CATEGORIES)}"
            f"{did_you_mean(str(source.category), CATEGORIES)}",
            "logsource",
            "category",
        )
    return source.category, source.service
