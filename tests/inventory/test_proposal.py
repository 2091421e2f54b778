"""Zones and conduits out of what was seen."""

from __future__ import annotations

import tomllib
from typing import Any

from inventory.observations import address, conversation

from otmon.config import Config
from otmon.inventory.inventory import Inventory
from otmon.inventory.proposal import Talk, proposed
from otmon.site_description import AssetWords

HMI, PLC, SIS = "00:14:22:00:00:02", "00:1b:1b:00:00:01", "00:1b:1b:00:00:04"


def flat(config: Config | None = None) -> list[Any]:
    """A subnet with an operator station, a controller and a safety controller."""
    inventory = Inventory(config)
    for number, mac in enumerate((HMI, PLC, SIS), start=1):
        inventory.address(address(mac, f"10.0.0.{number}"))
    talk = {"classes": {"read": 100, "write": 3}}
    inventory.conversation(conversation("10.0.0.1", "10.0.0.2", "modbus", **talk))
    inventory.conversation(conversation("10.0.0.1", "10.0.0.3", "tristation", **talk))
    return list(inventory.assets(str))


def test_a_flat_network_is_split_by_level_and_safety_stands_apart() -> None:
    assets = flat()
    hmi, plc, sis = (asset.id for asset in assets)
    table = tomllib.loads(
        proposed(assets, [Talk(hmi, plc, "modbus", ("read",)), Talk(hmi, sis, "tristation")])
    )

    assert [
        ("control 10.0.0.0/24", 1, ["10.0.0.2"], None),
        ("safety 10.0.0.0/24", 1, ["10.0.0.3"], None),
        ("supervision 10.0.0.0/24", 2, None, ["10.0.0.0/24"]),
    ] == [
        (zone["name"], zone["level"], zone.get("assets"), zone.get("subnets"))
        for zone in table["zones"]
    ]
    assert [("control 10.0.0.0/24", ["read"]), ("safety 10.0.0.0/24", None)] == [
        (conduit["to"], conduit.get("classes")) for conduit in table["conduits"]
    ]


def test_a_name_cannot_leave_its_line() -> None:
    odd = 'pump"]\n[[conduits]]'
    assets = flat(Config(assets=(AssetWords("10.0.0.2", name=odd),)))
    table = tomllib.loads(
        proposed(assets, [Talk(assets[0].id, assets[1].id, "modbus", ("mode_stop",))])
    )

    assert {"zones"} == set(table)
