"""`otmon assets`: the devices of a site, what people know of them, and what changed."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from otmon.cli import console, options, site
from otmon.config import Config, load
from otmon.errors import UsageError
from otmon.inventory.inventory import Inventory
from otmon.inventory.role import ROLES
from otmon.model.asset import Asset, Words
from otmon.model.document import to_document, unpack
from otmon.state import assets as kept
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile

_MANY = ("merge", "apart")


@click.group()
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
@click.option("--role", metavar="ROLE", help="Only devices of this role.")
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
        for asset in _assets(state, load(config))
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
@options.state
@options.config
def show_asset(which: str, output_format: str, state: str | None, config: str | None) -> None:
    """Show all that is known of a device, with its evidence.

    DEVICE is its id, name, IP or hardware address; `10.20.2.12/3` is station 3
    behind 10.20.2.12.

    \b
    Examples:
      otmon assets show 10.20.2.21
      otmon assets show a-7kxhhhzcza --format json
    """
    everything = _assets(state, load(config))
    asset = _one(everything, which, {})
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
    with site.writing(state, settings) as file:
        everything = _of_site(file, settings)
        with file.reading() as db:
            remembered = kept.load(db)
        asset = _one(everything, which, remembered.aliases)
        for name in _MANY:
            if name in given:
                others = [_one(everything, one, remembered.aliases) for one in given[name]]
                if any(one.id == asset.id for one in others):
                    raise UsageError(f"--{name} names the device itself. Name another.")
                given[name] = tuple(one.id for one in others)
        words = None if forget else _added(remembered.words.get(asset.id), given)
        person = author or site.user()
        if words is not None:
            words = dataclasses.replace(words, author=person)
        action = Action(person, "forget" if forget else "set", given.get("note"))
        with file.transaction() as db:
            kept.say(db, action, {asset.id: words})
    from otmon.cli import asset_tables

    asset_tables.said(console.out(), asset, words)


@assets.command("diff")
@click.argument("before", type=click.Path(exists=True))
@click.argument("after", type=click.Path(exists=True))
@options.output_format("table", "json")
@options.config
@click.option("--fail-on-change", is_flag=True, help="Exit with 1 if anything differs.")
@click.pass_context
def diff_assets(
    ctx: click.Context,
    before: str,
    after: str,
    output_format: str,
    config: str | None,
    fail_on_change: bool,
) -> None:
    """Say which devices were added, are gone, changed or moved from BEFORE to AFTER.

    Both are a capture, a state file, or a document of `otmon analyze --format
    json`. Devices are matched by serial number and hardware address, never by
    IP alone, so that a device that got another address is the same.

    \b
    Examples:
      otmon assets diff monday.pcapng tuesday.pcapng
      otmon assets diff site.otmon today.pcapng --format json
    """
    from otmon.inventory.diff import difference

    settings = load(config)
    found = difference(_from_anything(before, settings), _from_anything(after, settings))
    if output_format == "json":
        json.dump(to_document(found), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        from otmon.cli import asset_tables

        asset_tables.differs(console.out(), found)
    if fail_on_change and (found.added or found.gone or found.changed):
        ctx.exit(1)


@assets.command("export")
@options.output_format("csv", "json", "xlsx", "netbox")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Where it is written. [default: standard output; a workbook needs a file]",
)
@click.option("--site-name", metavar="TEXT", help="The site in NetBox. [default: the site's name]")
@options.state
@options.config
def export_assets(
    output_format: str,
    output: str | None,
    site_name: str | None,
    state: str | None,
    config: str | None,
) -> None:
    """Write the devices as a table for other programs.

    `netbox` is the CSV of NetBox's import of devices, 3.6 or later: sites,
    roles, manufacturers and device types must be there before.

    \b
    Examples:
      otmon assets export > devices.csv
      otmon assets export --format xlsx -o devices.xlsx
      otmon assets export --format netbox --site-name waterworks -o netbox.csv
    """
    from otmon.inventory import export

    settings = load(config)
    found = _assets(state, settings)
    if output_format == "xlsx":
        from otmon.report.workbook import sheets_as_xlsx

        if output in (None, "-"):
            raise UsageError("A workbook is no text. Say where it goes: -o devices.xlsx.")
        last = max((asset.last_seen for asset in found), default=None)
        sheets = (("Devices", export.COLUMNS, export.rows(found)),)
        _write(output, sheets_as_xlsx("Devices", last, sheets))
        return
    if output_format == "json":
        text = json.dumps([*map(to_document, found)], indent=1, ensure_ascii=False) + "\n"
    elif output_format == "netbox":
        rows = export.netbox_rows(found, site_name or settings.site.name)
        text = export.csv_text(export.NETBOX_COLUMNS, rows)
    else:
        text = export.csv_text(export.COLUMNS, export.rows(found))
    if output in (None, "-"):
        sys.stdout.write(text)
    else:
        _write(output, text.encode())


def _write(output: str | None, content: bytes) -> None:
    path = Path(output or "-")
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Name another with -o."
        ) from error


def _print(found: Sequence[Asset], output_format: str) -> None:
    documents = [*map(to_document, found)]
    if output_format == "json":
        json.dump(documents, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(
            json.dumps(document, ensure_ascii=False) + "\n" for document in documents
        )


def _assets(state: str | None, settings: Config) -> tuple[Asset, ...]:
    with site.reading(state, settings) as file:
        return _of_site(file, settings)


def _of_site(file: SiteFile, settings: Config) -> tuple[Asset, ...]:
    with file.reading() as db:
        remembered = kept.load(db)
    inventory = Inventory(
        settings,
        remembered=remembered.records,
        aliases=remembered.aliases,
        words=remembered.words,
        watched_ns=remembered.watched_ns,
    )
    return inventory.assets(lambda _: "")


def _from_anything(path: str, settings: Config) -> tuple[Asset, ...]:
    """The devices of a state file, a result document or a capture."""
    place = Path(path)
    head = b"" if place.is_dir() else place.read_bytes()[:16]
    if head.startswith(b"SQLite format 3\0"):
        return _assets(path, settings)
    if head.lstrip()[:1] in (b"{", b"["):
        try:
            document = json.loads(place.read_text(encoding="utf-8"))
            listed = document if isinstance(document, list) else document["assets"]
            return tuple(_asset(asset) for asset in listed)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is no document of otmon. Make one: `otmon analyze --format json CAPTURE`."
            ) from error
    from otmon.runs import analyze

    with console.progress(f"Reading {place.name}") as report:
        return analyze(path, config=settings, progress=report).assets


def _asset(document: dict[str, Any]) -> Asset:
    """A device from a document, whose times are text."""
    times = {name: _time_ns(document[name]) for name in ("first_seen", "last_seen")}
    return unpack(Asset, {**document, **times})


def _time_ns(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.datetime.fromisoformat(seconds).replace(tzinfo=datetime.UTC)
    return round(moment.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def _one(everything: Sequence[Asset], which: str, aliases: Any) -> Asset:
    """The device that somebody means."""
    wanted, _, unit = which.strip().lower().partition("/")
    wanted = aliases.get(wanted, wanted)
    found = [asset for asset in everything if _is(asset, wanted)]
    if unit:
        gateways = {asset.id for asset in found}
        found = [
            asset for asset in everything if asset.gateway in gateways and str(asset.unit) == unit
        ]
    else:
        own = [asset for asset in found if asset.gateway is None]
        found = own or found
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"No device is {which!r}. See `otmon assets list` for those that are.")
    ids = ", ".join(asset.id for asset in found[:8])
    raise UsageError(f"{which!r} is {len(found)} devices. Name one by its id: {ids}.")


def _is(asset: Asset, wanted: str) -> bool:
    if wanted in (asset.id, (asset.name or "").lower(), *asset.mac, *asset.ip):
        return True
    try:
        return str(ipaddress.ip_address(wanted)) in asset.ip
    except ValueError:
        return False


def _added(before: Words | None, given: dict[str, Any]) -> Words:
    """What was said before, with what is said now; an empty text takes one thing back."""
    said: dict[str, Any] = {name: (value if value != "" else None) for name, value in given.items()}
    before = before or Words()
    for name in _MANY:
        if name in said:
            said[name] = tuple(dict.fromkeys((*getattr(before, name), *said[name])))
    return dataclasses.replace(before, **said)
