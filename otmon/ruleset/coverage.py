"""What the rules cover: of ATT&CK for ICS, and of the alerts of another product.

What no rule covers is either out of scope, with a reason, or waits for a
protocol or a part of otmon that is not there yet. Nothing is left unsaid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from otmon.ruleset import attack
from otmon.ruleset.condition import CorrelationRule, EventRule
from otmon.ruleset.load import RuleSet
from otmon.ruleset.taxonomy import DefenderTitle, defender_titles

State = Literal["covered", "waiting", "out_of_scope"]


@dataclass(frozen=True, slots=True)
class Covered:
    """One technique or title, with the rules that cover it or the reason why none does."""

    state: State
    rules: tuple[EventRule | CorrelationRule, ...]
    reason: str
    """What it waits for, or why it is out of scope; empty where rules cover it."""


def alerting(rules: RuleSet) -> list[EventRule | CorrelationRule]:
    """The rules that alert by themselves and were seen to fire, by title."""
    silent = {member for one in rules.correlations if not one.generate for member in one.members}
    return sorted(
        (one for one in rules.rules if one.rule.id not in silent), key=lambda one: one.rule.title
    )


def techniques(
    rules: RuleSet, reasons: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[attack.Entry, Covered]]:
    """Every technique that a sensor can see, directly or in its context; leaves only."""
    known = attack.techniques()
    parents = {one.parent for one in known.values()}
    used = alerting(rules)
    for entry in known.values():
        if entry.id in parents or entry.rating not in ("D", "C"):
            continue
        covering = tuple(
            one for one in used if entry.id in {technique.id for technique in one.rule.techniques}
        )
        yield entry, _covered(entry.id, covering, reasons)


def shown(rules: RuleSet, fired: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Of each technique how many captures of each folder show it.

    Args:
        rules: The rules.
        fired: Titles of rules and the captures on which they alert, `folder/name`.
    """
    titles = {one.rule.title: one.rule.techniques for one in alerting(rules)}
    captures = {
        (technique.id, capture) for title, capture in fired for technique in titles.get(title, ())
    }
    folders: dict[str, Counter[str]] = {}
    for technique, capture in captures:
        folders.setdefault(technique, Counter())[capture.partition("/")[0]] += 1
    return folders


def titles(
    rules: RuleSet, reasons: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[DefenderTitle, Covered]]:
    """Every published title of Defender for IoT."""
    used = alerting(rules)
    for one in defender_titles():
        covering = tuple(rule for rule in used if one.title in _aliases(rules, rule))
        yield one, _covered(one.title, covering, reasons)


def _aliases(rules: RuleSet, found: EventRule | CorrelationRule) -> list[str]:
    own = rules.sources[found.rule.id].document["otmon"]
    return list((own.get("aliases") or {}).get("defender_for_iot") or ())


def _covered(
    name: str,
    covering: tuple[EventRule | CorrelationRule, ...],
    reasons: Mapping[str, Mapping[str, str]],
) -> Covered:
    if covering:
        return Covered("covered", covering, "")
    told = reasons.get(name)
    if told is None:
        raise ValueError(f"{name} has neither a rule nor a reason why it has none")
    ((state, reason),) = told.items()
    if state == "waiting":
        return Covered("waiting", (), reason)
    if state == "out_of_scope":
        return Covered("out_of_scope", (), reason)
    raise ValueError(f"{name}: {state} is neither waiting nor out_of_scope")


def navigator(rules: RuleSet, reasons: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A layer for the ATT&CK Navigator: how many rules each technique has."""
    listed = [
        {
            "techniqueID": entry.id,
            "tactic": tactic,
            "score": len(covered.rules),
            "comment": ", ".join(one.rule.title for one in covered.rules)
            or f"{covered.state.replace('_', ' ')}: {covered.reason}",
            "enabled": True,
        }
        for entry, covered in techniques(rules, reasons)
        for tactic in entry.tactics
    ]
    return {
        "name": "otmon rules",
        "versions": {"attack": "19", "navigator": "5.1.0", "layer": "4.5"},
        "domain": "ics-attack",
        "description": "Techniques that a passive sensor can see, and how many rules cover each.",
        "sorting": 3,
        "hideDisabled": False,
        "techniques": listed,
        "gradient": {"colors": ["#ffffff", "#66b1ff"], "minValue": 0, "maxValue": 5},
        "legendItems": [],
        "showTacticRowBackground": True,
        "selectTechniquesAcrossTactics": True,
    }
