"""Most depends on the devices whose loss would end the most conversations."""

from __future__ import annotations

import dataclasses

from inventory.observations import S, address

from otmon.inventory.critical import losses
from otmon.inventory.inventory import Inventory
from otmon.inventory.proposal import Talk
from otmon.model.asset import Asset


def plant() -> dict[str, Asset]:
    """Four devices by the last number of their address, and a station behind the second."""
    inventory = Inventory()
    for number in range(1, 5):
        inventory.address(address(f"00:1b:1b:00:00:0{number}", f"10.0.0.{number}", last_seen_ns=S))
    found = {one.ip[0][-1]: one for one in inventory.assets(lambda _: "")}
    behind = dataclasses.replace(found["2"], id="a-behind", gateway=found["2"].id, unit=7)
    return {**found, "behind": behind}


def talks(assets: dict[str, Asset], *pairs: tuple[str, str, str]) -> list[Talk]:
    """Conversations between devices."""
    return [Talk(assets[one].id, assets[other].id, protocol) for one, other, protocol in pairs]


def test_the_device_with_most_conversations_is_first() -> None:
    own = plant()
    found = losses(
        [*own.values()],
        talks(own, ("1", "2", "modbus"), ("1", "2", "modbus"), ("1", "3", "dnp3"), ("4", "3", "x")),
    )

    assert [("10.0.0.1", 2), ("10.0.0.3", 2), ("10.0.0.2", 1), ("10.0.0.4", 1)] == [
        (one.asset.ip[0], one.conversations) for one in found
    ]
    assert [2 / 3, 2 / 3, 1 / 3, 1 / 3] == [one.share for one in found]
    assert [2, 2, 1, 1] == [one.partners for one in found]
    assert [(own["2"].id,), (own["4"].id,), (), ()] == [one.left_alone for one in found]


def test_a_gateway_is_an_end_of_what_its_stations_do() -> None:
    own = plant()
    (first, *_) = losses(
        [*own.values()], talks(own, ("1", "2", "modbus"), ("3", "behind", "modbus"))
    )

    assert (own["2"].id, 2, 2) == (first.asset.id, first.conversations, first.partners)


def test_who_is_not_known_is_no_end() -> None:
    own = plant()

    assert [] == losses([*own.values()], [Talk(own["1"].id, "a-nobody", "modbus")])
