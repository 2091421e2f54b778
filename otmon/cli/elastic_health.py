"""`otmon elastic status` and `doctor`: how sending goes, and whether it can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from otmon.cli import console, options, site
from otmon.cli.doctor import show
from otmon.cli.monitor import DEFAULT_STATE
from otmon.cli.shipments import kibana, sender, server, spool
from otmon.config import Config, load
from otmon.errors import OptionsError, OtmonError, SinkError, StateError
from otmon.model.finding import FAILURE, OK, WARNING, Finding
from otmon.sensor_identity import sensor_of
from otmon.shipping import bounds_of
from otmon.sinks import dead_letters, outbox
from otmon.sinks.elastic import backlog
from otmon.state.site_file import SiteFile, now_ns

WRITE_S = 10.0
"""How long `doctor --write` waits for a server that takes nothing, in seconds."""


@click.command()
@options.state
@options.config
@options.output_format("table", "json")
def status(state: str | None, config: str | None, output_format: str) -> None:
    """Say what waits in a state, what was sent, and what will never be taken.

    Of each kind of dead letter it is said what it is, why, and what to do.
    """
    known = load(config)
    with site.reading(state, known) as file, file.reading() as db:
        found = outbox.status(db)
        dead = dead_letters.dead_by_error(db)
    age_s = None if found.oldest_ns is None else (now_ns() - found.oldest_ns) / 1e9
    counts = {name: n for name, n in found.counts.items() if not name.startswith("sequence.")}
    if output_format == "json":
        document = {
            "state": found.facts.get("state", "never sent"),
            "reason": found.facts.get("reason", ""),
            "rows": found.rows,
            "bytes": found.bytes,
            "oldest_age_s": age_s,
            "counts": counts,
            "dead_letters": [
                {
                    "status": one.status,
                    "error": one.kind,
                    "reason": one.reason,
                    "count": one.count,
                    "targets": one.targets,
                    "example": one.example,
                    **asdict(backlog.explain(one)),
                }
                for one in dead
            ],
        }
        click.echo(json.dumps(document, indent=1))
        return
    for line in _lines(found, age_s):
        console.out().print(line, soft_wrap=True)
    for one in dead:
        told = backlog.explain(one)
        console.out().print(f"dead letters  {told.what}", soft_wrap=True)
        console.out().print(f"    why       {told.why}", soft_wrap=True)
        console.out().print(f"    to do     {told.advice}", soft_wrap=True)


def _lines(found: outbox.Status, age_s: float | None) -> Iterator[str]:
    state = found.facts.get("state", "never sent")
    reason = found.facts.get("reason", "")
    yield f"sender        {state}{f': {reason}' if reason else ''}"
    age = "" if age_s is None else f", the oldest for {backlog.spell(age_s)}"
    yield f"waiting       {found.rows:,} documents, {found.bytes / 1e6:,.1f} MB{age}"
    for name in ("delivered", "duplicates", "retried", "written"):
        if found.counts.get(name):
            yield f"{name:13} {found.counts[name]:,}"
    for kind, why, count in backlog.lost(found):
        yield f"dropped       {count:,} {kind}, for {why}"


@click.command()
@options.state
@options.config
@options.server
@options.elastic_ca
@options.kibana("Look into this Kibana, too, for its data views:")
@options.kibana_ca
@click.option("--write", is_flag=True, help="Send one document of health, too.")
@options.output_format("table", "json", "jsonl")
@click.pass_context
def doctor(
    ctx: click.Context,
    state: str | None,
    config: str | None,
    elastic_url: str | None,
    elastic_ca: str | None,
    kibana_url: str | None,
    kibana_ca: str | None,
    write: bool,
    output_format: str,
) -> None:
    """Check the way to Elasticsearch: server, TLS, key, templates, clocks, disks, outbox.

    Where the key may read, it also says how old the newest document of this sensor is
    in each stream; that of a sensor may not.
    It asks with the key of the sensor and changes nothing, but for --write, which
    adds one document of health. For what is not well
    it is said what to do. Exit status 3 if something keeps documents from being sent.

    \b
    Examples:
      otmon elastic doctor --config otmon.toml
      otmon elastic doctor --elastic https://es.example:9200 --format json
    """
    known = site.with_elastic_ca(load(config), elastic_ca)
    found = [*_examined(known, elastic_url), *_outbox(state, known)]
    if kibana_url is not None:
        found.append(_views(known, kibana_url, kibana_ca))
    if write:
        found.append(_written(known, elastic_url))
    show(found, output_format)
    if any(one.status == FAILURE for one in found):
        ctx.exit(OtmonError.exit_status)


def _examined(known: Config, url: str | None) -> Iterator[Finding]:
    try:
        place = server(known, url)
    except OptionsError as error:
        yield Finding("configuration", FAILURE, str(error))
        return
    if not place.hosts:
        yield Finding(
            "configuration",
            FAILURE,
            "no Elasticsearch is named",
            "Give --elastic URL, or [elastic] hosts in the configuration.",
        )
        return
    try:
        # Imported here: it needs the client.
        from otmon.sinks.elastic.doctor import examine
    except ImportError:
        yield Finding(
            "configuration",
            FAILURE,
            "the client of Elasticsearch is not installed",
            "Install it: pip install 'otmon[elastic]'",
        )
        return
    yield from examine(place, known.elastic.namespace, now_ns, sensor_of(known).id)


def _views(known: Config, url: str, ca_file: str | None) -> Finding:
    """Whether dashboards have what they read; nothing that keeps documents from being sent."""
    try:
        there = kibana(known, url, ca_file)
        number = there.check()
        missing = there.missing_views()
    except (OptionsError, SinkError) as error:
        return Finding("data views", WARNING, str(error))
    if missing:
        return Finding(
            "data views",
            WARNING,
            f"Kibana {number} has not {', '.join(missing)}",
            "Run `otmon elastic setup --kibana`.",
        )
    return Finding("data views", OK, f"Kibana {number} has all of otmon's")


def _written(known: Config, url: str | None) -> Finding:
    """Whether a document is taken that every server with the templates takes."""
    sensor = sensor_of(known)
    try:
        with spool() as own:
            one = sender(own, known, url, sensor)
            from otmon.sinks.elastic.sender import health_probe

            with own.transaction() as db:
                outbox.put(db, [health_probe(sensor, now_ns)()])
            done = one.drain(WRITE_S)
            with own.reading() as db:
                dead = dead_letters.dead_by_error(db)
    except (OptionsError, SinkError) as error:
        return Finding("writing", FAILURE, str(error))
    if dead:
        told = backlog.explain(dead[0])
        return Finding("writing", FAILURE, f"{told.what}. {told.why}")
    if not done:
        return Finding("writing", FAILURE, f"no document was taken: {one.reason or 'it is busy'}")
    return Finding("writing", OK, "a document of health was taken")


def _outbox(state: str | None, known: Config) -> Iterator[Finding]:
    if state is not None:
        path = Path(state)
    elif known.state.path is not None:
        path = known.place(known.state.path)
    else:
        path = Path(DEFAULT_STATE)
    if state is None and not path.exists():
        return  # there is no state yet, so nothing waits
    try:
        with SiteFile.open(path, read_only=True) as file, file.reading() as db:
            how, dead = outbox.status(db), dead_letters.dead_by_error(db)
    except StateError as error:
        yield Finding("outbox", FAILURE, str(error))
        return
    yield from backlog.examine(how, dead, bounds_of(known), now_ns())
