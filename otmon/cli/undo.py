"""`otmon undo`: take back what somebody did to a state."""

from __future__ import annotations

import click

from otmon.cli import console, options, site
from otmon.config import load
from otmon.state.baseline import WHOLE
from otmon.state.undo import undo as take_back


@click.command()
@options.state
@options.config
@options.author
@click.option("--note", metavar="TEXT", help="Why; kept in the journal.")
@click.argument("entry", metavar="[ENTRY]", type=click.IntRange(min=1), required=False)
def undo(
    state: str | None,
    config: str | None,
    author: str | None,
    note: str | None,
    entry: int | None,
) -> None:
    """Take back what one command did: all of it, and nothing else.

    ENTRY is a number of `otmon journal`; without it, the latest command that
    has not been taken back. What somebody changed again since then is not
    taken back from under them.

    \b
    Examples:
      otmon undo
      otmon undo 17 --note "wrong alert"
    """
    with site.writing(state, load(config)) as file, file.transaction() as db:
        entries = take_back(db, entry, author or site.user(), note)
        if any(one.kind == WHOLE for one in entries):
            # A sensor would go on with the baseline that it has.
            file.claim()
    for one in entries:
        console.out().print(
            f"taken back: {one.action} {one.kind} {one.subject} by {one.author} (entry {one.id})",
            soft_wrap=True,
        )
