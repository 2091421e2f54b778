"""What tests do on a wire: send frames on one end, watch the other end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TAP = "tap0"
"""The end that is watched."""
SOURCE = "src0"
"""The end that frames are sent into."""


class Wire:
    """Two connected interfaces in a network namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def connect(self, tap: str = TAP, source: str = SOURCE) -> None:
        """Make a pair of interfaces on which nobody speaks by itself."""
        self.run("ip", "link", "add", tap, "type", "veth", "peer", "name", source)
        for end in (tap, source):
            self.run("ip", "link", "set", end, "mtu", "9000", "arp", "off")
            self.run("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{end}/disable_ipv6")
            self.run("ip", "link", "set", end, "up")

    def run(self, *command: str) -> str:
        """The output of a command in the namespace."""
        inside = ["ip", "netns", "exec", self.namespace, *command]
        return subprocess.run(inside, capture_output=True, text=True, check=True).stdout

    def send(self, frames: Iterable[bytes], source: str = SOURCE) -> None:
        """Send frames as fast as the wire takes them."""
        self.send_into((source, frame) for frame in frames)

    def send_into(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Send each frame into the end named beside it, in this order."""
        lines = "\n".join(f"{source} {frame.hex()}" for source, frame in frames)
        inside = ["ip", "netns", "exec", self.namespace, sys.executable, HERE / "send.py"]
        subprocess.run(inside, input=lines, text=True, check=True)

    def sent_by_tap(self, tap: str = TAP) -> int:
        """Packets that left the watched end, as the kernel counts them."""
        return int(self.run("cat", f"/sys/class/net/{tap}/statistics/tx_packets"))

    def watch(
        self, *interfaces: str, script: str = "watch.py", trace: bool = False, **options: Any
    ) -> Sensor:
        """Start to watch, in a process of its own; returns once it watches."""
        asked = json.dumps({"interfaces": interfaces or (TAP,), **options})
        program = [sys.executable, str(HERE / script), asked]
        notes = None
        if trace:
            notes = Path(tempfile.mkdtemp()) / "trace"
            calls = "trace=network,write,writev,io_uring_setup,io_uring_enter"
            program = ["strace", "-f", "-e", calls, "-o", str(notes), *program]
        return Sensor(["ip", "netns", "exec", self.namespace, *program], notes)


class Sensor:
    """A process that watches until it is told to stop."""

    def __init__(self, command: list[str], notes: Path | None = None) -> None:
        self.notes = notes
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert "watching\n" == first, first

    def stop(self) -> dict[str, Any]:
        """Let it take what is on the wire, and tell what it saw."""
        output, _ = self.process.communicate(timeout=60)
        told: dict[str, Any] = json.loads(output)
        if self.notes is not None:
            told["trace"] = self.notes.read_text(encoding="utf-8").splitlines()
        return told
