"""`otmon elastic setup`: Elasticsearch and Kibana made ready, over the network or as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from otmon.cli import console, options
from otmon.cli.shipments import kibana, server
from otmon.cli.site import today, with_elastic_ca
from otmon.config import Config, load
from otmon.errors import OptionsError, UsageError
from otmon.sensor_identity import sensor_of
from otmon.sinks.elastic.connection import connect
from otmon.sinks.elastic.templates import LIFECYCLES


@click.command()
@options.config
@options.server
@options.elastic_ca
@click.option(
    "--lifecycle",
    type=click.Choice(LIFECYCLES),
    default="ilm",
    show_default=True,
    help="What deletes old data: policies, data stream lifecycles, or nothing.",
)
@click.option("--rollover", is_flag=True, help="Make streams that exist use the new mappings now.")
@click.option("--roles", is_flag=True, help="Make the roles otmon_analyst and otmon_setup.")
@click.option(
    "--create-key",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Make the API key of this sensor, and write it to FILE.",
)
@options.kibana("Bring dashboards and rules into this Kibana, or into one space:")
@options.kibana_ca
@click.option(
    "--rules",
    type=click.Choice(("all", "promotion", "none")),
    default="all",
    show_default=True,
    help="Which rules Kibana gets; all come switched off.",
)
@click.option(
    "--dry-run",
    "--output",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Write everything into files instead, with the steps, for an administrator without otmon.",
)
@click.option(
    "--package",
    "package_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the integration package instead, which Kibana's Integrations page takes.",
)
@click.option(
    "--force", is_flag=True, help="Replace what a newer otmon or somebody else installed."
)
def setup(
    config: str | None,
    elastic_url: str | None,
    elastic_ca: str | None,
    lifecycle: str,
    rollover: bool,
    roles: bool,
    create_key: str | None,
    kibana_url: str | None,
    kibana_ca: str | None,
    rules: str,
    folder: str | None,
    package_file: str | None,
    force: bool,
) -> None:
    """Install templates, lifecycle, dashboards and rules; say what changed.

    It may be run again at any time: what is there already is left alone. The
    user needs the cluster privileges manage_index_templates and manage_ilm, and
    for --roles and --create-key has to be a user, not a key: OTMON_ELASTIC_USER
    and OTMON_ELASTIC_PASSWORD. For Kibana OTMON_KIBANA_API_KEY goes before them.

    \b
    Examples:
      otmon elastic setup --elastic https://es.example:9200 --create-key sensor.key
      otmon elastic setup --kibana https://kibana.example:5601/s/ot
      otmon elastic setup --dry-run for-the-soc
      otmon elastic setup --package otmon.zip
    """
    known = with_elastic_ca(load(config), elastic_ca)
    if folder is not None or package_file is not None:
        _write(known, lifecycle, folder, package_file)
        return
    if not (elastic_url or known.elastic.hosts or kibana_url):
        raise UsageError(
            "Nothing is named. Give --elastic URL, [elastic] hosts, --kibana URL, --dry-run FOLDER "
            "or --package FILE."
        )
    is_packaged = False
    if elastic_url or known.elastic.hosts:
        is_packaged = _elasticsearch(
            known, elastic_url, lifecycle, rollover, roles, create_key, force=force
        )
    if kibana_url is not None:
        if is_packaged and not force:
            _say("left alone", "Kibana: the integration package has brought dashboards and rules")
            return
        _kibana(known, kibana_url, kibana_ca, rules, force=force)


def _elasticsearch(
    known: Config,
    url: str | None,
    lifecycle: str,
    rollover: bool,
    roles: bool,
    create_key: str | None,
    *,
    force: bool,
) -> bool:
    """Set up Elasticsearch; whether the integration package was there before."""
    client = connect(server(known, url, users=True))
    from otmon.sinks.elastic import setup as work

    is_packaged = False
    for step in work.install(client, lifecycle, force=force):
        is_packaged = is_packaged or step.did == work.LEFT
        _say(step.did, step.name)
    if is_packaged:
        console.err().print(
            "otmon: the integration package of otmon is installed; its templates are left alone.",
            soft_wrap=True,
        )
    if rollover:
        for step in work.roll_over(client, known.elastic.namespace):
            _say(step.did, step.name)
    if roles:
        for step in work.install_roles(client):
            _say(step.did, step.name)
    if create_key is not None:
        work.create_key(client, sensor_of(known).name, Path(create_key))
        _say("created", create_key)
    return is_packaged


def _kibana(known: Config, url: str, ca_file: str | None, rules: str, *, force: bool) -> None:
    """Bring dashboards and rules into Kibana."""
    importer = kibana(known, url, ca_file)
    _say("found", f"Kibana {importer.check()}")
    for step in importer.install_objects(force=force):
        _say(step.did, step.name)
    if rules != "none":
        events = event_rules(known) if rules == "all" else []
        for step in importer.install_rules(events):
            _say(step.did, step.name)


def _write(known: Config, lifecycle: str, folder: str | None, package_file: str | None) -> None:
    rules = event_rules(known)
    if folder is not None:
        from otmon.sinks.elastic.folder import write_folder

        for path in write_folder(Path(folder), lifecycle, rules):
            console.out().print(str(path), soft_wrap=True)
    if package_file is not None:
        from otmon.sinks.elastic.kibana.package import package

        try:
            Path(package_file).write_bytes(package(rules))
        except OSError as error:
            raise OptionsError(
                f"{package_file} cannot be written: {error.strerror}. Name another file."
            ) from error
        console.out().print(package_file, soft_wrap=True)
        for one in rules:
            if one.get("exceptions_list"):
                said = f"otmon: not in the package, which has no exceptions: {one['name']}"
                console.err().print(said, soft_wrap=True)


def event_rules(known: Config) -> list[dict[str, Any]]:
    """The event rules of the site that alert by themselves and that a query of Kibana can say.

    The lists of exceptions that they name come after them.
    """
    from otmon._engine import protocols
    from otmon.fields import catalogue
    from otmon.ruleset.convert import converted
    from otmon.ruleset.describe import described
    from otmon.ruleset.site import site_rules

    fields = catalogue(protocols())
    every = described(site_rules(known, fields, folded=False))
    # One that only counts for others would drown whoever switches it on.
    wanted = [one for one in every if not one.off and one.alerts]
    return converted(wanted, fields, today()).made


def _say(did: str, name: str) -> None:
    console.out().print(f"{did:10} {name}", soft_wrap=True)
