"""A deprecated rule stays as it was: what it once meant is what old alerts say.

`deprecated.tsv` in the rule folder has the id and the version of each, from the day on
which it was deprecated; `otmon rules lint --fix` adds those that are not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from otmon.ruleset.condition import CorrelationRule, EventRule
from otmon.ruleset.lint_subject import Found, Lint, Subject
from otmon.ruleset.load import RuleSet

FILE = "deprecated.tsv"
DEPRECATED = "deprecated"
"""The status."""


class DeprecatedChanged(Lint):
    """A deprecated rule that is another than on the day on which it was deprecated."""

    name = "deprecated rule changed"
    advice = "take the change back, or make a new rule with an id of its own"
    of_deprecated = True

    def check(self, subject: Subject) -> Found:
        """Gives a change, a rule that is in use again, and one that is not written down yet."""
        rule = subject.found.rule
        then = versions(subject.source.folder).get(rule.id)
        if rule.status != DEPRECATED:
            if then is not None:
                yield f"it was deprecated and is {rule.status} again", ("status",)
        elif then is None:
            yield f"it is not in {FILE}: otmon rules lint --fix writes it there", ("status",)
        elif then != rule.version:
            yield f"its version was {then} and is {rule.version}", ("status",)


def versions(folder: Path) -> dict[str, str]:
    """The version of each deprecated rule of a folder, by its id."""
    path = (folder if folder.is_dir() else folder.parent) / FILE
    if not path.is_file():
        return {}
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {row[0]: row[1] for row in rows if len(row) > 1}


def deprecated(rules: RuleSet) -> list[EventRule | CorrelationRule]:
    """The rules that are deprecated, in the order of their ids."""
    found = [one.found for one in rules.off if one.found.rule.status == DEPRECATED]
    return sorted(found, key=lambda one: one.rule.id)


def write_down(rules: RuleSet, folder: Path) -> Iterable[str]:
    """Adds the deprecated rules that are not written down yet; gives their titles."""
    known = versions(folder)
    fresh = [one.rule for one in deprecated(rules) if one.rule.id not in known]
    if fresh:
        lines = "".join(f"{one.id}\t{one.version}\t{one.title}\n" for one in fresh)
        with (folder / FILE).open("a", encoding="utf-8") as out:
            out.write(lines)
    return [one.title for one in fresh]
