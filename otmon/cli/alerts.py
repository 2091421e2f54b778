"""`otmon alerts`: what a state has to tell, and what people make of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from otmon.alerts.related import Span, related
from otmon.baseline.review import Word
from otmon.baseline.words import says
from otmon.baseline_memory import BaselineMemory
from otmon.cli import console, options, site
from otmon.cli.baseline_settling import say
from otmon.config import Config, load
from otmon.errors import UsageError
from otmon.model.alert import LEVELS, STATUSES, Alert
from otmon.model.document import to_document
from otmon.state import alerts as kept
from otmon.state import journal
from otmon.state.journal import Action, Writer
from otmon.state.site_file import SiteFile, now_ns

DAY_NS = 86_400 * 1_000_000_000
MINUTE_NS = 60 * 1_000_000_000

_ids = click.argument("ids", metavar="ID...", nargs=-1, required=True)


def _settling(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command has that settles alerts."""
    for option in (
        options.config,
        options.state,
        options.author,
        click.option("--note", metavar="TEXT", help="Why; kept in the journal."),
        _ids,
    ):
        command = option(command)
    return command


@click.group(cls=options.Commands)
def alerts() -> None:
    """List, explain and settle the alerts of a site, or of your last analysis.

    An alert is open until somebody acknowledges and closes it. What is seen
    again after it was closed, or becomes worse than what was acknowledged, is
    open again. Everything done here is in `otmon journal`, and `otmon undo`
    takes it back.

    \b
    Examples:
      otmon alerts list
      otmon alerts show 3
      otmon alerts ack 3 7-9 --note "asked the control engineer"
      otmon alerts mute 12 --until 2026-12-24
      otmon alerts learn 8
    """


