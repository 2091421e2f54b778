"""Addresses are unique within a segment, which VLANs and interfaces tell apart."""

from __future__ import annotations

from inventory.observations import address

from otmon.config import Config
from otmon.inventory.inventory import Inventory
from otmon.site_description import Segment, Site

PLC, SPARE = "00:1b:1b:00:00:01", "00:80:f4:00:00:02"
CELLS = Config(
    segments=(
        Segment("cell a", interfaces=("eth1",)),
        Segment("cell b", interfaces=("eth2",), vlans=(7,)),
    )
)


def seen(config: Config) -> Inventory:
    """Two interfaces on which two devices have the same address."""
    inventory = Inventory(config)
    inventory.segments.interface = ["eth1", "eth2"].__getitem__
    inventory.address(address(PLC, "10.0.0.1", frame=(0, 1)))
    inventory.address(address(SPARE, "10.0.0.1", vlan=7, frame=(1, 1)))
    inventory.address(address(SPARE.replace("02", "99"), "10.0.0.1", frame=(1, 2)))
    inventory.finish()
    return inventory


def test_the_same_address_at_two_interfaces_is_two_devices_and_no_conflict() -> None:
    inventory = seen(CELLS)

    segments = [device["segment"] for device in inventory.changed_records(str)]
    assert ["cell a", "cell b", "default"] == segments
    assert [] == inventory.take_news()


def test_without_segments_it_is_a_conflict() -> None:
    assert ["ip_conflict"] == [event.get("anomaly.type") for event in seen(Config()).take_news()]


def test_segments_zones_and_networks_are_taken_anew() -> None:
    inventory = seen(Config())
    router = "00:00:0c:00:00:09"
    inventory.address(address(router, "134.249.61.182", ttl=63))
    before = inventory.facts("134.249.61.182", router, None)
    inventory.configure(
        Config(site=Site(networks=("134.249.0.0/16",)), segments=(Segment("cell c", vlans=(7,)),))
    )
    after = inventory.facts("134.249.61.182", router, None)

    assert before is not None and after is not None
    assert (True, False) == (before.public, after.public)
    assert {"default", "cell c"} == {one["segment"] for one in inventory.changed_records(str)}


def test_a_network_of_the_site_is_judged_like_a_private_one() -> None:
    """An unusual time to live says that an outside address is away, and nothing of an own one."""
    own = Inventory(Config(site=Site(networks=("134.249.0.0/16",))))
    outside = Inventory()
    for inventory in (own, outside):
        inventory.address(address(PLC, "134.249.61.182", ttl=47))

    assert (1, 2) == (own.device_count, outside.device_count)
