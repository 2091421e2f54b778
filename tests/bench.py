"""Packets per second of otmon and of other tools, in one run, as ratios.

    make bench                                   # on a capture made from the shipped plant
    make bench BENCH="ot.pcap modbus.pcap"       # on captures of your own

Whole processes, the file in the page cache, medians of several runs. A ratio
above 1 means that otmon is faster. Nothing here passes or fails.
"""

from __future__ import annotations

import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from places import PCAPS, ROOT

RUNS = 3
OTMON = Path(sys.executable).with_name("otmon")
LANES = Path(__file__).with_name("bench_rules.py")
TSHARK_FIELDS = (
    *("frame.number", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport"),
    *("modbus.func_code", "mbtcp.unit_id", "modbus.reference_num", "modbus.word_cnt"),
    *("s7comm.param.func", "s7comm.header.rosctr", "dnp3.al.func", "dnp3.src", "dnp3.dst"),
)


def tools(capture: Path) -> dict[str, list[str]]:
    """What is run on a capture: a name and a command each."""
    commands = {
        "otmon analyze": [str(OTMON), "analyze", str(capture)],
        "otmon analyze --format json": [str(OTMON), "analyze", "--format", "json", str(capture)],
        "otmon pdus": [str(OTMON), "pdus", str(capture)],
    }
    if shutil.which("ndpiReader"):
        commands["ndpiReader"] = ["ndpiReader", "-i", str(capture), "-v", "0", "-q"]
    if shutil.which("tshark"):
        fields = [part for field in TSHARK_FIELDS for part in ("-e", field)]
        commands["tshark -T fields"] = ["tshark", "-r", str(capture), "-T", "fields", *fields]
    return commands


def measure(command: list[str], runs: int) -> tuple[float, float]:
    """Median seconds and highest resident memory in MB of a whole process."""
    seconds = []
    peak = 0.0
    for _ in range(runs):
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - begun)
        if status:
            raise SystemExit(f"{command[0]} failed with {status}")
        peak = max(peak, usage.ru_maxrss / 1000)
    return statistics.median(seconds), peak


def repeated(capture: Path, into: Path, packets: int) -> Path:
    """A pcap of at least `packets` packets: `capture` again and again, later each time."""
    plain = into / "plain.pcap"
    subprocess.run(["editcap", "-F", "pcap", str(capture), str(plain)], check=True)
    body = plain.read_bytes()
    records, at, first, last, count = [], 24, None, 0, 0
    while at + 16 <= len(body):
        seconds, _micros, kept, _ = struct.unpack_from("<IIII", body, at)
        first = seconds if first is None else first
        last = max(last, seconds)
        records.append((seconds, body[at + 4 : at + 16 + kept]))
        at += 16 + kept
        count += 1
    span = last - (first or 0) + 1
    made = into / f"{capture.stem}-{packets}.pcap"
    with made.open("wb") as out:
        out.write(body[:24])
        for turn in range(-(-packets // count)):
            shift = turn * span
            out.write(b"".join(struct.pack("<I", s + shift) + rest for s, rest in records))
    return made


def made_longer(capture: Path, into: Path, packets: int) -> Path:
    """The same by a process of its own: what this one holds would count for its children."""
    command = [sys.executable, __file__, "--repeat", str(capture), str(into), str(packets)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(ran.stdout.strip())


def count_packets(capture: Path) -> int:
    """Packets of a classic pcap file."""
    count = 0
    with capture.open("rb") as file:
        file.seek(24)
        while len(header := file.read(16)) == 16:
            file.seek(struct.unpack_from("<I", header, 8)[0], os.SEEK_CUR)
            count += 1
    return count


def engine_alone(capture: Path) -> None:
    """The engine without Python, per stage."""
    print("\n-- engine alone, one core")
    environment = {**os.environ, "OTMON_BENCH": str(capture)}
    subprocess.run(
        ["cargo", "bench", "--quiet", "-p", "engine", "--bench", "replay"],
        cwd=ROOT,
        env=environment,
        check=True,
    )


def python_alone(what: str, capture: Path) -> None:
    """A lane of `bench_rules`, in a process of its own."""
    subprocess.run([sys.executable, str(LANES), what, str(capture)], cwd=ROOT, check=True)


def many_assets(scratch: Path) -> None:
    """Memory and time with as many assets and behaviours as a large site has."""
    command = [sys.executable, str(LANES), "many", str(scratch)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    made = Path(ran.stdout.strip())
    seconds, peak = measure([str(OTMON), "analyze", str(made)], 1)
    print("\n-- memory with 10,000 assets and 200,000 behaviours (otmon analyze)")
    print(f"{peak:.0f} MB, {seconds:.2f} s")


def main(paths: list[str]) -> None:
    """Measure each capture and print one table each."""
    with tempfile.TemporaryDirectory() as scratch:
        captures = [Path(path).resolve() for path in paths]
        if not captures:
            plant = PCAPS / "demo" / "plant.pcapng"
            captures = [made_longer(plant, Path(scratch), 1_000_000)]
        for capture in captures:
            packets = count_packets(capture)
            print(
                f"\n== {capture.name}: {packets:,} packets, {capture.stat().st_size / 1e6:.0f} MB"
            )
            figures = {name: measure(command, RUNS) for name, command in tools(capture).items()}
            own = figures["otmon analyze"][0]
            print(f"{'':32}{'s':>8}{'kpps':>9}{'MB':>7}{'otmon analyze is':>20}")
            for name, (seconds, peak) in figures.items():
                ratio = f"{seconds / own:.2f} times as fast"
                print(
                    f"{name:32}{seconds:8.2f}{packets / seconds / 1e3:9.0f}{peak:7.0f}{ratio:>20}"
                )
            engine_alone(capture)
            python_alone("rules", capture)
            python_alone("pipeline", capture)
        base = captures[0]
        print("\n-- memory over length (otmon analyze)")
        for factor in (1, 10):
            longer = made_longer(base, Path(scratch), factor * count_packets(base))
            seconds, peak = measure([str(OTMON), "analyze", str(longer)], 1)
            print(f"{factor:>3} x {base.name}: {peak:.0f} MB, {seconds:.2f} s")
        many_assets(Path(scratch))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--repeat"]:
        print(repeated(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
    else:
        main(sys.argv[1:])
