"""Devices: their newest state, and their history."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from otmon.model.asset import Asset
from otmon.sinks.elastic.documents.draft import MAX_LISTED, Draft, Moment, Sensor, draft, unlike
from otmon.sinks.elastic.documents.parties import host


def asset_latest(sensor: Sensor, one: Asset, revision: int) -> Draft:
    """The newest state of a device, which replaces the one before."""
    latest = draft(
        sensor,
        "asset-latest",
        (one.id,),
        one.last_seen,
        kind="asset",
        category=["host"],
        kinds=["info"],
        fields={
            **asset_fields(sensor, one),
            "event.action": "asset-latest",
            "otmon.asset.revision": revision,
        },
    )
    return dataclasses.replace(latest, version=revision)


def asset_change(
    sensor: Sensor, one: Asset, revision: int, action: str, changed: Iterable[str]
) -> Draft:
    """A line of the history of a device.

    Args:
        sensor: Who sends.
        one: The device as it is now.
        revision: Rises with every state of it.
        action: `discovered`, `changed` or `disappeared`.
        changed: The attributes that are not what they were.
    """
    return draft(
        sensor,
        "asset",
        (one.id, revision),
        one.first_seen if action == "discovered" else one.last_seen,
        kind="event",
        category=["host"],
        kinds=["change"],
        fields={
            **asset_fields(sensor, one),
            "event.action": f"asset-{action}",
            "otmon.asset.revision": revision,
            "otmon.asset.changed_fields": sorted(changed),
        },
    )


def asset_fields(sensor: Sensor, one: Asset) -> dict[str, Any]:
    """What a document says of a device."""
    affected = host(one)
    weak = [match for match in one.advisories if match.verdict == "affected"]
    maybe = [match for match in one.advisories if match.verdict == "maybe"]
    scores = [match.score for match in weak if match.score is not None]
    return {
        **affected,
        "network.vlan.id": one.vlan,
        "otmon.asset.id": one.id,
        "otmon.asset.label": one.name,
        "otmon.asset.vendor": one.vendor,
        "otmon.asset.model": one.model,
        "otmon.asset.order_code": one.order_code,
        "otmon.asset.serial": one.serial,
        "otmon.asset.firmware": one.firmware,
        "otmon.asset.hardware": one.hardware,
        "otmon.asset.station": one.station_name,
        "otmon.asset.roles": [*one.roles],
        "otmon.asset.role_candidates": [*one.role_candidates],
        "otmon.asset.purdue_level": one.purdue_level,
        "otmon.asset.zone": one.zone,
        "otmon.asset.site": sensor.site,
        "otmon.asset.criticality": one.criticality,
        "otmon.asset.safety": one.safety,
        "otmon.asset.protocols": [*one.protocols],
        "otmon.asset.server_ports": [*one.server_ports[:MAX_LISTED]],
        "otmon.asset.peers_count": one.peer_count if one.gateway is None else None,
        "otmon.asset.fieldbus_addresses": [*one.stations[:MAX_LISTED]],
        "otmon.asset.gateway_id": one.gateway,
        "otmon.asset.unit_id": None if one.unit is None else str(one.unit),
        "otmon.asset.modules": unlike(module.name for module in one.modules),
        "otmon.asset.identified_by": unlike(each.source for each in one.evidence),
        "otmon.asset.confidence": max((each.confidence for each in one.evidence), default=None),
        "otmon.asset.state": one.state,
        "otmon.asset.confirmed": one.confirmed,
        "otmon.asset.routed": one.routed,
        "otmon.asset.cves": unlike(match.cve or match.id for match in weak),
        "otmon.asset.cves_maybe": unlike(match.cve or match.id for match in maybe),
        "otmon.asset.worst_score": max(scores, default=None),
        "otmon.asset.first_seen_at": Moment(one.first_seen),
        "otmon.asset.last_seen_at": Moment(one.last_seen),
        "entity.id": one.id,
        "entity.name": affected["host.name"],
        "entity.type": ["host"],
        "entity.sub_type": one.roles[0] if one.roles else None,
        "entity.source": "otmon",
        "entity.last_seen_timestamp": Moment(one.last_seen),
    }
