"""Conversations that are not what they should be, addresses that move, and the site's lists."""

from __future__ import annotations

import pytest

from otmon.config import Config
from otmon.detectors.address import AddressMoves
from otmon.detectors.auth import Auth
from otmon.detectors.boundary import Boundary
from otmon.detectors.indicator import IndicatorMatch
from otmon.detectors.registry import watchers
from otmon.detectors.sensor import Sensor
from otmon.errors import ConfigError
from otmon.indicator_lists import read_indicators
from otmon.model.event import Event
from otmon.model.indicator import Indicator
from otmon.model.notice import Notice
from otmon.model.observed import (
    event_from_address,
    event_from_health,
    event_from_notice,
    event_from_rhythm,
    event_from_shift,
)
from otmon.thresholds import Detectors, ScanThresholds, Switch
from tests.detectors.seeing import at, operation, restarted, said, talk, transfer, types
from tests.records import SECOND, START, HeaderShift, Health, Pair, Rhythm

PORTS = {"modbus": frozenset([("tcp", 502)])}


def test_remote_access_is_told_once_a_day():
    events = [talk(n, server_port=3389, packets=40, pdus=0) for n in range(3)]

    assert ["remote_access"] == types(Boundary(ports=PORTS), *events)


def protection(seconds: float, level: int, **facts):
    """A controller says how it is protected."""
    return operation(
        seconds,
        protocol="s7comm",
        operation="read_szl",
        operation_class="identify",
        fields={"s7comm.protection_level": level},
        **facts,
    )


def test_a_device_that_is_less_protected_than_before_is_told():
    (found,) = said([Auth()], protection(0, 3), protection(60, 3), protection(120, 1))

    assert ("weak_security", "a password for everything", "no protection", at(60)) == (
        found.get("anomaly.type"),
        found.get("anomaly.expected"),
        found.get("anomaly.observed"),
        found.get("anomaly.since"),
    )


def test_a_device_that_never_was_protected_is_no_news():
    levels = [protection(0, 1), protection(9, 2), protection(18, 1, server_ip="10.0.0.12")]

    assert [] == types(Auth(), *levels)


def test_a_level_that_was_missed_never_makes_a_device_less_protected():
    levels = [protection(turn * 60, level) for turn, level in enumerate((1, 2, 2, 3, 3))]
    cuts = [(low, high) for low in range(6) for high in range(low, 6)]

    assert [[]] * len(cuts) == [types(Auth(), *levels[:low], *levels[high:]) for low, high in cuts]


def test_the_protection_is_known_over_a_restart():
    old = Auth()
    said([old], protection(0, 2))

    assert ["weak_security"] == types(restarted(old, Auth()), protection(60, 1))


def test_a_password_that_is_built_in_is_told_as_such():
    secret = {"pcom.auth_secret": "hardcoded:maintenance"}

    assert ["login_ok", "hardcoded_credential"] == types(
        Auth(), operation(0, protocol="pcom", operation_class="auth_login", fields=secret)
    )


def test_what_came_to_nothing_is_no_access():
    events = [
        talk(0, server_port=3389, packets=2, vain_count=1),
        talk(1, server_port=23, packets=9, one_sided=True),
    ]

    assert [] == types(Boundary(ports=PORTS), *events)


def test_something_else_on_an_industrial_port_is_told_if_there_is_enough_of_it():
    few, many = talk(0, packets=25), talk(1, packets=26)

    assert ["guess", "protocol_port_mismatch"] == types(Boundary(ports=PORTS), few, many)


def test_a_protocol_on_another_port_is_told():
    assert ["ot_on_unusual_port"] == types(
        Boundary(ports=PORTS), talk(0, protocol="modbus", server_port=10_502, pdus=99, packets=300)
    )


def test_a_protocol_of_serial_lines_has_no_port_of_its_own():
    ports = {"modbus_rtu": frozenset([("tcp", 502)])}
    line = talk(0, protocol="modbus_rtu", server_port=4_001, pdus=99, packets=300)

    assert [] == types(Boundary(ports=ports), line)


def test_cloud_services_are_those_at_public_addresses():
    broker = {"server_port": 8883, "packets": 20}

    assert ["cloud_service"] == types(
        Boundary(), talk(0, **broker), talk(1, server_ip="93.184.216.34", **broker)
    )


def shift(seconds: float, before: int, after: int, count: int = 4):
    """A packet of a flow has another time to live than those before it."""
    facts = {"values": (before, after), "count": count, "time_ns": at(seconds)}
    return event_from_shift(HeaderShift(**facts))


