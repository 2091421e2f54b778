"""Whom a document tells of: both ends, the boundary between them, the affected device."""

from __future__ import annotations

import base64
import functools
import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from otmon import _engine
from otmon.fields import PARTLY_REFUSED
from otmon.model.asset import Asset
from otmon.model.context import AssetFacts
from otmon.model.internet import INTERNET, Outside

POLICY = "policy"
_DIRECTIONS = {
    (False, False): "internal",
    (True, False): "inbound",
    (False, True): "outbound",
    (True, True): "external",
}
"""`network.direction`, by whether the client and the server are of the internet."""
_IANA = {"tcp": "6", "udp": "17"}
Find = Callable[[str | None], Asset | None]
"""The device of an address or of an asset id; none where there is none."""
Facts = Callable[[str | None, str | None, int | None], AssetFacts | None]
"""What is known of the device of an IP address, hardware address and VLAN."""


def ends(
    one: _engine.Behaviour | _engine.Conversation | _engine.Transaction,
    facts: Facts,
    is_outside: Outside,
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
        **ways(client, server, one.client_address, one.server_address, is_outside),
        "network.iana_number": _IANA.get(one.transport),
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


def ways(
    client: Asset | AssetFacts | None,
    server: Asset | AssetFacts | None,
    client_address: str | None,
    server_address: str | None,
    is_outside: Outside,
) -> dict[str, Any]:
    """What kind of addresses it went between, whether one is of the internet, over which zones."""
    outside = (
        _is_outside(client, client_address, is_outside),
        _is_outside(server, server_address, is_outside),
    )
    fields = _boundary(client, server, outside)
    if client_address and server_address and is_ip(client_address) and is_ip(server_address):
        fields["network.type"] = "ipv6" if ":" in server_address else "ipv4"
        fields["network.direction"] = _DIRECTIONS[outside]
    return fields


def _is_outside(one: Asset | AssetFacts | None, address: str | None, is_outside: Outside) -> bool:
    """Whether an end is outside the site, as rules see it.

    Of a device that is known what was seen of it tells: one with a public address that is on
    this network itself, behind no router, is no part of the internet.
    """
    if isinstance(one, AssetFacts):
        return one.public
    return is_outside(address or "") and (one is None or one.routed)


def community_id(
    transport: str | None,
    client: str | None,
    client_port: int | None,
    server: str | None,
    server_port: int | None,
) -> str | None:
    """The id of a flow that other programs give it, too: Community ID, version 1, seed 0.

    None where it is no flow of TCP or UDP between two addresses of IP.
    """
    number = _IANA.get(transport or "")
    if number is None or not client or not server or not (is_ip(client) and is_ip(server)):
        return None
    ends = sorted(
        (ipaddress.ip_address(ip.partition("%")[0]).packed, (port or 0).to_bytes(2, "big"))
        for ip, port in ((client, client_port), (server, server_port))
    )
    (first, first_port), (second, second_port) = ends
    told = bytes(2) + first + second + bytes([int(number), 0]) + first_port + second_port
    digest = hashlib.sha1(told, usedforsecurity=False).digest()
    return f"1:{base64.b64encode(digest).decode()}"


def forbidden(found: Mapping[str, Any]) -> dict[str, Any]:
    """A boundary of which the site says that this must not go over it.

    What kind of boundary it is stays with it: who asks for that still finds it.
    """
    kind = found.get("otmon.boundary.kind")
    return {
        **found,
        "otmon.boundary.crossing": True,
        "otmon.boundary.kind": [POLICY] if kind is None else [kind, POLICY],
    }


def _boundary(
    client: Asset | AssetFacts | None,
    server: Asset | AssetFacts | None,
    outside: tuple[bool, bool],
) -> dict[str, Any]:
    """Between which zones it went, where both are known, or that an end is of the internet."""
    if any(outside) and not all(outside):
        zones = [None if one is None else one.zone for one in (client, server)]
        said = [
            zone or (INTERNET if out else None) for zone, out in zip(zones, outside, strict=True)
        ]
        return {
            "otmon.boundary.crossing": True,
            "otmon.boundary.from_zone": said[0],
            "otmon.boundary.to_zone": said[1],
            "otmon.boundary.kind": INTERNET,
        }
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
        "device.vendor": asset.vendor,
        "device.product": asset.model,
        "device.type": asset.roles[0] if asset.roles else None,
        "device.model.name": asset.model,
        "device.model.identifier": asset.order_code,
        "device.serial_number": asset.serial,
    }


def _place(asset: Asset) -> str:
    return next(iter((*asset.ip, *asset.mac)), asset.id)


def outcome_of(statuses: set[str | None]) -> str:
    """`event.outcome` of the statuses that were seen: one refusal is a failure."""
    if statuses - {None, "ok", PARTLY_REFUSED}:
        return "failure"
    return "unknown" if statuses <= {None} else "success"


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
