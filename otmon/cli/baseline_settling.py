"""`otmon baseline approve`, `reject`, `mute` and `forget`: people settle what is normal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import click

from otmon.baseline.book import Book
from otmon.baseline.compare import Baseline
from otmon.baseline.review import Change, Word, chosen, settle
from otmon.baseline.words import says
from otmon.baseline_memory import BaselineMemory
from otmon.cli import console, options, site
from otmon.cli.baseline_choice import Command, choice_of, choosing
from otmon.config import Config, load
from otmon.errors import UsageError
from otmon.model.statement import Key, Statement
from otmon.state import baseline as kept
from otmon.state.journal import Action, Facts, Writer
from otmon.state.site_file import SiteFile, now_ns

DAY_NS = 86_400 * 1_000_000_000
WAITING = ("pending", "expired")
"""States that wait for a person: what is settled in bulk, unless another is named."""
SHORT = 20
"""Lines of what was settled that are printed."""


def _settling(command: Command) -> Command:
    """What every command has that settles statements."""
    for option in (
        options.config,
        options.state,
        options.author,
        click.option("--dry-run", is_flag=True, help="Only say what would be settled."),
        click.option("--reason", metavar="TEXT", help="Why; kept with the statement."),
        choosing,
        click.argument("ids", metavar="[ID]...", nargs=-1),
    ):
        command = option(command)
    return command


_until = click.option("--until", metavar="DATE", help="When that ends: 2026-12-24, or with T06:00.")


@click.command()
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


@click.command()
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


@click.command()
@_settling
@_until
def mute(**told: Any) -> None:
    """Say nothing of statements for a while; they are counted, and do not become normal.

    \b
    Examples:
      otmon baseline mute b-3kq7m2xw4a --until 2026-12-24
    """
    _settle("mute", **told)


@click.command()
@_settling
def forget(**told: Any) -> None:
    """Unlearn statements: the next time they are new again.

    \b
    Examples:
      otmon baseline forget --asset 10.20.1.66
    """
    _settle("forget", **told)


def say(book: Book, statements: Iterable[Statement], word: Word, writer: Writer) -> list[Change]:
    """Does to statements what somebody says, and puts all that it changes into the journal."""
    before = _edges(book)
    changes = settle(book, statements, word)
    for change in changes:
        facts = None if change.before is None else kept.facts_of(change.before)
        kept.note(writer, facts, change.after, change.id)
    kept.note_edges(writer, before, _edges(book))
    return changes


def accept(
    file: SiteFile, settings: Config, asset: str, word: Word, writer: Writer, db: Any
) -> bool:
    """Says that a device takes part, where it waits for that; whether it did."""
    memory = BaselineMemory(file, settings.baseline)
    waits = memory.baseline.book.get(Key("asset", asset, "", ""))
    if waits is None or waits.state not in WAITING:
        return False
    say(memory.baseline.book, [waits], word, writer)
    memory.write(db)
    return True


def _edges(book: Book) -> dict[kept.EdgeKey, Facts]:
    """How each conversation is learned, as JSON."""
    return {(one.client, one.server, one.protocol): asdict(one) for one in book.edges()}


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
        choice = choice_of(normal, settings, ids=ids, **choosing)
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
            writer = Writer(db, Action(word.author, action, reason))
            changes = say(normal.book, wanted, word, writer)
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