def test_packets_with_another_time_to_live_are_told():
    assert ["header_shift"] == types(AddressMoves(), shift(0, 64, 63), shift(9, 64, 128, 8))


def test_where_both_sides_of_a_router_are_seen_a_hop_less_is_none():
    twice = event_from_health(Health(until_ns=at(10), duplicate_frames=400))

    assert [] == types(AddressMoves(), twice, shift(20, 128, 127))
    assert ["header_shift"] == types(AddressMoves(), twice, shift(20, 128, 64))
    assert ["header_shift"] == types(AddressMoves(), twice, shift(400, 128, 127))


@pytest.mark.parametrize(
    ("facts", "type"),
    [
        ({"fault_count": 1}, "dissector_quarantined"),
        ({"left_out_count": 9}, "table_overflow"),
        ({"unread_bytes": 6_000}, "parse_gap"),
    ],
)
def test_the_limits_of_the_sensor_are_told_once_an_hour(facts, type):
    events = [
        event_from_health(Health(from_ns=at(10 * n), until_ns=at(10 * n + 10), **facts))
        for n in range(5)
    ]

    assert [type] == types(Sensor(), *events)


@pytest.mark.parametrize(
    "facts", [{"unread_bytes": 1_000}, {"unread_bytes": 6_000, "gap_bytes": 100}]
)
def test_little_that_cannot_be_read_and_what_follows_a_hole_is_no_gap(facts):
    assert [] == types(Sensor(), event_from_health(Health(**facts)))


def arp(seconds: float, ip: str, mac: str):
    """A device says by ARP who it is."""
    return event_from_address(
        Pair(ip=ip, mac=mac, first_seen_ns=at(seconds), last_seen_ns=at(seconds))
    )


A, B = "00:80:f4:00:00:0a", "3c:97:0e:00:00:0b"


def test_who_has_an_address_and_claims_another_is_told():
    (found,) = said(
        [AddressMoves()], arp(0, "10.0.0.1", A), arp(5, "10.0.0.2", B), arp(60, "10.0.0.1", B)
    )

    assert ("arp_rebind", f"10.0.0.1 at {A}") == (
        found.get("anomaly.type"),
        found.get("anomaly.expected"),
    )


def test_a_device_that_was_exchanged_is_none():
    assert [] == types(AddressMoves(), arp(0, "10.0.0.1", A), arp(60, "10.0.0.1", B))


def test_a_router_speaks_for_many():
    many = [arp(n, f"10.0.1.{n}", B) for n in range(1, 6)]

    assert [] == types(AddressMoves(), arp(0, "10.0.0.1", A), *many, arp(60, "10.0.0.1", B))


def test_virtual_routers_move_by_design():
    virtual = "00:00:5e:00:01:07"

    assert [] == types(
        AddressMoves(),
        arp(0, "10.0.0.1", A),
        arp(5, "10.0.0.2", virtual),
        arp(9, "10.0.0.1", virtual),
    )


def dnp3(seconds: float, client: str, source: int, **facts):
    """A request without an answer, which names its link address."""
    return operation(
        seconds,
        protocol="dnp3",
        operation_class="command",
        client_ip=client,
        answered=False,
        fields={"dnp3.source": source},
        **facts,
    )


def test_a_link_address_from_another_device_is_told():
    assert ["link_address_moved"] == types(
        AddressMoves(), dnp3(0, "10.0.0.1", 1), dnp3(1, "10.0.0.1", 1), dnp3(9, "10.0.0.9", 1)
    )


def login(seconds: float, **facts):
    """A log-in."""
    facts = {"protocol": "s7comm", "operation_class": "auth_login", **facts}
    return operation(seconds, operation="plc_password", **facts)


def test_log_ins_are_told_apart_and_a_readable_password_once():
    assert ["login_failed", "cleartext_credential", "login_ok"] == types(
        Auth(), login(0, status="incorrect_password"), login(1)
    )


def test_a_log_in_without_a_password_is_told():
    assert ["login_ok", "anonymous_login"] == types(
        Auth(), login(0, protocol="dnp3", fields={"dnp3.auth_secret": "none"})
    )


LISTED = (
    Indicator("address", "192.0.2.66", "broker of an implant", "own.txt"),
    Indicator("sha256", "ab" * 32, "its installer", "own.txt"),
    Indicator("bytes", "7f454c46", "a program", "own.txt"),
)


