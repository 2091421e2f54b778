"""`otmon assets critical`: the devices that most depends on."""

from __future__ import annotations

import json
import sys

import click

from otmon.cli import console, options, site
from otmon.cli.asset_sources import of_site, talks_in, talks_of
from otmon.cli.complaints import complain_of
from otmon.config import load
from otmon.model.document import to_document


@click.command("critical")
@click.argument("captures", metavar="[CAPTURE]...", nargs=-1, type=click.Path(exists=True))
@options.output_format("table", "json")
@options.state
@options.config
@options.limit
def critical_assets(
    captures: tuple[str, ...],
    output_format: str,
    state: str | None,
    config: str | None,
    limit: int | None,
) -> None:
    """List the devices whose loss would end most conversations, the worst first.

    Counted are conversations (client, server, protocol) of which a device or a
    station behind it is an end, and the devices that would have nobody left to
    speak to. Without CAPTURE it is what the state knows.

    \b
    Examples:
      otmon assets critical
      otmon assets critical normal.pcapng --limit 5
    """
    from otmon.inventory.critical import losses

    settings = load(config)
    if captures:
        from otmon.runs import analyze

        with console.progress("Reading") as report:
            result = analyze(captures, config=settings, progress=report)
        complain_of(result.capture)
        found = losses(result.assets, talks_in(map(to_document, result.conversations)))
    else:
        with site.reading(state, settings) as file:
            found = losses(of_site(file, settings), talks_of(file))
    if output_format == "json":
        rows = [
            {
                "id": one.asset.id,
                "name": one.asset.name,
                "ip": list(one.asset.ip),
                "roles": list(one.asset.roles),
                "conversations": one.conversations,
                "share": round(one.share, 4),
                "partners": one.partners,
                "left_alone": list(one.left_alone),
            }
            for one in found[:limit]
        ]
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    from otmon.cli import asset_tables

    asset_tables.critical(console.out(), found, limit)
