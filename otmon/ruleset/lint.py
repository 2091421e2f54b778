"""What is wrong with a rule that loads: one small class for each thing that can be.

Each has a name and says what to do. Errors keep a rule out of the repository;
warnings are for a reviewer to weigh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from otmon.dataclass import dataclass
from otmon.fields import FIELDS, Field
from otmon.ruleset.lint_form import (
    Advice,
    Aliases,
    Duplicate,
    Form,
    Message,
    MissingKey,
    NeedlessModifier,
    PlaceAndTitle,
    UnknownKey,
    UnusedSelection,
)
from otmon.ruleset.lint_meaning import (
    AsksTooMuch,
    AttackTag,
    BaselineUnbound,
    ContextNeeded,
    DeadCondition,
    DirectionUnbound,
    Examples,
    FieldOfOther,
    LevelProduct,
    ServiceUnbound,
)
from otmon.ruleset.lint_overlap import Covered
from otmon.ruleset.lint_subject import Lint, Severity, Subject
from otmon.ruleset.load import RuleSet
from otmon.ruleset.source import LoadError


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a rule."""

    path: Path
    line: int
    """Counted from 1."""
    lint: str
    severity: Severity
    message: str
    advice: str

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}: {self.severity}: {self.message} ({self.lint}: {self.advice})"
        )


LINTS: tuple[Lint, ...] = (
    UnknownKey(),
    MissingKey(),
    Form(),
    PlaceAndTitle(),
    Duplicate(),
    AttackTag(),
    LevelProduct(),
    FieldOfOther(),
    DeadCondition(),
    UnusedSelection(),
    BaselineUnbound(),
    ServiceUnbound(),
    DirectionUnbound(),
    AsksTooMuch(),
    Message(),
    Advice(),
    Aliases(),
    Examples(),
    ContextNeeded(),
    NeedlessModifier(),
    Covered(),
)
"""Every lint, in the order in which its findings are told."""


def lint(
    rules: RuleSet, fields: Mapping[str, Field] = FIELDS, captures: Path | None = None
) -> list[Finding]:
    """Everything that is wrong with `rules`, load errors first, then by file and line.

    Args:
        rules: Loaded with the experimental ones, which are linted as well.
        fields: The field catalogue.
        captures: The folder of the example captures; without it they are not looked for.
    """
    every = list(rules.rules)
    titles = Counter(one.rule.title for one in every)
    names = Counter(one.name for one in every if one.name)
    silent = {member for one in rules.correlations if not one.generate for member in one.members}
    alerting = [one for one in rules.events if one.rule.id not in silent]
    findings = []
    for one in every:
        source = rules.sources[one.rule.id]
        subject = Subject(
            source, one, fields, titles, names, one.rule.id in silent, alerting, captures
        )
        for check in LINTS:
            findings += [
                Finding(
                    source.path, source.line(where), check.name, check.severity, said, check.advice
                )
                for said, where in check.check(subject)
            ]
    findings.sort(key=lambda finding: (str(finding.path), finding.line))
    return [*map(_unusable, rules.errors), *findings]


def _unusable(error: LoadError) -> Finding:
    return Finding(
        error.path, error.line, "load", "error", error.message, "the rule is not used until then"
    )
