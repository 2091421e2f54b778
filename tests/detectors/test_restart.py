"""A detector that goes on with its memory says what it would have said without a restart."""

from __future__ import annotations

import importlib.util
import json
from functools import cache

import pytest
from places import PCAPS

from otmon.config import load
from otmon.detectors.registry import watchers
from otmon.detectors.watchers import Watchers
from otmon.indicator_lists import read_indicators
from otmon.model.event import Event
from otmon.thresholds import Detectors

pytestmark = [
    pytest.mark.usefixtures("rules_are_read_once"),
    pytest.mark.skipif(
        importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
    ),
]

EXACT = {
    "network/arp_rebind": "address",
    "dnp3/master_moved": "address",
    "s7comm/password": "auth",
    "s7comm/protection_lifted": "auth",
    "network/remote_access": "boundary",
    "network/cloud": "boundary",
    "dnp3/trouble": "device_status",
    "s7comm/mode_changed": "device_status",
    "modbus/exception_after_hours": "exceptions",
    "modbus/write_after_reads": "first_change",
    "network/indicator": "indicator",
    "dnp3/backup_missed": "jobs",
    "modbus/newcomer": "newcomer",
    "modbus/other_unit": "second_master",
    "dnp3/clock_ahead": "clock",
    "network/period_change": "periodicity",
    "s7comm/program_changed": "program",
    "s7comm/blocks_changed": "program",
    "modbus/umas_other_project": "program",
    "network/address_scan": "scan",
    "network/port_scan": "scan",
    "network/service_sweep": "scan",
    "network/flood": "scan",
    "modbus/odd_order": "sequence",
    "modbus/odd_values": "value",
    "modbus/stuck": "value",
    "modbus/over_limit": "value",
    "modbus/readback": "readback",
    "dnp3/authentication_left_out": "unauthenticated",
    "dnp3/points_forced": "device_status",
    "modbus/malformed": "conformance",
    "modbus/quirk": "conformance",
    "dnp3/disable_unsolicited": "report_disabled",
    "network/capture_loss": "sensor",
    "network/unreadable": "sensor",
    "network/tap_fails": "sensor",
}
"""Captures with a detector that speaks on them, and is to say the same over a restart."""
SUSPECTS = {"network/device_returns": "watchdog"}
"""The same of one whose suspicions end with a restart: what is told is told once."""
PARTS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)

LIMITS = load(PCAPS / "sites" / "limits.toml").detectors
LISTED = read_indicators([PCAPS / "sites" / "indicators.txt"])


def detector(name: str) -> Watchers:
    """One detector that has seen nothing yet, with the quality that it asks."""
    from otmon import _engine

    ports = {
        info.name: frozenset(("tcp", port) for port in info.tcp_ports)
        for info in _engine.protocols()
    }
    found = watchers(LIMITS if name == "value" else Detectors(), ports=ports, indicators=LISTED)
    return Watchers([one for one in found.detectors if one.name == name], found.quality)


@cache
def shown(capture: str) -> tuple[Event, ...]:
    """Every event that a run over a capture shows to detectors, in its order."""
    import otmon

    events: list[Event] = []
    show = Watchers.show
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Watchers, "show", lambda own, event: (events.append(event), show(own, event))[1]
        )
        otmon.analyze(PCAPS / f"{capture}.pcapng")
    return tuple(events)


def told(own: Watchers, events: tuple[Event, ...], *, ends: bool = True) -> list[tuple[str, str]]:
    """What is said of events, and where the input ends with them, at its end."""
    found = []
    for event in events:
        if event.time_ns >= own.due_ns:
            found += own.advance(event.time_ns)
        found += own.show(event)
    if ends:
        found += own.finish()
    return [(str(one.get("anomaly.type")), str(one.get("anomaly.observed"))) for one in found]


def over_a_restart(name: str, events: tuple[Event, ...], part: float) -> list[tuple[str, str]]:
    """The same, with a restart where a part of them has passed.

    How well the sensor saw is known anew: the engine tells it from the beginning of a run.
    """
    cut = round(part * len(events))
    first = detector(name)
    before = told(first, events[:cut], ends=False)
    second = detector(name)
    second.restore(json.loads(json.dumps(first.memories())))
    pending = json.loads(json.dumps(first.pending(str)))
    second.resume(pending, int)
    for event in events[:cut]:
        if event.category == "ot_sensor":
            second.quality.take(event)
    return before + told(second, events[cut:])


@pytest.mark.parametrize("capture", EXACT)
def test_a_restart_at_any_place_changes_nothing(capture: str) -> None:
    name, events = EXACT[capture], shown(capture)
    whole = told(detector(name), events)

    assert whole
    assert dict.fromkeys(PARTS, whole) == {
        part: over_a_restart(name, events, part) for part in PARTS
    }


@pytest.mark.parametrize("capture", SUSPECTS)
def test_suspicions_may_be_given_up_but_nothing_is_told_twice(capture: str) -> None:
    name, events = SUSPECTS[capture], shown(capture)
    own = detector(name)
    whole = {type_ for type_, _ in told(own, events)}

    assert whole
    for part in PARTS:
        types = [type_ for type_, _ in over_a_restart(name, events, part)]
        # Who else talks, which silence is held against, has to be learned anew.
        assert set() == set(types) - whole - {"watchdog_suspended"}
        assert len(types) == len(set(types))


def test_no_detector_is_left_out() -> None:
    every = set(watchers(Detectors(), indicators=LISTED).names())

    assert every == {*EXACT.values(), *SUSPECTS.values()}
