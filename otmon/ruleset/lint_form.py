"""Lints of a rule's form: keys, place, title, sentence, triage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest

from otmon.ruleset.canonical import form, has_inner_comments
from otmon.ruleset.condition import EventRule
from otmon.ruleset.lint_subject import Found, Lint, Subject
from otmon.ruleset.source import KeyPath
from otmon.ruleset.taxonomy import TAXONOMIES, defender_titles

REQUIRED = (
    "title",
    "id",
    "status",
    "description",
    "references",
    "author",
    "date",
    "taxonomy",
    "falsepositives",
    "fields",
    "level",
    "tags",
    "otmon",
)
"""Keys that every rule has; besides, `logsource` and `detection`, or `correlation`."""
OPTIONAL = ("name", "logsource", "detection", "correlation", "modified", "related", "license")
OWN_REQUIRED = ("impact", "confidence", "triage", "evidence", "aliases", "tests")
"""Keys that every rule has under `otmon`."""
OWN_OPTIONAL = ("message", "always", "unless_normal", "aggregate_by")
EVIDENCE = ("request", "response", "handshake", "whole_transfer")
"""The frames that a rule can ask to be kept."""
STATUSES = ("experimental", "test", "stable", "deprecated")


class UnknownKey(Lint):
    """A key that nobody reads."""

    name = "unknown key"
    advice = "see rules/README.md for the keys there are"

    def check(self, subject: Subject) -> Found:
        """Gives every key that is not one of the known."""
        for key in subject.source.document:
            if key not in REQUIRED + OPTIONAL:
                yield f"nobody reads {key}", (key,)
        for key in subject.own:
            if key not in OWN_REQUIRED + OWN_OPTIONAL:
                yield f"nobody reads {key}", ("otmon", key)


class MissingKey(Lint):
    """A key that every rule has, and this one has not."""

    name = "missing key"
    advice = "a rule without it helps nobody at three in the morning"

    def check(self, subject: Subject) -> Found:
        """Gives every key that is missing, or empty where it must hold something."""
        document = subject.source.document
        for key in REQUIRED:
            if not document.get(key):
                yield f"there is no {key}", (key,)
        for key in OWN_REQUIRED:
            value = subject.own.get(key)
            if value is None or (value in ([], "") and key != "aliases"):
                yield f"there is no otmon.{key}", ("otmon", key)
        if document.get("taxonomy") != "otmon":
            yield "taxonomy is not otmon", ("taxonomy",)
        if document.get("status") not in STATUSES:
            yield f"status is none of {', '.join(STATUSES)}", ("status",)


class Form(Lint):
    """A file that is not in the one form."""

    name = "form"
    advice = "otmon rules lint --fix writes it"

    def check(self, subject: Subject) -> Found:
        """Gives the first line that differs, and comments that no form can keep."""
        source = subject.source
        if has_inner_comments(source):
            yield "a comment stands between the keys; put it on top or into the text", ()
            return
        lines = zip_longest(source.text.splitlines(), form(source).splitlines())
        for number, (line, wanted) in enumerate(lines, 1):
            if line != wanted:
                said = "nothing" if wanted is None else repr(wanted.strip()[:50])
                yield f"not in canonical form: line {number} should be {said}", ()
                return


class PlaceAndTitle(Lint):
    """A file that does not stand where its title and log source put it."""

    name = "place and title"
    advice = "name the file after the title, the folder after service or else category"

    def check(self, subject: Subject) -> Found:
        """Gives a wrong name, a wrong folder, and a title of a length that nobody reads."""
        source, title = subject.source, subject.found.rule.title
        words = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
        if source.path.stem != words:
            yield f"the file of this title is {words}.yml", ("title",)
        if not 10 <= len(title) <= 70:
            yield f"the title has {len(title)} characters, not 10 to 70", ("title",)
        if isinstance(subject.found, EventRule):
            folder = subject.found.service or subject.found.category
            if source.path.parent.name != folder:
                yield f"the folder of this log source is {folder}", ("logsource",)


class Duplicate(Lint):
    """A title or name that another rule has as well."""

    name = "duplicate"
    advice = "say what makes this one different"

    def check(self, subject: Subject) -> Found:
        """Gives what is not unique."""
        if subject.titles[subject.found.rule.title] > 1:
            yield "another rule has this title", ("title",)
        if subject.found.name and subject.names[subject.found.name] > 1:
            yield "another rule has this name", ("name",)


class UnusedSelection(Lint):
    """A selection that the condition does not name."""

    name = "unused selection"
    advice = "name it in the condition, or delete it"

    def check(self, subject: Subject) -> Found:
        """Gives every such selection."""
        detection = subject.source.document.get("detection")
        if not isinstance(detection, dict):
            return
        words = re.findall(r"[\w*-]+", str(detection["condition"]))
        patterns = [re.escape(word).replace(r"\*", ".*") for word in words]
        for selection in detection:
            if selection == "condition" or "them" in words:
                continue
            if not any(re.fullmatch(pattern, selection) for pattern in patterns):
                yield f"the condition does not name {selection}", ("detection", selection)


class Aliases(Lint):
    """A name of another product that it does not give."""

    name = "aliases"
    advice = "take titles from otmon/vendored/defender_alert_titles.csv"

    def check(self, subject: Subject) -> Found:
        """Gives unknown taxonomies, and titles that are not in the vendored list."""
        aliases = subject.own.get("aliases")
        if not isinstance(aliases, dict):
            yield "aliases is not a map", ("otmon", "aliases")
            return
        for taxonomy in aliases:
            if taxonomy not in TAXONOMIES:
                yield f"there is no taxonomy {taxonomy}", ("otmon", "aliases", taxonomy)
        known = {one.title for one in defender_titles()}
        for place, title in enumerate(aliases.get("defender_for_iot") or ()):
            if title not in known:
                where = ("otmon", "aliases", "defender_for_iot", place)
                yield f"Defender for IoT has no alert {title!r}", where


class Advice(Lint):
    """Triage that is too short or too long, or evidence that cannot be kept."""

    name = "triage and evidence"
    advice = "two to five steps in plant terms: what to look at, whom to ask, what makes it worse"

    def check(self, subject: Subject) -> Found:
        """Gives a wrong number of steps, and unknown words of evidence."""
        steps = len(subject.found.rule.triage)
        if steps and not 2 <= steps <= 5:
            yield f"triage has {steps} steps", ("otmon", "triage")
        kept = subject.own.get("evidence")
        for word in kept if isinstance(kept, list) else ():
            if word not in EVIDENCE:
                yield f"evidence {word} is none of {', '.join(EVIDENCE)}", ("otmon", "evidence")


class NeedlessModifier(Lint):
    """A modifier that a simpler form replaces."""

    name = "needless modifier"
    advice = "write the simpler form"
    severity = "warning"

    def check(self, subject: Subject) -> Found:
        """Gives `all` on one value, and a regular expression without anything regular."""
        for where, key, value in _items(subject.source.document.get("detection"), ("detection",)):
            modifiers = key.split("|")[1:]
            values = value if isinstance(value, list) else [value]
            if "all" in modifiers and len(values) < 2:
                yield "all has one value to match", where
            if "re" in modifiers and all(re.fullmatch(r"[\w .*-]*", str(one)) for one in values):
                yield "a wildcard does what the regular expression does", where


def _items(definition: object, where: KeyPath) -> Iterable[tuple[KeyPath, str, object]]:
    """Every `field|modifiers: value` of the selections, with its place."""
    if isinstance(definition, dict):
        for key, value in definition.items():
            if isinstance(value, (dict, list)) and "|" not in str(key):
                yield from _items(value, (*where, key))
            yield (*where, key), str(key), value
    if isinstance(definition, list):
        for place, value in enumerate(definition):
            yield from _items(value, (*where, place))
