"""Searches are many contacts that come to nothing; clients that are served search nothing."""

from __future__ import annotations

from otmon.detectors.scan import Scan
from otmon.thresholds import ScanThresholds
from tests.detectors.seeing import restarted, said, talk, types


def tried(number: int, seconds: float, port: int = 22, **facts):
    """A contact with one of many hosts that came to nothing."""
    facts = {"vain_count": 1, "id": number, **facts}
    return talk(seconds, server_ip=f"10.0.1.{number}", server_port=port, **facts)


def test_twenty_hosts_that_do_not_answer_within_a_minute_are_a_search():
    (found,) = said([Scan()], *[tried(number, number) for number in range(20)])

    assert ("address_scan", "20 hosts within 60 s, 20 in all; 0 answered", None) == (
        found.get("anomaly.type"),
        found.get("anomaly.observed"),
        found.get("server.address"),
    )


def test_nineteen_are_none():
    assert [] == types(Scan(), *[tried(number, number) for number in range(19)])


def test_fifty_hosts_within_ten_minutes_are_a_search_too():
    assert ["address_scan"] == types(Scan(), *[tried(number, number * 10) for number in range(50)])


def test_a_client_that_most_hosts_answer_is_busy():
    served = [talk(0, server_ip=f"10.0.2.{number}", packets=9, pdus=3) for number in range(20)]

    assert [] == types(Scan(), *served, *[tried(number, number) for number in range(20)])


def test_the_same_search_is_told_once_an_hour():
    events = [tried(number, number) for number in range(60)]

    assert ["address_scan"] == types(Scan(), *events)
    assert [] == types(restarted_after(events), *[tried(n, 600 + n) for n in range(30)])
    assert ["address_scan"] == types(
        restarted_after(events), *[tried(n, 3700 + n) for n in range(30)]
    )


def restarted_after(events):
    """A new detector with the memory of one that saw `events`."""
    old = Scan()
    said([old], *events)
    return restarted(old, Scan())


def test_many_ports_of_one_host_are_a_search_of_it():
    (found,) = said([Scan()], *[tried(1, port / 10, 1000 + port) for port in range(15)])

    assert ("port_scan", "10.0.1.1") == (found.get("anomaly.type"), found.get("server.address"))


def test_four_industrial_ports_that_nobody_speaks_on_are_a_sweep():
    assert ["service_sweep"] == types(Scan(), *[tried(n, n * 20, 502) for n in range(4)])


def test_a_server_that_was_spoken_to_does_not_count_for_a_sweep():
    known = [talk(0, server_ip=f"10.0.1.{n}", protocol="modbus", pdus=9) for n in (0, 1)]

    assert [] == types(Scan(), *known, *[tried(n, n * 20, 502) for n in range(4)])


def test_datagrams_count_only_where_answers_are_seen_at_all():
    unanswered = [tried(n, n, 161, transport="udp") for n in range(30)]
    two_way = [talk(0, client_ip=f"10.0.3.{n}", packets=2) for n in range(3)]

    assert [] == types(Scan(), *unanswered)
    assert ["address_scan"] == types(Scan(), *two_way, *unanswered)


def test_datagrams_to_a_group_are_no_attempts():
    two_way = [talk(0, client_ip=f"10.0.3.{n}", packets=2) for n in range(3)]
    groups = [
        talk(n, server_ip=f"239.1.1.{n}", vain_count=1, transport="udp", server_port=5353)
        for n in range(30)
    ]

    assert [] == types(Scan(), *two_way, *groups)


def test_a_flood_of_new_conversations_is_told_at_its_threshold():
    thresholds = ScanThresholds(flood_count=100)
    events = [talk(n / 10, server_port=n, packets=3) for n in range(150)]

    assert ["novelty_flood"] == types(Scan(thresholds), *events)
