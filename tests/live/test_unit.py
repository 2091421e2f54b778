"""The systemd unit lets the sensor do what it does to itself: without that it does not start."""

from __future__ import annotations

import re

from places import ROOT

UNIT = ROOT / "docs" / "systemd" / "otmon@.service"
SANDBOX = ROOT / "engine" / "src" / "capture"


def test_an_interface_that_goes_away_does_not_end_the_sensor_for_good() -> None:
    lines = UNIT.read_text("utf-8").splitlines()
    device = "sys-subsystem-net-devices-%i.device"

    assert f"Wants={device}" in lines
    assert device in next(line for line in lines if line.startswith("After="))
    assert not any(line.startswith(("BindsTo=", "Requires=", "Requisite=")) for line in lines)
    assert "Restart=always" in lines


def test_the_unit_allows_the_calls_by_which_otmon_locks_itself_in() -> None:
    sources = [SANDBOX / "sandbox.rs", *(SANDBOX / "sandbox").glob("*.rs")]
    called = {
        name
        for source in sources
        for name in re.findall(r"libc::syscall\(\s*libc::SYS_(\w+)", source.read_text("utf-8"))
    }
    filters = re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    # What a later line allows, an earlier one does not take away.
    taken_away = max(at for at, line in enumerate(filters) if line.startswith("~"))
    allowed = {name for line in filters[taken_away + 1 :] for name in line.split()}

    assert "capset" in called
    assert called == allowed
