"""What stays known of devices whose addresses the engine has let go."""

from __future__ import annotations

from typing import Any

import pytest
from inventory.observations import S, address, conversation
from inventory.test_changes import LAPTOP, PLC, later, learned, told, types

from otmon.inventory import contest
from otmon.inventory import roster as bounds
from otmon.inventory.inventory import Inventory
from otmon.inventory.roster import MAX_ADDRESSES

ROUTER = "00:1b:1b:00:99:01"


def leaves(mac: str, ip: str, **other: Any) -> Any:
    """The last of a pair."""
    return address(mac, ip, left=True, **other)


def test_a_device_that_left_and_comes_back_is_no_news() -> None:
    site = later(learned(address(PLC, "10.0.0.1")))
    for one in (address(LAPTOP, "10.0.0.9"), leaves(LAPTOP, "10.0.0.9", last_seen_ns=30 * S)):
        site.address(one)
    before = site.asset_id("10.0.0.9", LAPTOP, None)

    assert ["asset_new"] == types(site)
    assert [] == told(
        site, [address(LAPTOP, "10.0.0.9", first_seen_ns=60 * S, last_seen_ns=90 * S)]
    )
    assert before == site.asset_id("10.0.0.9", LAPTOP, None)
    [asset] = [one for one in site.assets(str) if "10.0.0.9" in one.ip]
    assert (0, 90 * S) == (asset.first_seen, asset.last_seen)


def test_the_last_of_an_address_that_nobody_has_makes_no_device() -> None:
    inventory = Inventory()
    inventory.address(leaves(PLC, "10.0.0.1"))

    assert 0 == inventory.device_count


def test_what_was_known_of_a_pair_holds_when_it_comes_back() -> None:
    inventory = Inventory()
    inventory.address(address(PLC, "10.0.0.1", arp=True, ttl=62))
    inventory.address(address(ROUTER, "10.9.0.1", ttl=61))
    before = [(one.id, one.ip, one.routed) for one in inventory.assets(str)]
    inventory.address(leaves(PLC, "10.0.0.1", arp=True, ttl=62))
    inventory.address(leaves(ROUTER, "10.9.0.1", ttl=61))
    # As they do where a flow of theirs had gone on all the time.
    for mac, ip in ((PLC, "10.0.0.1"), (ROUTER, "10.9.0.1")):
        inventory.address(address(mac, ip, ttl=0))

    assert before == [(one.id, one.ip, one.routed) for one in inventory.assets(str)]


def test_devices_of_the_internet_are_forgotten_but_for_who_speaks_industrial_protocols() -> None:
    inventory = Inventory()
    for last in (8, 9):
        inventory.address(address(ROUTER, f"8.8.8.{last}", ttl=57))
    inventory.conversation(conversation("8.8.8.9", "10.0.0.1", "modbus", client_mac=ROUTER))
    for last in (8, 9):
        inventory.address(leaves(ROUTER, f"8.8.8.{last}", ttl=57))

    assert ["8.8.8.9"] == [ip for one in inventory.assets(str) for ip in one.ip]


def test_a_router_is_the_same_when_all_behind_it_have_been_forgotten() -> None:
    inventory = Inventory()
    inventory.address(address(ROUTER, "8.8.8.8", ttl=57))
    inventory.address(leaves(ROUTER, "8.8.8.8", ttl=57))
    later_ns = {"first_seen_ns": 60 * S, "last_seen_ns": 90 * S}
    inventory.address(address(ROUTER, "8.8.8.10", ttl=57, **later_ns))

    assert 2 == inventory.device_count
    [router] = [one for one in inventory.assets(str) if ROUTER in one.mac]
    assert (0, 90 * S) == (router.first_seen, router.last_seen)


def test_one_hardware_address_with_ever_new_ips_stays_within_its_bound() -> None:
    inventory = Inventory()
    for number in range(1, 200):
        ip = f"10.0.0.{number}"
        inventory.address(address(PLC, ip, arp=True))
        if number > 100:
            inventory.address(leaves(PLC, f"10.0.0.{number - 100}", arp=True))

    [asset] = inventory.assets(str)
    assert 100 == len(asset.ip)
    for number in range(100, 200):
        inventory.address(leaves(PLC, f"10.0.0.{number}", arp=True))
    [asset] = inventory.assets(str)
    assert MAX_ADDRESSES == len(asset.ip)


def test_devices_that_left_stay_within_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_DEVICES", 4)
    inventory = Inventory()
    for number in range(1, 20):
        own = (f"00:1b:1b:00:00:{number:02x}", f"10.0.0.{number}")
        inventory.address(address(*own))
        inventory.address(leaves(*own))

    assert 4 == inventory.device_count
    assert 15 == inventory.forgotten_count
    # Nothing was kept of them that the next run had to forget.
    assert [] == inventory.forgotten()


def test_what_was_told_of_addresses_stays_within_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contest, "MAX_TOLD", 4)
    inventory = Inventory()
    for number in range(10):
        for mac in (PLC, LAPTOP):
            inventory.address(address(mac, f"10.0.0.{number}"))
        inventory.address(address(PLC, f"10.0.0.{number}", last_seen_ns=20 * S))

    assert 4 == len(inventory._roster.places._contests._told)
