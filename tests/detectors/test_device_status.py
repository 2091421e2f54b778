"""A condition is told when it begins, not with every answer that repeats it."""

from __future__ import annotations

from otmon.detectors.device_status import DeviceStatus
from tests.detectors.seeing import operation, restarted, said, types


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
