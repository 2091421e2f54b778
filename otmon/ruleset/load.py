"""Rule files to rules: found, read, and those left out that cannot be used.

A rule that cannot be used is reported with its file and line, and the others
load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otmon.fields import FIELDS, Field
from otmon.ruleset.condition import CorrelationRule, EventRule, Filter
from otmon.ruleset.resolve import marked, resolved
from otmon.ruleset.shipped import Ready, ready, written
from otmon.ruleset.source import LoadError, Source, UnusableError, documents, unusable

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
    *,
    anew: bool = False,
) -> RuleSet:
    """Every rule under `folders`, in the order of their ids, and what was wrong with others.

    Args:
        folders: Folders or single files; without them, the rules that come with otmon.
        fields: The field catalogue. Fields of a protocol that it does not know at
            all are let through.
        experimental: Whether rules of that status are used as well.
        anew: Whether pySigma reads those too that it read when otmon was made.
    """
    # They were held against the fields that are known without asking an engine.
    known = _nothing if anew or fields is not FIELDS else ready
    errors: list[LoadError] = []
    found: dict[str, EventRule | CorrelationRule] = {}
    sources: dict[str, Source] = {}
    counted: set[str] = set()
    off: list[Off] = []
    for folder in folders if folders is not None else [shipped_rules()]:
        for source, before in _sources(folder, errors, known):
            counted |= _counted_only(source.document) if before is None else before.counted
            try:
                rule = rule_of(source, fields) if before is None else before.at(source.inner_path)
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
    events = {key: marked(one) for key, one in found.items() if isinstance(one, EventRule)}
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


def written_down(fields: Mapping[str, Field]) -> str:
    """The rules that come with otmon, as pySigma reads them now, to be kept ready.

    Args:
        fields: The whole field catalogue, those of protocols among it: what is ready is
            not held against any other.

    Raises:
        UnusableError: One of them cannot be used.
    """
    errors: list[LoadError] = []
    found = [
        (source.text, Ready(rule_of(source, fields), frozenset(_counted_only(source.document))))
        for source in read_sources(shipped_rules(), errors)
    ]
    if errors:
        raise UnusableError(str(errors[0]))
    return written(found)


def rule_of(source: Source, fields: Mapping[str, Field]) -> EventRule | CorrelationRule:
    """The rule that a file holds, read by pySigma.

    Raises:
        UnusableError: It is none, or needs what the evaluator does not support.
    """
    # Imported here: it takes most of the time that otmon needs to start.
    from otmon.ruleset import parse

    with unusable():
        return parse.rule_of(source, fields)


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
    for source, _ in _sources(folder, errors, _nothing):
        yield source


def _nothing(_text: str) -> Ready | None:
    """What is known of a file where all of them are read anew."""
    return None


def _sources(
    folder: Path, errors: list[LoadError], known: Callable[[str], Ready | None]
) -> Iterator[tuple[Source, Ready | None]]:
    """The YAML files of a folder, each with what `known` has ready of its text."""
    for path in sorted(folder.rglob("*.yml")) if folder.is_dir() else [folder]:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            errors.append(
                LoadError(
                    path,
                    1,
                    f"cannot be read: {error.strerror}. Check the path, and who may read it",
                )
            )
            continue
        except UnicodeDecodeError:
            errors.append(LoadError(path, 1, "is not UTF-8: save it in that encoding"))
            continue
        if (before := known(text)) is not None:
            yield Source(path, folder, text), before
        elif (source := _parsed(path, folder, text, errors)) is not None:
            yield source, None


_HINTS = {
    "cannot start any token": "a tab? YAML takes spaces",
    "mapping values are not allowed": "a text with a colon needs quotes",
    "expected": "look at how far the line is indented",
}
"""What most often is behind an error of YAML, by a part of its words."""


def _hint(problem: str | None) -> str:
    found = (hint for words, hint in _HINTS.items() if words in (problem or ""))
    hint = next(found, None)
    return "" if hint is None else f"; {hint}"


def _parsed(path: Path, folder: Path, text: str, errors: list[LoadError]) -> Source | None:
    """A file that holds exactly one document; none, and an error, where it does not."""
    # Imported here: rules that are ready are not read as YAML.
    import yaml

    try:
        with unusable():
            found = documents(text)
    except UnusableError as error:
        errors.append(LoadError(path, 1, str(error)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        errors.append(LoadError(path, line, f"is not YAML: {error.problem}{_hint(error.problem)}"))
    except yaml.YAMLError as error:
        errors.append(LoadError(path, 1, f"cannot be read: {' '.join(str(error).split())}"))
    else:
        if len(found) == 1 and isinstance(found[0], dict):
            return Source(path, folder, text, found[0])
        errors.append(LoadError(path, 1, "holds not exactly one rule"))
    return None
