"""`otmon monitor` on a wire for a long time: memory, loss, disk, and a kill in the middle of it.

    make soak-live                                        # half an hour at 50,000 frames a second
    make soak-live SOAK="--minutes 5 --rate 20000 ot.pcap captures/"

Two connected interfaces in a namespace of their own; tcpreplay sends the captures in a loop on
one end, the sensor watches the other one with its baseline, the PDU log and the outbox on, and an
Elasticsearch that cannot be reached. At the end the sensor is killed while frames go on, started
again on its state, and what that state says is checked. Fails where frames were lost, where the
state is damaged, and where an alert was told twice. Needs root, `ip` and tcpreplay.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from live.wire import SOURCE, TAP, Wire
from places import PCAPS

from otmon.state.site_file import SiteFile

OTMON = Path(sys.executable).with_name("otmon")
SAMPLE_S = 5.0
"""How often the sensor is looked at, in seconds."""
PRINT_S = 60.0
SETTLE_S = 60.0
"""After so long the sensor knows all that the loop has to show, and memory should stay."""
AFTER_KILL_S = 60.0
MAX_BYTES = 600 << 20
"""Traffic that is kept in memory to be sent again and again."""
ETHERNET = 1
LONGEST = 9_014
SETTINGS = """\
[monitor]
pdu_log = "pdus"
pdu_log_file_mib = 16
pdu_log_mib = 256
evidence_mib = 64
[elastic]
hosts = ["http://127.0.0.1:9"]
outbox_mib = 256
"""
MAGIC = {0xA1B2C3D4: 1_000, 0xA1B23C4D: 1}
STATUS = re.compile(r"([\d,]+) frames, [\d,]+ frames/s, ([\d,]+) lost")


@dataclass(frozen=True, slots=True)
class Sample:
    """The sensor at one time."""

    at_s: float
    rss_mb: float
    anonymous_mb: float
    """Of that what is neither the ring nor files."""
    cpu_s: float
    disk_mb: float


def traffic(captures: Iterable[Path], into: Path) -> tuple[Path, int]:
    """One capture of all Ethernet frames of many, and how many those are."""
    made, count, size = into / "traffic.pcap", 0, 24
    with made.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, ETHERNET))
        for capture in captures:
            for frame in frames(capture, into):
                if len(frame) > LONGEST or len(frame) < 14:
                    continue
                size += 16 + len(frame)
                if size > MAX_BYTES:
                    return made, count
                file.write(struct.pack("<IIII", count // 1_000, 0, len(frame), len(frame)) + frame)
                count += 1
    return made, count


def frames(capture: Path, into: Path) -> Iterator[bytes]:
    """The frames of a capture, where it is one of Ethernet."""
    plain = into / "plain.pcap"
    done = subprocess.run(
        ["editcap", "-F", "pcap", str(capture), str(plain)], capture_output=True, check=False
    )
    if done.returncode != 0 or not plain.exists():
        return
    body, at = plain.read_bytes(), 24
    plain.unlink()
    if struct.unpack_from("<I", body)[0] not in MAGIC:
        return
    if struct.unpack_from("<I", body, 20)[0] != ETHERNET:
        return
    while at + 16 <= len(body):
        (kept,) = struct.unpack_from("<I", body, at + 8)
        yield body[at + 16 : at + 16 + kept]
        at += 16 + kept


def listed(paths: list[Path]) -> Iterator[Path]:
    """Captures, and those of folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in (".pcap", ".pcapng"))
        else:
            yield path


