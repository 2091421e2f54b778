"""Where the devices of a command come from: a state, a document, a capture; which one is meant."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from otmon.advisory_lists import read_advisories
from otmon.cli import console, site
from otmon.cli.complaints import complain, complain_of
from otmon.config import Config
from otmon.errors import UsageError
from otmon.inventory.advisory import Advisories
from otmon.inventory.inventory import Inventory
from otmon.inventory.proposal import Talk
from otmon.model.asset import Asset
from otmon.model.document import unpack
from otmon.model.service import EPHEMERAL_PORT, SPOKEN_PACKETS, spoken_at
from otmon.state import assets as kept
from otmon.state import baseline, results
from otmon.state.site_file import SiteFile

FACTS = frozenset(("session", "exception", "asset"))
"""Statements that say nothing of what is done."""


def known(state: str | None, settings: Config) -> tuple[Asset, ...]:
    """The devices of a state, or of the last analysis."""
    with site.reading(state, settings) as file:
        return of_site(file, settings)


def of_site(file: SiteFile, settings: Config) -> tuple[Asset, ...]:
    """The devices of an open state, as the configuration sees them."""
    with file.reading() as db:
        remembered = kept.load(db)
    inventory = Inventory(
        settings,
        remembered=remembered.records,
        aliases=remembered.aliases,
        words=remembered.words,
        watched_ns=remembered.watched_ns,
    )
    read = read_advisories(map(settings.place, settings.advisories.files))
    complain(read.problems)
    complain(inventory.remarks())
    inventory.advisories = Advisories(read.advisories)
    return inventory.assets(lambda _: "")


def from_anything(path: str, settings: Config) -> tuple[Asset, ...]:
    """The devices of a state file, a result document or a capture."""
    place = Path(path)
    head = b"" if place.is_dir() else place.read_bytes()[:16]
    if head.startswith(b"SQLite format 3\0"):
        return known(path, settings)
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
        result = analyze(path, config=settings, progress=report)
    complain_of(result.capture)
    return result.assets


def talks_of(file: SiteFile) -> Iterator[Talk]:
    """Who does what to whom at a site: what was learned, or what its last run saw."""
    with file.reading() as db:
        statements = baseline.load_statements(db)
        conversations = results.load(db, "conversations") or ()
    seen = False
    for key in (statement.key for statement in statements):
        if key.kind in FACTS or (key.kind == "edge" and "/" not in key.protocol):
            continue
        transport, slash, port = key.protocol.partition("/")
        if not slash or (port.isdigit() and not spoken_at(transport, int(port))):
            seen = True
            classes = (key.operation_class,) if key.operation_class else ()
            yield Talk(key.client, key.server, key.protocol, classes)
    if not seen:
        yield from talks_in(conversations)


def talks_in(conversations: Iterable[Mapping[str, Any]]) -> Iterator[Talk]:
    """Who does what to whom, by the conversations of a document."""
    for one in conversations:
        client, server, protocol = one["client"], one["server"], one["protocol"]
        if client is None or server is None or protocol == "cotp":
            continue
        if protocol is None:
            odd = one["transport"] not in ("tcp", "udp") or one["port"] >= EPHEMERAL_PORT
            if odd or one["packets"] < SPOKEN_PACKETS or one["one_sided"]:
                continue
            if spoken_at(one["transport"], one["port"]):
                continue
            protocol = f"{one['transport']}/{one['port']}"
        yield Talk(client, server, protocol, tuple(one["classes"]))


def _asset(document: dict[str, Any]) -> Asset:
    """A device from a document, whose times are text."""
    times = {name: _time_ns(document[name]) for name in ("first_seen", "last_seen")}
    return unpack(Asset, {**document, **times})


def _time_ns(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.datetime.fromisoformat(seconds).replace(tzinfo=datetime.UTC)
    return round(moment.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def meant(everything: Sequence[Asset], which: str, aliases: Mapping[str, str]) -> Asset:
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
