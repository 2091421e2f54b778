"""A plant of real protocol stacks, watched live: what is learned, how soon an attack is told.

    make lab-live                       # with the lab in ../shared/lab, installed by its install.sh
    make lab-live LAB_DIR=../lab

Fourteen hosts in namespaces speak with one another over a bridge; `otmon monitor` watches the
bridge with an empty state. After a minute of learning a host that nobody knows attacks three
controllers with real clients. For each alert the time from its packet to the line that tells of
it is printed. Fails where nothing was learned, an attack was not told, or the first word of one
came later than two seconds. Needs root, `ip`, and what the lab needs: 2 to 3 minutes of pip, too
long for every run of the tests.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from otmon.model.alert import Alert
from otmon.state import alerts
from otmon.state.site_file import SiteFile, now_ns

OTMON = Path(sys.executable).with_name("otmon")
NET = "otlive"
LEARN_S = 60
ATTACK_S = 40
MOST_S = 2.0
SETTINGS = f"""\
[site]
name = "lab"
[baseline]
learning_days = {(LEARN_S - 15) / 86_400}
asset_learning_days = {(LEARN_S - 15) / 86_400}
quiet_hours = {10 / 3_600}
"""
"""Two weeks of a plant are three quarters of a minute here."""
ATTACKS = (
    ("modbus_lab.py", "main", "modbus", "Modbus: scans units, then writes"),
    ("s7_lab.py", "main", "s7comm", "S7comm: sweeps, uploads, writes, stops the controller"),
    ("dnp3_lab.py", "dnp3", "dnp3", "DNP3: trips breakers, restarts the station"),
)


class Sensor:
    """`otmon monitor` on the bridge, with the time of each line it prints."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "lab.sqlite"
        config = folder / "otmon.toml"
        config.write_text(SETTINGS, encoding="utf-8")
        command = [str(OTMON), "monitor", "--plain", "-i", "br0"]
        command += ["--state", str(self.state), "--config", str(config)]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", f"{NET}sw", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((now_ns() / 1e9, line.rstrip()))
            print("  |", line.rstrip()[:170], flush=True)

    def stop(self) -> int:
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._reader.join(10)
        return self.process.returncode

    def raised(self) -> dict[int, float]:
        """When each alert was told first."""
        found: dict[int, float] = {}
        for at_s, line in self.lines:
            if told := re.search(r" alert (\d+): ", line):
                found.setdefault(int(told[1]), at_s)
        return found


def attack(lab: Path, tools: Path, script: str, venv: str) -> None:
    """Let the host that nobody knows run one of its attacks."""
    environment = {**os.environ, "LAB_HOST": "attacker", "PYTHONPATH": str(lab), "LAB_NET": NET}
    python = tools / "venvs" / venv / "bin" / "python"
    command = ["ip", "netns", "exec", f"{NET}-attacker", str(python), str(lab / script), "attack"]
    subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=60,
        check=False,
    )  # fmt: skip


def told(alert: Alert, at_s: float) -> str:
    """An alert as a line, with how long it took; one of a group counts from its first event."""
    took_s = at_s - alert.first_seen / 1e9
    return f"{took_s:6.2f} s  {alert.level:<13} {alert.rule.title}: {alert.message}"[:150]


def watch(lab: Path, tools: Path, folder: Path) -> list[str]:
    """Run it; gives what was not as it should be."""
    environment = {**os.environ, "LAB": str(tools), "LAB_NET": NET}
    subprocess.run([sys.executable, "labkit.py", "up"], cwd=lab, env=environment, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    sensor = Sensor(folder)
    plant = subprocess.Popen(
        [sys.executable, "-c",
         f"import plant_lab; plant_lab.run({LEARN_S + ATTACK_S}, 3, 'otmon-live')"],
        cwd=lab, env=environment,
    )  # fmt: skip
    time.sleep(LEARN_S + 10)  # the hosts need some seconds to start
    began = {}
    for script, venv, protocol, words in ATTACKS:
        print(f"-- {words}", flush=True)
        began[protocol] = now_ns() / 1e9
        attack(lab, tools, script, venv)
        time.sleep(3)
    status = sensor.stop()
    plant.wait(120)
    with SiteFile.open(sensor.state, read_only=True) as site, site.reading() as db:
        found = {one.id: one for one in alerts.load(db)}
        edges = db.execute("SELECT count(*) FROM baseline_edges").fetchone()[0]
        statements = db.execute("SELECT count(*) FROM baseline_statements").fetchone()[0]
    raised = {number: at_s for number, at_s in sensor.raised().items() if number in found}
    first_s = min(began.values())
    early = [found[number] for number in raised if raised[number] < first_s]
    late = sorted((n for n in raised if raised[n] >= first_s), key=raised.__getitem__)
    print(f"\nlearned: {edges} edges, {statements} statements")
    print(f"alerts while the plant was learned: {len(early)}")
    for one in early:
        print("   ", told(one, raised[one.id]))
    print(f"alerts from the first attack on: {len(late)}; time from packet to line:")
    for number in late:
        print("   ", told(found[number], raised[number]))
    wrong = [] if statements else ["nothing was learned"]
    wrong += [f"the sensor ended with {status}"] if status else []
    for protocol, began_s in began.items():
        own = [n for n in late if found[n].protocol == protocol
               and found[n].first_seen >= began_s * 1e9]  # fmt: skip
        if not own:
            wrong.append(f"the attack on {protocol} was not told")
            continue
        took_s = raised[own[0]] - found[own[0]].first_seen / 1e9
        print(f"{protocol}: told {raised[own[0]] - began_s:.2f} s after the attack began, "
              f"{took_s:.2f} s after its packet")  # fmt: skip
        wrong += [f"{protocol} was told after {took_s:.2f} s"] if took_s > MOST_S else []
    return wrong


def main() -> None:
    """Start the plant, watch, attack, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("lab", type=Path, help="the folder with labkit.py")
    given = parser.parse_args()
    tools = Path(os.environ.get("LAB", Path.home() / ".cache" / "otmon-lab"))
    if not (tools / "venvs" / "main").exists():
        raise SystemExit(f"The lab is not installed in {tools}. Run {given.lab}/install.sh.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            wrong = watch(given.lab.resolve(), tools, Path(folder))
        finally:
            environment = {**os.environ, "LAB": str(tools), "LAB_NET": NET}
            subprocess.run([sys.executable, "labkit.py", "down"], cwd=given.lab, env=environment,
                           check=False, stdout=subprocess.DEVNULL)  # fmt: skip
    print("\n".join(f"WRONG: {one}" for one in wrong) or "all is as it should be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
