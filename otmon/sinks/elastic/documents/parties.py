"""Whom a document tells of: both ends, the boundary between them, the affected device."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from typing import Any

from otmon import _engine
from otmon.model.asset import Asset
from otmon.model.context import AssetFacts

Find = Callable[[str | None], Asset | None]
"""The device of an address or of an asset id; none where there is none."""
Facts = Callable[[str | None, str | None, int | None], AssetFacts | None]
"""What is known of the device of an IP address, hardware address and VLAN."""


def ends(
    one: _engine.Behaviour | _engine.Conversation | _engine.Transaction, facts: Facts
) -> dict[str, Any]:
    """Both ends of something that the engine counts, and the boundary between them."""
    client = facts(one.client_ip, one.client_mac, one.vlan)
    server = facts(one.server_ip, one.server_mac, one.vlan)
    # One row stands for many flows, each with a client port of its own.
    return {
        **end(("source", "client"), one.client_address, client, one.client_mac),
        **end(("destination", "server"), one.server_address, server, one.server_mac),
        "destination.port": one.server_port or None,
        "server.port": one.server_port or None,
        **boundary(client, server),
    }


def end(
    roles: tuple[str, str],
    address: str | None,
    asset: Asset | AssetFacts | None,
    mac: str | None = None,
) -> dict[str, Any]:
    """An end of a conversation, by the direction and by the part that it plays."""
    fields: dict[str, Any] = {f"{role}.mac": mac_text(mac) for role in roles}
    if address is None:
        return fields
    for role in roles:
        fields[f"{role}.address"] = address
        if is_ip(address):
            fields[f"{role}.ip"] = address
        elif _is_mac(address):
            fields[f"{role}.mac"] = mac_text(address)
    if asset is not None:
        prefix = f"{roles[0]}.asset"
        fields |= {
            f"{prefix}.id": asset.id,
            f"{prefix}.role": [*asset.roles],
            f"{prefix}.vendor": asset.vendor,
            f"{prefix}.zone": asset.zone,
            f"{prefix}.purdue_level": asset.purdue_level,
            f"{prefix}.criticality": asset.criticality,
            f"{prefix}.is_new": asset.is_new if isinstance(asset, AssetFacts) else None,
        }
    return fields


def boundary(
    client: Asset | AssetFacts | None, server: Asset | AssetFacts | None
) -> dict[str, Any]:
    """Between which zones it went, where both are known."""
    if client is None or server is None or client.zone is None or server.zone is None:
        return {}
    crossing = client.zone != server.zone
    levels = (client.purdue_level, server.purdue_level)
    kind = None
    if crossing:
        known = [level for level in levels if level is not None]
        kind = "it_ot" if known and min(known) < 3.5 <= max(known) else "cell"
    return {
        "otmon.boundary.crossing": crossing,
        "otmon.boundary.from_zone": client.zone,
        "otmon.boundary.to_zone": server.zone,
        "otmon.boundary.kind": kind,
    }


def host(asset: Asset) -> dict[str, Any]:
    """The affected device, so that risk sticks to it and not to the sensor."""
    return {
        "host.id": asset.id,
        "host.name": asset.name or asset.hostname or asset.station_name or _place(asset),
        "host.hostname": asset.hostname,
        "host.ip": [ip for ip in asset.ip if is_ip(ip)],
        "host.mac": [*map(mac_text, asset.mac)],
        "host.type": asset.roles[0] if asset.roles else None,
        "device.id": asset.id,
        "device.manufacturer": asset.vendor,
        "device.model.name": asset.model,
        "device.model.identifier": asset.order_code,
        "device.serial_number": asset.serial,
    }


def _place(asset: Asset) -> str:
    return next(iter((*asset.ip, *asset.mac)), asset.id)


def outcome_of(statuses: set[str | None]) -> str:
    """`event.outcome` of the statuses that were seen: one refusal is a failure."""
    if statuses - {None, "ok"}:
        return "failure"
    return "success" if "ok" in statuses else "unknown"


def mac_text(mac: str | None) -> str | None:
    """As ECS writes it: `00-1B-1B-AA-BB-CC`."""
    return None if mac is None else mac.replace(":", "-").upper()


def _is_mac(address: str) -> bool:
    return address.count(":") == 5 and len(address) == 17


@functools.lru_cache(maxsize=4096)
def is_ip(address: str) -> bool:
    """Whether an address is one of IP, as Elasticsearch reads it."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
