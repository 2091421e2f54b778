"""Rules as people look them up: used or not, by whom, with what proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from otmon.ruleset.condition import CorrelationRule, EventRule, Filter
from otmon.ruleset.load import RuleSet
from otmon.ruleset.source import Source


@dataclass(frozen=True, slots=True)
class Described:
    """A rule with what is around it."""

    found: EventRule | CorrelationRule
    source: Source
    off: str | None
    """Who does not use it, and why; none where it is used."""
    filters: tuple[Filter, ...]
    """The exceptions that a site makes from it."""
    counted_by: tuple[str, ...]
    """Titles of the correlations that count it."""
    alerts: bool
    """Whether it alerts by itself."""
    titles: dict[str, str]
    """Of the rules that it counts, by their ids."""

    @property
    def title(self) -> str:
        """Its title."""
        return self.found.rule.title

    @property
    def level(self) -> str:
        """The level of its alerts before their context."""
        return self.found.rule.site_level or self.found.rule.level

    def examples(self, kind: str) -> list[dict[str, Any]]:
        """The `positive` or `negative` examples."""
        tests = self.source.document["otmon"].get("tests") or {}
        return [*(tests.get(kind) or ())]

    def is_called(self, name: str) -> bool:
        """Whether that is its title, name or id."""
        rule = self.found.rule
        return name.lower() in (rule.title.lower(), rule.id, self.found.name)

    def starts_with(self, name: str) -> bool:
        """Whether its title or id begins like that."""
        rule = self.found.rule
        return rule.title.lower().startswith(name.lower()) or rule.id.startswith(name)

    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        rule = self.found.rule
        return {
            "id": rule.id,
            "title": rule.title,
            "path": rule.path,
            "version": rule.version,
            "status": rule.status,
            "level": self.level,
            "level_from_site": rule.site_level is not None,
            "alerts": self.alerts,
            "techniques": [one.id for one in rule.techniques],
            "positive_examples": len(self.examples("positive")),
            "negative_examples": len(self.examples("negative")),
            "off": self.off,
            "always": rule.always,
            "exceptions": [
                {
                    "title": one.title,
                    "reason": one.reason,
                    "author": one.author,
                    "expires": one.expires.isoformat(),
                }
                for one in self.filters
            ],
        }


def described(rules: RuleSet) -> list[Described]:
    """Every rule, used or not, in the order of their files."""
    off = {one.found.rule.id: one.why for one in rules.off}
    every = [*rules.rules, *(one.found for one in rules.off)]
    titles = {one.rule.id: one.rule.title for one in every}
    correlations = [one for one in every if isinstance(one, CorrelationRule)]
    found = []
    for one in every:
        called = {one.rule.id, one.name, one.rule.title}
        counting = [other for other in correlations if not called.isdisjoint(other.members)]
        found.append(
            Described(
                found=one,
                source=rules.sources[one.rule.id],
                off=off.get(one.rule.id),
                filters=tuple(
                    filter_ for filter_ in rules.filters if not called.isdisjoint(filter_.rules)
                ),
                counted_by=tuple(other.rule.title for other in counting),
                alerts=all(other.generate for other in counting),
                titles=titles,
            )
        )
    return sorted(found, key=lambda one: (one.found.rule.path, one.title))
