"""`otmon assets diff`, `export` and `zones`: devices for comparison and for other programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from otmon.cli import console, options, site
from otmon.cli.asset_sources import from_anything, known, of_site, talks_in, talks_of
from otmon.cli.complaints import complain_of
from otmon.config import load
from otmon.errors import UsageError
from otmon.evidence.frames import save
from otmon.model.amount import counted
from otmon.model.document import to_document


@click.command("diff")
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
    found = difference(from_anything(before, settings), from_anything(after, settings))
    if output_format == "json":
        json.dump(to_document(found), sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        from otmon.cli import asset_tables

        asset_tables.differs(console.out(), found)
    if fail_on_change and (found.added or found.gone or found.changed):
        ctx.exit(1)


@click.command("export")
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
    found = known(state, settings)
    if output_format == "xlsx":
        from otmon.report.workbook import sheets_as_xlsx

        if output in (None, "-"):
            raise UsageError("A workbook is no text. Say where it goes: -o devices.xlsx.")
        last = max((asset.last_seen for asset in found), default=None)
        sheets = (("Devices", export.COLUMNS, export.rows(found)),)
        _save(sheets_as_xlsx("Devices", last, sheets), output, len(found))
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
        _save(text.encode(), output, len(found))


def _save(content: bytes, output: str, count: int) -> None:
    save(content, Path(output), private=False)
    console.out().print(f"{output}: {counted(count, 'device')}", soft_wrap=True)


@click.command("zones")
@click.argument("captures", metavar="[CAPTURE]...", nargs=-1, type=click.Path(exists=True))
@options.state
@options.config
def propose_zones(captures: tuple[str, ...], state: str | None, config: str | None) -> None:
    """Propose zones, Purdue levels and conduits, as text for `otmon.toml`.

    What was seen makes a draft in the words of IEC 62443: a zone for each
    subnet, or for each level in it, and a conduit for each path that was used.
    Dangerous operations and addresses outside the site are never proposed, they
    are named in remarks. Without CAPTURE it is what the state knows.

    \b
    Examples:
      otmon assets zones >> otmon.toml
      otmon assets zones normal.pcapng
    """
    from otmon.inventory.proposal import proposed

    settings = load(config)
    if captures:
        from otmon.runs import analyze

        with console.progress("Reading") as report:
            result = analyze(captures, config=settings, progress=report)
        complain_of(result.capture)
        talks = talks_in(map(to_document, result.conversations))
        text = proposed(result.assets, talks)
    else:
        with site.reading(state, settings) as file:
            text = proposed(of_site(file, settings), talks_of(file))
    sys.stdout.write(text)
