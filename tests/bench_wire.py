"""Whether `otmon monitor` on a wire finds what `otmon analyze` finds of the same frames.

    make bench-wire WIRE="ot.pcap"                        # three times, at 450,000 frames a second
    make bench-wire WIRE="--rate 50000 --times 1 ot.pcap"

Two connected interfaces in a namespace of their own: tcpreplay sends the capture on one end; a
sensor and tcpdump watch the other one, and get the same times from the kernel. Twenty seconds
later, when all that waits was given up, one more frame ends both. Fails where a frame was lost,
where tcpreplay stayed below the rate by more than a tenth, and where anything differs between
the two states: alerts with their counts and times, devices, edges, statements. Needs root, `ip`,
tcpreplay and tcpdump.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_live import Watched, send, wired
from borders import found
from live.wire import TAP, Wire

from otmon.runs import analyze

WAIT_S = 20.0
RATED = re.compile(r"([\d.]+) pps")
LAST = bytes.fromhex("0180c200000e00000000000088cc") + bytes(46)
"""A frame of which nothing is said but that it came."""


def record(wire: Wire, capture: Path) -> subprocess.Popen[str]:
    """Let tcpdump write what comes to the watched end; returns once it does."""
    command = ["tcpdump", "-i", TAP, "-B", "400000", "-s", "0", "-w", str(capture)]
    recorder = subprocess.Popen(
        ["ip", "netns", "exec", wire.namespace, *command, "--time-stamp-precision=nano"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert recorder.stderr is not None
    assert "listening" in recorder.stderr.readline()
    return recorder


def compare(folder: Path, sent: Path, rate: int) -> list[str]:
    """Send a capture and read what was sent; gives what was not as it should be."""
    (folder / "otmon.toml").write_text("", encoding="utf-8")
    # Named like the interface: devices and statements name the frames that show them.
    recorded = Path(TAP)
    with contextlib.chdir(folder), wired() as wire:
        recorder = record(wire, recorded)
        sensor = Watched(wire, folder, "live")
        output = send(wire, sent, rate, once=True).communicate()[0]
        time.sleep(WAIT_S)
        # Soon after a whole second: until the sensor stops, no other one passes.
        time.sleep(1.05 - float(wire.run("date", "+0.%N")))
        wire.send([LAST])
        sensor.end(signal.SIGTERM)
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=60)
        result = analyze(recorded, state=folder / "read.sqlite")
    frames, lost = sensor.counted()
    reached = float(RATED.findall(output)[-1])
    live, read = found(sensor.state), found(folder / "read.sqlite")
    print(f"{frames:,} frames at {reached:,.0f} frames/s, {lost:,} lost", flush=True)
    wrong = [f"{lost:,} frames were lost"] if lost else []
    if frames != (written := result.capture.files[0].packets):
        wrong.append(f"the sensor saw {frames:,} frames, tcpdump {written:,}")
    if reached < 0.9 * rate:
        wrong.append(f"tcpreplay sent {reached:,.0f} frames/s of {rate:,}")
    for what, expected in read.items():
        ours = {str(one) for one in live[what]}
        theirs = {str(one) for one in expected}
        differing = sorted(ours ^ theirs)
        print(f"{what}: {len(expected):,}, {len(differing)} differ", flush=True)
        wrong += [f"{what}, {'live' if one in ours else 'read'}: {one}" for one in differing[:6]]
    return wrong


def main() -> None:
    """Compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--rate", type=int, default=450_000, help="frames per second")
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    for program in ("ip", "tcpreplay", "tcpdump"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed")
    wrong = []
    for _ in range(given.times):
        with tempfile.TemporaryDirectory() as scratch:
            wrong += compare(Path(scratch), given.capture.resolve(), given.rate)
    print("\n".join(f"WRONG: {one}" for one in wrong) or "equal: 0 differences")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
