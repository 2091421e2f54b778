"""Rules as terminal tables that fit 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from otmon.cli.tables import LEVEL_STYLE, grid, heading
from otmon.fields import Field
from otmon.ruleset import words
from otmon.ruleset.condition import CorrelationRule, EventRule, tests_of
from otmon.ruleset.describe import Described
from otmon.ruleset.taxonomy import TAXONOMIES


def rules(console: Console, rows: Sequence[Described]) -> None:
    """Print a list of rules, those of one folder together."""
    table = grid("rule", "level", "status", "techniques", ">examples", wrap="rule")
    for row in rows:
        rule = row.found.rule
        title = Text(rule.title)
        for note in _notes(row):
            title.append(f"\n  {note}", style="dim")
        level = row.level if row.alerts else "counted"
        count = f"{len(row.examples('positive'))} + {len(row.examples('negative'))}"
        techniques = "\n".join(one.id for one in rule.techniques)
        style = LEVEL_STYLE[row.level] if row.alerts and not row.off else "dim"
        status = "off" if row.off else rule.status
        table.add_row(title, Text(level, style=style), status, techniques, count)
    console.print(table)
    used = sum(not row.off for row in rows)
    console.print(f"\n{used} rules are used, {len(rows) - used} are off.")


def _notes(row: Described) -> Iterator[str]:
    if row.off:
        yield f"off: {row.off}"
    for one in row.filters:
        yield f"except {one.title!r}: {one.reason} ({one.author}, until {one.expires})"
    if row.found.rule.site_level:
        yield "level set in otmon.toml"


def explained(console: Console, row: Described, fields: Mapping[str, Field]) -> None:
    """Print what an analyst asks about a rule."""
    rule = row.found.rule
    console.print(heading(rule.title))
    _paragraph(console, [rule.description])
    _part(console, "It alerts on", _when(row))
    _part(console, "Level", [words.level_words(rule), *_context(row)])
    if rule.message:
        _part(console, "The alert says", [rule.message])
    _part(console, "What to do", [f"{n}. {step}" for n, step in enumerate(rule.triage, 1)])
    _part(console, "What looks the same and is not", rule.false_positives)
    _part(console, "ATT&CK for ICS", [f"{one.id} {one.name}" for one in rule.techniques])
    _part(console, "Fields", _fields(row, fields))
    _part(console, "Called elsewhere", _aliases(row))
    _part(console, "Proved by", _examples(row))
    _part(console, "Exceptions and switches", _notes(row))
    _part(console, "Read more", rule.references)
    console.print(f"  {rule.path}, version {rule.version}, id {rule.id}", style="dim")
    console.print()


def _part(console: Console, title: str, lines: Iterable[str]) -> None:
    listed = [*lines]
    if listed:
        console.print(Text(f"  {title}", style="dim"))
        _paragraph(console, listed)


def _paragraph(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        margin = len(line) - len(line.lstrip())
        console.print(Padding(Text(line.strip()), (0, 0, 0, 4 + margin)))


def _when(row: Described) -> Iterator[str]:
    found = row.found
    if isinstance(found, EventRule):
        yield f"{words.about(found)}, if"
        yield from words.condition_lines(found.condition, 1)
    else:
        yield from words.correlation_lines(found, row.titles)
    if row.counted_by:
        which = ", ".join(map(repr, row.counted_by))
        yield f"counted by {which}" if row.alerts else f"no alert by itself: counted by {which}"


def _context(row: Described) -> Iterator[str]:
    rule = row.found.rule
    if not row.alerts:
        return
    if not rule.site_level:
        yield "then weighed by who did it, to what, when, and whether it was refused"
    apart = "".join(f", {name}" for name in rule.aggregate_by)
    if isinstance(row.found, CorrelationRule):
        yield f"one alert for each {', '.join(row.found.group_by)}{apart}"
    else:
        yield f"one alert for each client, server and protocol{apart}"
    if rule.always:
        yield "no site can make an exception from it"


def _fields(row: Described, fields: Mapping[str, Field]) -> Iterator[str]:
    found = row.found
    names = (
        [test.field for test in tests_of(found.condition)]
        if isinstance(found, EventRule)
        else [*found.group_by, *([found.field] if found.field else [])]
    )
    for name in dict.fromkeys(names):
        if name in fields:
            yield f"{name}: {fields[name].description}"


def _aliases(row: Described) -> Iterator[str]:
    aliases = row.source.document["otmon"].get("aliases") or {}
    for taxonomy, titles in aliases.items():
        yield f"{TAXONOMIES.get(taxonomy, taxonomy)}: {', '.join(map(str, titles))}"


def _examples(row: Described) -> Iterator[str]:
    for one in row.examples("positive"):
        count = one.get("count", 1)
        yield f"{one['capture']}: {count} alert{'s' if count != 1 else ''}"
    for one in row.examples("negative"):
        yield f"{one['capture']}: silent, {one.get('why', '')}"
