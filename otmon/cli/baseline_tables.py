"""The baseline on the terminal: a description of the plant that fits 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otmon.baseline.compare import Baseline
from otmon.baseline.difference import Difference
from otmon.baseline.learn import learned as known_edges
from otmon.baseline.words import protocol_name, says_briefly
from otmon.cli.tables import grid, heading
from otmon.model.document import render_time
from otmon.model.result import Result
from otmon.model.statement import Key, Statement

QUIET = ("learned", "learning")
"""States that go without saying."""

STATE_STYLE = {
    "learning": "dim",
    "learned": "",
    "approved": "green",
    "rejected": "bold red",
    "muted": "cyan",
    "expired": "yellow",
    "pending": "yellow",
}


def learned(console: Console, result: Result) -> None:
    """How well each conversation is learned."""
    normal = result.baseline
    if normal is None:
        return
    table = grid("client", "server", "protocol", ">statements", ">new in 2nd half")
    for edge in normal.edges:
        table.add_row(
            edge.client,
            edge.server,
            edge.protocol,
            str(edge.statements),
            f"{edge.late_share:.0%}",
        )
    console.print(
        heading(f"Learned: {normal.statements:,} statements, {len(normal.edges):,} conversations")
    )
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def described(console: Console, normal: Baseline, statements: Sequence[Statement]) -> None:
    """What is normal, by device and by whom it talks to."""
    book = normal.book
    total = len(statements)
    console.print(heading(f"Normal: {total:,} statements{_learning(normal)}"))
    how = {(edge.client, edge.server, edge.protocol): share for edge, share in known_edges(book)}
    for client, of_client in groupby(statements, key=lambda one: one.key.client):
        console.print()
        console.print(Text(book.name(client), style="bold"))
        for (server, protocol), several in groupby(
            of_client, key=lambda one: (one.key.server, one.key.protocol)
        ):
            own = list(several)
            if not server:
                console.print(Padding(_lines(own), (0, 0, 0, 4), expand=False))
                continue
            edge = book.edge((client, server, protocol))
            words = Text(f"{protocol_name(protocol)} to {book.name(server)}", style="bold")
            share = how.get((client, server, protocol))
            if edge is not None:
                some = "operation" if edge.transactions == 1 else "operations"
                facts = [f"{edge.transactions:,} {some}"] if edge.transactions else []
                facts.append("enforced" if edge.enforcing else "learning")
                if share is not None and share.late:
                    facts.append(f"{share.late_share:.0%} new in the second half")
                if edge.unsaturated:
                    facts.append("not saturated")
                words.append(f"  ({', '.join(facts)})", style="dim")
            head = book.get(Key("edge", client, server, protocol))
            if head is not None and head in own:
                words.append(f"  {head.id}", style="dim")
                own.remove(head)
                if head.state not in QUIET:
                    words.append(f"  [{_state(head)}]", style=STATE_STYLE[head.state])
            console.print(Padding(words, (0, 0, 0, 2), expand=False))
            if own:
                console.print(Padding(_lines(own, head), (0, 0, 0, 4), expand=False))


def _learning(normal: Baseline) -> str:
    site = normal.site
    if site.since_ns is None:
        return ""
    since = render_time(site.since_ns)[:16].replace("T", " ")
    return f", {'learning' if site.learning else 'learned'} since {since} UTC"


def _lines(statements: Sequence[Statement], head: Statement | None = None) -> Table:
    """One statement a line; `head`, that the two talk at all, has its own state told before."""
    table = grid("", "", wrap="")
    table.show_header = False
    table.columns[0].no_wrap, table.columns[0].ratio = True, None
    table.columns[1].no_wrap, table.columns[1].ratio = False, 1
    for one in statements:
        words = Text(says_briefly(one))
        if one.state not in QUIET:
            whole = head is None or head.state != one.state or not head.novel
            state = _state(one) if whole else one.state
            words.append(f"  [{state}]", style=STATE_STYLE[one.state])
        table.add_row(Text(one.id, style="dim"), words)
    return table


def _state(statement: Statement) -> str:
    words = [statement.state]
    if statement.author:
        words.append(f"by {statement.author}")
    if statement.until_ns is not None:
        words.append(f"until {render_time(statement.until_ns)[:10]}")
    if statement.novel:
        words.append(f"new: {', '.join(statement.novel)}")
    if statement.reason:
        words.append(f'"{statement.reason}"')
    return ", ".join(words)


_MARKS = {"added": ("+", "green"), "gone": ("-", "red"), "changed": ("~", "yellow")}


def compared(console: Console, found: Sequence[Difference]) -> None:
    """What differs, each with its mark: + added, - gone, ~ changed."""
    counts = {kind: sum(one.kind == kind for one in found) for kind in _MARKS}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    console.print(heading(f"Differences: {told}"))
    for one in found:
        mark, style = _MARKS[one.kind]
        if one.kind != "changed":
            console.print(Text(f"{mark} {one.after or one.before}", style=style), soft_wrap=True)
            continue
        console.print(Text(f"{mark} {one.before}", style=style), soft_wrap=True)
        console.print(f"  now: {one.after} ({', '.join(one.why)})", soft_wrap=True)
