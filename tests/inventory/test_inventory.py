"""Claims and traffic become devices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inventory.observations import S, address, behaviour, claim, conversation

from otmon.inventory.inventory import Inventory
from otmon.model.asset import Asset

PLC_MAC, HMI_MAC, ROUTER_MAC = "00:1b:1b:00:00:01", "00:14:22:00:00:02", "00:00:0c:00:00:03"


def assets(
    addresses: Iterable[Any],
    conversations: Iterable[Any] = (),
    behaviours: Iterable[Any] = (),
    claims: Iterable[Any] = (),
) -> list[Asset]:
    """The assets that these observations make."""
    inventory = Inventory()
    for one in addresses:
        inventory.address(one)
    for one in conversations:
        inventory.conversation(one)
    for one in claims:
        inventory.claim(one)
    for one in behaviours:
        inventory.behaviour(one)
    return list(inventory.assets(lambda number: f"file {number}"))


def test_a_device_with_two_addresses_is_one_asset() -> None:
    (asset,) = assets([address(PLC_MAC, "10.0.0.2"), address(PLC_MAC, "10.0.0.1")])

    assert ("10.0.0.1", "10.0.0.2") == asset.ip
    assert (PLC_MAC,) == asset.mac
    assert "Siemens" == asset.vendor


def test_the_same_address_in_two_vlans_is_two_assets() -> None:
    found = assets([address(PLC_MAC, "10.0.0.1", vlan=5), address(HMI_MAC, "10.0.0.1", vlan=6)])

    assert [5, 6] == [asset.vlan for asset in found]
    assert ["vlan 5 10.0.0.0/24", "vlan 6 10.0.0.0/24"] == [asset.zone for asset in found]


def test_who_sends_for_both_ends_of_a_conversation_is_neither_of_them() -> None:
    """As a bridge does, or what rewrote the hardware addresses of a capture."""
    talk = conversation(
        "10.0.0.9", "10.0.0.1", "s7comm", client_mac=PLC_MAC, server_mac=PLC_MAC, answered_count=9
    )
    found = assets([address(PLC_MAC, ip) for ip in ("10.0.0.1", "10.0.0.9")], [talk])

    assert [("10.0.0.1",), ("10.0.0.9",), ()] == [asset.ip for asset in found]
    assert [("plc",), (), ("network_device",)] == [asset.roles for asset in found]
    assert [None, None, "Siemens"] == [asset.vendor for asset in found]


def test_who_sends_for_both_ends_beside_their_devices_is_still_told() -> None:
    """As somebody does who went in between by ARP."""
    inventory = Inventory()
    for mac, ip in ((HMI_MAC, "10.0.0.9"), (PLC_MAC, "10.0.0.1")):
        inventory.address(address(mac, ip))
    for ip in ("10.0.0.9", "10.0.0.1"):
        inventory.address(address(ROUTER_MAC, ip))
    both = {"client_mac": ROUTER_MAC, "server_mac": ROUTER_MAC}
    inventory.conversation(conversation("10.0.0.9", "10.0.0.1", "s7comm", **both))

    (between,) = (asset for asset in inventory.assets(str) if ROUTER_MAC in asset.mac)
    assert (("10.0.0.1", "10.0.0.9"), "network_device" in between.roles) == (between.ip, False)


def test_a_router_never_gives_its_vendor_to_what_is_behind_it() -> None:
    found = assets(
        [
            address(ROUTER_MAC, "10.0.0.254", arp=True),
            address(ROUTER_MAC, "10.1.0.5", ttl=63),
            address(ROUTER_MAC, "10.2.0.6", ttl=127),
        ]
    )

    router, first, second = found
    assert (("10.0.0.254",), ("network_device",)) == (router.ip, router.roles)
    assert (None, True, ()) == (first.vendor, first.routed, first.mac)
    assert (None, True) == (second.vendor, second.routed)


def test_an_address_that_a_router_stands_for_by_arp_has_not_the_vendor_of_the_router() -> None:
    """Proxy ARP, and one address outside for each inside: ARP says here, the hop says behind."""
    router, first, second = assets(
        [
            address(ROUTER_MAC, "10.0.0.254", arp=True, ttl=64),
            address(ROUTER_MAC, "10.0.0.50", arp=True, ttl=63),
            address(ROUTER_MAC, "10.0.0.51", arp=True, ttl=29),
        ]
    )[::-1]

    assert (("10.0.0.254",), ("network_device",)) == (router.ip, router.roles)
    assert [(("10.0.0.51",), None), (("10.0.0.50",), None)] == [
        (one.ip, one.vendor) for one in (first, second)
    ]
    assert first.routed and second.routed


def test_it_does_not_matter_when_the_router_says_which_address_is_its_own() -> None:
    found = assets(
        [
            address(ROUTER_MAC, "10.0.0.50", arp=True, ttl=63),
            address(ROUTER_MAC, "10.0.0.254", arp=True, ttl=0),
        ]
    )

    assert [(("10.0.0.50",), (), None), (("10.0.0.254",), (ROUTER_MAC,), "Cisco Systems")] == [
        (one.ip, one.mac, one.vendor) for one in found
    ]


def test_a_router_with_a_network_behind_its_one_address_has_that_address() -> None:
    """What comes out of it has lost a hop, all of it."""
    (router,) = assets([address(ROUTER_MAC, "10.0.0.254", arp=True, ttl=63)])

    assert (("10.0.0.254",), "Cisco Systems", False) == (router.ip, router.vendor, router.routed)


def test_a_public_address_that_a_translator_passes_on_untouched_is_behind_it() -> None:
    own, peer = assets(
        [address(ROUTER_MAC, "10.0.0.254"), address(ROUTER_MAC, "93.184.215.14", ttl=128)]
    )

    assert (("10.0.0.254",), ("network_device",)) == (own.ip, own.roles)
    assert (("93.184.215.14",), ("public_peer",), None) == (peer.ip, peer.roles, peer.vendor)


def test_a_controller_behind_a_router_starts_from_thirty() -> None:
    behind, router = assets([address(ROUTER_MAC, "10.1.0.5", ttl=29)])

    assert (("10.1.0.5",), None, True) == (behind.ip, behind.vendor, behind.routed)
    assert ((), "Cisco Systems", ("network_device",)) == (router.ip, router.vendor, router.roles)


def test_routers_that_share_a_virtual_address_give_their_vendor_to_nobody() -> None:
    """VRRP and HSRP: the hardware address is that of the group, and forwards as one."""
    for virtual in ("00:00:5e:00:01:0a", "00:00:0c:07:ac:0a"):
        found = assets(
            [address(virtual, "10.0.0.1", arp=True), address(virtual, "10.1.0.5", ttl=127)]
        )

        assert [(("10.0.0.1",), None), (("10.1.0.5",), None)] == [
            (one.ip, one.vendor) for one in found
        ]


def test_a_link_local_address_is_never_behind_a_router() -> None:
    (asset,) = assets(
        [address(PLC_MAC, "fe80::1", ttl=254), address(PLC_MAC, "2a00:1450::2", ttl=64)]
    )

    assert ("Siemens", (), False) == (asset.vendor, asset.roles, asset.routed)

    found = assets([address(ROUTER_MAC, "fe80::9"), address(ROUTER_MAC, "2a00:1450::2", ttl=63)])
    assert [(("2a00:1450::2",), None), (("fe80::9",), "Cisco Systems")] == sorted(
        (one.ip, one.vendor) for one in found
    )


def test_a_router_that_also_speaks_for_itself_has_that_address() -> None:
    """Packets of its own have lost no hop; of several such nobody knows whose they are."""
    router, behind = assets(
        [address(PLC_MAC, "10.0.0.7", ttl=63), address(PLC_MAC, "10.0.0.1", ttl=64)]
    )

    assert (("10.0.0.1",), ("network_device",), False) == (router.ip, router.roles, router.routed)
    assert (("10.0.0.7",), True) == (behind.ip, behind.routed)

    several = [address(PLC_MAC, f"10.0.{number}.1", ttl=64) for number in range(4)]
    assert 4 == len([one for one in assets(several) if one.routed])


def test_a_device_says_who_it_is_and_the_claim_can_be_checked() -> None:
    (asset,) = assets(
        [address(PLC_MAC, "10.0.0.1")],
        claims=[claim("10.0.0.1", "vendor", "Schneider"), claim("10.0.0.1", "model", "M340")],
    )

    assert ("Schneider", "M340") == (asset.vendor, asset.model)
    model = next(item for item in asset.evidence if item.attribute == "model")
    assert ("modbus.read_device_identification", "file 0", 7) == (
        model.source,
        model.file,
        model.frame,
    )


def test_a_controller_answers_and_an_operator_station_reads_and_writes() -> None:
    hmi, plc = assets(
        [address(HMI_MAC, "10.0.0.1"), address(PLC_MAC, "10.0.0.2")],
        [conversation("10.0.0.1", "10.0.0.2", "s7comm", classes={"read": 100, "write": 3})],
    )

    assert (("hmi",), 2.0) == (hmi.roles, hmi.purdue_level)
    assert (("plc",), 1.0) == (plc.roles, plc.purdue_level)


def reader(**other: Any) -> Asset:
    """A client that reads 600 times and writes nothing."""
    talk: dict[str, Any] = {"classes": {"read": 600}} | other
    client, _ = assets(
        [address(HMI_MAC, "10.0.0.1"), address(PLC_MAC, "10.0.0.2")],
        [conversation("10.0.0.1", "10.0.0.2", "modbus", **talk)],
    )
    return client


def test_who_only_reads_is_an_operator_station_or_a_historian() -> None:
    """How often it reads says nothing: a person has to."""
    client = reader()

    assert ((), ("hmi", "historian"), None) == (
        client.roles, client.role_candidates, client.purdue_level
    )  # fmt: skip
    assert [
        ("historian", "traffic: polls few devices and only reads"),
        ("hmi", "traffic: polls few devices and writes nothing so far"),
    ] == sorted((row.value, row.source) for row in client.evidence if row.attribute == "role")


def test_who_reads_for_a_shift_and_never_writes_is_rather_a_historian() -> None:
    client = reader(last_seen_ns=9 * 3_600 * S)

    assert ((), ("historian", "hmi")) == (client.roles, client.role_candidates)


def test_who_writes_once_is_an_operator_station_after_all() -> None:
    client = reader(classes={"read": 600, "write": 1}, last_seen_ns=9 * 3_600 * S)

    assert (("hmi",), ()) == (client.roles, client.role_candidates)


def test_a_controller_that_reads_another_is_no_operator_station() -> None:
    first, second = assets(
        [address(HMI_MAC, "10.0.0.1"), address(PLC_MAC, "10.0.0.2")],
        [
            conversation("10.0.0.1", "10.0.0.2", "s7comm", classes={"read": 600, "write": 3}),
            conversation("10.0.0.9", "10.0.0.1", "s7comm", server_mac=HMI_MAC),
        ],
    )

    assert (("plc",), (), ("plc",)) == (first.roles, first.role_candidates, second.roles)


def test_an_identity_answer_that_names_the_role_is_enough_for_it() -> None:
    (sure,) = assets([address(PLC_MAC, "10.0.0.1")], claims=[claim("10.0.0.1", "role", "plc")])
    hint = claim("10.0.0.1", "role", "plc", confidence=60)
    (unsure,) = assets([address(PLC_MAC, "10.0.0.1")], claims=[hint])

    assert (("plc",), ()) == (sure.roles, unsure.roles)


def test_a_role_is_never_earned_by_dangerous_operations_alone() -> None:
    attacker, _ = assets(
        [address(HMI_MAC, "10.0.0.1"), address(PLC_MAC, "10.0.0.2")],
        [conversation("10.0.0.1", "10.0.0.2", "s7comm", classes={"program_download": 9})],
    )

    assert ((), ("engineering_station",)) == (attacker.roles, attacker.role_candidates)


def test_stations_behind_a_gateway_are_assets_of_their_own() -> None:
    gateway, first, second = assets(
        [address(PLC_MAC, "10.0.0.2")],
        [conversation("10.0.0.1", "10.0.0.2", "modbus")],
        [behaviour("10.0.0.2", 1), behaviour("10.0.0.2", 2)],
        [claim("10.0.0.2", "model", "flow meter", unit=2)],
    )

    assert "gateway" in gateway.roles
    assert [(gateway.id, 1, None), (gateway.id, 2, "flow meter")] == [
        (unit.gateway, unit.unit, unit.model) for unit in (first, second)
    ]


def test_who_says_that_a_station_is_away_may_be_a_gateway() -> None:
    """It is evidence, not yet a role: some servers say it of every station but their own."""
    (server,) = assets(
        [address(PLC_MAC, "10.0.0.2")],
        behaviours=[
            behaviour("10.0.0.2", 1),
            behaviour("10.0.0.2", 9, status="gateway_target_failed_to_respond"),
        ],
    )

    assert ("traffic: says of stations that they do not answer", 0.4) in [
        (row.source, row.confidence) for row in server.evidence if row.value == "gateway"
    ]
    assert "gateway" not in server.roles


def test_a_sweep_of_units_makes_no_ghosts() -> None:
    swept = [behaviour("10.0.0.2", unit, count=1) for unit in range(1, 248)]
    found = assets([address(PLC_MAC, "10.0.0.2")], behaviours=[behaviour("10.0.0.2", 1), *swept])

    assert 1 == len(found)


def test_a_public_address_is_a_peer_outside() -> None:
    peer, router = assets([address(PLC_MAC, "8.8.8.8", ttl=57)])

    assert (("public_peer",), "internet", None) == (peer.roles, peer.zone, peer.vendor)
    assert (("network_device",), (PLC_MAC,)) == (router.roles, router.mac)


def test_a_public_address_on_its_own_segment_is_no_peer_outside() -> None:
    (asset,) = assets([address(PLC_MAC, "134.217.61.211", ttl=30)])

    assert ((), "134.217.61.0/24", "Siemens") == (asset.roles, asset.zone, asset.vendor)


def test_ids_depend_on_the_key_alone() -> None:
    (first,) = assets([address(PLC_MAC, "10.0.0.1")])
    (again,) = assets([address(PLC_MAC, "10.0.0.9", first_seen_ns=5 * S)])

    assert first.id == again.id
    assert first.id.startswith("a-")
    assert 12 == len(first.id)


def test_a_capture_of_both_sides_of_a_router_has_each_device_once() -> None:
    """Here it sends itself, there the router sends for it, one hop later."""
    found = assets(
        [
            address(PLC_MAC, "10.0.0.1", ttl=64),
            address(ROUTER_MAC, "10.0.0.1", ttl=63),
            address(HMI_MAC, "10.1.0.1", ttl=128, first_seen_ns=2 * S),
            address(ROUTER_MAC, "10.1.0.1", ttl=127, first_seen_ns=2 * S),
        ]
    )

    assert [("10.0.0.1",), ("10.1.0.1",), ()] == [asset.ip for asset in found]
    assert [(PLC_MAC,), (HMI_MAC,), (ROUTER_MAC,)] == [asset.mac for asset in found]
    assert not any(asset.routed for asset in found)


def test_who_takes_the_address_of_a_routed_device_later_is_not_that_device() -> None:
    found = assets(
        [
            address(ROUTER_MAC, "10.1.0.1", ttl=63),
            address(HMI_MAC, "10.1.0.1", first_seen_ns=600 * S, last_seen_ns=700 * S),
        ]
    )

    assert {(True, ()), (False, (HMI_MAC,)), (False, (ROUTER_MAC,))} == {
        (asset.routed, asset.mac) for asset in found
    }


def test_a_router_that_only_forwards_is_a_device() -> None:
    found = assets([address(ROUTER_MAC, "10.1.0.1", ttl=63)])

    assert [True] == [asset.confirmed for asset in found if asset.mac]


def test_three_answers_make_a_controller_and_one_does_with_the_address_of_a_maker() -> None:
    roles = [
        assets([address(mac, "10.0.0.2")], [talk])[0].roles
        for mac, count in ((HMI_MAC, 3), (HMI_MAC, 1), (PLC_MAC, 1))
        for talk in [conversation("10.0.0.9", "10.0.0.2", "modbus", answered_count=count)]
    ]

    assert [("plc",), (), ("plc",)] == roles