@alerts.command("list")
@options.output_format("table", "json", "jsonl")
@options.state
@options.config
@click.option(
    "--status",
    "statuses",
    metavar="STATUS",
    multiple=True,
    type=click.Choice((*STATUSES, "any")),
    help="Only alerts that are this: open, acknowledged, closed, muted, learned, or any. "
    "[default: open and acknowledged]",
)
@click.option(
    "--level",
    metavar="LEVEL",
    type=click.Choice(LEVELS),
    help=f"Only alerts of LEVEL or above: {', '.join(LEVELS)}.",
)
@click.option("--rule", metavar="TEXT", help="Only of the rule with this id, or text in its title.")
@click.option("--address", metavar="ADDRESS", help="Only with this client or server.")
@options.since
@options.until
@options.limit
@click.option("--all", "folded", is_flag=True, help="Also those that a storm stands for.")
def list_alerts(
    output_format: str,
    state: str | None,
    config: str | None,
    statuses: tuple[str, ...],
    level: str | None,
    rule: str | None,
    address: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    folded: bool,
) -> None:
    """List alerts, the most severe first.

    \b
    Examples:
      otmon alerts list --level high
      otmon alerts list --status closed --since 2026-03-01 --format jsonl
    """
    settings = load(config)
    wanted = statuses or ("open", "acknowledged")
    with site.reading(state, settings) as file, file.reading() as db:
        found = kept.load(
            db,
            statuses=None if "any" in wanted else wanted,
            levels=None if level is None else LEVELS[LEVELS.index(level) :],
            rule=rule,
            end=address,
            since_ns=None if since is None else site.moment(since, settings),
            until_ns=None if until is None else site.moment(until, settings, end=True),
            folded=folded,
            limit=limit,
        )
        counts = kept.counts(db)
        beside = related_numbers(file, settings) if output_format != "table" else {}
    found = [replace(alert, related=beside.get(alert.id, ())) for alert in found]
    if output_format == "json":
        json.dump([*map(to_document, found)], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    elif output_format == "jsonl":
        sys.stdout.writelines(
            json.dumps(to_document(alert), ensure_ascii=False) + "\n" for alert in found
        )
    else:
        from otmon.cli import alert_tables

        alert_tables.listed(console.out(), found, counts, state)


@alerts.command("show")
@options.output_format("table", "json")
@options.state
@options.config
@click.option("--all", "everything", is_flag=True, help="Print whole tables, however long.")
@_ids
def show_alerts(
    output_format: str,
    state: str | None,
    config: str | None,
    everything: bool,
    ids: tuple[str, ...],
) -> None:
    """Show all there is about alerts: what was done, why it matters, what became of it.

    \b
    Examples:
      otmon alerts show 3
      otmon alerts show --format json 3 | jq .[0].alert.violations
    """
    settings = load(config)
    with site.reading(state, settings) as file, file.reading() as db:
        beside = related_numbers(file, settings)
        shown = []
        for number in site.numbers(ids):
            alert = replace(kept.one(db, number), related=beside.get(number, ()))
            done = journal.entries(db, kind="alert", subject=str(number))
            shown.append((alert, kept.load(db, numbers=alert.related), done[::-1]))
    if output_format == "json":
        rows = [
            {
                "alert": to_document(alert),
                "history": [to_document(entry) for entry in done],
            }
            for alert, _, done in shown
        ]
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    from otmon.cli import alert_tables

    for alert, others, done in shown:
        alert_tables.shown(console.out(), alert, others, done, state, everything=everything)


def related_numbers(file: SiteFile, settings: Config) -> dict[int, tuple[int, ...]]:
    """Of each alert of a state, those near it with the same client or server."""
    within_ns = round(settings.alerts.related_minutes * MINUTE_NS)
    return related((Span(*span) for span in kept.spans(file.db)), within_ns)


@alerts.command("ack")
@_settling
def acknowledge(
    ids: tuple[str, ...],
    note: str | None,
    author: str | None,
    state: str | None,
    config: str | None,
) -> None:
    """Acknowledge alerts: somebody looks after them.

    They open again only if they become worse.
    """
    _settle(ids, "acknowledged", Action(author or site.user(), "acknowledge", note), state, config)


@alerts.command("close")
@_settling
def close(
    ids: tuple[str, ...],
    note: str | None,
    author: str | None,
    state: str | None,
    config: str | None,
) -> None:
    """Close alerts: they are dealt with.

    They open again when the same thing is seen once more.
    """
    _settle(ids, "closed", Action(author or site.user(), "close", note), state, config)


@alerts.command("mute")
@click.option(
    "--until", metavar="TIME", help="When the mute ends. [default: 30 days from now; see [alerts]]"
)
@click.option("--forever", is_flag=True, help="The mute does not end.")
@_settling
def mute(
    ids: tuple[str, ...],
    note: str | None,
    author: str | None,
    state: str | None,
    config: str | None,
    until: str | None,
    forever: bool,
) -> None:
    """Mute alerts: they are counted and not told, and nothing becomes normal.

    What is seen after the end of the mute opens them again.
    """
    settings = load(config)
    if until is not None and forever:
        raise click.UsageError("--until and --forever contradict each other. Leave one out.")
    if forever:
        end = None
    elif until is not None:
        end = site.moment(until, settings, end=True)
    else:
        end = now_ns() + round(settings.alerts.mute_days * DAY_NS)
    _settle(ids, "muted", Action(author or site.user(), "mute", note), state, config, end)


@alerts.command("learn")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_settling
def learn(
    ids: tuple[str, ...],
    note: str | None,
    author: str | None,
    state: str | None,
    config: str | None,
    yes: bool,
) -> None:
    """Learn alerts: exactly what they were about becomes normal.

    Prints each statement that the baseline gets, and asks. Alerts that do not
    depart from the baseline have nothing to learn; rules that hold whatever is
    normal go on to alert.
    """
    settings = load(config)
    numbers = site.numbers(ids)
    who = author or site.user()
    with site.writing(state, settings) as file:
        lines = [line for _, line in _to_learn(file, settings, numbers)]
        console.out().print("This becomes normal:", *lines, sep="\n  ", soft_wrap=True)
        if not yes and not click.confirm("Learn it?", err=True):
            console.out().print("nothing was learned")
            return
        with file.transaction() as db:
            # Anew: a sensor may have written while somebody read the question.
            memory = BaselineMemory(file, settings.baseline)
            book = memory.baseline.book
            named = [book.by_id(identity) for identity, _ in _to_learn(file, settings, numbers)]
            wanted = [one for one in named if one is not None and one.state != "approved"]
            action = Action(who, "learn", note)
            writer = Writer(db, action)
            word = Word("approve", who, now_ns(), note)
            say(book, wanted, word, writer)
            memory.write(db)
            learned = kept.settle(db, numbers, "learned", action, writer=writer)
    _say(learned)


def _to_learn(file: SiteFile, settings: Config, numbers: Sequence[int]) -> list[tuple[str, str]]:
    """The statements that would make alerts normal: each id, and what it says.

    Raises:
        UsageError: An alert departs from nothing.
    """
    book = BaselineMemory(file, settings.baseline).baseline.book
    found: dict[str, str] = {}
    with file.reading() as db:
        alerts_to_learn = [kept.one(db, number) for number in numbers]
    for number, alert in zip(numbers, alerts_to_learn, strict=True):
        known = [one for one in map(book.by_id, alert.statements) if one is not None]
        if not known:
            raise UsageError(
                f"Alert {number} departs from nothing that this state knows as normal, so there "
                "is nothing to learn. Close or mute it, or exempt it by a filter of the rule."
            )
        found |= {one.id: f"{one.id}  {says(one, book.name)}" for one in known}
    return list(found.items())


def _settle(
    ids: tuple[str, ...],
    status: str,
    action: Action,
    state: str | None,
    config: str | None,
    until_ns: int | None = None,
) -> None:
    settings = load(config)
    numbers = site.numbers(ids)
    with site.writing(state, settings) as file, file.transaction() as db:
        settled = kept.settle(db, numbers, status, action, until_ns)
    _say(settled)


def _say(settled: Sequence[Alert]) -> None:
    """What the alerts are now, one a line."""
    from otmon.cli import alert_tables

    for alert in settled:
        console.out().print(alert_tables.now_is(alert), soft_wrap=True)
