"""`otmon journal`: what people did to a state."""

from __future__ import annotations

import json
import sys

import click

from otmon.cli import console, options, site
from otmon.config import load
from otmon.model.document import render_time
from otmon.state import journal as kept
from otmon.state.journal import Entry


@click.command()
@options.output_format("table", "json", "jsonl")
@options.state
@options.config
@click.option("--kind", metavar="KIND", help="Only what was done to this: alert, statement, asset.")
@click.option("--subject", metavar="ID", help="Only what was done to the one with this id.")
@options.limit
def journal(
    output_format: str,
    state: str | None,
    config: str | None,
    kind: str | None,
    subject: str | None,
    limit: int | None,
) -> None:
    """List what people did: who, when, what, why; the latest first.

    Nothing in the journal is ever changed. `otmon undo` takes back what an
    entry did, and is an entry itself.

    \b
    Examples:
      otmon journal --limit 20
      otmon journal --kind alert --subject 7
    """
    with site.reading(state, load(config)) as file, file.reading() as db:
        found = kept.entries(db, kind=kind, subject=subject, limit=limit)
    if output_format == "json":
        json.dump([*map(_document, found)], sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    elif output_format == "jsonl":
        sys.stdout.writelines(json.dumps(_document(e), ensure_ascii=False) + "\n" for e in found)
    else:
        _print(found)


def _document(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "time": render_time(entry.time_ns),
        "author": entry.author,
        "action": entry.action,
        "kind": entry.kind,
        "subject": entry.subject,
        "before": entry.before,
        "after": entry.after,
        "note": entry.note,
        "batch": entry.batch,
        "undoes": entry.undoes,
        "undone": entry.undone,
    }


def _print(found: list[Entry]) -> None:
    from rich.text import Text

    from otmon.cli.tables import clock, grid

    if not found:
        console.out().print("nobody has done anything yet")
        return
    table = grid(">entry", "time (UTC)", "who", "what", wrap="what")
    for entry in found:
        words = f"{entry.action} {entry.kind} {entry.subject}"
        if entry.undoes is not None:
            words += f", takes back {entry.undoes}"
        if entry.undone:
            words += ", taken back since"
        if entry.note:
            words += f"\n{entry.note}"
        table.add_row(str(entry.id), clock(entry.time_ns)[:16], entry.author, Text(words))
    console.out().print(table)