class Watched:
    """`otmon monitor` in a namespace, its lines in a file."""

    def __init__(self, wire: Wire, folder: Path, name: str, interface: str = TAP) -> None:
        self.folder = folder
        self.state = folder / "site.sqlite"
        self.log = folder / f"{name}.log"
        command = [str(OTMON), "monitor", "--plain", "--no-send", "-i", interface]
        command += ["--state", str(self.state), "--config", str(folder / "otmon.toml")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", wire.namespace, *command], stdout=log, stderr=log
            )
        self.wait_for("status:")
        self.began_s = time.monotonic()

    @property
    def lines(self) -> list[str]:
        """What it has said so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def wait_for(self, words: str) -> None:
        """Wait until it says so."""
        while words not in self.log.read_text(encoding="utf-8", errors="replace"):
            if self.process.poll() is not None:
                raise SystemExit(f"the sensor ended: {self.lines[-3:]}")
            time.sleep(0.2)

    def sample(self) -> Sample:
        """How it is now."""
        place = Path("/proc") / str(self.process.pid)
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return Sample(
            time.monotonic() - self.began_s,
            int(status["VmRSS"].split()[0]) / 1e3,
            int(status["RssAnon"].split()[0]) / 1e3,
            (int(fields[11]) + int(fields[12])) / ticks,
            sum(one.stat().st_size for one in self.folder.rglob("*") if one.is_file()) / 1e6,
        )

    def end(self, number: int) -> None:
        """Send it a signal and wait until it is gone."""
        self.process.send_signal(number)
        self.process.wait(120)

    def counted(self) -> tuple[int, int]:
        """Frames and lost ones, as its last status line says."""
        found = [STATUS.search(line) for line in self.lines if re.search(" (status|ended): ", line)]
        last = [one for one in found if one is not None][-1]
        frames, lost = (int(group.replace(",", "")) for group in last.groups())
        return frames, lost


@contextmanager
def wired() -> Iterator[Wire]:
    """Two connected interfaces that nothing else reaches."""
    namespace = f"otmon-soak-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        wire = Wire(namespace)
        wire.connect()
        yield wire
    finally:
        subprocess.run(["ip", "netns", "delete", namespace], check=True)


def send(wire: Wire, capture: Path, rate: int, *, once: bool = False) -> subprocess.Popen[str]:
    """Send a capture again and again, a few frames at a time."""
    command = ["tcpreplay", "-q", "-K", "-T", "nano", "-i", SOURCE]
    command += ["--pps", str(rate), "--pps-multi", str(max(1, rate // 200))] if rate else ["-t"]
    command += [] if once else ["--loop", "0"]
    return subprocess.Popen(
        ["ip", "netns", "exec", wire.namespace, *command, str(capture)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def counters(wire: Wire) -> tuple[int, int]:
    """Frames that came to the watched end, and that left it."""
    texts = wire.run(
        "cat", *(f"/sys/class/net/{TAP}/statistics/{what}" for what in ("rx_packets", "tx_packets"))
    )
    received, sent = map(int, texts.split())
    return received, sent


def row(name: str, one: Sample, before: Sample | None = None) -> str:
    """A sample as a line."""
    text = f"{name:>8} {one.at_s:7,.0f} s  {one.rss_mb:7.1f} MB  {one.anonymous_mb:7.1f} MB own"
    text += f"  {one.disk_mb:8.1f} MB disk"
    if before is not None and one.at_s > before.at_s:
        text += f"  {100 * (one.cpu_s - before.cpu_s) / (one.at_s - before.at_s):4.0f} % of a core"
    return text


def held(state: Path) -> dict[str, int]:
    """Rows of each kind in a state."""
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
        names = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        wanted = [name for name in names if not name.startswith("sqlite_")]
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in wanted}


def told_twice(state: Path) -> list[str]:
    """Alerts that were raised although one of the same key was going on."""
    query = (
        "SELECT a.key FROM alerts a JOIN alerts b ON a.key = b.key AND a.number < b.number"
        " WHERE b.sighted_ns <= a.last_ns + 3600000000000 AND b.sighted_ns >= a.sighted_ns"
    )
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
        return [key for (key,) in db.execute(query)]


def raised(lines: list[str]) -> set[str]:
    """The numbers of alerts that were told as new."""
    return set(re.findall(r" alert (\d+):", "\n".join(lines)))


def soak(wire: Wire, folder: Path, capture: Path, minutes: float, rate: int) -> list[str]:
    """Run it; gives what was not as it should be."""
    sensor = Watched(wire, folder, "first")
    print(row("idle", sensor.sample()), flush=True)
    sender = send(wire, capture, rate)
    before = printed = sensor.sample()
    samples = []
    while (now := sensor.sample()).at_s < 60 * minutes:
        if sender.poll() is not None:
            raise SystemExit(f"tcpreplay ended: {sender.communicate()[0]}")
        samples.append(now)
        if now.at_s - printed.at_s >= PRINT_S:
            print(row("", now, printed), flush=True)
            printed = now
        time.sleep(SAMPLE_S)
    settled = next((one for one in samples if one.at_s >= SETTLE_S), samples[-1])
    middle, last = samples[len(samples) // 2], samples[-1]
    print(row("start", settled, before))
    print(row("middle", middle, settled))
    print(row("end", last, middle), flush=True)
    sensor.wait_for("status:")
    received, sent = counters(wire)
    frames, lost = sensor.counted()
    print(f"frames: {received:,} came, the last status said {frames:,} and {lost:,} lost; "
          f"{sent:,} sent by the watched end")  # fmt: skip
    wrong = [f"{lost:,} frames were lost"] if lost else []
    wrong += [f"{sent} frames were sent"] if sent else []
    left_out = [line for line in sensor.lines if "left out" in line]
    print(f"observations left out: {left_out[-1] if left_out else 'none'}")
    print(f"lines: {len(sensor.lines):,}, of them alerts {len(raised(sensor.lines)):,}")
    sensor.end(signal.SIGKILL)
    with SiteFile.open(sensor.state, read_only=True) as site:
        wrong += [f"the state is damaged after a kill: {one}" for one in site.check()]
    print("state after the kill:", held(sensor.state), flush=True)
    again = Watched(wire, folder, "second")
    time.sleep(AFTER_KILL_S)
    print(row("again", again.sample()))
    sender.terminate()
    sender.wait()
    again.end(signal.SIGTERM)
    twice = raised(sensor.lines) & raised(again.lines)
    wrong += [f"told again after the restart: alerts {sorted(twice)[:9]}"] if twice else []
    same = told_twice(again.state)
    wrong += (
        [f"{len(same)} alerts were raised while one like it went on: {same[:3]}"] if same else []
    )
    with SiteFile.open(again.state, read_only=True) as site:
        wrong += [f"the state is damaged: {one}" for one in site.check()]
    print("state at the end:", held(again.state))
    new = raised(again.lines)
    print(f"alerts raised after the restart: {len(new):,}; told twice: {len(twice) + len(same)}")
    return wrong


def main() -> None:
    """Build the traffic, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("captures", nargs="*", type=Path, default=[PCAPS])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=50_000, help="frames per second; 0: any")
    parser.add_argument("--keep", type=Path, help="folder in which state and lines stay")
    given = parser.parse_args()
    for program in ("ip", "tcpreplay", "editcap"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed")
    with tempfile.TemporaryDirectory() as scratch, wired() as wire:
        folder = Path(scratch) if given.keep is None else given.keep
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "otmon.toml").write_text(SETTINGS, encoding="utf-8")
        capture, count = traffic(listed(given.captures), Path(scratch))
        print(f"{count:,} frames in a loop, {given.rate:,} each second, {given.minutes:g} minutes")
        wrong = soak(wire, folder, capture, given.minutes, given.rate)
    print("\n".join(f"WRONG: {one}" for one in wrong) or "all is as it should be")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
