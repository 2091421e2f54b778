"""Which statements a command is about: its options, and what they mean."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from otmon.baseline.compare import Baseline
from otmon.baseline.review import Choice
from otmon.baseline_memory import BaselineMemory
from otmon.cli import console, site
from otmon.cli.complaints import complain
from otmon.config import Config
from otmon.errors import UsageError
from otmon.fields import OPERATION_CLASSES, STATEMENT_STATES

Command = Callable[..., Any]


def choosing(command: Command) -> Command:
    """The options by which statements are chosen."""
    for option in (
        click.option(
            "--only",
            "states",
            metavar="STATE",
            multiple=True,
            type=click.Choice(STATEMENT_STATES),
            help=f"Only statements that are this: {', '.join(STATEMENT_STATES)}.",
        ),
        click.option("--protocol", "protocols", metavar="NAME", multiple=True, help="Only of it."),
        click.option(
            "--class",
            "classes",
            metavar="CLASS",
            multiple=True,
            type=click.Choice(OPERATION_CLASSES),
            help="Only of this operation class, such as write.",
        ),
        click.option(
            "--zone", "zones", metavar="NAME", multiple=True, help="Only with its devices."
        ),
        click.option(
            "--asset", "assets", metavar="NAME", multiple=True, help="Only with this device."
        ),
    ):
        command = option(command)
    return command


def known(sources: Sequence[str], state: str | None, settings: Config) -> Baseline:
    """What is normal, by captures, an export or a state."""
    if sources:
        from otmon import runs

        with console.progress("Learning") as report:
            normal = runs.known(sources, config=settings, progress=report)
        complain(normal.remarks)
        return normal
    if state is None and settings.state.path is None:
        raise UsageError(
            "Your last analysis says nothing of what is normal. Name captures to learn it from, "
            "an export, or the state of a site with --state."
        )
    with site.reading(state, settings) as place:
        return BaselineMemory(place, settings.baseline).baseline


def choice_of(
    normal: Baseline,
    settings: Config,
    *,
    assets: tuple[str, ...] = (),
    zones: tuple[str, ...] = (),
    ids: tuple[str, ...] = (),
    classes: tuple[str, ...] = (),
    states: tuple[str, ...] = (),
    protocols: tuple[str, ...] = (),
) -> Choice:
    """The statements that the options choose.

    Raises:
        UsageError: They name what is not there.
    """
    devices = frozenset((*_named(normal, assets), *_in_zones(normal, settings, zones)))
    if (assets or zones) and not devices:
        raise UsageError(
            "No device of the baseline is meant by that. `otmon baseline show` names them."
        )
    return Choice(ids, devices, classes, states, protocols)


def _named(normal: Baseline, names: Sequence[str]) -> Iterator[str]:
    """The ids of devices by name, address or id."""
    for name in names:
        found = [
            party.id
            for party in normal.book.parties()
            if name in (party.name, party.id, party.ip, party.mac)
        ]
        if not found:
            raise UsageError(
                f"No device of the baseline is called {name}. `otmon baseline show` names them."
            )
        yield from found


def _in_zones(normal: Baseline, settings: Config, names: Sequence[str]) -> Iterator[str]:
    """The ids of devices in zones of the configuration, by address or name."""
    zones = {zone.name: zone for zone in settings.zones}
    for name in names:
        if name not in zones:
            raise UsageError(
                f"There is no zone {name}. Zones are those of the configuration: --config FILE."
            )
        zone = zones[name]
        subnets = [ipaddress.ip_network(subnet, strict=False) for subnet in zone.subnets]
        for party in normal.book.parties():
            own = {party.id, party.name, party.ip, party.mac}
            inside = party.ip is not None and any(
                ipaddress.ip_address(party.ip) in subnet for subnet in subnets
            )
            if inside or not own.isdisjoint(zone.assets):
                yield party.id
