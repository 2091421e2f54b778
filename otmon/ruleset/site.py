"""What a site says about rules: its own, exceptions, switches, levels. All of it is data."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from otmon.config import Config
from otmon.fields import FIELDS, Field
from otmon.model.alert import LEVELS
from otmon.ruleset.condition import (
    And,
    Compare,
    Condition,
    CorrelationRule,
    EventRule,
    Filter,
    Or,
    Test,
)
from otmon.ruleset.load import Off, RuleSet, load_rules, read_sources, shipped_rules
from otmon.ruleset.source import LoadError, UnusableError, unusable

Found = EventRule | CorrelationRule


def site_rules(
    config: Config,
    fields: Mapping[str, Field] = FIELDS,
    experimental: bool | None = None,
    *,
    folded: bool = True,
) -> RuleSet:
    """The rules that come with otmon and those of the site, as the site wants them.

    Args:
        config: What the site says.
        fields: The field catalogue.
        experimental: Whether experimental rules are used; as the site says, if left out.
        folded: Whether exceptions are in the conditions of their rules, and not only beside them.
    """
    words = config.rules
    folders = [shipped_rules(), *map(config.place, words.directories)]
    wanted = words.experimental if experimental is None else experimental
    rules = load_rules(folders, fields, wanted)
    errors = [*rules.errors, *_unknown(rules, config)]
    rules = _switched(rules, words.disabled)
    rules = _levelled(rules, words.severities)
    filters = list(_filters(config, fields, errors))
    return _exempted(dataclasses.replace(rules, errors=tuple(errors)), filters, folded=folded)


def _is_named(found: Found, names: Collection[str]) -> bool:
    """Whether a rule's id, name or title is among `names`."""
    return not {found.rule.id, found.name, found.rule.title}.isdisjoint(names)


def _unknown(rules: RuleSet, config: Config) -> Iterator[LoadError]:
    """What the site says of rules that there are not, or that cannot be."""
    every = [*rules.rules, *(one.found for one in rules.off)]
    words, path = config.rules, config.path or Path("otmon.toml")
    for name in (*words.disabled, *words.severities):
        if not any(_is_named(one, [name]) for one in every):
            yield LoadError(path, _line(path, name), f"rules: there is no rule {name}")
    for name, level in words.severities.items():
        if level not in LEVELS:
            said = f"rules.severities: {level} is none of {', '.join(LEVELS)}"
            yield LoadError(path, _line(path, name), said)


def _line(path: Path, text: str) -> int:
    """The first line of a file that holds a text, counted from 1; 1 where none does."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 1
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)


def _switched(rules: RuleSet, disabled: Collection[str]) -> RuleSet:
    """Without the rules that the site switched off, and what builds on them.

    They are gone, not silenced: no event is held against them.
    """
    gone = {
        one.rule.id: Off(one, "switched off in otmon.toml")
        for one in rules.rules
        if _is_named(one, disabled)
    }
    while builds := [
        one
        for one in rules.correlations
        if one.rule.id not in gone and any(member in gone for member in one.members)
    ]:
        for one in builds:
            member = next(gone[member] for member in one.members if member in gone)
            title = member.found.rule.title
            gone[one.rule.id] = Off(one, f"counts {title!r}, which is switched off")
    return dataclasses.replace(
        rules,
        events=tuple(one for one in rules.events if one.rule.id not in gone),
        correlations=tuple(one for one in rules.correlations if one.rule.id not in gone),
        off=(*rules.off, *gone.values()),
    )


def _levelled(rules: RuleSet, severities: Mapping[str, str]) -> RuleSet:
    """With the levels that the site gave."""

    def level_of(found: Found) -> str | None:
        levels = [level for name, level in severities.items() if _is_named(found, [name])]
        return levels[0] if levels and levels[0] in LEVELS else None

    def events() -> Iterator[EventRule]:
        for one in rules.events:
            yield dataclasses.replace(
                one, rule=dataclasses.replace(one.rule, site_level=level_of(one))
            )

    def correlations() -> Iterator[CorrelationRule]:
        for one in rules.correlations:
            yield dataclasses.replace(
                one, rule=dataclasses.replace(one.rule, site_level=level_of(one))
            )

    if not severities:
        return rules
    return dataclasses.replace(rules, events=tuple(events()), correlations=tuple(correlations()))


def _filters(
    config: Config, fields: Mapping[str, Field], errors: list[LoadError]
) -> Iterator[Filter]:
    """The exceptions of a site that can be used."""
    if not config.rules.filters:
        return
    # Imported here: pySigma takes most of the time that otmon needs to start.
    from otmon.ruleset.parse import filter_of

    for path in map(config.place, config.rules.filters):
        for source in read_sources(path, errors):
            try:
                with unusable():
                    exception = filter_of(source, fields)
                yield exception
            except UnusableError as error:
                errors.append(LoadError(source.path, source.line(error.where), str(error)))


def _exempted(rules: RuleSet, filters: list[Filter], *, folded: bool) -> RuleSet:
    """With exceptions joined to the conditions of the rules that they name."""
    errors, used = list(rules.errors), []
    events = {one.rule.id: one for one in rules.events}
    off = [one.found for one in rules.off]
    for one in filters:
        wrong = [
            f"{name}: {reason}"
            for name in one.rules
            if (reason := _refusal(one, name, rules, off)) is not None
        ]
        if wrong:
            source = one.source
            line = source.line(("filter", "rules"))
            errors.append(LoadError(source.path, line, "; ".join(wrong)))
            continue
        used.append(one)
        for key, rule in events.items():
            if folded and _is_named(rule, one.rules):
                condition = And((rule.condition, _exception(one)))
                events[key] = dataclasses.replace(rule, condition=condition)
    return dataclasses.replace(
        rules, events=tuple(events.values()), errors=tuple(errors), filters=tuple(used)
    )


def _refusal(one: Filter, name: str, rules: RuleSet, off: list[Found]) -> str | None:
    """Why an exception cannot be made from a rule; none where it can."""
    rule = next((rule for rule in (*rules.rules, *off) if _is_named(rule, [name])), None)
    if rule is None:
        return "there is no such rule"
    if isinstance(rule, CorrelationRule):
        return "it counts other rules; make the exception from those"
    if rule.rule.always:
        return "no exception can be made from it"
    if one.category not in (None, rule.category) or one.service not in (None, rule.service):
        return "it has another log source"
    return None


def _exception(one: Filter) -> Condition:
    """What a filter adds to a rule: its condition, or that its time is over."""
    midnight = datetime.datetime.combine(one.expires, datetime.time(), datetime.UTC)
    over = Compare("gte", midnight.timestamp() * 1e9)
    return Or((one.condition, Test("@timestamp", over)))
