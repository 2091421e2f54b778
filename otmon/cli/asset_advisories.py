"""`otmon assets advisories`: which published weaknesses the devices of a site have."""

from __future__ import annotations

import json
import sys

import click

from otmon.cli import console, options, site
from otmon.cli.asset_sources import known
from otmon.config import load
from otmon.errors import UsageError
from otmon.model.document import to_document


@click.command("advisories")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True))
@options.output_format("table", "json", "jsonl")
@click.option("--all", "everything", is_flag=True, help="Also what does not concern a device.")
@options.state
@options.config
def list_advisories(
    paths: tuple[str, ...],
    output_format: str,
    everything: bool,
    state: str | None,
    config: str | None,
) -> None:
    """Hold the devices against published weaknesses: affected, maybe or not, and why.

    PATH is a CSAF 2.0 document, a table (id,vendor,model,firmware,title,cve,score),
    or a folder of them, as publishers give them away; without it those of
    `[advisories] files`. Nothing is ever downloaded. A vendor's name alone says
    nothing: model and firmware are held against what the device says of itself.

    \b
    Examples:
      otmon assets advisories csaf/
      otmon assets advisories --all ssa-123456.json
    """
    settings = load(config)
    if not paths and not settings.advisories.files:
        raise UsageError(
            "There is no list of advisories. Name one, or a folder of them, or set "
            "[advisories] files."
        )
    assets = known(state, site.with_advisories(settings, paths))
    found = [
        (asset, match)
        for asset in assets
        for match in asset.advisories
        if everything or match.verdict != "not"
    ]
    order = {"affected": 0, "maybe": 1, "not": 2}
    found.sort(key=lambda one: (order[one[1].verdict], -(one[1].score or 0.0)))
    if output_format == "table":
        from otmon.cli import asset_tables

        asset_tables.advised(console.out(), found)
        return
    rows = [
        {"asset": asset.id, "ip": list(asset.ip), "unit": asset.unit, **to_document(match)}
        for asset, match in found
    ]
    if output_format == "json":
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
