"""What is not well with a sensor is shown, stored, and told once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live.frames import commands, frames_of, numbered
from live.test_monitor import STOPPED, Monitor
from live.wire import HERE, Wire
from places import PCAPS

from otmon.model.alert import Alert
from otmon.state import alerts, faults
from otmon.state.site_file import SiteFile

ONE_SIDED = PCAPS / "network" / "mirror_one_sided.pcapng"
DOUBLED = PCAPS / "network" / "mirror_doubled.pcapng"


def of_the_sensor(state: Path) -> list[Alert]:
    """The alerts of a state that are about the sensor itself."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return [one for one in alerts.load(db) if one.rule.title.startswith("Sensor ")]


def stored(state: Path) -> dict[str, bool]:
    """What the state says was not well, oldest first, and whether that is over."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        found = reversed(faults.latest(db, 100))
        return {one.key: one.ended_ns is not None for one in found}


def shown(monitor: Monitor, words: str) -> tuple[int, int]:
    """How often a log was told that something began, and that it was over."""
    began = sum(f" sensor: {words}" in line for line in monitor.lines)
    return began, sum(f" sensor: no longer: {words}" in line for line in monitor.lines)


def test_a_mirror_port_that_shows_nothing_is_one_alert_over_restarts(
    wire: Wire, tmp_path: Path
) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text("[detectors.sensor]\nsilent_s = 1\n", encoding="utf-8")
    monitor = Monitor(wire, state, "--config", str(config))
    monitor.seen(" alert ")
    monitor.seen(" sensor: tap0 shows no frame")
    monitor.stop()
    again = Monitor(wire, state, "--config", str(config))
    wire.run("sleep", "4")
    again.stop()

    (alert,) = of_the_sensor(state)
    assert ("Sensor saw no traffic", 1) == (alert.rule.title, alert.count)
    assert "tap0: no frame for" in alert.message
    # It was so until the restart: what began anew is not yet quiet for long.
    assert {"tap0 quiet": True} == stored(state)
    assert [] == again.alerts


def test_one_direction_alone_and_doubled_frames_are_told_of_their_interface(
    wire: Wire, tmp_path: Path
) -> None:
    state = tmp_path / "site.sqlite"
    wire.connect("tap1", "src1")
    monitor = Monitor(wire, state, "-i", "tap1")
    # Of a time of ten seconds it is known how it was when the next one begins.
    for _ in range(2):
        wire.send(frames_of(ONE_SIDED))
        wire.send_into(("src1", frame) for frame in frames_of(DOUBLED))
        wire.run("sleep", "10")
    wire.send(numbered(1))
    wire.send_into([("src1", numbered(1)[0])])
    monitor.seen("sensor: tap1")
    monitor.seen(" alert ")
    monitor.stop()

    found = [one for one in of_the_sensor(state) if one.rule.title == "Sensor sees traffic badly"]
    messages = sorted(one.message for one in found)
    assert 2 == len(messages), messages
    assert "tap0: one direction alone" in messages[0]
    assert "tap1" in messages[1]
    assert "came twice" in messages[1]
    assert 1 == shown(monitor, "tap0: one direction alone")[0]
    assert {"tap0 one_sided", "tap1 duplicates"} <= stored(state).keys()


def test_frames_that_found_no_room_are_shown_and_one_alert(wire: Wire, tmp_path: Path) -> None:
    state = tmp_path / "site.sqlite"
    monitor = Monitor(wire, state, "--ring-mib", "2")
    wire.send(numbered(10))
    for _ in range(2):
        os.kill(monitor.process.pid, signal.SIGSTOP)
        wire.send(numbered(15_000, length=200))
        os.kill(monitor.process.pid, signal.SIGCONT)
        wire.run("sleep", "2")
    line = monitor.seen("sensor: tap0 lost frames")
    monitor.seen(" alert ")
    wire.run("sleep", "1.5")
    monitor.stop()

    (alert,) = of_the_sensor(state)
    assert ("Sensor cannot keep up", 1) == (alert.rule.title, alert.count)
    assert "tap0:" in alert.message
    assert ", the last at " in line
    assert (1, 0) == shown(monitor, "tap0 lost frames")
    assert {"tap0 lost": False} == stored(state)


def test_rules_that_are_slow_cost_no_frame_and_what_they_missed_is_counted_and_told_once(
    wire: Wire, tmp_path: Path
) -> None:
    state = tmp_path / "site.sqlite"
    config = tmp_path / "otmon.toml"
    config.write_text("[monitor]\nbacklog = 1000\n", encoding="utf-8")
    # Rules take nothing until the engine had to leave out some of 20,000 commands.
    slowed = (sys.executable, str(HERE / "lagging.py"), "100", "monitor")
    monitor = Monitor(wire, state, "--config", str(config), program=slowed)
    wire.send(commands(masters=40, each=500))
    monitor.seen("The sensor does not keep up")
    shown = monitor.seen("observations were left out: this machine is too slow")
    monitor.stop()
    again = Monitor(wire, state)
    wire.send(numbered(10))
    again.stop()

    left_out = re.search(r"([\d,]+) observations were left out", shown)
    assert left_out is not None
    assert 100 <= int(left_out[1].replace(",", "")) < 20_000
    ended = monitor.lines[-1]
    assert " ended: tap0 20,000 frames, " in ended
    assert " 0 lost, " in ended
    assert re.search(r" [\d,]+ left out; ", ended)
    # What was left out is in the counts all the same.
    assert "dnp3 20,000" in ended
    (alert,) = of_the_sensor(state)
    assert ("Sensor cannot keep up", 1) == (alert.rule.title, alert.count)
    assert "observations were left out" in alert.message
    # It was so until the restart.
    assert {"left out": True} == stored(state)
    assert [] == again.alerts


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_told_and_everything_is_written_once_there_is_room(
    wire: Wire, small_disk: Path, tmp_path: Path
) -> None:
    state, config = small_disk / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text(
        f'[monitor]\ndisk_free_mib = 1\npdu_log = "{small_disk}/pdus"\n'
        "[state]\ncheckpoint_seconds = 1\n",
        encoding="utf-8",
    )
    monitor = Monitor(wire, state, "--config", str(config))
    filler = small_disk / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space"):
        while True:
            os.write(handle, bytes(4096))
    os.close(handle)
    wire.send(frames_of(STOPPED))
    monitor.seen("sensor: ")
    wire.run("sleep", "2")
    filler.unlink()
    monitor.seen(" alert ")
    wire.run("sleep", "12")
    ended = monitor.stop()

    with SiteFile.open(state, read_only=True) as site:
        assert [] == site.check()
    assert 0 == ended
    assert ["Sensor cannot keep up"] == [one.rule.title for one in of_the_sensor(state)]
    assert any("stopped the controller" in line for line in monitor.alerts)
    assert any("no longer" in line for line in monitor.lines)
    assert (True, True) == (stored(state)["writing state"], stored(state)["writing evidence"])


def test_a_disk_that_is_nearly_full_is_shown_stored_and_one_alert(
    wire: Wire, tmp_path: Path
) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text("[monitor]\ndisk_free_mib = 1000000000\n", encoding="utf-8")
    monitor = Monitor(wire, state, "--config", str(config))
    wire.send(numbered(10))
    monitor.seen(" alert ")
    monitor.seen(" sensor: ")
    monitor.stop()
    again = Monitor(wire, state, "--config", str(config))
    wire.send(numbered(10))
    again.seen("are free in ")
    again.stop()

    (alert,) = of_the_sensor(state)
    assert ("Sensor cannot keep up", 1, []) == (alert.rule.title, alert.count, again.alerts)
    assert " MB are free in " in alert.message
    assert {"disk": False} == stored(state)


def test_a_link_that_goes_down_and_comes_again_is_shown_stored_and_one_alert(
    wire: Wire, tmp_path: Path
) -> None:
    state, config = tmp_path / "site.sqlite", tmp_path / "otmon.toml"
    config.write_text("[detectors.sensor]\nsilent_s = 1\n", encoding="utf-8")
    monitor = Monitor(wire, state, "--config", str(config))
    wire.send(numbered(10))
    wire.run("ip", "link", "set", "tap0", "down")
    monitor.seen("sensor: tap0 has no link")
    monitor.seen(" alert ")
    wire.run("ip", "link", "set", "tap0", "up")
    wire.send(frames_of(STOPPED))
    monitor.seen("sensor: no longer: tap0 has no link")
    monitor.stop()

    (alert,) = of_the_sensor(state)
    assert ("Sensor saw no traffic", 1) == (alert.rule.title, alert.count)
    assert "tap0: no link" in alert.message
    assert (1, 1) == shown(monitor, "tap0 has no link")
    assert {"tap0 link": True} == stored(state)
    assert any("stopped the controller" in line for line in monitor.alerts)


def test_a_clock_that_is_set_is_shown_stored_and_one_alert(wire: Wire, tmp_path: Path) -> None:
    state = tmp_path / "site.sqlite"
    jumping = (sys.executable, str(HERE / "jumping.py"), "65", "monitor")
    monitor = Monitor(wire, state, program=jumping)
    wire.send(numbered(10))
    monitor.seen(" alert ")
    monitor.seen(" sensor: tap0: the clock went forward by 6")
    monitor.stop()

    (alert,) = of_the_sensor(state)
    assert "the clock went forward by 6" in alert.message
    assert 1 == alert.count
    assert (1, 0) == shown(monitor, "tap0: the clock went forward")
    assert {"tap0 clock_jump"} <= stored(state).keys()


def test_a_sensor_that_sends_is_shown_stored_and_one_alert(wire: Wire, tmp_path: Path) -> None:
    state = tmp_path / "site.sqlite"
    monitor = Monitor(wire, state)
    wire.send(numbered(10))
    wire.send(numbered(3), source="tap0")
    monitor.seen(" alert ")
    monitor.seen("sensor: tap0 sends")
    monitor.stop()

    (alert,) = of_the_sensor(state)
    assert (1, True) == (alert.count, "3 frames were sent through it" in alert.message)
    assert {"tap0 sends": False} == stored(state)
