"""Writes the generated documents: `python docs/generate.py [--check]`.

With --check nothing is written; the exit status is 1 if a document is stale.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args, get_origin

import click

from otmon import _engine
from otmon.cli import COMMANDS, group
from otmon.config import Config
from otmon.detectors.detector import Detector
from otmon.detectors.registry import watchers
from otmon.fields import FIELDS, catalogue
from otmon.model.document import json_schema
from otmon.model.indicator import Indicator
from otmon.model.result import Result
from otmon.ruleset import shipped
from otmon.ruleset.coverage import Covered, navigator, shown, techniques, titles
from otmon.ruleset.load import RuleSet, load_rules, written_down
from otmon.ruleset.taxonomy import DefenderTitle
from otmon.ruleset.wanted import wishes
from otmon.sinks.elastic import templates
from otmon.sinks.elastic.kibana import objects
from otmon.thresholds import Detectors
from otmon.toml_tables import keys, meanings
from otmon.wanted import given, protocol_names

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/generate.py: change the source, then `make docs`. -->\n"


def cli() -> str:
    """Every command's help."""
    parts = [NOTE, "# Commands\n"]
    root = click.Context(group, info_name="otmon")
    parts.append(f"```text\n{group.get_help(root)}\n```\n")
    for name in COMMANDS:
        command = group.get_command(root, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=root)
        parts.append(f"## otmon {name}\n\n```text\n{command.get_help(context)}\n```\n")
        for below, inner in sorted(getattr(command, "commands", {}).items()):
            text = inner.get_help(click.Context(inner, info_name=below, parent=context))
            parts.append(f"### otmon {name} {below}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def protocols() -> str:
    """Every protocol with its ports and fields; operation classes; anomalies."""
    parts = [NOTE, "# Protocols\n", "| protocol | TCP | UDP |", "|---|---|---|"]
    parts += [
        f"| {info.name} | {_ports(info.tcp_ports)} | {_ports(info.udp_ports)} |"
        for info in _engine.protocols()
    ]
    for info in _engine.protocols():
        if info.fields:
            parts += [f"\n## {info.name}\n", "| field | kind | meaning |", "|---|---|---|"]
            parts += [f"| `{f.name}` | {f.kind} | {f.description} |" for f in info.fields]
    parts += ["\n## Operation classes\n", "Highest rank first.\n"]
    parts += ["| class | meaning | one by one | changes something |", "|---|---|---|---|"]
    for kind in _engine.classes():
        cells = (f"`{kind.name}`", kind.meaning, _yes(kind.notable), _yes(kind.change))
        parts.append(f"| {' | '.join(cells)} |")
    parts += ["\n## Anomalies\n", "| anomaly | meaning |", "|---|---|"]
    parts += [f"| `{anomaly.name}` | {anomaly.meaning} |" for anomaly in _engine.anomalies()]
    parts += ["\n## Counters\n", "| counter | meaning |", "|---|---|"]
    parts += [f"| `{name}` | {text} |" for name, text in _engine.counter_meanings().items()]
    return "\n".join(parts) + "\n"


def fields() -> str:
    """The field catalogue of rules."""
    parts = [NOTE, "# Fields that rules can use\n", "| field | kind | meaning |", "|---|---|---|"]
    parts += [
        f"| `{field.name}` | {field.kind.value} | {field.description} |"
        for field in FIELDS.values()
    ]
    return "\n".join(parts) + "\n"


def detectors() -> str:
    """Every detector: what it says, and where loss could make it speak."""
    parts = [NOTE, (DOCS / "parts" / "detectors.md").read_text(encoding="utf-8").rstrip()]
    for one in sorted(every_detector(), key=lambda detector: detector.name):
        parts.append(f"\n## {one.name}\n\n{inspect.cleandoc(type(one).__doc__ or '')}\n")
        if one.loss_sensitive:
            parts.append("Packet loss could make it speak, but for its guards.\n")
        parts += ["| `anomaly.type` | meaning |", "|---|---|"]
        said = ((*item,) for item in one.says.items())
        parts += [f"| `{type_}` | {meaning} |" for type_, meaning in said]
        parts.append(f"\n- Watches: {one.watches}")
        parts.append(f"- Says nothing {one.silent[0].lower()}{one.silent[1:]}")
        limits = list(_limits(one.name))
        if limits:
            parts.append(f"- Thresholds, in `[detectors.{one.name}]`: {'; '.join(limits)}")
    return "\n".join(parts) + "\n"


def _limits(name: str) -> Iterator[str]:
    """The thresholds of a detector with their defaults."""
    for table in keys(Detectors):
        if table.name == name:
            plain = (key for key in keys(table.kind) if not isinstance(key.default, bool))
            yield from (f"`{key.name}` {_toml(key.default)}" for key in plain)


def every_detector() -> tuple[Detector, ...]:
    """One of each, those too that are on only where a site has lists."""
    listed = Indicator("name", "example", "", "example")
    return watchers(indicators=(listed,)).detectors


def schema() -> str:
    """The JSON Schema of the result document."""
    described = json_schema(Result, "Result of otmon analyze")
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def configuration() -> str:
    """Every key of `otmon.toml` with its default and its meaning."""
    parts = [NOTE, "# otmon.toml\n"]
    parts.append(
        "Every key may be left out, but for those marked as needed. A key that is not known is an\n"
        "error that names the file, the line and the nearest key. Durations say their unit.\n"
    )
    for key in keys(Config):
        lists = get_origin(key.kind) is tuple
        parts += _table(get_args(key.kind)[0] if lists else key.kind, key.name, lists=lists)
    return "\n".join(parts)


def _table(kind: type, name: str, *, lists: bool = False) -> Iterator[str]:
    """A table of keys, then the tables inside it."""
    yield f"## {f'[[{name}]]' if lists else f'[{name}]'}\n"
    yield f"{inspect.cleandoc(kind.__doc__ or '')}\n"
    said = meanings(kind)
    plain = [key for key in keys(kind) if not dataclasses.is_dataclass(key.kind)]
    if plain:
        yield "| key | default | meaning |\n|---|---|---|"
        for key in plain:
            default = "needed" if key.required else f"`{_toml(key.default)}`"
            yield f"| `{key.name}` | {default} | {said[key.name]} |"
        yield ""
    for key in keys(kind):
        inner = next((one for one in (key.kind, *get_args(key.kind)) if _is_table(one)), None)
        if inner is not None:
            yield from _table(inner, f"{name}.{key.name}", lists=get_origin(key.kind) is tuple)


def _is_table(kind: object) -> bool:
    """Whether a kind of value is a table of keys itself."""
    return dataclasses.is_dataclass(kind)


def _toml(default: object) -> str:
    """A default as it would be written."""
    if default is None:
        return "none"
    if isinstance(default, tuple):
        return "[]" if not default else json.dumps(list(default))
    if isinstance(default, Mapping):
        return "{}"
    if isinstance(default, float):
        return f"{default:g}"
    return json.dumps(default)


def _reasons(part: str) -> dict[str, dict[str, str]]:
    """Why techniques or titles have no rule."""
    text = (DOCS / "coverage.toml").read_text(encoding="utf-8")
    reasons: dict[str, dict[str, str]] = tomllib.loads(text)[part]
    return reasons


def _rules_of(covered: Covered) -> str:
    if covered.state == "covered":
        return "; ".join(one.rule.title for one in covered.rules)
    return f"*{covered.state.replace('_', ' ')}*: {covered.reason}"


def _by_protocol(rules: RuleSet, wanted: Sequence[str]) -> Iterator[str]:
    """How many of our captures of each protocol show a technique."""
    lines = (
        (DOCS.parent / "tests" / "golden" / "alerts.tsv").read_text(encoding="utf-8").splitlines()
    )
    fired = [(title, capture) for title, capture, _ in (line.split("\t") for line in lines[1:])]
    found = shown(rules, fired)
    protocols = [
        one.name for one in _engine.protocols() if (DOCS.parent / "pcaps" / one.name).is_dir()
    ]
    yield "\nOf the D techniques, the captures in `pcaps/` of each protocol on which a rule alerts;"
    yield "`other` are those of the network, of the inventory, of baselines and of the demo:\n"
    yield f"| technique | {' | '.join(protocols)} | other |"
    yield "|---" * (len(protocols) + 2) + "|"
    for technique in wanted:
        counts = found.get(technique, Counter())
        other = counts.total() - sum(counts[one] for one in protocols)
        cells = [str(count or "-") for count in (*(counts[one] for one in protocols), other)]
        yield f"| {technique} | {' | '.join(cells)} |"


def coverage() -> str:
    """What the rules cover: techniques, and the alerts of Defender for IoT."""
    rules = load_rules(anew=True)
    rows = list(techniques(rules, _reasons("techniques")))
    parts = [NOTE, "# What the rules cover\n"]
    parts += [
        "A rule counts once it was seen to fire on a capture. What no rule covers waits for a"
    ]
    parts += ["protocol or a part of otmon, or is out of scope; `coverage.toml` says which.\n"]
    parts += ["## ATT&CK for ICS v19\n"]
    parts += ["D: an operation on the wire is the technique. C: the operation is legitimate, and"]
    parts += [
        "context decides. `attack-navigator.json` is the same as a layer of the ATT&CK Navigator.\n"
    ]
    parts += ["| rating | visible | covered |", "|---|---|---|"]
    for rating in "DC":
        rated = [covered for entry, covered in rows if entry.rating == rating]
        count = sum(covered.state == "covered" for covered in rated)
        parts += [f"| {rating} | {len(rated)} | {count} |"]
    parts += ["\n| technique | name | | rules |", "|---|---|---|---|"]
    parts += [
        f"| {entry.id} | {entry.name} | {entry.rating} | {_rules_of(covered)} |"
        for entry, covered in rows
    ]
    parts += _by_protocol(rules, [entry.id for entry, _ in rows if entry.rating == "D"])
    parts += [
        "\nATT&CK ids and names: (c) 2025 The MITRE Corporation, reproduced and distributed with"
    ]
    parts += ["its permission; licence in `otmon/vendored/README.md`.\n"]
    named = list(titles(rules, _reasons("titles")))
    parts += ["## The alerts of Microsoft Defender for IoT\n"]
    parts += ["| engine | titles | covered | waiting | out of scope |", "|---|---|---|---|---|"]
    for engine in dict.fromkeys(title.engine for title, _ in named):
        states = Counter(covered.state for title, covered in named if title.engine == engine)
        cells = (sum(states.values()), states["covered"], states["waiting"], states["out_of_scope"])
        parts += [f"| {engine} | {' | '.join(map(str, cells))} |"]
    parts += [f"\n{_share(named)}"]
    parts += ["\n| title | engine | rules |", "|---|---|---|"]
    parts += [
        f"| {title.title} | {title.engine} | {_rules_of(covered)} |" for title, covered in named
    ]
    return "\n".join(parts) + "\n"


def _share(named: Sequence[tuple[DefenderTitle, Covered]]) -> str:
    """How many of the titles that the dissected protocols can show have a rule."""
    shown_here = [
        covered.state == "covered"
        for title, covered in named
        if title.engine != "malware"
        and covered.state != "out_of_scope"
        and not covered.reason.startswith("protocol")
    ]
    share = sum(shown_here) / len(shown_here)
    return (
        "Of the titles other than malware that need no protocol which otmon does not dissect yet,\n"
        f"**{sum(shown_here)} of {len(shown_here)}** have a rule: {share:.1%}."
    )


def layer() -> str:
    """The same techniques as a layer of the ATT&CK Navigator."""
    made = navigator(load_rules(anew=True), _reasons("techniques"))
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def shipped_wishes() -> str:
    """What the shipped rules have to see one by one."""
    asked = wishes(load_rules(anew=True).events, protocol_names())
    return json.dumps([given(one) for one in asked], indent=1) + "\n"


def shipped_rules() -> str:
    """The shipped rules, read: what a run takes instead of the YAML."""
    return written_down(catalogue(_engine.protocols()))


def documents() -> Iterator[tuple[Path, str]]:
    """Every generated document."""
    yield DOCS / "cli.md", cli()
    yield DOCS / "protocols.md", protocols()
    yield DOCS / "fields.md", fields()
    yield DOCS / "detectors.md", detectors()
    yield DOCS / "configuration.md", configuration()
    yield DOCS / "result.schema.json", schema()
    yield DOCS / "coverage.md", coverage()
    yield DOCS / "attack-navigator.json", layer()
    yield DOCS.parent / "otmon" / "ruleset" / "shipped_wishes.json", shipped_wishes()
    yield DOCS.parent / "otmon" / "ruleset" / shipped.FILE, shipped_rules()
    for name, text in (*templates.files(), *objects.files()):
        yield DOCS.parent / "otmon" / "sinks" / "elastic" / "assets" / name, text


def _ports(ports: list[int]) -> str:
    return ", ".join(map(str, ports)) or "-"


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def main(arguments: list[str]) -> int:
    """Write the documents, or say which are stale."""
    check = arguments == ["--check"]
    stale = []
    for path, text in documents():
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(DOCS.parent)} is stale: run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
