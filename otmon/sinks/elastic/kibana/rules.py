"""Rules of Kibana: alerts of otmon raised in Elastic Security, and event rules to hunt with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from otmon.sinks.elastic.kibana.views import ALERTS, LEVELS

PROMOTION_ID = "otmon-promotion-0001"


def promotion_rule() -> dict[str, Any]:
    """The rule that raises an alert in Elastic Security for each alert of otmon; switched off.

    Elastic's own "External Alerts" takes them, too: with both on, each is there
    twice. `event.ingested` is its clock, so that alerts of a sensor that was cut
    off are raised when they come in.
    """
    severities = [
        {"field": "event.severity", "operator": "equals", "value": str(number), "severity": word}
        for number, word in LEVELS.items()
    ]
    return {
        "rule_id": PROMOTION_ID,
        "name": "OTMON alerts",
        "description": "Raises an alert in Elastic Security for each alert of otmon.",
        "type": "query",
        "language": "kuery",
        "index": [ALERTS.pattern],
        "query": "event.kind:alert and event.module:otmon",
        "enabled": False,
        "interval": "1m",
        "from": "now-6m",
        "to": "now",
        "max_signals": 1000,
        "risk_score": 47,
        "severity": "medium",
        "risk_score_mapping": [{"field": "event.risk_score", "operator": "equals", "value": ""}],
        "severity_mapping": severities,
        "rule_name_override": "rule.name",
        "timestamp_override": "event.ingested",
        "threat": [],
        "tags": ["OT", "OTMON"],
        "references": [],
        "false_positives": [],
        "note": (
            "## Triage\n\n- Read `event.reason` and `otmon.alert.triage`.\n"
            "- On the sensor that `observer.name` names: `otmon explain` and `otmon evidence` "
            "with the number in `otmon.alert.id`."
        ),
        "author": ["otmon"],
        "license": "BSD-3-Clause",
        "version": 1,
        "immutable": False,
        "actions": [],
        "exceptions_list": [],
    }


def detection_rules(event_rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every rule for the import, with a hash by which a later set-up sees whether it differs.

    The promotion rule comes first, exception lists last. All rules look at what came in since
    they ran last, however late a sensor sent it.

    Args:
        event_rules: As `otmon rules convert` makes them, with the exception lists that they name.
    """
    rules: list[Mapping[str, Any]] = []
    lists: list[Mapping[str, Any]] = []
    for one in event_rules:
        (rules if is_rule(one) else lists).append(one)
    events = ({**one, "timestamp_override": "event.ingested"} for one in rules)
    return [*(_signed(one) for one in (promotion_rule(), *events)), *map(dict, lists)]


def is_rule(one: Mapping[str, Any]) -> bool:
    """Whether a line of an import is a rule, and no exception list nor an item of one."""
    return "rule_id" in one


def _signed(rule: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(rule, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    meta = {**rule.get("meta", {}).get("otmon", {}), "content_hash": digest}
    return {**rule, "meta": {"otmon": meta}}
