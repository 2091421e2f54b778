"""Two inventories against each other: matched by identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inventory.observations import S, address, behaviour, claim, conversation

from otmon.inventory.diff import Difference, difference
from otmon.inventory.inventory import Inventory
from otmon.model.asset import Asset

PLC, HMI = "00:1b:1b:00:00:01", "00:14:22:00:00:02"


def assets(*addresses: Any, claims: Iterable[Any] = (), stations: Iterable[int] = ()) -> Any:
    """The devices of these observations."""
    inventory = Inventory()
    for one in addresses:
        inventory.address(one)
    for unit in stations:
        inventory.behaviour(behaviour(addresses[0].ip, unit))
    for one in claims:
        inventory.claim(one)
    return inventory.assets(lambda number: f"file {number}")


def names(found: Iterable[Asset]) -> list[str]:
    return [asset.ip[0] for asset in found]


def summary(found: Difference) -> tuple[list[str], list[str], list[str], int]:
    """Added, gone and changed devices by address, and how many are the same."""
    changed = [one.after.ip[0] for one in found.changed]
    return (names(found.added), names(found.gone), changed, found.same_count)


def test_a_device_with_another_address_is_the_same_and_moved() -> None:
    found = difference(assets(address(PLC, "10.0.0.1")), assets(address(PLC, "10.0.0.9")))
    (one,) = found.changed

    assert ([], [], ["10.0.0.9"], 0) == summary(found)
    assert [("ip", "10.0.0.1", "10.0.0.9")] == [
        (change.attribute, change.before, change.after) for change in one.moved
    ]


def test_another_device_with_the_same_address_is_not_the_same() -> None:
    found = difference(assets(address(PLC, "10.0.0.1")), assets(address(HMI, "10.0.0.1")))

    assert (["10.0.0.1"], ["10.0.0.1"], [], 0) == summary(found)


def test_a_change_names_both_values_and_their_frames() -> None:
    before = assets(address(PLC, "10.0.0.1"), claims=[claim("10.0.0.1", "firmware", "V1")])
    after = assets(address(PLC, "10.0.0.1"), claims=[claim("10.0.0.1", "firmware", "V2")])
    (one,) = difference(before, after).changed
    (change,) = one.changes

    assert ("firmware", "V1", "V2") == (change.attribute, change.before, change.after)
    assert ("file 0 frame 7", "file 0 frame 7") == (change.before_seen, change.after_seen)


def test_what_nobody_asked_for_is_no_change() -> None:
    before = assets(address(PLC, "10.0.0.1"), claims=[claim("10.0.0.1", "firmware", "V1")])

    assert ([], [], [], 1) == summary(difference(before, assets(address(PLC, "10.0.0.1"))))


def test_a_card_that_was_exchanged_leaves_the_device_the_same() -> None:
    serial = [claim("10.0.0.1", "serial", "S C-B1UR7412"), claim("10.0.0.1", "model", "CPU 315")]
    found = difference(
        assets(address(PLC, "10.0.0.1"), claims=serial),
        assets(address("00:1b:1b:00:99:99", "10.0.0.1"), claims=serial),
    )
    (one,) = found.changed

    assert ["mac"] == [change.attribute for change in one.moved]


def test_stations_are_matched_behind_the_same_gateway() -> None:
    before = assets(address(PLC, "10.0.0.1"), stations=(1, 2))
    after = assets(address(PLC, "10.0.0.1"), stations=(1, 2, 3))
    found = difference(before, after)

    assert [3] == [asset.unit for asset in found.added]
    assert () == found.gone


def test_a_role_that_changed_is_told() -> None:
    def acting(client: str, server: str) -> Any:
        inventory = Inventory()
        for mac, ip in ((PLC, "10.0.0.1"), (HMI, "10.0.0.2")):
            inventory.address(address(mac, ip, last_seen_ns=20 * S))
        talk = {"classes": {"read": 200, "write": 3}}
        inventory.conversation(conversation(client, server, "s7comm", **talk))
        return inventory.assets(str)

    found = difference(acting("10.0.0.2", "10.0.0.1"), acting("10.0.0.1", "10.0.0.2"))

    assert [("plc", "hmi"), ("hmi", "plc")] == [
        (one.roles.before, one.roles.after) for one in found.changed if one.roles
    ]
