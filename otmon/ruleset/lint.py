"""What is wrong with a rule that loads: one small class for each thing that can be.

Each has a name and says what to do. Errors keep a rule out of the repository;
warnings are for a reviewer to weigh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from otmon.fields import FIELDS, Field
from otmon.ruleset.lint_deprecated import DeprecatedChanged, deprecated
from otmon.ruleset.lint_form import (
    Advice,
    Aliases,
    Duplicate,
    Form,
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
    KnownService,
    LevelProduct,
    NeverProduced,
    ServiceUnbound,
)
from otmon.ruleset.lint_overlap import Covered
from otmon.ruleset.lint_subject import Lint, Severity, Subject, told_of
from otmon.ruleset.load import RuleSet, shipped_rules
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


UNUSED = "unused capture"
"""The lint of captures; what else they are for, it cannot know."""
_NAME_IT = "name it as one on which a rule fires, or as a near miss"

LINTS: tuple[Lint, ...] = (
    UnknownKey(),
    MissingKey(),
    Form(),
    PlaceAndTitle(),
    Duplicate(),
    DeprecatedChanged(),
    AttackTag(),
    KnownService(),
    LevelProduct(),
    FieldOfOther(),
    NeverProduced(),
    DeadCondition(),
    UnusedSelection(),
    BaselineUnbound(),
    ServiceUnbound(),
    DirectionUnbound(),
    AsksTooMuch(),
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
    unused = deprecated(rules)
    every = [*rules.rules, *unused]
    titles = Counter(one.rule.title for one in every)
    names = Counter(one.name for one in every if one.name)
    silent = {member for one in rules.correlations if not one.generate for member in one.members}
    alerting = [one for one in rules.events if one.rule.id not in silent]
    findings = []
    for one in every:
        source = rules.sources[one.rule.id]
        shipped = source.folder.resolve() == shipped_rules().resolve()
        subject = Subject(
            source, one, fields, titles, names, one.rule.id in silent, alerting, captures, shipped
        )
        for check in LINTS:
            if one in unused and not check.of_deprecated:
                continue
            findings += [
                Finding(
                    source.path, source.line(where), check.name, check.severity, said, check.advice
                )
                for said, where in check.check(subject)
            ]
    findings += _unused(rules, captures)
    findings.sort(key=lambda finding: (str(finding.path), finding.line))
    return [*map(_unusable, rules.errors), *findings]


def _unused(rules: RuleSet, captures: Path | None) -> Iterator[Finding]:
    """Captures beside a whole folder of rules that no rule names as an example."""
    folders = {source.folder.resolve().parent for source in rules.sources.values()}
    if captures is None or folders != {captures.resolve().parent}:
        return
    named = {
        str(told.get(role))
        for one in [*rules.rules, *(off.found for off in rules.off)]
        for told in told_of(rules.sources[one.rule.id])
        for role in ("capture", "baseline", "config")
    }
    for path in sorted(captures.rglob("*.pcapng")):
        if path.relative_to(captures).as_posix() not in named:
            yield Finding(path, 1, UNUSED, "warning", "no rule names this capture", _NAME_IT)


def _unusable(error: LoadError) -> Finding:
    return Finding(
        error.path, error.line, "load", "error", error.message, "the rule is not used until then"
    )
