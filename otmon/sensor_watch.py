"""What is not well with a live sensor: worked out once a second, shown while it lasts, told once.

What frames show (loss, one direction, copies) comes from the engine as `Health`.
What they cannot show (no frame at all, a full disk, being too slow, a clock that
was set) is noticed here, and goes to the detector `sensor` like the rest, so that
there is one alert for one thing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otmon.detectors.sensor import faults_of
from otmon.model.notice import Notice, Sight
from otmon.thresholds import SensorThresholds

if TYPE_CHECKING:
    from otmon._engine import Health

SECOND = 1_000_000_000
SILENT = 2
"""Times `silent_s` without a frame, whatever came before: no mirror port of a plant is so quiet."""
JUMP_NS = 5 * SECOND
"""How far packet time has to run ahead of the machine's own, to have been set."""
LASTS_NS = 30 * SECOND
"""How long a fault of a time of ten seconds is shown, unless it comes again."""
DISK_S = 10.0
"""How often free room is looked at, in seconds."""


class SensorWatch:
    """A live sensor as it sees itself."""

    def __init__(
        self, names: Sequence[str], limits: SensorThresholds, folder: Path, min_free_bytes: int
    ) -> None:
        """Takes its interfaces, when to speak, and the folder of which it needs room."""
        self._names = tuple(names)
        self._limits = limits
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._began_s: float | None = None
        self._is_silent = [False] * len(self._names)
        self._sends = [False] * len(self._names)
        self._left_out = 0
        self._forgotten: dict[str, int] = {}
        """What each table of detectors and correlations had to forget so far."""
        self._full: tuple[int, str] | None = None
        """When a table was full last, and which."""
        self._disk: str | None = None
        """What is wrong with the disk."""
        self._short: str | None = None
        """What was wrong with its free room, when that was looked at last."""
        self._disk_s = -DISK_S
        self._ahead_ns: int | None = None
        """Packet time less the machine's own, where frames wait least."""
        self._faults: dict[tuple[int, str], tuple[int, str]] = {}
        """Of each interface and fault, when it was seen last, and what it is."""

    def configure(self, limits: SensorThresholds, min_free_bytes: int) -> None:
        """Takes from now on when to speak, and how much room the folder needs."""
        self._limits, self._min_free_bytes = limits, min_free_bytes

    def take(self, health: Health) -> None:
        """Takes what frames showed of an interface."""
        match health.kind:
            case "window":
                for type, _, observed in faults_of(health, self._limits):
                    self._faults[health.file, type] = (health.until_ns, observed)
                if health.left_out_count:
                    what = f"{health.left_out_count} flows, behaviours or transfers left out"
                    self._full = (health.until_ns, what)
            case "back":
                back_s = (health.from_ns - health.until_ns) / SECOND
                self._jumped(health.file, health.from_ns, f"the clock went back by {back_s:.1f} s")
                self._ahead_ns = None

    def look(
        self,
        now_s: float,
        now_ns: int,
        sights: Sequence[Sight],
        left_out: int,
        complaints: Mapping[str, str],
        forgotten: Iterable[tuple[str, int]] = (),
    ) -> Iterator[Notice]:
        """What has become wrong since the last look.

        Args:
            now_s: The machine's own time, which nobody sets.
            now_ns: Packet time.
            sights: The interfaces.
            left_out: Observations that Python was too slow for, since the run began.
            complaints: What cannot be written, by what it is.
            forgotten: What detectors and correlations had to forget for want of room.
        """
        began_s = self._began_s = now_s if self._began_s is None else self._began_s
        for file, sight in enumerate(sights):
            quiet_s = now_s - began_s if sight.quiet_s is None else sight.quiet_s
            silent = quiet_s >= SILENT * self._limits.silent_s
            if silent and not self._is_silent[file]:
                what = f"no frame for {quiet_s:.0f} s" if sight.running else "no link"
                since_ns = now_ns - round(quiet_s * SECOND)
                yield Notice("traffic_none", file, since_ns, now_ns, "frames", what)
            self._is_silent[file] = silent
            if sight.sent and not self._sends[file]:
                what = f"{sight.sent} frames were sent through it"
                yield Notice("sensor_sends", file, now_ns, now_ns, "frames that come alone", what)
            self._sends[file] = sight.sent > 0
        if left_out > self._left_out:
            what = f"{left_out:,} observations were left out"
            yield Notice("falling_behind", 0, now_ns, now_ns, "all that there is to see", what)
            self._left_out = left_out
        yield from self._tables(now_ns, forgotten)
        yield from self._clock(now_s, now_ns)
        yield from self._room(now_s, now_ns, complaints)

    def problems(self, now_ns: int | None) -> Iterator[tuple[str, str]]:
        """What is wrong now, by what it is; besides what a look at interfaces shows itself."""
        for (file, type), (seen_ns, what) in [*self._faults.items()]:
            if now_ns is not None and now_ns - seen_ns > LASTS_NS:
                del self._faults[file, type]
            else:
                yield f"{self._names[file]} {type}", f"{self._names[file]}: {what}"
        if self._full is not None:
            if now_ns is not None and now_ns - self._full[0] > LASTS_NS:
                self._full = None
            else:
                yield "table_overflow", self._full[1]
        if self._disk is not None:
            yield "disk", self._disk

    def _tables(self, now_ns: int, forgotten: Iterable[tuple[str, int]]) -> Iterator[Notice]:
        """Tables that had to forget since the last look; all of them are told at once."""
        full: list[str] = []
        for name, count in forgotten:
            if count > self._forgotten.get(name, 0):
                full.append(f"{name} forgot {count:,}")
            self._forgotten[name] = count
        if full:
            what = f"{', '.join(full)} for want of room"
            self._full = (now_ns, what)
            yield Notice("table_overflow", 0, now_ns, now_ns, "room for all that passes", what)

    def _jumped(self, file: int, at_ns: int, what: str) -> None:
        self._faults[file, "clock_jump"] = (at_ns, what)

    def _clock(self, now_s: float, now_ns: int) -> Iterator[Notice]:
        """Frames may wait, so packet time may fall behind; it never runs ahead by itself."""
        ahead_ns = now_ns - round(now_s * SECOND)
        before_ns = self._ahead_ns
        self._ahead_ns = ahead_ns if before_ns is None else max(before_ns, ahead_ns)
        if before_ns is not None and ahead_ns - before_ns > JUMP_NS:
            what = f"the clock went forward by {(ahead_ns - before_ns) / SECOND:.1f} s"
            self._jumped(0, now_ns, what)
            since_ns = now_ns - (ahead_ns - before_ns)
            yield Notice("clock_jump", 0, since_ns, now_ns, "time goes on", what)

    def _room(self, now_s: float, now_ns: int, complaints: Mapping[str, str]) -> Iterator[Notice]:
        if now_s - self._disk_s >= DISK_S:
            self._disk_s = now_s
            self._short = self._shortage()
        was_well = self._disk is None
        self._disk = next(iter(complaints.values()), self._short)
        if was_well and self._disk is not None:
            yield Notice("disk_low", 0, now_ns, now_ns, "room to write", self._disk)

    def _shortage(self) -> str | None:
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            return f"the disk of {self._folder} cannot be asked: {error.strerror}"
        free = disk.f_bavail * disk.f_frsize
        if free >= self._min_free_bytes:
            return None
        whole = disk.f_blocks * disk.f_frsize
        return f"{free / 1e6:,.0f} of {whole / 1e6:,.0f} MB are free in {self._folder}"
