"""Whatever traffic sends, no detector keeps more than its bounds let it."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

import otmon.detectors
from otmon.detectors import bounded
from otmon.detectors.registry import watchers
from otmon.model.event import Event
from otmon.model.observed import event_from_health, event_from_no_reply, event_from_rhythm
from otmon.thresholds import Detectors
from tests.detectors.seeing import at, operation, talk, transfer
from tests.records import Health, NoReply, Rhythm

BOUND = 40
"""What every bound is lowered to."""
COUNT = 1_000
"""Things of each kind, all of them different."""
CLASSES = ("write", "command", "file_read", "report_disable", "auth_login", "mode_stop", "read")
CODES = ("malformed", "trailing_bytes", "device_trouble", "restart_seen")


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bound of the detectors is low."""
    make = bounded.Recent.__init__

    def lower(own: Any, most: int) -> None:
        make(own, min(most, BOUND))

    monkeypatch.setattr(bounded.Recent, "__init__", lower)
    for found in pkgutil.iter_modules(otmon.detectors.__path__):
        module = importlib.import_module(f"otmon.detectors.{found.name}")
        for name, value in vars(module).items():
            if name.startswith("MAX_") and isinstance(value, int) and value > BOUND:
                monkeypatch.setattr(module, name, BOUND)


def flood() -> Iterator[Event]:
    """Things that are different in all that detectors tell things apart by."""
    for turn in range(COUNT):
        ends = {"client_ip": f"10.1.{turn >> 8}.{turn & 255}", "client_port": 1_024 + turn}
        ends["server_ip"] = f"10.2.{turn >> 8}.{turn & 255}"
        of = {
            **ends,
            "operation_class": CLASSES[turn % len(CLASSES)],
            "operation": f"operation_{turn}",
            "targets": (f"hr:{turn}",),
            "values": [turn],
            "unit": turn % 250,
            "function_code": turn % 128,
            "protocol": ("modbus", "dnp3", "s7comm")[turn % 3],
            "status": ("ok", f"refused_{turn}")[turn % 2],
        }
        yield operation(turn, **of)
        yield operation(turn, "ot_conformance", anomalies=(CODES[turn % len(CODES)],), **of)
        yield operation(turn, anomalies=("device_trouble",), **{**of, "protocol": "dnp3"})
        yield talk(turn, **ends, server_port=turn)
        yield transfer(turn, **ends, name=f"OB{turn}")
        yield event_from_rhythm(Rhythm(**ends, id=f"r{turn}", time_ns=at(turn), kind="periodic"))
        # All of them of one channel.
        yield event_from_rhythm(Rhythm(id=f"s{turn}", time_ns=at(turn), kind="overdue", unit=turn))
        yield event_from_no_reply(
            NoReply(**ends, unit=turn, time_ns=at(turn), since_ns=at(turn), last_answer_ns=at(0))
        )
        yield event_from_health(Health(interface=turn, from_ns=at(turn), until_ns=at(turn + 10)))


def sizes(held: object, seen: set[int], path: str) -> Iterator[tuple[int, str]]:
    """How much everything holds that is held, however deep."""
    if id(held) in seen or isinstance(held, (str, bytes, int, float, Event, type, type(None))):
        return
    seen.add(id(held))
    if isinstance(held, dict):
        yield len(held), path
        for key, value in held.items():
            yield from sizes(value, seen, f"{path}[{key!r:.20}]")
    elif isinstance(held, (list, set, frozenset, deque)):
        yield len(held), path
        for value in held:
            yield from sizes(value, seen, f"{path}[]")
    elif type(held).__module__.startswith("otmon.detectors"):
        slots = [name for one in type(held).__mro__ for name in getattr(one, "__slots__", ())]
        for name in {*getattr(held, "__dict__", ()), *slots}:
            if hasattr(held, name):
                yield from sizes(getattr(held, name), seen, f"{path}.{name}")


@pytest.mark.usefixtures("low")
def test_no_detector_keeps_more_than_its_bounds() -> None:
    own = watchers(Detectors())
    for event in flood():
        if event.time_ns >= own.due_ns:
            list(own.advance(event.time_ns))
        own.show(event)
    quality = sizes(own.quality, set(), "quality")
    held = [
        found
        for detector in own.detectors
        for found in sizes(detector, {id(own.quality)}, detector.name)
    ]

    # What was told early is known for as long again.
    assert [] == sorted((count, path) for count, path in [*held, *quality] if count > 2 * BOUND)


@pytest.mark.usefixtures("low")
def test_the_flood_reaches_the_bounds() -> None:
    own = watchers(Detectors())
    for event in flood():
        own.show(event)

    full = {
        detector.name
        for detector in own.detectors
        if any(count >= BOUND for count, _ in sizes(detector, {id(own.quality)}, ""))
    }
    assert {"conformance", "device_status", "exceptions", "jobs", "program", "value"} <= full
    assert {"scan", "sequence", "watchdog"} <= full


@pytest.mark.usefixtures("low")
def test_what_detectors_could_not_keep_is_counted() -> None:
    own = watchers(Detectors())
    for event in flood():
        own.show(event)

    counts = dict(own.forgotten_counts())
    known = {"conformance", "device_status", "exceptions", "jobs", "program", "quality"}
    assert known | {"scan", "sensor", "sequence", "value", "watchdog"} <= {
        name for name, count in counts.items() if count
    }


def test_who_has_room_counts_nothing() -> None:
    own = watchers(Detectors())
    for event in itertools.islice(flood(), 100):
        own.show(event)

    assert {0} == {count for _, count in own.forgotten_counts()}
