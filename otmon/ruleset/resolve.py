"""Correlations and the rules that they count: found, ordered, bounded in depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from otmon.ruleset.condition import CorrelationRule, EventRule, guessed_roles, is_about_refusals
from otmon.ruleset.source import LoadError, Source

MAX_DEPTH = 4
"""Correlations that can build on one another."""


def marked(found: EventRule) -> EventRule:
    """A rule that knows whether refusals are what it tells, and which guesses it rests on."""
    about, guessed = is_about_refusals(found.condition), guessed_roles(found.condition)
    if not about and not guessed:
        return found
    rule = dataclasses.replace(found.rule, is_about_refusals=about, guessed_roles=guessed)
    return dataclasses.replace(found, rule=rule)


def resolved(
    correlations: Sequence[CorrelationRule],
    events: Mapping[str, EventRule],
    sources: Mapping[str, Source],
    errors: list[LoadError],
) -> Iterator[CorrelationRule]:
    """The correlations whose members are known, those named by their ids.

    A correlation whose member is left out is left out as well.
    """
    every: list[EventRule | CorrelationRule] = [*events.values(), *correlations]
    ids = {found.name: found.rule.id for found in every if found.name}
    wanted = {found.rule.id: [ids.get(one, one) for one in found.members] for found in correlations}
    good = dict.fromkeys(events, 0)
    """How many correlations each rule builds on, of those that can be used."""
    while ready := [
        key for key, some in wanted.items() if key not in good and all(one in good for one in some)
    ]:
        good |= {key: 1 + max(good[one] for one in wanted[key]) for key in ready}
    about_refusals = {key for key, one in events.items() if one.rule.is_about_refusals}
    for key in good:
        if not about_refusals.isdisjoint(wanted.get(key, ())):
            about_refusals.add(key)
    for found in correlations:
        key = found.rule.id
        if (message := _unusable_members(found, wanted, ids, good)) is not None:
            source = sources[key]
            line = source.line(("correlation", "rules"))
            errors.append(LoadError(source.path, line, message))
            continue
        yield dataclasses.replace(
            found,
            rule=dataclasses.replace(found.rule, is_about_refusals=key in about_refusals),
            members=tuple(wanted[key]),
            aliases={
                alias: {ids.get(one, one): field for one, field in mapping.items()}
                for alias, mapping in found.aliases.items()
            },
        )


def _unusable_members(
    found: CorrelationRule,
    wanted: Mapping[str, Sequence[str]],
    ids: Mapping[str, str],
    depths: Mapping[str, int],
) -> str | None:
    """What is wrong with the members of a correlation; none where all is well."""
    key = found.rule.id
    missing = [one for one in found.members if ids.get(one, one) not in {*depths, *wanted}]
    if missing:
        return f"there is no rule {', '.join(missing)}"
    if _builds_on(key, wanted[key], wanted):
        return "builds on itself"
    if key not in depths:
        left_out = [one for one in found.members if ids.get(one, one) not in depths]
        return f"builds on {', '.join(left_out)}, which cannot be used"
    if depths[key] > MAX_DEPTH:
        return f"builds on {depths[key]} correlations, not at most {MAX_DEPTH}"
    return None


def _builds_on(key: str, members: Iterable[str], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether `key` is among what members build on."""
    seen: set[str] = set()
    waiting = [*members]
    while waiting:
        one = waiting.pop()
        if one == key:
            return True
        if one not in seen:
            seen.add(one)
            waiting += wanted.get(one, ())
    return False
