"""Rule files to rules: found, read, and those left out that cannot be used.

A rule that cannot be used is reported with its file and line, and the others
load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from otmon.fields import FIELDS, Field
from otmon.ruleset.condition import CorrelationRule, EventRule, Filter
from otmon.ruleset.parse import YAML_LOADER, rule_of
from otmon.ruleset.resolve import resolved
from otmon.ruleset.source import LoadError, Source, UnusableError

EXPERIMENTAL = "its status is experimental"
"""Why a rule is left out unless experimental ones are asked for."""


@dataclass(frozen=True, slots=True)
class Off:
    """A rule that is not used, and who says so."""

    found: EventRule | CorrelationRule
    why: str


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What was found in the rule folders."""

    events: tuple[EventRule, ...]
    correlations: tuple[CorrelationRule, ...]
    errors: tuple[LoadError, ...]
    sources: Mapping[str, Source]
    """The file of each rule, by the rule's id."""
    off: tuple[Off, ...] = ()
    """Rules that could be used and are not."""
    filters: tuple[Filter, ...] = ()
    """Exceptions of a site that hold on some of the rules."""

    @property
    def experimental(self) -> int:
        """How many rules are left out because they are experimental."""
        return sum(one.why == EXPERIMENTAL for one in self.off)

    @property
    def rules(self) -> Iterator[EventRule | CorrelationRule]:
        """Every rule that can be used."""
        yield from self.events
        yield from self.correlations


def shipped_rules() -> Path:
    """The folder of the rules that come with otmon; of a checkout its own `rules/`."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    if (checkout / "rules").is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / "rules"
    return package / "bundled" / "rules"


def load_rules(
    folders: Sequence[Path] | None = None,
    fields: Mapping[str, Field] = FIELDS,
    experimental: bool = False,
) -> RuleSet:
    """Every rule under `folders`, in the order of their ids, and what was wrong with others.

    Args:
        folders: Folders or single files; without them, the rules that come with otmon.
        fields: The field catalogue. Fields of a protocol that it does not know at
            all are let through.
        experimental: Whether rules of that status are used as well.
    """
    errors: list[LoadError] = []
    found: dict[str, EventRule | CorrelationRule] = {}
    sources: dict[str, Source] = {}
    counted: set[str] = set()
    off: list[Off] = []
    for folder in folders if folders is not None else [shipped_rules()]:
        for source in read_sources(folder, errors):
            counted |= _counted_only(source.document)
            try:
                rule = rule_of(source, fields)
                if rule.rule.id in sources:
                    other = sources[rule.rule.id].path
                    raise UnusableError(f"has the same id as {other}", "id")
            except UnusableError as error:
                errors.append(LoadError(source.path, source.line(error.where), str(error)))
                continue
            sources[rule.rule.id] = source
            if rule.rule.status == "experimental" and not experimental:
                off.append(Off(rule, EXPERIMENTAL))
            elif rule.rule.status == "deprecated":
                off.append(Off(rule, "its status is deprecated"))
            else:
                found[rule.rule.id] = rule
    events = {key: one for key, one in found.items() if isinstance(one, EventRule)}
    correlations = tuple(
        resolved(
            [one for _, one in sorted(found.items()) if isinstance(one, CorrelationRule)],
            events,
            sources,
            errors,
        )
    )
    listened = {member for one in correlations for member in one.members}

    def is_used(one: EventRule | CorrelationRule) -> bool:
        return one.rule.id in listened or not counted & {one.rule.id, one.name}

    return RuleSet(
        tuple(one for _, one in sorted(events.items()) if is_used(one)),
        tuple(filter(is_used, correlations)),
        tuple(errors),
        sources,
        tuple(off),
    )


def _counted_only(document: Mapping[str, Any]) -> set[str]:
    """The rules that a correlation counts without letting them alert themselves.

    They stay silent even where the correlation is left out or cannot be used.
    """
    definition = document.get("correlation")
    if not isinstance(definition, dict) or definition.get("generate") is True:
        return set()
    members = definition.get("rules")
    return set(map(str, members)) if isinstance(members, list) else set()


def read_sources(folder: Path, errors: list[LoadError]) -> Iterator[Source]:
    """The YAML files of a folder, in the order of their names; what cannot be read is told."""
    paths = sorted(folder.rglob("*.yml")) if folder.is_dir() else [folder]
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            documents = list(yaml.load_all(text, Loader=YAML_LOADER))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            errors.append(LoadError(path, line, f"is not YAML: {error.problem}"))
        except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
            errors.append(LoadError(path, 1, f"cannot be read: {error}"))
        else:
            if len(documents) != 1 or not isinstance(documents[0], dict):
                errors.append(LoadError(path, 1, "holds not exactly one rule"))
            else:
                yield Source(path, folder, text, documents[0])
