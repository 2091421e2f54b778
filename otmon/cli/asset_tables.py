"""Devices as terminal tables that fit 80 columns."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otmon.cli.tables import address, clock, grid, heading, identity, role_lines
from otmon.inventory.critical import Loss
from otmon.inventory.diff import Change, Changed, Difference
from otmon.model.advisory import Match
from otmon.model.asset import Asset, Words

WIDE = 110
"""Columns from which a list shows zone and time as well."""


def listed(console: Console, assets: Sequence[Asset], state: str | None) -> None:
    """Print a list of devices."""
    if not assets:
        console.print("No devices.")
        return
    wide = console.width >= WIDE
    columns = ["device", "role", ">level", *(("zone", "last seen (UTC)") if wide else ())]
    table = grid(*columns, "who it is", wrap="who it is")
    for asset in assets:
        level = "-" if asset.purdue_level is None else f"{asset.purdue_level:g}"
        more = (asset.zone or "-", clock(asset.last_seen)[:16]) if wide else ()
        table.add_row(_name(asset), role_lines(asset), level, *more, _who(asset))
    console.print(table)
    console.print()
    away = sum(asset.state != "active" for asset in assets)
    unsure = sum(not asset.confirmed for asset in assets)
    words = [f"{len(assets):,} devices"]
    words += [f"{away:,} not active"] if away else []
    words += [f"{unsure:,} seen once or never answering"] if unsure else []
    console.print(Text(", ".join(words)))
    console.print()
    console.print(heading("Next"))
    at = f" --state {shlex.quote(state)}" if state else ""
    first = assets[0]
    console.print(f"  otmon assets show {first.id}{at}", soft_wrap=True)
    console.print(f"  otmon assets set {first.id} --name NAME{at}", soft_wrap=True)


def critical(console: Console, losses: Sequence[Loss], limit: int | None) -> None:
    """Print which devices most depends on."""
    if not losses:
        console.print("No conversations.")
        return
    columns = ("device", "role", ">ends", ">of all", ">partners", ">left alone")
    table = grid(*columns, "who it is", wrap="who it is")
    for one in losses[:limit]:
        counts = (one.conversations, f"{one.share:.0%}", one.partners, len(one.left_alone))
        told = filter(None, (one.asset.vendor, one.asset.model or one.asset.order_code))
        who = Text(", ".join(told) or "-")
        table.add_row(_name(one.asset), role_lines(one.asset), *map(str, counts), who)
    console.print(table)
    console.print()
    console.print("ends: conversations that end with it; left alone: who speaks to nobody else")


def shown(console: Console, asset: Asset, gateway: Asset | None, behind: Sequence[Asset]) -> None:
    """Print all there is about one device."""
    console.print(heading(f"{asset.name or address(asset)}  {asset.id}"))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(asset, gateway):
        facts.add_row(name, Text(value))
    console.print(Padding(facts, (0, 0, 0, 2), expand=False))
    if behind:
        console.print()
        console.print(heading(f"Stations behind it ({len(behind)})"))
        stations = grid(">unit", "id", "role", "who it is", wrap="who it is")
        for one in behind:
            stations.add_row(str(one.unit), one.id, role_lines(one), _who(one))
        console.print(Padding(stations, (0, 0, 0, 2), expand=False))
    if asset.advisories:
        console.print()
        console.print(heading(f"Published weaknesses ({len(asset.advisories)})"))
        for match in asset.advisories:
            _print_match(console, match)
    console.print()
    console.print(heading("How it is known"))
    rows = grid("what", ">belief", "value", "source and frame", wrap="source and frame")
    for row in asset.evidence:
        times = f", {row.count:,} times" if row.count > 1 else ""
        file = Path(row.file or "").name
        place = "" if row.frame is None else f", {file} frame {row.frame}"
        value = row.value if len(row.value) <= 30 else f"{row.value[:29]}…"
        belief, source = f"{row.confidence:.2f}", f"{row.source}{place}{times}"
        rows.add_row(row.attribute, belief, Text(value), Text(source))
    console.print(Padding(rows, (0, 0, 0, 2), expand=False))


def advised(console: Console, found: Sequence[tuple[Asset, Match]]) -> None:
    """Print which published weaknesses devices have, the gravest first."""
    if not found:
        console.print("No device is affected by any of them.")
        return
    for asset, match in found:
        name = address(asset) if asset.name is None else f"{asset.name} ({address(asset)})"
        console.print(Text(f"{name}  {identity(asset)}", style="bold"))
        _print_match(console, match)
    affected = len({asset.id for asset, match in found if match.verdict == "affected"})
    maybe = len({asset.id for asset, match in found if match.verdict == "maybe"})
    console.print(Text(f"{affected:,} devices are affected, {maybe:,} may be."))


def _print_match(console: Console, match: Match) -> None:
    style = {"affected": "red", "maybe": "yellow"}.get(match.verdict, "dim")
    names = " ".join(name for name in (match.id, match.cve) if name)
    score = "" if match.score is None else f", CVSS {match.score:g}"
    head = Text.assemble((match.verdict, style), f"  {names}{score}  {match.title}")
    console.print(Padding(head, (0, 0, 0, 2), expand=False))
    console.print(Padding(Text(f"{match.why} ({match.source})", style="dim"), (0, 0, 0, 4)))


def said(console: Console, asset: Asset, words: Words | None) -> None:
    """Print what was noted of a device."""
    if words is None:
        console.print(Text(f"{address(asset)} ({asset.id}): nothing is said of it any more."))
        return
    told = [
        f"{field.name} {', '.join(value) if isinstance(value, tuple) else value}"
        for field in dataclasses.fields(Words)
        if field.name != "author" and (value := getattr(words, field.name)) not in (None, (), False)
    ]
    console.print(Text(f"{address(asset)} ({asset.id}): {'; '.join(told) or 'nothing'}."))
    console.print(Text("It holds from the next run on; `otmon undo` takes it back.", style="dim"))


def differs(console: Console, found: Difference) -> None:
    """Print what changed between two inventories."""
    for words, assets in (("Added", found.added), ("Gone", found.gone)):
        if assets:
            console.print(heading(f"{words} ({len(assets)})"))
            table = grid("device", "role", "who it is", wrap="who it is")
            for asset in assets:
                table.add_row(_name(asset), role_lines(asset), _who(asset))
            console.print(Padding(table, (0, 0, 0, 2), expand=False))
            console.print()
    if found.changed:
        console.print(heading(f"Changed ({len(found.changed)})"))
        for one in found.changed:
            console.print(Text(f"  {one.after.name or address(one.after)}  {_who(one.after)}"))
            for line in _changes(one):
                console.print(Padding(Text(line), (0, 0, 0, 4), expand=False))
        console.print()
    console.print(Text(f"{found.same_count:,} devices are as they were."))


def _changes(one: Changed) -> Iterator[str]:
    for change in (*one.moved, *((one.roles,) if one.roles else ()), *one.changes):
        yield f"{change.attribute}: {_value(change, old=True)} is now {_value(change, old=False)}"


def _value(change: Change, *, old: bool) -> str:
    value, seen = (change.before, change.before_seen) if old else (change.after, change.after_seen)
    return f"{value or 'none'} ({seen})" if seen else value or "none"


def _name(asset: Asset) -> str:
    return address(asset) if asset.name is None else f"{asset.name}\n{address(asset)}"


def _who(asset: Asset) -> str:
    words = [identity(asset)]
    if asset.criticality == "high":
        words.append("critical")
    if asset.state != "active":
        words.append(asset.state)
    if not asset.confirmed:
        words.append("unconfirmed")
    return ", ".join(words)


def _where_it_answers(asset: Asset) -> str:
    """Its ports, and the units behind them."""
    ports = ", ".join(f"port {port}" for port in asset.server_ports)
    units = ", ".join(one.replace(":", " ") for one in asset.stations)
    return " as ".join(part for part in (ports, units) if part and asset.gateway is None)


def _facts(asset: Asset, gateway: Asset | None) -> Iterator[tuple[str, str]]:
    rows = (
        ("IP", ", ".join(asset.ip)),
        ("hardware address", ", ".join(asset.mac)),
        ("VLAN", "" if asset.vlan is None else str(asset.vlan)),
        ("behind", "" if gateway is None else f"{address(gateway)}, unit {asset.unit}"),
        ("vendor", asset.vendor),
        ("model", asset.model),
        ("order code", asset.order_code),
        ("firmware", asset.firmware),
        ("hardware", asset.hardware),
        ("serial", asset.serial),
        ("names", ", ".join(name for name in (asset.station_name, asset.hostname) if name)),
        ("modules", ", ".join(module.name for module in asset.modules)),
        ("roles", ", ".join((*asset.roles, *(f"{one}?" for one in asset.role_candidates)))),
        ("Purdue level", "" if asset.purdue_level is None else f"{asset.purdue_level:g}"),
        ("zone", asset.zone),
        ("criticality", asset.criticality),
        ("safety", "yes" if asset.safety else ""),
        ("protocols", ", ".join(asset.protocols)),
        ("answers at", _where_it_answers(asset)),
        ("speaks with", f"{asset.peer_count} addresses" if asset.peer_count > 1 else ""),
        ("state", asset.state if asset.confirmed else f"{asset.state}, unconfirmed"),
        ("first seen", f"{clock(asset.first_seen)} UTC"),
        ("last seen", f"{clock(asset.last_seen)} UTC"),
    )
    yield from ((name, value) for name, value in rows if value)
