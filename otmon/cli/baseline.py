"""`otmon baseline`: what is normal at a site, and what people make of it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from otmon.baseline.compare import Baseline
from otmon.baseline.review import chosen
from otmon.baseline.words import says
from otmon.cli import console, options, site
from otmon.cli.baseline_choice import choice_of, choosing, known
from otmon.cli.baseline_settling import approve, forget, mute, reject
from otmon.cli.complaints import complain_of
from otmon.config import load
from otmon.evidence.frames import save
from otmon.model.amount import counted
from otmon.model.document import render_time
from otmon.model.statement import Statement
from otmon.state import baseline as kept
from otmon.state.journal import Action, Writer
from otmon.state.site_file import SiteFile

_sources = click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path())


@click.group(cls=options.Commands)
def baseline() -> None:
    """Learn, show, settle and exchange what is normal at a site.

    A site learns from its traffic: each conversation for itself, until it shows
    nothing new. Each line of `otmon baseline show` is a statement with an id, by
    which people approve it, reject it, mute it or have it forgotten. Everything
    done here is in `otmon journal`, and `otmon undo` takes it back.

    \b
    Examples:
      otmon baseline learn normal-*.pcapng --state site.otmon
      otmon baseline show --only pending
      otmon baseline approve b-3kq7m2xw4a --reason "new set point, work order 4711"
      otmon baseline export -o waterworks.yml
    """


@baseline.command()
@options.captures
@options.keep_duplicates
@options.state
@options.config
def learn(
    captures: tuple[str, ...], keep_duplicates: bool, state: str | None, config: str | None
) -> None:
    """Learn captures of which you know that they are normal, into a state file.

    At their end every conversation in them is learned: what differs from then on
    is a deviation. Dangerous operations are noted and wait for somebody to
    approve them.

    \b
    Examples:
      otmon baseline learn monday.pcapng tuesday.pcapng --state site.otmon
    """
    from otmon.cli import baseline_tables
    from otmon.runs import learn_into

    settings = load(config)
    with console.progress("Learning") as report:
        result = learn_into(
            captures,
            site.place(state, settings),
            keep_duplicates=keep_duplicates,
            config=settings,
            progress=report,
        )
    baseline_tables.learned(console.out(), result)
    if result.alerts:
        console.out().print(
            f"{len(result.alerts):,} alerts were raised on the way: `otmon alerts list`",
            soft_wrap=True,
        )
    complain_of(result.capture)


@baseline.command()
@options.output_format("table", "json", "jsonl")
@options.state
@options.config
@choosing
@_sources
def show(
    output_format: str,
    state: str | None,
    config: str | None,
    sources: tuple[str, ...],
    **choice: Any,
) -> None:
    """Show what is normal, one sentence a line.

    SOURCE is a state file, an export, or captures to learn it from; without it
    the state.

    \b
    Examples:
      otmon baseline show
      otmon baseline show --asset 10.20.1.10 --class write
      otmon baseline show normal.pcapng
    """
    settings = load(config)
    normal = known(sources, state, settings)
    wanted = chosen(normal.book, choice_of(normal, settings, **choice))
    if output_format == "table":
        from otmon.cli import baseline_tables

        baseline_tables.described(console.out(), normal, wanted)
        return
    rows = [_document(normal, one) for one in wanted]
    if output_format == "json":
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@baseline.command()
@options.output_format("table", "json")
@options.config
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
def compare(output_format: str, config: str | None, before: str, after: str) -> None:
    """Say what was added, is gone or is done in another way.

    BEFORE and AFTER are captures, exports or state files.

    \b
    Examples:
      otmon baseline compare before.pcapng after.pcapng
      otmon baseline compare signed.yml site.otmon
    """
    from dataclasses import asdict

    from otmon.baseline.difference import differences

    settings = load(config)
    one, other = (known((path,), None, settings) for path in (before, after))
    found = list(differences(one.book, other.book))
    if output_format == "json":
        json.dump([asdict(row) for row in found], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        from otmon.cli import baseline_tables

        baseline_tables.compared(console.out(), found)


@baseline.command()
@options.state
@options.config
@click.option("--output", "-o", metavar="FILE", type=click.Path(dir_okay=False), help="Where to.")
@_sources
def export(
    state: str | None, config: str | None, output: str | None, sources: tuple[str, ...]
) -> None:
    """Write what is normal as YAML, to be read, signed and kept under version control.

    The same baseline gives the same bytes; `otmon baseline import` takes all of it
    back.

    \b
    Examples:
      otmon baseline export -o waterworks.yml
      otmon baseline export normal.pcapng > normal.yml
    """
    from otmon.baseline.exchange import export as lines

    settings = load(config)
    normal = known(sources, state, settings)
    text = lines(normal.book, normal.site, settings.site.name)
    if output is None:
        sys.stdout.writelines(text)
    else:
        save("".join(text).encode(), Path(output), private=False)
        count = counted(sum(1 for _ in normal.book.statements()), "statement")
        console.out().print(f"{output}: {count}", soft_wrap=True)


@baseline.command("import")
@options.state
@options.config
@options.author
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def import_(state: str | None, config: str | None, author: str | None, file: str) -> None:
    """Put an export in the place of a state's baseline.

    It is checked first: a sentence that its fields do not say is an error, and
    nothing changes then.

    \b
    Examples:
      otmon baseline import waterworks.yml --state site.otmon
    """
    from otmon.baseline import reading

    settings = load(config)
    known = reading.read(Path(file).read_text(encoding="utf-8"), file)
    with _alone(site.place(state, settings)) as place, place.transaction() as db:
        before = {one.id: one for one in kept.load_statements(db)}
        after = {one.id: one for one in known.book.statements()}
        writer = Writer(db, Action(author or site.user(), "import", file))
        around = kept.surroundings(db)
        kept.clear(db)
        kept.save(db, _whole(Baseline(known.book, known.site, settings.baseline)))
        # Taken back last: what statements are left says which devices are.
        writer.add(kept.WHOLE, "site", around, kept.surroundings(db))
        for identity in sorted({*before, *after}):
            old, new = before.get(identity), after.get(identity)
            if old != new:
                facts = None if old is None else kept.facts_of(old)
                kept.note(writer, facts, new, identity)
    console.out().print(f"{len(after):,} statements are what is normal now", soft_wrap=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[SiteFile]:
    """A state into which no sensor writes: it would go on with the baseline that it has."""
    with SiteFile.open(path) as place:
        place.claim()
        yield place


def _whole(normal: Baseline) -> kept.Changes:
    """All of a baseline, to be written."""
    from otmon.baseline_memory import changes_of

    book = normal.book
    book.changed.update(dict.fromkeys(one.key for one in book.statements()))
    book.changed_edges.update(
        dict.fromkeys((one.client, one.server, one.protocol) for one in book.edges())
    )
    book.changed_parties.update(dict.fromkeys(one.id for one in book.parties()))
    return changes_of(normal)


for command in (approve, reject, mute, forget):
    baseline.add_command(command)


def _document(normal: Baseline, statement: Statement) -> dict[str, Any]:
    """A statement as JSON that people and scripts read."""
    key, book = statement.key, normal.book
    return {
        "id": statement.id,
        "says": says(statement, book.name),
        "state": statement.state,
        "novel": list(statement.novel),
        "kind": key.kind,
        "client": book.name(key.client),
        "server": book.name(key.server) if key.server else None,
        "protocol": key.protocol or None,
        "unit": key.unit,
        "class": key.operation_class or None,
        "operation": key.operation or None,
        "target": key.target or None,
        "status": key.status or None,
        "ranges": [f"{low}-{high}" for low, high in statement.ranges],
        "count": statement.count,
        "first_seen": render_time(statement.first_seen_ns),
        "last_seen": render_time(statement.last_seen_ns),
        "author": statement.author,
        "reason": statement.reason,
        "until": None if statement.until_ns is None else render_time(statement.until_ns),
        "frames": list(statement.frames),
    }
