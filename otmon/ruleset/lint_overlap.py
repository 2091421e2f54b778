"""Lints of how rules stand to one another."""

from __future__ import annotations

from otmon.ruleset.condition import And, Condition, Equals, EventRule, Test
from otmon.ruleset.lint_subject import Found, Lint, Subject


class Covered(Lint):
    """A rule that never speaks alone: another holds wherever it does."""

    name = "covered"
    advice = "leave this case out of the wider rule, so that one thing is one alert"
    severity = "warning"

    def check(self, subject: Subject) -> Found:
        """Gives every rule whose conditions are all among those of this one."""
        found = subject.found
        if not isinstance(found, EventRule) or subject.counted_only:
            return
        for other in subject.alerting:
            if other.rule.id != found.rule.id and _covers(other, found):
                yield f"{other.rule.title!r} holds wherever this does", ("detection",)


def _covers(wide: EventRule, narrow: EventRule) -> bool:
    """Whether `wide` holds on every event that `narrow` holds on, as far as can be told."""
    if wide.category not in (None, narrow.category) or wide.service not in (None, narrow.service):
        return False
    given = _parts(narrow.condition)
    return all(any(_implies(part, wanted) for part in given) for wanted in _parts(wide.condition))


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, And) else (condition,)


def _implies(given: Condition, wanted: Condition) -> bool:
    if given == wanted:
        return True
    few, many = _values(given), _values(wanted)
    return few is not None and many is not None and few[0] == many[0] and few[1] <= many[1]


def _values(condition: Condition) -> tuple[str, frozenset[str]] | None:
    """The field and the values of an equality, or of several equalities of one field."""
    match condition:
        case Test(field=field, criterion=Equals(values=values, cased=False)):
            return field, frozenset(str(value).lower() for value in values)
    parts = getattr(condition, "parts", None)
    if parts is None or isinstance(condition, And):
        return None
    some = [_values(part) for part in parts]
    fields = {one[0] for one in some if one is not None}
    if None in some or len(fields) != 1:
        return None
    return fields.pop(), frozenset().union(*(one[1] for one in some if one is not None))
