"""Lints of what a rule means: technique, level, fields, condition, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from otmon import _engine
from otmon.fields import Field
from otmon.model.rule import IMPACTS, level_of, round_half_up
from otmon.ruleset import attack
from otmon.ruleset.condition import (
    And,
    Condition,
    EventRule,
    Not,
    Or,
    Test,
    asserted,
    necessary_values,
    tests_of,
)
from otmon.ruleset.lint_subject import Found, Lint, Subject
from otmon.ruleset.produced import never_carried
from otmon.ruleset.support import did_you_mean
from otmon.ruleset.wanted import asks_too_much


class AttackTag(Lint):
    """A tag that is no technique, no successor's, or no tactic of its techniques."""

    name = "ATT&CK tag"
    advice = "take ids and tactics from otmon/vendored/attack_ics.json"

    def check(self, subject: Subject) -> Found:
        """Gives every tag that does not fit the vendored list."""
        known, tags = attack.techniques(), [str(tag) for tag in subject.source.document["tags"]]
        ids = attack.ids_of(tags)
        tactics = {tactic for one in ids if one in known for tactic in known[one].tactics}
        for place, tag in enumerate(tags):
            where = ("tags", place)
            if tag.startswith("attack-ics."):
                if tag.removeprefix("attack-ics.") not in tactics:
                    yield f"none of the techniques has the tactic {tag}", where
            elif tag != tag.lower() or not attack.ids_of([tag]):
                yield f"{tag} is neither a technique nor a tactic", where
            elif (one := attack.ids_of([tag])[0]) not in known:
                heirs = attack.successors(one)
                if not heirs:
                    yield f"there is no technique {one}", where
                elif not set(heirs) & set(ids):
                    yield f"{one} is retired: its successor is {', '.join(heirs)}", where
        if not ids:
            yield "no technique is named", ("tags",)


class KnownService(Lint):
    """A service that is nearly, but not quite, a protocol."""

    name = "service"
    advice = "docs/protocols.md lists what there is; on another service a rule waits for ever"

    def check(self, subject: Subject) -> Found:
        """Gives a service that nothing is called, where something is called nearly so."""
        service = getattr(subject.found, "service", None)
        known = {protocol.name for protocol in _engine.protocols()}
        if service is not None and service not in known:
            near = did_you_mean(service, known)
            if near:
                yield f"no protocol is called {service}{near}", ("logsource", "service")


class LevelProduct(Lint):
    """A level that is not that of impact and confidence."""

    name = "level"
    advice = "the level is the name of impact x confidence"

    def check(self, subject: Subject) -> Found:
        """Gives the level that it should be."""
        rule = subject.found.rule
        level = level_of(round_half_up(IMPACTS[rule.impact] * rule.confidence))
        if rule.level != level:
            yield f"impact x confidence is {level}, not {rule.level}", ("level",)


class FieldOfOther(Lint):
    """A field that events of this kind never carry."""

    name = "field"
    advice = "see the field catalogue, docs/fields.md"

    def check(self, subject: Subject) -> Found:
        """Gives every such field of the condition, of `fields` and of `aggregate_by`."""
        found = subject.found
        if isinstance(found, EventRule):
            for test in tests_of(found.condition):
                known = subject.fields.get(test.field)
                if known and found.category and found.category not in known.categories:
                    yield f"{found.category} never carries {test.field}", ("detection",)
        for key, names, where in (
            ("fields", found.rule.fields, ("fields",)),
            ("aggregate_by", found.rule.aggregate_by, ("otmon", "aggregate_by")),
        ):
            for name in names:
                if name not in subject.fields and name.partition(".")[0] in _roots(subject.fields):
                    yield f"{key} names {name}, which does not exist", where


class NeverProduced(Lint):
    """A field that events of this protocol and category were never seen to carry."""

    name = "dead rule"
    advice = "take the field that carries it: otmon/ruleset/produced.json has those that were seen"

    def check(self, subject: Subject) -> Found:
        """Gives such fields of the condition, of `fields` and of `aggregate_by`.

        What a site adds is not held against our captures where it has one of its own
        on which it fires: `otmon rules test` says whether it does.
        """
        found, proven = subject.found, bool(subject.examples("positive"))
        if not isinstance(found, EventRule) or (proven and not subject.is_shipped):
            return
        of = " of ".join(one for one in (found.category, found.service) if one)
        tested = dict.fromkeys(test.field for test in asserted(found.condition))
        for names, where in (
            (tested, ("detection",)),
            (found.rule.fields, ("fields",)),
            (found.rule.aggregate_by, ("otmon", "aggregate_by")),
        ):
            for name in names:
                if never_carried(name, found.category, found.service):
                    yield f"no capture shows {name} in {of}", where


class DeadCondition(Lint):
    """A condition that can never, or always, hold."""

    name = "dead condition"
    advice = "two of its parts exclude one another, or leave nothing out"

    def check(self, subject: Subject) -> Found:
        """Gives every field that would need two values at once."""
        if subject.condition is None:
            return
        for part in _conjunctions(subject.condition):
            for field in sorted({test.field for test in tests_of(part)}):
                known = subject.fields.get(field)
                if known is not None and known.many:
                    continue
                if necessary_values(part, field) == frozenset():
                    yield f"{field} would need two values at once", ("detection",)
            for one in part.parts:
                if isinstance(one, Not) and one.part in part.parts:
                    yield "a part and its opposite must hold", ("detection", "condition")
        if _always_holds(subject.condition):
            yield "it holds on every event", ("detection", "condition")


