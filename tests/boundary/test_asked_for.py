"""What the engine tells only where somebody asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from boundary.polls import CLIENT, CLIENT_MAC, START, Poll, observed, read_poll
from places import PCAPS
from scapy.layers.inet import IP
from scapy.layers.l2 import ARP, Ether
from scapy.utils import wrpcap

from otmon import _engine
from otmon.errors import OptionsError


def test_a_poll_that_stops_is_overdue_where_somebody_asks(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)], rhythm=True))
    rhythms = [one for one in everything if isinstance(one, _engine.Rhythm)]
    [periodic, overdue] = rhythms

    assert (["periodic", "overdue"], 1) == (
        [one.kind for one in rhythms],
        len({periodic.id, overdue.id}),
    )
    assert ("read_holding_registers", "hr", (100, 101), 7, 30) == (
        overdue.operation,
        overdue.target,
        overdue.interval,
        overdue.unit,
        overdue.count,
    )
    assert (START + 30) * 10**9 == overdue.last_seen_ns == overdue.client_last_seen_ns
    assert (10 * 10**9, 0) == (overdue.deadline_ns, overdue.unanswered_count)
    assert overdue.period_ns == pytest.approx(1e9)
    assert overdue.time_ns - overdue.last_seen_ns < 12 * 10**9


def test_the_health_of_interfaces_is_told_where_somebody_asks(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)], health=True))
    health = [one for one in everything if isinstance(one, _engine.Health)]

    assert ["start", "end"] == [one.kind for one in health]
    assert (START * 10**9, (START + 59) * 10**9 + 5 * 10**8) == (
        health[0].from_ns,
        health[1].from_ns,
    )


def test_nothing_of_rhythm_and_health_leaves_unasked(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)]))
    extra = _engine.Rhythm | _engine.NoReply | _engine.Health | _engine.Loss

    assert [] == [one for one in everything if isinstance(one, extra)]


def test_counts_leave_with_each_delta_where_somebody_asks(stopped: Path) -> None:
    everything = observed(_engine.Engine([str(stopped)], delta_s=10))
    counts = [one.count for one in everything if isinstance(one, _engine.Behaviour)]

    assert [1, 9, 19, 29, 30] == counts


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_delta_that_makes_no_sense_is_an_error(stopped: Path, seconds: float) -> None:
    with pytest.raises(OptionsError, match="delta_s"):
        _engine.Engine([str(stopped)], delta_s=seconds)


def test_a_search_by_arp_and_a_shifted_header_are_told_where_somebody_asks(tmp_path: Path) -> None:
    poll = Poll().open()
    for n in range(5):
        read_poll(1, n + 1.0, poll)
    poll.frames[-2][IP].ttl = 20
    for n in range(10):
        frame = Ether(src=CLIENT_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(
            hwsrc=CLIENT_MAC, psrc=CLIENT, pdst=f"10.0.0.{n + 20}"
        )
        frame.time = START + 10 + n / 10
        poll.frames.append(frame)
    path = tmp_path / "search.pcap"
    wrpcap(str(path), poll.frames)
    everything = observed(_engine.Engine([str(path)], spoof=True))
    arps = [one for one in everything if isinstance(one, _engine.Arp)]
    [shift] = [one for one in everything if isinstance(one, _engine.HeaderShift)]

    assert [(CLIENT, CLIENT_MAC, 8, 8), (CLIENT, CLIENT_MAC, 10, 10)] == [
        (arp.ip, arp.mac, arp.target_count, arp.silent_count) for arp in arps
    ]
    assert ("ttl", True, (64, 20), (0, 12)) == (
        shift.kind,
        shift.from_client,
        shift.values,
        shift.frames[1],
    )


def test_a_change_is_told_with_the_values_before_where_somebody_asks(tmp_path: Path) -> None:
    poll = Poll().open()
    poll.ask(b"\3\0\x64\0\2", b"\3\4\0\7\0\x08", 1)
    poll.ask(b"\6\0\x65\0\x32", b"\6\0\x65\0\x32", 2)
    path = tmp_path / "change.pcap"
    wrpcap(str(path), poll.frames)

    def previous(asked: bool) -> list[list[_engine.Value]]:
        everything = observed(_engine.Engine([str(path)], previous=asked))
        return [one.previous_values for one in everything if isinstance(one, _engine.Transaction)]

    assert ([[8]], [[]]) == (previous(True), previous(False))


def test_what_an_earlier_run_had_is_not_new(stopped: Path) -> None:
    first = observed(_engine.Engine([str(stopped)], rhythm=True))
    [id_] = {one.id for one in first if isinstance(one, _engine.Behaviour)}
    [learned] = [
        (one.id, one.period_ns or 0, one.deviation_ns or 0)
        for one in first
        if isinstance(one, _engine.Rhythm) and one.kind == "periodic"
    ]
    again = observed(
        _engine.Engine([str(stopped)], rhythm=True, behaviours=[id_], rhythms=[learned])
    )

    assert {False} == {one.new for one in again if isinstance(one, _engine.Behaviour)}
    assert ["overdue"] == [one.kind for one in again if isinstance(one, _engine.Rhythm)]


def test_an_id_that_is_none_is_an_error(stopped: Path) -> None:
    with pytest.raises(OptionsError, match="32 hexadecimal digits"):
        _engine.Engine([str(stopped)], behaviours=["abc"])


def test_a_behaviour_that_reads_new_addresses_leaves_again_where_asked() -> None:
    def places(asked: bool) -> list[int]:
        everything = observed(
            _engine.Engine([str(PCAPS / "baseline" / "departures.pcapng")], ranges=asked)
        )
        return [
            one.latest_frame[1]
            for one in everything
            if isinstance(one, _engine.Behaviour) and len(one.intervals) == 2
        ]

    # The last is what leaves of everything at the end.
    assert ([470, 470], [470]) == (places(True), places(False))


def test_a_read_that_is_wanted_leaves_each_time(capture: Path) -> None:
    def reads(*wanted: _engine.Wanted) -> list[tuple[int, list[_engine.Value]]]:
        everything = observed(_engine.Engine([str(capture)], wanted=wanted))
        return [
            (one.response_frames[-1][1], one.values)
            for one in everything
            if isinstance(one, _engine.Transaction) and one.operation == "read_holding_registers"
        ]

    polls = [(5, [0, 0]), (7, [0, 1]), (9, [0, 2])]
    registers = _engine.Wanted("modbus", operation_class="read", unit=7, addresses=(101, 200))
    high = _engine.Wanted("modbus", space="hr", values=(2, 9))

    assert ([], polls) == (reads(), reads(registers))
    assert [(9, [0, 2])] == reads(high)
    assert [] == reads(_engine.Wanted("modbus", unit=8), _engine.Wanted("dnp3"))


def test_what_cannot_be_wanted_is_an_error(capture: Path) -> None:
    with pytest.raises(OptionsError, match="No such protocol"):
        _engine.Wanted("mudbus")
    with pytest.raises(OptionsError, match="no class"):
        _engine.Wanted("modbus", operation_class="reed")
    with pytest.raises(OptionsError, match="1024 at most"):
        _engine.Engine([str(capture)], wanted=[_engine.Wanted("modbus")] * 1025)
