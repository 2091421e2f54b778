"""Who writes to unit 0 or 255 of a device changes what others change by its unit."""

from __future__ import annotations

import pytest

from otmon.detectors.second_master import SecondMaster
from otmon.model.event import Event
from tests.detectors.seeing import operation, restarted, said

HMI, STRANGER = "10.0.0.10", "10.0.0.66"


def write(seconds: float, client: str, unit: int, **facts) -> Event:
    more = {"protocol": "modbus", "operation_class": "write", "unit": unit}
    return operation(seconds, client_ip=client, **(more | facts))


def found(*events: Event) -> list[tuple[str | None, str | None]]:
    """What the detector says of events."""
    told = said([SecondMaster()], *events)
    return [(one.text("anomaly.expected"), one.text("anomaly.observed")) for one in told]


@pytest.mark.parametrize("unit", [0, 255])
def test_a_second_client_that_writes_to_the_device_itself_is_told(unit: int):
    assert [("10.0.0.10 as unit 1", f"10.0.0.66 as unit {unit}")] == found(
        write(0, HMI, 1), write(10, STRANGER, unit)
    )


def test_a_second_client_that_writes_to_the_station_is_told_too():
    assert [("10.0.0.66 as the device itself", "10.0.0.10 as unit 1")] == found(
        write(0, STRANGER, 255), write(10, HMI, 1)
    )


def test_a_device_that_had_to_go_is_found_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("otmon.detectors.second_master.MAX_DEVICES", 1)
    detector = SecondMaster()
    take = detector.observer(write(0, HMI, 1))
    take(write(0, HMI, 1))
    detector.observe(write(5, HMI, 1, server_ip="10.0.0.12"))
    take(write(10, HMI, 1))

    assert 1 == len([*detector.observe(write(15, STRANGER, 255))])


def test_it_is_told_once_an_hour():
    events = [write(minute * 60, STRANGER, 255) for minute in range(1, 70)]
    often = [write(minute * 60, HMI, 1) for minute in (0, 59)]

    assert 3 == len(found(*sorted([*events, *often], key=lambda one: one.time_ns)))


@pytest.mark.parametrize(
    "events",
    [
        [write(-7_200, STRANGER, 1), write(0, HMI, 1), write(10, HMI, 255)],
        [write(0, HMI, 1), write(3_601, STRANGER, 255)],
        [write(0, HMI, 1), write(10, STRANGER, 0, answered=False)],
        [write(0, HMI, 1), write(10, STRANGER, 255, operation_class="read")],
        [write(0, HMI, 1), write(10, STRANGER, 255, protocol="umas")],
    ],
    ids=["one client", "an hour later", "not answered", "a read", "another protocol"],
)
def test_nothing_is_said_of_what_two_do_not_change(events: list[Event]):
    assert [] == found(*events)


def test_a_gateway_with_several_stations_is_none_of_them():
    other = write(1, HMI, 2, operation_class="read")

    assert [] == found(write(0, HMI, 1), other, write(10, STRANGER, 255), write(20, HMI, 1))


def test_a_client_makes_no_gateway_of_a_device_that_answers_for_every_unit():
    asked = write(1, STRANGER, 2, operation_class="read"), write(2, STRANGER, 3)

    assert 1 == len(found(write(0, HMI, 1), *asked, write(10, STRANGER, 255)))


def test_what_is_refused_was_tried():
    refused = write(10, STRANGER, 255, status="illegal_data_address")

    assert 1 == len(found(write(0, HMI, 1), refused))


def test_a_gateway_that_says_of_a_station_that_it_is_not_there_is_one():
    absent = write(1, HMI, 9, status="gateway_target_failed_to_respond")

    assert [] == found(write(0, HMI, 1), absent, write(10, STRANGER, 255))


def test_it_goes_on_after_a_restart():
    before = SecondMaster()
    said([before], write(0, HMI, 1))
    after = restarted(before, SecondMaster())

    assert 1 == len(said([after], write(10, STRANGER, 255)))


def test_clients_past_the_bound_are_counted():
    detector = SecondMaster()
    said([detector], *(write(number, f"10.0.1.{number}", 1) for number in range(20)))

    assert 4 == detector.forgotten_count