class BaselineUnbound(Lint):
    """A deviation from a baseline that may not be there yet."""

    name = "baseline"
    advice = "test baseline.state: enforcing as well"

    def check(self, subject: Subject) -> Found:
        """Gives a condition on `baseline.novel` that holds while the site still learns."""
        if subject.condition is None:
            return
        fields = {test.field for test in tests_of(subject.condition)}
        states = necessary_values(subject.condition, "baseline.state")
        if "baseline.novel" in fields and states != frozenset(("enforcing",)):
            yield "baseline.novel is tested without baseline.state: enforcing", ("detection",)


class ServiceUnbound(Lint):
    """A CIP service without the class that it is a service of."""

    name = "CIP service"
    advice = "test cip.class as well: the same code means something else in each class"

    def check(self, subject: Subject) -> Found:
        """Gives a condition on a CIP service alone."""
        if subject.condition is None:
            return
        fields = {test.field for test in tests_of(subject.condition)}
        if "cip.service" in fields and not any(one.startswith("cip.class") for one in fields):
            yield "cip.service is tested without cip.class", ("detection",)


class DirectionUnbound(Lint):
    """A condition that holds on a request as well as on a report of it."""

    name = "direction"
    advice = "test class, function, role, outcome or anomaly"
    _BINDING = re.compile(
        r"ot\.(operation|function|role|answered|status|anomaly|first_seen)|event\."
    )

    def check(self, subject: Subject) -> Found:
        """Gives a condition about operations that says nothing of what they are."""
        found = subject.found
        if not isinstance(found, EventRule) or found.category not in (None, "ot_operation"):
            return
        if not any(self._BINDING.match(test.field) for test in tests_of(found.condition)):
            yield "the condition does not say what is done", ("detection",)


class AsksTooMuch(Lint):
    """A rule on single operations for which the engine would have to tell all of a protocol."""

    name = "asks for too much"
    advice = "name a class, an operation, a unit, addresses or a number: rules/README.md"

    def check(self, subject: Subject) -> Found:
        """Gives an event rule that names no more than a protocol, or too many kinds."""
        rule = subject.found
        if isinstance(rule, EventRule) and asks_too_much(rule, (rule.service or "any",)):
            yield "every operation would have to be told singly", ("detection",)


class Examples(Lint):
    """A rule that was never seen to fire, or whose example does not exist."""

    name = "examples"
    advice = "name a capture on which it fires and one on which it is silent"

    def check(self, subject: Subject) -> Found:
        """Gives missing examples, missing captures, and examples that say too little."""
        if subject.found.rule.status != "experimental" and not subject.counted_only:
            for kind in ("positive", "negative"):
                if not subject.examples(kind):
                    yield f"there is no {kind} example", ("otmon", "tests", kind)
        for kind, key in (("positive", "count"), ("negative", "why")):
            for place, example in enumerate(subject.examples(kind)):
                where = ("otmon", "tests", kind, place)
                if key not in example:
                    yield f"the example has no {key}", where
                capture = example.get("capture")
                if subject.captures is None:
                    continue
                if not isinstance(capture, str) or not (subject.captures / capture).is_file():
                    yield f"there is no capture {capture}", where
                for role in ("baseline", "config"):
                    other = example.get(role)
                    if other is not None and not (subject.captures / str(other)).is_file():
                        yield f"there is no {role} {other}", where


class ContextNeeded(Lint):
    """An operation that is also legitimate, judged without its context."""

    name = "context"
    advice = "test role, zone or baseline, or keep the confidence at 0.6 or below"
    severity = "warning"
    _CONTEXT = re.compile(r"(source|destination)\.asset\.|baseline\.|source\.ip|anomaly\.")

    def check(self, subject: Subject) -> Found:
        """Gives a rule about techniques that need context, which has none."""
        found, known = subject.found, attack.techniques()
        if not isinstance(found, EventRule) or found.rule.confidence <= 0.6:
            return
        ratings = {known[one.id].rating for one in found.rule.techniques}
        tested = any(self._CONTEXT.match(test.field) for test in tests_of(found.condition))
        if ratings and ratings <= {"C"} and not tested:
            yield "every technique of it is also legitimate", ("tags",)


def _always_holds(condition: Condition) -> bool:
    """Whether one of several alternatives is the opposite of another."""
    match condition:
        case Or(parts=parts):
            opposites = [one.part for one in parts if isinstance(one, Not)]
            return any(one in parts for one in opposites) or any(map(_always_holds, parts))
        case And(parts=parts):
            return all(map(_always_holds, parts))
    return False


def _roots(fields: Mapping[str, Field]) -> set[str]:
    return {name.partition(".")[0] for name in fields}


def _conjunctions(condition: Condition) -> Iterator[And]:
    """Every `and` of a condition, but those under a `not`."""
    match condition:
        case And(parts=parts):
            yield condition
            for part in parts:
                yield from _conjunctions(part)
        case Or(parts=parts):
            for part in parts:
                yield from _conjunctions(part)
        case Not() | Test():
            return
