"""`otmon monitor` finds what `otmon analyze` finds, remembers it, and stops when it is told."""

from __future__ import annotations

import gzip
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from live.frames import frames_of, numbered
from live.wire import HERE, Sensor, Wire
from places import PCAPS

from otmon.model.alert import Alert
from otmon.pdu_lines import pdus
from otmon.runs import analyze
from otmon.state import alerts
from otmon.state.site_file import SiteFile

OTMON = Path(sys.executable).with_name("otmon")
STOPPED = PCAPS / "s7comm" / "stop_start.pcapng"
CASES = [STOPPED, PCAPS / "dnp3" / "restart.pcapng", PCAPS / "modbus" / "function_sweep.pcapng"]

Known = tuple[str, int, str | None, str | None, int]


class Monitor:
    """`otmon monitor --plain` on the watched end of a wire, once it watches."""

    def __init__(
        self, wire: Wire, state: Path, *more: str, program: Sequence[str] = (str(OTMON), "monitor")
    ) -> None:
        command = [*program, "--plain", "-i", "tap0", "--state", str(state), *more]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", wire.namespace, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines: list[str] = []
        self._rest = b""
        self.until("status:")

    def until(self, words: str, within_s: float = 60) -> str:
        """Read on until a line has these words."""
        assert self.process.stdout is not None
        output = self.process.stdout.fileno()
        while True:
            while b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                self.lines.append(line.decode())
                if words in self.lines[-1]:
                    return self.lines[-1]
            read = os.read(output, 65_536) if select.select([output], [], [], within_s)[0] else b""
            assert read, f"no line with {words!r}, but {self.lines}"
            self._rest += read

    def seen(self, words: str) -> str:
        """The first line with these words, whether it was read already or not."""
        known = (line for line in self.lines if words in line)
        return next(known, "") or self.until(words)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; gives its exit status."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=60)
        self.lines += (self._rest + output).decode().splitlines()
        return self.process.returncode

    @property
    def alerts(self) -> list[str]:
        """The lines that tell of alerts."""
        return [line for line in self.lines if re.search(r"Z alert\b", line)]


def known(found: list[Alert]) -> list[Known]:
    """Alerts without their times and numbers."""
    return sorted(
        (one.rule.title, one.severity, one.client, one.server, one.count) for one in found
    )


def kept(state: Path) -> list[Known]:
    """The alerts of a state."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return known(alerts.load(db))


def kept_after_reading(capture: Path, folder: Path) -> list[Known]:
    """The alerts of a state that a capture was read into."""
    state = folder / "read.sqlite"
    analyze(capture, state=state)
    return kept(state)


@pytest.mark.parametrize("capture", CASES, ids=lambda path: path.stem)
def test_live_alerts_are_those_of_the_capture_and_told_once(
    wire: Wire, tmp_path: Path, capture: Path
) -> None:
    state = tmp_path / "site.sqlite"
    expected = known([*analyze(capture).alerts])
    monitor = Monitor(wire, state)
    wire.send(frames_of(capture))
    monitor.until(" alert ")
    ended = monitor.stop()
    again = Monitor(wire, state)
    ended_again = again.stop(signal.SIGINT)

    assert (0, 0) == (ended, ended_again)
    assert expected == kept(state)
    assert [] == again.alerts


def remembered(state: Path) -> dict[str, list[tuple[str, ...]]]:
    """Devices and what is normal, as a state has them."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return {
            "assets": sorted(db.execute("SELECT id FROM assets")),
            "statements": sorted(db.execute("SELECT id FROM baseline_statements")),
        }


@pytest.mark.parametrize("capture", CASES, ids=lambda path: path.stem)
def test_live_devices_behaviours_and_alerts_are_those_of_the_capture(
    wire: Wire, tmp_path: Path, capture: Path
) -> None:
    live, read = tmp_path / "live.sqlite", tmp_path / "read.sqlite"
    expected = known([*analyze(capture, state=read).alerts])
    monitor = Monitor(wire, live)
    wire.send(frames_of(capture))
    monitor.until(" alert ")
    monitor.stop()

    assert remembered(read) == remembered(live)
    assert all(remembered(live).values())
    assert expected == kept(live)


def test_who_is_slow_to_be_told_costs_no_frame(wire: Wire, tmp_path: Path) -> None:
    program = [sys.executable, str(HERE / "slow_sink.py"), str(tmp_path / "site.sqlite"), "2"]
    sensor = Sensor(["ip", "netns", "exec", wire.namespace, *program])
    sent = [*frames_of(STOPPED), *numbered(60_000)]
    wire.send(sent)
    seen = sensor.stop()

    assert {"packets": len(sent), "lost": 0, "left_out": 0} == seen


def test_the_last_line_of_a_log_has_all_that_was_seen(wire: Wire, tmp_path: Path) -> None:
    monitor = Monitor(wire, tmp_path / "site.sqlite")
    # They are still in a block of the ring that is not full when it is told to stop.
    wire.send(numbered(1_234))
    monitor.stop()

    assert " ended: tap0 1,234 frames, " in monitor.lines[-1]


