"""`otmon baseline`: what is normal at a site, and what people make of it."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from otmon.baseline.compare import Baseline
from otmon.baseline.review import Change, Choice, Word, chosen, settle
from otmon.baseline.words import says
from otmon.baseline_memory import BaselineMemory
from otmon.cli import console, options, site
from otmon.config import Config, load
from otmon.errors import UsageError
from otmon.fields import OPERATION_CLASSES, STATEMENT_STATES
from otmon.model.document import render_time
from otmon.model.statement import Statement
from otmon.state import baseline as kept
from otmon.state.journal import Action, Writer
from otmon.state.site_file import SiteFile, now_ns

DAY_NS = 86_400 * 1_000_000_000
WAITING = ("pending", "expired")
"""States that wait for a person: what is settled in bulk, unless another is named."""
SHORT = 20
"""Lines of what was settled that are printed."""

_sources = click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=click.Path())

Command = Callable[..., Any]


def _choosing(command: Command) -> Command:
    """The options by which statements are chosen."""
    for option in (
        click.option(
            "--only",
            "states",
            metavar="STATE",
            multiple=True,
            type=click.Choice(STATEMENT_STATES),
            help=f"Only statements that are this: {', '.join(STATEMENT_STATES)}.",
        ),
        click.option("--protocol", "protocols", metavar="NAME", multiple=True, help="Only of it."),
        click.option(
            "--class",
            "classes",
            metavar="CLASS",
            multiple=True,
            type=click.Choice(OPERATION_CLASSES),
            help="Only of this operation class, such as write.",
        ),
        click.option(
            "--zone", "zones", metavar="NAME", multiple=True, help="Only with its devices."
        ),
        click.option(
            "--asset", "assets", metavar="NAME", multiple=True, help="Only with this device."
        ),
    ):
        command = option(command)
    return command


@click.group()
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
    for remark in result.capture.remarks:
        console.err().print(f"otmon: {remark}", soft_wrap=True)


@baseline.command()
@options.output_format("table", "json", "jsonl")
@options.state
@options.config
@_choosing
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
    normal = _known(sources, state, settings)
    wanted = chosen(normal.book, _choice(normal, settings, **choice))
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
    one, other = (_known((path,), None, settings) for path in (before, after))
    found = list(differences(one.book, other.book))
    if output_format == "json":
        json.dump([asdict(row) for row in found], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        from otmon.cli import baseline_tables

        baseline_tables.compared(console.out(), found)


def _settling(command: Command) -> Command:
    """What every command has that settles statements."""
    for option in (
        options.config,
        options.state,
        options.author,
        click.option("--dry-run", is_flag=True, help="Only say what would be settled."),
        click.option("--reason", metavar="TEXT", help="Why; kept with the statement."),
        _choosing,
        click.argument("ids", metavar="[ID]...", nargs=-1),
    ):
        command = option(command)
    return command


_until = click.option("--until", metavar="DATE", help="When that ends: 2026-12-24, or with T06:00.")


@baseline.command()
@_settling
@_until
def approve(**told: Any) -> None:
    """Say that statements are normal.

    Without an id, what waits is approved, as far as the options choose it. An
    approved device has its conversations learned for a week.

    \b
    Examples:
      otmon baseline approve b-3kq7m2xw4a b-jz2m4xq7aa
      otmon baseline approve --asset 10.20.1.30 --reason "new historian"
    """
    _settle("approve", **told)


@baseline.command()
@_settling
@click.option("--forget", is_flag=True, help="Only unlearn them: the next time is new again.")
def reject(*, forget: bool, **told: Any) -> None:
    """Say that statements are bad: each occurrence is an alert, learned or not.

    \b
    Examples:
      otmon baseline reject b-3kq7m2xw4a --reason "nobody stops this pump from here"
      otmon baseline reject b-3kq7m2xw4a --forget
    """
    _settle("forget" if forget else "reject", **told)


@baseline.command()
@_settling
@_until
def mute(**told: Any) -> None:
    """Say nothing of statements for a while; they are counted, and do not become normal.

    \b
    Examples:
      otmon baseline mute b-3kq7m2xw4a --until 2026-12-24
    """
    _settle("mute", **told)


@baseline.command()
@_settling
def forget(**told: Any) -> None:
    """Unlearn statements: the next time they are new again.

    \b
    Examples:
      otmon baseline forget --asset 10.20.1.66
    """
    _settle("forget", **told)


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
    normal = _known(sources, state, settings)
    text = lines(normal.book, normal.site, settings.site.name)
    if output is None:
        sys.stdout.writelines(text)
    else:
        with Path(output).open("w", encoding="utf-8") as file:
            file.writelines(text)


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
    from otmon.baseline import exchange

    settings = load(config)
    known = exchange.read(Path(file).read_text(encoding="utf-8"), file)
    with SiteFile.open(site.place(state, settings)) as place, place.transaction() as db:
        before = {one.id: one for one in kept.load_statements(db)}
        after = {one.id: one for one in known.book.statements()}
        writer = Writer(db, Action(author or site.user(), "import", file))
        for identity in sorted({*before, *after}):
            old, new = before.get(identity), after.get(identity)
            if old != new:
                facts = None if old is None else kept.facts_of(old)
                kept.note(writer, facts, new, identity)
        around = kept.surroundings(db)
        kept.clear(db)
        kept.save(db, _whole(Baseline(known.book, known.site, settings.baseline)))
        writer.add(kept.WHOLE, "site", around, kept.surroundings(db))
    console.out().print(f"{len(after):,} statements are what is normal now", soft_wrap=True)


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


def _known(sources: Sequence[str], state: str | None, settings: Config) -> Baseline:
    if sources:
        from otmon.runs import known

        with console.progress("Learning") as report:
            return known(sources, config=settings, progress=report)
    if state is None and settings.state.path is None:
        raise UsageError(
            "Your last analysis says nothing of what is normal. Name captures to learn it from, "
            "an export, or the state of a site with --state."
        )
    with site.reading(state, settings) as place:
        return BaselineMemory(place, settings.baseline).baseline


def _choice(
    normal: Baseline,
    settings: Config,
    *,
    assets: tuple[str, ...] = (),
    zones: tuple[str, ...] = (),
    ids: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    states: tuple[str, ...] = (),
    protocols: tuple[str, ...] = (),
) -> Choice:
    devices = frozenset((*_named(normal, assets), *_in_zones(normal, settings, zones)))
    if (assets or zones) and not devices:
        raise UsageError(
            "No device of the baseline is meant by that. `otmon baseline show` names them."
        )
    return Choice(ids, devices, classes, states, protocols)


def _named(normal: Baseline, names: Sequence[str]) -> Iterator[str]:
    """The ids of devices by name, address or id."""
    for name in names:
        found = [
            party.id
            for party in normal.book.parties()
            if name in (party.name, party.id, party.ip, party.mac)
        ]
        if not found:
            raise UsageError(
                f"No device of the baseline is called {name}. `otmon baseline show` names them."
            )
        yield from found


def _in_zones(normal: Baseline, settings: Config, names: Sequence[str]) -> Iterator[str]:
    """The ids of devices in zones of the configuration, by address or name."""
    zones = {zone.name: zone for zone in settings.zones}
    for name in names:
        if name not in zones:
            raise UsageError(
                f"There is no zone {name}. Zones are those of the configuration: --config FILE."
            )
        zone = zones[name]
        subnets = [ipaddress.ip_network(subnet, strict=False) for subnet in zone.subnets]
        for party in normal.book.parties():
            own = {party.id, party.name, party.ip, party.mac}
            inside = party.ip is not None and any(
                ipaddress.ip_address(party.ip) in subnet for subnet in subnets
            )
            if inside or not own.isdisjoint(zone.assets):
                yield party.id


def _settle(
    action: str,
    *,
    ids: tuple[str, ...],
    state: str | None,
    config: str | None,
    author: str | None,
    reason: str | None,
    dry_run: bool,
    until: str | None = None,
    **choosing: Any,
) -> None:
    settings = load(config)
    now = now_ns()
    until_ns = None if until is None else site.moment(until, settings, end=True)
    if action == "mute" and until_ns is None:
        until_ns = now + round(settings.alerts.mute_days * DAY_NS)
    word = Word(action, author or site.user(), now, reason, until_ns)
    with site.writing(state, settings) as place, place.transaction() as db:
        memory = BaselineMemory(place, settings.baseline)
        normal = memory.baseline
        choice = _choice(normal, settings, ids=ids, **choosing)
        if choice.is_empty:
            raise UsageError(
                "Nothing is chosen. Name ids, or choose by --asset, --zone, --class, --protocol "
                "or --only."
            )
        if not ids and not choice.states and action != "forget":
            choice = replace(choice, states=WAITING)
        wanted = chosen(normal.book, choice)
        if dry_run:
            changes = [Change(one.id, one, one) for one in wanted]
        else:
            changes = settle(normal.book, wanted, word)
            writer = Writer(db, Action(word.author, action, reason))
            for change in changes:
                before = None if change.before is None else kept.facts_of(change.before)
                kept.note(writer, before, change.after, change.id)
            memory.write(db)
    _print_settled(normal, changes, action, dry_run=dry_run)


def _print_settled(
    normal: Baseline, changes: Sequence[Change], action: str, *, dry_run: bool
) -> None:
    out = console.out()
    for change in changes[:SHORT]:
        one = change.after or change.before
        if one is not None:
            now = "forgotten" if change.after is None else one.state
            said = f"would {action}" if dry_run else now
            out.print(f"{said}: {one.id}  {says(one, normal.book.name)}", soft_wrap=True)
    if len(changes) > SHORT:
        out.print(f"and {len(changes) - SHORT:,} more", soft_wrap=True)
    if not changes:
        out.print("nothing waits that this chooses", soft_wrap=True)


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