def test_what_stands_on_a_list_is_told_with_what_the_list_says():
    found = said(
        [IndicatorMatch(indicators=LISTED)],
        talk(0, server_ip="192.0.2.66"),
        talk(1, server_ip="192.0.2.66"),
        transfer(2, sha256="ab" * 32),
        transfer(3, head=b"\x7fELF\x01"),
    )

    assert [
        "address 192.0.2.66: broker of an implant",
        f"sha256 {'ab' * 32}: its installer",
        "bytes its first bytes: a program",
    ] == [one.get("anomaly.observed") for one in found]


def test_a_list_is_read_line_by_line(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("# broker\naddress 192.0.2.66 broker of an implant\n\nbytes 7f454c46\n")

    assert (LISTED[0], Indicator("bytes", "7f454c46", "", "own.txt")) == read_indicators([path])


@pytest.mark.parametrize("line", ["host a b", "address", "sha256 abcd", "bytes xyz", "bytes 7f"])
def test_a_line_that_is_not_understood_names_its_place(tmp_path, line):
    path = tmp_path / "own.txt"
    path.write_text(f"# own\n{line}\n")

    with pytest.raises(ConfigError, match=r"own\.txt:2"):
        read_indicators([path])


def silence(seconds: float):
    """No frame for a minute."""
    return event_from_health(
        Health(kind="silent", from_ns=at(seconds - 60), until_ns=at(seconds), frames=0)
    )


def rhythms(count: int):
    """Rhythms on the interface."""
    return [
        event_from_rhythm(Rhythm(kind="periodic", id=str(number), time_ns=at(0)))
        for number in range(count)
    ]


def test_silence_of_an_interface_with_rhythms_is_told_once_an_hour():
    assert ["traffic_none", "traffic_back"] == types(
        Sensor(), *rhythms(3), silence(100), silence(900)
    )


def test_silence_where_nothing_is_regular_means_nothing():
    assert [] == types(Sensor(), *rhythms(2), silence(100))


def test_loss_of_a_mirror_port_is_told_from_a_share_of_a_minute_on():
    lossy = Health(mirror_gap_frames=20, frames=10_000)

    assert ["capture_loss"] == types(Sensor(), event_from_health(lossy))
    assert [] == types(Sensor(), event_from_health(Health(mirror_gap_frames=5, frames=10_000)))


def test_frames_that_the_sensor_lost_are_told_once_an_hour_and_since_when():
    lost = [
        event_from_health(Health(kind="dropped", from_ns=START + at, until_ns=START + at + SECOND,
                                 dropped_packets=8, frames=0))
        for at in (0, SECOND, 2 * SECOND)
    ]  # fmt: skip
    sensor = Sensor(interfaces=("eth1",))
    (said,) = [one for event in lost for one in sensor.observe(event)]

    assert ("frames_lost", "eth1: 16 frames lost", START + SECOND) == tuple(
        said.get(name) for name in ("anomaly.type", "anomaly.observed", "anomaly.since")
    )


def test_what_a_sensor_says_of_itself_is_told_once_of_each_interface():
    def notice(file: int) -> Event:
        return event_from_notice(Notice("disk_low", file, START, START, "room", "none"))

    sensor = Sensor(interfaces=("eth1", "eth2"))
    told = [one.get("anomaly.observed") for n in (0, 0, 1) for one in sensor.observe(notice(n))]

    assert ["eth1: none", "eth2: none"] == told


def test_a_detector_that_is_off_is_not_there():
    off = Detectors(scan=ScanThresholds(enabled=False), newcomer=Switch(enabled=False))
    names = set(watchers().names())

    assert {"scan", "newcomer"} == names - set(watchers(off).names())


def test_a_site_switches_them_in_its_configuration(tmp_path):
    from otmon.config import load

    path = tmp_path / "otmon.toml"
    path.write_text(
        "[detectors.scan]\nenabled = false\n"
        "[detectors.watchdog]\ncall_count = 12\n"
        '[[detectors.value.limits]]\nserver = "10.0.0.1"\nobject = "hr:1"\nhigh = 50.0\n'
    )
    config = load(path).detectors

    assert (False, 12, 50.0) == (
        config.scan.enabled,
        config.watchdog.call_count,
        config.value.limits[0].high,
    )
    assert "scan" not in set(watchers(config).names())


def test_every_detector_writes_its_memory_and_reads_it_back():
    import json

    memories = json.loads(json.dumps(watchers().memories()))
    other = watchers()

    assert [] == other.restore({name: (one[0], one[1]) for name, one in memories.items()})
    assert Config().detectors == Detectors()
