"""`otmon analyze`: what capture files show."""

from __future__ import annotations

import contextlib
import dataclasses
import sys

import click

from otmon.cli import console, options
from otmon.cli.complaints import complain_of
from otmon.cli.site import with_advisories, with_elastic_ca
from otmon.config import Config, load
from otmon.model.alert import LEVELS
from otmon.model.document import json_text
from otmon.model.result import Result
from otmon.runs import analyze as run


@click.command()
@options.captures
@options.output_format("table", "json")
@options.keep_duplicates
@options.state
@options.config
@options.segment
@options.advisories
@options.baseline
@options.elastic
@options.elastic_ca
@options.elastic_dry_run
@click.option(
    "--no-keep",
    is_flag=True,
    help="Leave nothing behind. Without --state, the result is kept as your last analysis.",
)
@click.option(
    "--fail-on",
    metavar="LEVEL",
    type=click.Choice(LEVELS),
    help=f"Exit with 1 if there is an alert of LEVEL or above: {', '.join(LEVELS)}.",
)
@click.option("--all", "everything", is_flag=True, help="Print whole tables, however long.")
@click.pass_context
def analyze(
    ctx: click.Context,
    captures: tuple[str, ...],
    output_format: str,
    keep_duplicates: bool,
    state: str | None,
    config: str | None,
    segment: str | None,
    advisories: tuple[str, ...],
    baselines: tuple[str, ...],
    elastic_url: str | None,
    elastic_ca: str | None,
    elastic_dry_run: str | None,
    no_keep: bool,
    fail_on: str | None,
    everything: bool,
) -> None:
    """Say what capture files show: devices, conversations, alerts.

    CAPTURE is a pcap or pcapng file, also compressed with gzip or zstd, a
    directory of them, or - for standard input. Several files are one timeline.
    Ctrl-C stops reading and prints what was found so far.

    With --state the site is remembered: what it has and which alerts it had
    goes on with the next captures, and none is counted twice. Without, the
    result is your last analysis until the next one, and `otmon alerts` shows it.

    \b
    Examples:
      otmon analyze incident-*.pcapng
      otmon analyze --format json plant.pcapng | jq .alerts
      otmon analyze --fail-on high plant.pcapng
      otmon analyze --state site.otmon monday.pcapng
      otmon analyze --baseline normal.pcapng incident.pcapng
      otmon analyze --elastic https://es.example:9200 plant.pcapng
    """
    site = with_elastic_ca(with_advisories(load(config), advisories), elastic_ca)
    if segment:
        site = dataclasses.replace(site, site=dataclasses.replace(site.site, segment=segment))
    with contextlib.ExitStack() as stack:
        shipment = None
        if elastic_url or elastic_dry_run or site.elastic.hosts:
            from otmon.cli.shipments import Shipment

            shipment = stack.enter_context(
                Shipment.of(site, captures, state, elastic_url, elastic_dry_run)
            )
        with console.progress("Reading") as report:
            result = run(
                captures,
                state=state,
                keep=not no_keep,
                keep_duplicates=keep_duplicates,
                config=site,
                baseline=baselines or None,
                progress=report,
                shipping=None if shipment is None else shipment.shipping,
            )
        _show(result, output_format, everything=everything, state=state, site=site, no_keep=no_keep)
        # After the result: a server that does not answer keeps nobody from seeing it.
        if shipment is not None and not result.capture.interrupted:
            console.err().print(f"otmon: {shipment.send()}", soft_wrap=True)
    if fail_on and any(LEVELS.index(a.level) >= LEVELS.index(fail_on) for a in result.alerts):
        ctx.exit(1)


def _show(
    result: Result,
    output_format: str,
    *,
    everything: bool,
    state: str | None,
    site: Config,
    no_keep: bool,
) -> None:
    if output_format == "json":
        sys.stdout.writelines(json_text(result))
        sys.stdout.write("\n")
    else:
        from otmon.cli import tables

        tables.result(
            console.out(),
            result,
            everything=everything,
            state=state or (site.state.path and str(site.place(site.state.path))),
            kept=not no_keep,
        )
    complain_of(result.capture)
