"""A condition is told when it begins, not with every answer that repeats it."""

from __future__ import annotations

from dataclasses import dataclass

from otmon.detectors.device_status import DeviceStatus
from otmon.model.observed import event_from_quality
from tests.detectors.seeing import at, operation, restarted, said, types
from tests.records import Flow


def answer(seconds: float, *codes: str, **facts):
    """A DNP3 answer with internal indications."""
    return operation(seconds, anomalies=codes, protocol="dnp3", **facts)


def test_a_condition_is_told_when_it_begins():
    assert ["device_trouble"] == types(
        DeviceStatus(), *[answer(n * 60, "device_trouble") for n in range(30)]
    )


def test_it_is_told_again_after_it_was_away():
    assert ["device_trouble"] * 2 == types(
        DeviceStatus(), answer(0, "device_trouble"), answer(301, "device_trouble")
    )


def test_stations_behind_one_server_are_told_apart():
    assert ["device_restarted"] * 2 == types(
        DeviceStatus(), answer(0, "restart_seen", unit=1), answer(1, "restart_seen", unit=2)
    )


def test_a_failure_of_the_device_is_a_condition():
    assert ["device_failure"] == types(
        DeviceStatus(), operation(0, status="server_device_failure", status_code=4)
    )


def test_another_operating_mode_is_told_with_the_one_before():
    run, stop = ({"s7comm.operating_mode": mode} for mode in ("run", "stop"))
    events = [
        operation(n, protocol="s7comm", role="event", fields=mode)
        for n, mode in enumerate((run, run, stop))
    ]
    (found,) = said([DeviceStatus()], *events)

    assert ("mode_changed", "mode run", "mode stop") == (
        found.get("anomaly.type"),
        found.get("anomaly.expected"),
        found.get("anomaly.observed"),
    )


def test_the_switch_at_the_device_is_told_apart_from_the_mode():
    positions = ("run", "unknown", "run", "stop")
    events = [
        operation(
            n,
            protocol="s7comm",
            operation="read_szl",
            operation_class="identify",
            fields={"s7comm.operating_mode": "run", "s7comm.mode_selector": one},
        )
        for n, one in enumerate(positions)
    ]
    (found,) = said([DeviceStatus()], *events)

    assert ("key_switch_turned", "position run", "position stop") == (
        found.get("anomaly.type"),
        found.get("anomaly.expected"),
        found.get("anomaly.observed"),
    )


def test_a_mode_is_known_over_a_restart():
    def answer(seconds: float, state: str):
        return operation(
            seconds,
            protocol="tristation",
            operation="get_cp_status",
            operation_class="config_read",
            fields={"tristation.run_state": state},
        )

    old = DeviceStatus()
    said([old], answer(0, "running"))

    assert ["mode_changed"] == types(restarted(old, DeviceStatus()), answer(60, "halted"))


def test_what_was_told_is_not_told_again_after_a_restart():
    old = DeviceStatus()
    said([old], answer(0, "device_trouble"))

    assert [] == types(restarted(old, DeviceStatus()), answer(60, "device_trouble"))


@dataclass(frozen=True)
class Points(Flow):
    """Points whose quality is another now."""

    protocol: str = "dnp3"
    unit: int | None = 10
    space: str = "g30"
    before: int | None = 1
    now: int = 1
    points: tuple[int, ...] = (4,)
    count: int = 1
    time_ns: int = 0
    frame: tuple[int, int] = (0, 7)


def quality(seconds: float, before: int | None, now: int, **facts):
    """Points go from some flags to others."""
    return event_from_quality(Points(before=before, now=now, time_ns=at(seconds), **facts))


def test_a_point_that_is_forced_and_released_is_told():
    found = said([DeviceStatus()], quality(0, 1, 0x11), quality(900, 0x11, 1))

    assert [
        ("point_forced", "g30:4: forced at the device", ("g30:4",)),
        ("point_released", "g30:4: not forced any more", ("g30:4",)),
    ] == [
        (one.get("anomaly.type"), one.get("anomaly.observed"), one.get("ot.object.id"))
        for one in found
    ]


def test_a_point_that_was_forced_before_anybody_looked_is_told_as_such():
    assert ["point_found_forced"] == types(DeviceStatus(), quality(0, None, 9))


def test_what_was_not_well_before_anybody_looked_is_no_news():
    assert [] == types(DeviceStatus(), quality(0, None, 0), quality(1, None, 5, points=(5,)))


def test_a_device_that_starts_has_not_measured_yet_and_that_is_all():
    assert [] == types(DeviceStatus(), quality(0, None, 2), quality(60, 2, 1), quality(90, 1, 2))


def test_flags_mean_what_their_kind_of_point_says():
    assert (["point_out_of_range"], ["point_chatters"], ["point_comm_lost"], ["point_offline"]) == (
        types(DeviceStatus(), quality(0, 1, 0x21)),
        types(DeviceStatus(), quality(0, 1, 0x21, space="g1")),
        types(DeviceStatus(), quality(0, 1, 0x05)),
        types(DeviceStatus(), quality(0, 1, 0x00)),
    )


def test_a_point_that_comes_and_goes_is_told_once():
    flapping = [quality(turn * 20, *flags) for turn, flags in enumerate([(1, 5), (5, 1)] * 10)]

    assert ["point_comm_lost"] == types(DeviceStatus(), *flapping)


def test_many_points_are_one_event():
    many = quality(0, 1, 5, points=tuple(range(16)), count=500)
    (found,) = said([DeviceStatus()], many)

    assert "g30:7 and 492 more: not reached" in str(found.get("anomaly.observed"))


def test_what_is_known_of_points_survives_a_restart():
    old = DeviceStatus()
    said([old], quality(0, 1, 0x11))

    assert [] == types(restarted(old, DeviceStatus()), quality(1_000, None, 0x11))


def test_what_was_released_before_a_restart_and_is_forced_after_it_was_seen_to_be():
    old = DeviceStatus()
    said([old], quality(0, 1, 0x11), quality(100, 0x11, 1))

    assert ["point_forced"] == types(restarted(old, DeviceStatus()), quality(1_000, None, 0x11))
