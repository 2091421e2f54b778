"""What changes on the network is told, with what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from inventory.observations import S, address, behaviour, claim, conversation

from otmon.config import Config
from otmon.inventory.inventory import Inventory
from otmon.inventory.roster import MAX_UNCONFIRMED
from otmon.model.asset import Words
from otmon.model.context import AssetFacts
from otmon.site_description import AssetWords, Segment, Site, Zone
from otmon.thresholds import AddressThresholds, Detectors

PLC, SPARE, LAPTOP = "00:1b:1b:00:00:01", "00:1b:1b:00:77:02", "3c:97:0e:00:00:03"


def types(inventory: Inventory) -> list[Any]:
    """The kinds of what is told."""
    return [event.get("anomaly.type") for event in inventory.take_news()]


def told(inventory: Inventory, observations: Iterable[Any]) -> list[Any]:
    """What an inventory tells of addresses, at their end."""
    for one in observations:
        inventory.address(one)
    inventory.finish()
    return types(inventory)


def later(inventory: Inventory, **other: Any) -> Inventory:
    """The inventory of the next run."""
    records = list(inventory.changed_records(lambda number: f"file {number}"))
    watched_ns = inventory.watched_ns
    return Inventory(
        remembered=records, aliases=inventory.aliases, **({"watched_ns": watched_ns} | other)
    )


def learned(*addresses: Any) -> Inventory:
    """The inventory of a run that saw these."""
    inventory = Inventory()
    for one in addresses:
        inventory.address(one)
    inventory.finish()
    return inventory


def test_nothing_is_new_where_nothing_was_known() -> None:
    assert [] == told(Inventory(), [address(PLC, "10.0.0.1"), address(LAPTOP, "10.0.0.9")])


def test_a_device_that_the_site_does_not_know_is_new() -> None:
    after = later(learned(address(PLC, "10.0.0.1")))

    assert ["asset_new"] == told(after, [address(PLC, "10.0.0.1"), address(LAPTOP, "10.0.0.9")])


def test_a_device_that_sent_one_frame_is_not_told_of() -> None:
    after = later(learned(address(PLC, "10.0.0.1")))
    once = address(LAPTOP, "10.0.0.9", packets=1, last_seen_ns=0)

    assert [] == told(after, [once])


def test_ids_outlive_a_run() -> None:
    before = learned(address(PLC, "10.0.0.1"))
    after = later(before)
    after.address(address(PLC, "10.0.0.77"))

    known = before.asset_id("10.0.0.1", PLC, None)
    assert known is not None
    assert known == after.asset_id("10.0.0.77", PLC, None)


def test_an_address_that_two_send_for_at_once_is_a_conflict() -> None:
    pairs = [
        address(PLC, "10.0.0.1", arp=True, last_seen_ns=5 * S),
        address(LAPTOP, "10.0.0.1", arp=True, first_seen_ns=3 * S, last_seen_ns=4 * S),
    ]

    assert ["ip_conflict"] == told(Inventory(), pairs)


@pytest.mark.parametrize("order", [1, -1], ids=["before", "after"])
def test_who_stands_for_an_address_whose_holder_is_here_is_in_his_way(order: int) -> None:
    """Proxy ARP for somebody on the same segment: a man in the middle, who takes one hop."""
    pairs = [
        address(PLC, "10.0.0.1", ttl=64, last_seen_ns=20 * S),
        address(LAPTOP, "10.0.0.1", arp=True, ttl=63, last_seen_ns=20 * S),
    ]
    own = address(LAPTOP, "10.0.0.66", arp=True, ttl=0)

    assert ["ip_conflict"] == told(Inventory(), [own, *pairs[::order]])


def test_an_address_that_went_over_is_no_conflict_but_a_move() -> None:
    pairs = [
        address(PLC, "10.0.0.1", last_seen_ns=2 * S),
        address(SPARE, "10.0.0.1", first_seen_ns=9 * S, last_seen_ns=20 * S),
    ]

    assert [] == told(Inventory(), pairs)
    after = later(learned(address(PLC, "10.0.0.1")))
    assert ["asset_new", "ip_moved"] == sorted(told(after, [address(SPARE, "10.0.0.1")]))


def test_routers_that_share_a_virtual_address_are_no_conflict() -> None:
    pairs = [
        address(PLC, "10.0.0.1", arp=True),
        address("00:00:5e:00:01:05", "10.0.0.1", arp=True),
    ]

    assert [] == told(Inventory(), pairs)


def test_neighbouring_hardware_addresses_are_ports_of_one_device() -> None:
    pairs = [address(PLC, "10.0.0.1"), address("00:1b:1b:00:00:02", "10.0.0.1")]

    assert [] == told(Inventory(), pairs)


def test_a_device_in_another_segment_has_moved() -> None:
    after = later(learned(address(PLC, "10.0.0.1", vlan=5)))

    assert ["asset_moved"] == told(after, [address(PLC, "10.0.0.1", vlan=6)])


def test_vlans_of_one_segment_are_one_place() -> None:
    cells = Config(segments=(Segment("cell", vlans=(5, 6)),))
    inventory = Inventory(cells)
    inventory.address(address(PLC, "10.0.0.1", vlan=5))

    assert inventory.asset_id("10.0.0.1", PLC, 6) is not None


def test_the_same_address_in_another_cell_is_another_device() -> None:
    before = learned(address("00:00:00:00:00:00", "10.0.0.1"))
    records = list(before.changed_records(str))
    other = Inventory(Config(site=Site(segment="cell 2")), remembered=records)
    other.address(address("00:00:00:00:00:00", "10.0.0.1"))

    assert before.asset_id("10.0.0.1", None, None) != other.asset_id("10.0.0.1", None, None)
    assert 2 == other.device_count


def test_a_live_run_waits_before_it_takes_a_device_for_replaced() -> None:
    after = later(learned(address(PLC, "10.0.0.1")))
    after.address(address(SPARE, "10.0.0.1", packets=1, last_seen_ns=0))
    after.pause()
    assert [] == types(after)

    after.address(address(LAPTOP, None, first_seen_ns=0, last_seen_ns=700 * S, packets=1))
    after.pause()
    assert ["ip_moved"] == types(after)


def test_only_time_in_which_the_sensor_watched_makes_a_device_gone() -> None:
    before = learned(address(PLC, "10.0.0.1"))

    assert [] == told(later(before), [address(PLC, "10.0.0.1", first_seen_ns=10**18)])
    watched = later(learned(address(PLC, "10.0.0.1")), watched_ns=40 * 86_400 * S)
    assert ["asset_returned"] == told(watched, [address(PLC, "10.0.0.1")])


def same_serial(name: str) -> Inventory:
    """Two addresses that both give a serial number, the second under `name`."""
    inventory = Inventory()
    for mac, ip in ((PLC, "10.0.0.1"), (SPARE, "10.0.0.2")):
        inventory.address(address(mac, ip))
    for ip, station in (("10.0.0.1", "pumps"), ("10.0.0.2", name)):
        facts = {"protocol": "s7comm", "source": "read_szl"}
        inventory.claim(claim(ip, "station_name", station, **facts))
        inventory.claim(claim(ip, "serial", "S C-B1UR7412", **facts))
    inventory.finish()
    return inventory


def test_two_addresses_with_one_serial_number_are_one_device() -> None:
    inventory = same_serial("pumps")
    (asset,) = inventory.assets(str)

    assert (("10.0.0.1", "10.0.0.2"), (PLC, SPARE)) == (asset.ip, asset.mac)
    assert [asset.id] == [*inventory.aliases.values()]
    assert asset.id == inventory.asset_id("10.0.0.2", SPARE, None)


def test_two_that_give_one_serial_number_in_other_words_stay_two() -> None:
    inventory = same_serial("filters")

    assert 2 == len(inventory.assets(str))
    assert ["identity_conflict"] == types(inventory)


def test_a_persons_word_goes_before_what_a_device_says() -> None:
    inventory = Inventory(Config(assets=(AssetWords("10.0.0.1", name="pumps", vendor="Acme"),)))
    inventory.address(address(PLC, "10.0.0.1"))
    inventory.claim(claim("10.0.0.1", "vendor", "Siemens"))
    (asset,) = inventory.assets(str)

    assert ("pumps", "Acme") == (asset.name, asset.vendor)
    assert ["manual_contradicted"] == types(inventory)


def test_a_role_that_a_person_settled_is_confirmed() -> None:
    before = learned(address(PLC, "10.0.0.1"))
    known = before.asset_id("10.0.0.1", PLC, None) or ""
    after = later(before, words={known: Words(roles=("engineering_station",), author="jd")})
    facts = after.facts("10.0.0.1", PLC, None)

    assert facts is not None
    assert ("engineering_station",) == facts.confirmed == facts.roles


def test_a_new_device_is_accepted_by_a_person() -> None:
    after = later(learned(address(PLC, "10.0.0.1")))
    after.address(address(LAPTOP, "10.0.0.9"))
    facts = after.facts("10.0.0.9", LAPTOP, None)

    assert facts is not None
    assert facts.is_new
    word = {facts.id or "": Words(accepted=True, author="jd")}
    accepted = later(after, words=word).facts("10.0.0.9", LAPTOP, None)
    assert accepted is not None
    assert not accepted.is_new


def test_public_networks_of_the_site_are_no_peers_outside() -> None:
    own = Inventory(Config(site=Site(networks=("8.8.8.0/24",))))
    own.address(address(PLC, "8.8.8.8", ttl=57))

    assert ["8.8.8.0/24"] == [asset.zone for asset in own.assets(str) if asset.ip]


def s7_talk(inventory: Inventory) -> None:
    inventory.conversation(conversation("10.0.0.9", "10.0.0.1", "s7comm", server_mac=PLC))


def own_words(inventory: Inventory) -> None:
    inventory.claim(claim("10.0.0.1", "vendor", "Schneider Electric", subject_mac=PLC))


def zones(inventory: Inventory) -> None:
    cell = Zone("cell", level=3.5, subnets=("10.0.0.0/24",))
    inventory.configure(Config(zones=(cell,)))


def becomes_a_router(inventory: Inventory) -> None:
    for number in range(1, 4):
        inventory.address(address(PLC, f"10.0.{number}.7", ttl=64))


def is_another_one(inventory: Inventory) -> None:
    inventory.conversation(conversation("10.0.0.9", "10.0.0.2", "s7comm", server_mac=SPARE))
    for ip, mac in (("10.0.0.1", PLC), ("10.0.0.2", SPARE)):
        words = {"protocol": "s7comm", "source": "read_szl", "subject_mac": mac}
        inventory.claim(claim(ip, "model", "CPU 315-2 PN/DP", **words))
        inventory.claim(claim(ip, "serial", "S C-B1V81234", **words))


@pytest.mark.parametrize(
    "happens",
    [s7_talk, own_words, zones, becomes_a_router, is_another_one],
    ids=lambda one: one.__name__,
)
def test_facts_are_those_of_the_moment(happens: Callable[[Inventory], None]) -> None:
    """An event that is read later tells what was known when it happened, not since."""
    inventory = Inventory()
    inventory.address(address(PLC, "10.0.0.1"))
    inventory.address(address(SPARE, "10.0.0.2"))
    before = inventory.facts("10.0.0.1", PLC, None)
    happens(inventory)
    after = inventory.facts("10.0.0.1", PLC, None)

    assert before is not None
    assert after is not None
    assert ((), "Siemens", "10.0.0.0/24", None) == standing(before)
    assert standing(before) != standing(after)
    assert (True, False) == (before.is_past, after.is_past)


def goes_to_another(inventory: Inventory) -> None:
    inventory.address(address(SPARE, "10.0.0.1", arp=True))


def is_forgotten(inventory: Inventory) -> None:
    for number in range(MAX_UNCONFIRMED + 1):
        ip = f"10.1.{number >> 8}.{number & 255}"
        mac = f"00:1b:1b:01:{number >> 8:02x}:{number & 255:02x}"
        inventory.address(address(mac, ip, packets=1, last_seen_ns=0))


@pytest.mark.parametrize("happens", [goes_to_another, is_forgotten], ids=lambda one: one.__name__)
def test_facts_of_who_has_an_address_no_longer_are_past(
    happens: Callable[[Inventory], None],
) -> None:
    inventory = Inventory()
    inventory.address(address(PLC, "10.0.0.1", packets=1, last_seen_ns=0))
    before = inventory.facts("10.0.0.1", SPARE, None)
    happens(inventory)
    after = inventory.facts("10.0.0.1", SPARE, None)

    assert before is not None
    assert before.is_past
    assert before.id != (None if after is None else after.id)


def standing(facts: AssetFacts) -> tuple[Any, ...]:
    """What takes time to work out of a device."""
    return (facts.roles, facts.vendor, facts.zone, facts.purdue_level)


def test_senders_that_never_answer_stay_within_their_bound() -> None:
    inventory = Inventory()
    for number in range(MAX_UNCONFIRMED + 50):
        ip = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        mac = f"00:1b:1b:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        inventory.address(address(mac, ip, packets=1, last_seen_ns=0))

    assert MAX_UNCONFIRMED == inventory.device_count
    assert 50 == inventory.forgotten_count
    assert None is inventory.asset_id("10.0.0.0", "00:1b:1b:00:00:00", None)


def test_who_has_an_address_and_claims_another_by_arp_is_told_once() -> None:
    """The detector of addresses tells it (`arp_rebind`), with both hardware addresses."""
    pairs = [
        address(PLC, "10.0.0.1", arp=True, last_seen_ns=20 * S),
        address(LAPTOP, "10.0.0.9", arp=True),
        address(LAPTOP, "10.0.0.1", arp=True, first_seen_ns=5 * S),
    ]
    off = Config(detectors=Detectors(address=AddressThresholds(enabled=False)))

    assert ([], ["ip_conflict"]) == (told(Inventory(), pairs), told(Inventory(off), pairs))


def test_ports_peers_and_units_of_a_device_are_known_in_the_next_run() -> None:
    before = learned(address(PLC, "10.0.0.1"), address(LAPTOP, "10.0.0.9"))
    before.conversation(conversation("10.0.0.9", "10.0.0.1", "modbus"))
    before.behaviour(behaviour("10.0.0.1", 1))
    after = later(before)
    after.conversation(conversation("10.0.0.8", "10.0.0.1", "s7comm", server_port=102))
    after.conversation(conversation("10.0.0.7", "10.0.0.1", "dnp3", answered_count=0, packets=0))

    plc = after.assets(str)[0]
    assert ((102, 502), 3, ("modbus:1",)) == (plc.server_ports, plc.peer_count, plc.stations)


def test_a_device_does_not_answer_at_a_port_where_it_was_only_asked() -> None:
    inventory = learned(address(PLC, "10.0.0.1"))
    inventory.conversation(
        conversation("10.0.0.9", "10.0.0.1", "modbus", answered_count=0, packets=0)
    )

    plc = inventory.assets(str)[0]
    assert ((), 1) == (plc.server_ports, plc.peer_count)
