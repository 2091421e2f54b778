"""`otmon assets`: the devices of a site, what people know of them, and what changed."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from otmon.baseline.review import Word
from otmon.cli import asset_advisories, asset_critical, asset_exchange, console, options, site
from otmon.cli.asset_sources import known, meant, of_site
from otmon.cli.baseline_settling import accept
from otmon.config import load
from otmon.errors import UsageError
from otmon.inventory.role import ROLES
from otmon.model.asset import Asset, Words
from otmon.model.document import to_document
from otmon.state import assets as kept
from otmon.state.journal import Action
from otmon.state.site_file import now_ns

_MANY = ("merge", "apart")


@click.group(cls=options.Commands)
def assets() -> None:
    """List, name, compare and export the devices of a site, or of your last analysis.

    Each thing that is shown of a device has its evidence: who said it, in which
    frame, and how far that is believed. What a person says goes before all
    traffic says, and stays. Everything said here is in `otmon journal`, and
    `otmon undo` takes it back.

    \b
    Examples:
      otmon assets list
      otmon assets show 10.20.2.21
      otmon assets set 10.20.1.20 --name eng-01 --role engineering_station
      otmon assets diff monday.pcapng tuesday.pcapng
      otmon assets export --format netbox -o devices.csv
    """


@assets.command("list")
@options.output_format("table", "json", "jsonl")
@options.state
@options.config
@click.option(
    "--role",
    metavar="ROLE",
    type=click.Choice(sorted(ROLES)),
    help="Only devices of this role, such as plc.",
)
@click.option("--zone", metavar="ZONE", help="Only devices of this zone.")
@click.option("--vendor", metavar="TEXT", help="Only devices whose vendor has this text.")
@click.option(
    "--in-state",
    "state_of",
    metavar="STATE",
    type=click.Choice(("active", "stale", "gone", "archived")),
    help="Only devices that are active, stale, gone or archived.",
)
@options.limit
def list_assets(
    output_format: str,
    state: str | None,
    config: str | None,
    role: str | None,
    zone: str | None,
    vendor: str | None,
    state_of: str | None,
    limit: int | None,
) -> None:
    """List devices, ordered by address.

    \b
    Examples:
      otmon assets list --role plc
      otmon assets list --in-state gone --format jsonl
    """
    found = [
        asset
        for asset in known(state, load(config))
        if (role is None or role in (*asset.roles, *asset.role_candidates))
        and (zone is None or zone == asset.zone)
        and (vendor is None or vendor.lower() in (asset.vendor or "").lower())
        and (state_of is None or state_of == asset.state)
    ][:limit]
    if output_format == "table":
        from otmon.cli import asset_tables

        asset_tables.listed(console.out(), found, state)
    else:
        _print(found, output_format)


@assets.command("show")
@click.argument("which", metavar="DEVICE")
@options.output_format("table", "json")
@options.advisories
@options.state
@options.config
def show_asset(
    which: str,
    output_format: str,
    advisories: tuple[str, ...],
    state: str | None,
    config: str | None,
) -> None:
    """Show all that is known of a device, with its evidence.

    DEVICE is its id, name, IP or hardware address; `10.20.2.12/3` is station 3
    behind 10.20.2.12.

    \b
    Examples:
      otmon assets show 10.20.2.21
      otmon assets show a-7kxhhhzcza --format json
    """
    everything = known(state, site.with_advisories(load(config), advisories))
    asset = meant(everything, which, {})
    if output_format == "json":
        json.dump(to_document(asset), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    from otmon.cli import asset_tables

    behind = [one for one in everything if one.gateway == asset.id]
    gateway = next((one for one in everything if one.id == asset.gateway), None)
    asset_tables.shown(console.out(), asset, gateway, behind)


@assets.command("set")
@click.argument("which", metavar="DEVICE")
@click.option("--name", metavar="TEXT", help="What people call it.")
@click.option(
    "--role",
    "roles",
    metavar="ROLE",
    multiple=True,
    type=click.Choice(sorted(ROLES)),
    help="What it is; several may be given: " + ", ".join(sorted(ROLES)) + ".",
)
@click.option(
    "--criticality",
    type=click.Choice(("high", "normal", "low")),
    help="How much its loss would hurt.",
)
@click.option("--safety/--no-safety", default=None, help="Whether it is part of a safety function.")
@click.option("--vendor", metavar="TEXT", help="Who made it.")
@click.option("--model", metavar="TEXT", help="What it is called by its maker.")
@click.option("--serial", metavar="TEXT", help="The serial number on its type plate.")
@click.option("--location", metavar="TEXT", help="Where it stands.")
@click.option("--zone", metavar="ZONE", help="The zone that it belongs to, whatever its address.")
@click.option("--accept/--no-accept", "accepted", default=None, help="Whether it is no news.")
@click.option("--archive/--no-archive", "archived", default=None, help="Whether it was taken away.")
@click.option("--merge", metavar="DEVICE", multiple=True, help="Another entry of the same device.")
@click.option(
    "--apart", metavar="DEVICE", multiple=True, help="A device that is not it, whatever both say."
)
@click.option("--forget", is_flag=True, help="Take back everything that was said of it.")
@click.option("--note", metavar="TEXT", help="Why; kept with the device and in the journal.")
@options.author
@options.state
@options.config
def set_asset(
    which: str, state: str | None, config: str | None, author: str | None, forget: bool, **said: Any
) -> None:
    """Say what a device is: it goes before all that traffic says, and stays.

    Only what is given changes; an empty text takes one thing back.

    \b
    Examples:
      otmon assets set 10.20.2.21 --name filters --criticality high
      otmon assets set 10.20.1.66 --accept --note "laptop of the vendor"
      otmon assets set 10.20.2.21 --merge 10.20.2.22
    """
    settings = load(config)
    given = {name: value for name, value in said.items() if value not in (None, ())}
    if not given and not forget:
        raise UsageError("Nothing was said. See `otmon assets set --help` for what can be.")
    for name, value in given.items():
        if isinstance(value, str) and not value.isprintable():
            raise UsageError(f"--{name} has characters that cannot be printed. Leave them out.")
    with site.writing(state, settings) as file:
        everything = of_site(file, settings)
        with file.reading() as db:
            remembered = kept.load(db)
        asset = meant(everything, which, remembered.aliases)
        for name in _MANY:
            if name in given:
                others = [meant(everything, one, remembered.aliases) for one in given[name]]
                if any(one.id == asset.id for one in others):
                    raise UsageError(f"--{name} names the device itself. Name another.")
                given[name] = tuple(one.id for one in others)
        words = None if forget else _added(remembered.words.get(asset.id), given)
        person = author or site.user()
        if words is not None:
            words = dataclasses.replace(words, author=person)
        action = Action(person, "forget" if forget else "set", given.get("note"))
        with file.transaction() as db:
            writer = kept.say(db, action, {asset.id: words})
            accepted = given.get("accepted") is True and accept(
                file, settings, asset.id, Word("approve", person, now_ns(), action.note), writer, db
            )
    from otmon.cli import asset_tables

    asset_tables.said(console.out(), asset, words)
    if accepted:
        console.out().print("Its conversations are learned for a while.", soft_wrap=True)


for command in (
    asset_exchange.diff_assets,
    asset_exchange.export_assets,
    asset_exchange.propose_zones,
    asset_critical.critical_assets,
    asset_advisories.list_advisories,
):
    assets.add_command(command)


def _print(found: Sequence[Asset], output_format: str) -> None:
    documents = [*map(to_document, found)]
    if output_format == "json":
        json.dump(documents, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(
            json.dumps(document, ensure_ascii=False) + "\n" for document in documents
        )


def _added(before: Words | None, given: dict[str, Any]) -> Words:
    """What was said before, with what is said now; an empty text takes one thing back."""
    said: dict[str, Any] = {name: (value if value != "" else None) for name, value in given.items()}
    before = before or Words()
    for name in _MANY:
        if name in said:
            said[name] = tuple(dict.fromkeys((*getattr(before, name), *said[name])))
    return dataclasses.replace(before, **said)
