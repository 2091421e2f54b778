"""The one form that a rule file is written in, so that a change shows as what it is."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from otmon.ruleset.source import Source

KEYS = (
    "title", "id", "name", "related", "status", "description", "references", "author", "date",
    "modified", "license", "taxonomy", "logsource", "detection", "correlation", "falsepositives",
    "fields", "level", "tags", "otmon",
)  # fmt: skip
"""The keys of a rule, in their order."""
OWN_KEYS = (
    "impact", "confidence", "message", "always", "unless_normal", "aggregate_by", "triage",
    "evidence", "aliases", "tests",
)  # fmt: skip
"""The keys under `otmon`, in their order."""
INNER_KEYS: Mapping[str, tuple[str, ...]] = {
    "logsource": ("product", "service", "category"),
    "correlation": (
        "type", "rules", "group-by", "aliases", "timespan", "condition", "generate",
    ),
    "tests": ("positive", "negative"),
    "example": ("capture", "config", "baseline", "count", "frames", "why"),
}  # fmt: skip
"""The keys of the parts of a rule, in their order."""


def canonical(document: Mapping[str, Any]) -> str:
    """A rule as text: keys in their order, four spaces, no comments."""
    ordered = _ordered(document, KEYS)
    for part in ("logsource", "correlation"):
        if isinstance(ordered.get(part), dict):
            ordered[part] = _ordered(ordered[part], INNER_KEYS[part])
    if isinstance(ordered.get("detection"), dict):
        selections = {**ordered["detection"]}
        condition = selections.pop("condition", None)
        ordered["detection"] = {**selections, "condition": condition}
    if isinstance(ordered.get("otmon"), dict):
        own = ordered["otmon"] = _ordered(ordered["otmon"], OWN_KEYS)
        if isinstance(own.get("tests"), dict):
            own["tests"] = {
                kind: [
                    _ordered(one, INNER_KEYS["example"]) if isinstance(one, dict) else one
                    for one in some or ()
                ]
                for kind, some in _ordered(own["tests"], INNER_KEYS["tests"]).items()
            }
    text = yaml.dump(
        ordered,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        indent=4,
        width=1_000_000,
    )
    return "".join(_tightened(text.splitlines(keepends=True)))


def form(source: Source) -> str:
    """The text that a rule file should have; comments in front of the rule stay."""
    head = []
    for line in source.text.splitlines(keepends=True):
        if not line.startswith("#"):
            break
        head.append(line)
    return "".join(head) + canonical(source.document)


def has_inner_comments(source: Source) -> bool:
    """Whether a comment stands between the keys, where no form could keep it."""
    events = yaml.scan(source.text, Loader=yaml.SafeLoader)
    covered: set[int] = set()
    for token in events:
        if isinstance(token, yaml.ScalarToken):
            covered.update(range(token.start_mark.index, token.end_mark.index))
    place, seen_key = 0, False
    for line in source.text.splitlines(keepends=True):
        if not line.startswith("#"):
            seen_key = True
        at = line.find("#")
        while at >= 0 and place + at in covered:
            at = line.find("#", at + 1)
        if at >= 0 and seen_key:
            return True
        place += len(line)
    return False


def _tightened(lines: Iterable[str]) -> Iterator[str]:
    """Lines with one space after the dash of a map in a list, where the writer puts three."""
    inside: list[int] = []
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        while inside and indent < inside[-1] + 4:
            inside.pop()
        shifted = line[2 * len(inside) :] if inside else line
        if line.startswith("-   ", indent):
            at = indent - 2 * len(inside)
            shifted = f"{shifted[:at]}- {shifted[at + 4 :]}"
            inside.append(indent)
        yield shifted


def _ordered(document: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Known keys in their order, then the others as they stand."""
    known = {key: document[key] for key in keys if key in document}
    return {**known, **{key: value for key, value in document.items() if key not in known}}


class _Dumper(yaml.SafeDumper):
    """Writes lists indented under their key, and nothing twice by reference."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value)


def _date(dumper: yaml.SafeDumper, value: datetime.date) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", value.isoformat())


_Dumper.add_representer(str, _text)
_Dumper.add_representer(datetime.date, _date)