def test_a_sensor_that_is_killed_goes_on_where_it_was(wire: Wire, tmp_path: Path) -> None:
    state = tmp_path / "site.sqlite"
    monitor = Monitor(wire, state)
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    monitor.stop(signal.SIGKILL)
    told = len(monitor.alerts)
    again = Monitor(wire, state)
    again.stop()

    with SiteFile.open(state, read_only=True) as site:
        assert [] == site.check()
    assert (True, []) == (told > 0, again.alerts)


def test_a_reload_takes_rules_and_configuration_anew(wire: Wire, tmp_path: Path) -> None:
    config = tmp_path / "otmon.toml"
    config.write_text("", encoding="utf-8")
    monitor = Monitor(wire, tmp_path / "site.sqlite", "--config", str(config))
    titles = [one.rule.title for one in analyze(STOPPED).alerts]
    config.write_text(f"[rules]\ndisabled = {titles!r}\n", encoding="utf-8")
    monitor.process.send_signal(signal.SIGHUP)
    wire.run("sleep", "3")
    wire.send(frames_of(STOPPED))
    wire.run("sleep", "2")
    monitor.stop()

    assert titles
    assert [] == monitor.alerts


def test_a_reload_takes_networks_and_says_what_only_a_restart_takes(
    wire: Wire, tmp_path: Path
) -> None:
    config, state = tmp_path / "otmon.toml", tmp_path / "site.sqlite"
    config.write_text("", encoding="utf-8")
    monitor = Monitor(wire, state, "--config", str(config))
    own = '[site]\nnetworks = ["10.20.1.0/24"]\n[monitor]\npdu_log = "pdus"\nevidence_mib = 7\n'
    config.write_text(own + "[detectors.sensor]\nsilent_s = 1\n", encoding="utf-8")
    monitor.process.send_signal(signal.SIGHUP)
    line = monitor.until("only a restart takes")
    # The new threshold of the sensor holds: it has seen no frame for two seconds.
    monitor.until("The sensor saw nothing")
    monitor.stop()

    assert line.endswith("only a restart takes what changed in monitor.pdu_log")


def test_a_reload_of_what_cannot_be_used_changes_nothing(wire: Wire, tmp_path: Path) -> None:
    config = tmp_path / "otmon.toml"
    config.write_text("", encoding="utf-8")
    monitor = Monitor(wire, tmp_path / "site.sqlite", "--config", str(config))
    config.write_text("[rules]\ndisablde = []\n", encoding="utf-8")
    monitor.process.send_signal(signal.SIGHUP)
    line = monitor.until("the reload changed nothing")
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")

    assert "Did you mean 'disabled'?" in line
    assert 0 == monitor.stop()


def test_a_silent_mirror_port_is_told_once_and_when_it_is_over(wire: Wire, tmp_path: Path) -> None:
    monitor = Monitor(wire, tmp_path / "site.sqlite")
    monitor.until("sensor: tap0 shows no frame")
    wire.send(frames_of(STOPPED))
    monitor.until("sensor: no longer: tap0 shows no frame")
    monitor.stop()

    assert 1 == sum(" sensor: tap0 shows no frame" in line for line in monitor.lines)


def test_the_frames_behind_a_live_alert_are_saved(wire: Wire, tmp_path: Path, tshark: str) -> None:
    state = tmp_path / "site.sqlite"
    monitor = Monitor(wire, state)
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    monitor.stop()
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        found = [alert for alert in alerts.load(db) if "stopped" in alert.message]
    (stop,) = found

    assert stop.evidence.file is not None
    saved = Path(stop.evidence.file)
    fields = ["-T", "fields", "-e", "frame.number", "-e", "s7comm.param.func"]
    lines = subprocess.run(
        [tshark, "-r", str(saved), *fields], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    functions = dict(line.split("\t") for line in lines)
    assert ["0x29"] == [functions[str(n)] for n in stop.evidence.frames][:1]
    assert len(lines) > len(stop.evidence.frames)
    assert 0o600 == saved.stat().st_mode & 0o777


def test_every_pdu_is_in_the_log_beside_the_alerts(wire: Wire, tmp_path: Path) -> None:
    config = tmp_path / "otmon.toml"
    config.write_text('[monitor]\npdu_log = "pdus"\n', encoding="utf-8")
    monitor = Monitor(wire, tmp_path / "site.sqlite", "--config", str(config))
    wire.send(frames_of(STOPPED))
    monitor.until(" alert ")
    monitor.stop()

    (log,) = (tmp_path / "pdus").iterdir()
    lines = gzip.decompress(log.read_bytes()).splitlines()
    assert [one["operation"] for one in pdus(STOPPED)] == [
        json.loads(line)["operation"] for line in lines
    ]


def test_a_command_is_told_before_its_answer_and_is_one_alert(wire: Wire, tmp_path: Path) -> None:
    state = tmp_path / "site.sqlite"
    capture = PCAPS / "modbus" / "diagnostics.pcapng"
    # A device that is told to listen only never answers: such a request is given up after ten
    # seconds, and told long before.
    expected = kept_after_reading(capture, tmp_path)
    monitor = Monitor(wire, state)
    wire.send(frames_of(capture))
    line = monitor.until("listen", within_s=8)
    wire.run("sleep", "12")
    monitor.stop()

    assert re.search(r"Z alert \d+: ", line)
    assert expected == kept(state)
    assert 1 == sum("listen" in one for one in monitor.alerts)
