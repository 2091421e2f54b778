"""What a sensor costs and what its clock is worth, as the kernel says.

A passive sensor asks nobody for the time. What it can know is what the service
that sets its clock has told the kernel: whether anybody sets it, what is left to
correct, and how wrong it may be.
"""

from __future__ import annotations

import ctypes
import mmap
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STA_UNSYNC = 0x40
STA_NANO = 0x2000
"""Bits of `status`: nobody sets the clock; `offset` is in nanoseconds."""
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of this machine."""

    is_synchronised: bool
    """Whether a service sets it."""
    offset_ms: float | None = None
    """What is left to correct: positive where the clock is slow."""
    error_ms: float | None = None
    """The most by which it may be wrong, as the service reckons."""


class Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2) as far as it is read, on machines of 64 bits."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def clock_of(timex: Timex) -> Clock:
    """What the kernel's answer means."""
    if timex.status & STA_UNSYNC:
        return Clock(is_synchronised=False)
    to_ms = 1e-6 if timex.status & STA_NANO else 1e-3
    return Clock(
        is_synchronised=True,
        offset_ms=round(timex.offset * to_ms, 6),
        error_ms=round(timex.maxerror * 1e-3, 3),
    )


def read_clock() -> Clock | None:
    """The clock as the kernel knows it; none where it cannot be asked."""
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    if ctypes.sizeof(ctypes.c_long) != 8:
        return None  # the structure has another form there
    timex = Timex()  # no modes: nothing is set
    return None if ask(ctypes.byref(timex)) < 0 else clock_of(timex)


class Gauge:
    """Measures this process from one reading to the next."""

    def __init__(self) -> None:
        """Begins now."""
        self._at_s = time.monotonic()
        self._cpu_s = _cpu_s()

    def figures(self) -> dict[str, Any]:
        """Processor, memory and clock, for `otmon.sensor.*`.

        The processor is that of all threads since the reading before, in percent of one core.
        """
        at_s, cpu_s = time.monotonic(), _cpu_s()
        passed_s = at_s - self._at_s
        share = (cpu_s - self._cpu_s) / passed_s if passed_s > 0 else None
        self._at_s, self._cpu_s = at_s, cpu_s
        clock = read_clock()
        return {
            "cpu_pct": None if share is None else round(100 * share, 1),
            "rss_bytes": _memory_bytes(),
            "clock_synchronised": None if clock is None else clock.is_synchronised,
            "clock_offset_ms": None if clock is None else clock.offset_ms,
            "clock_error_ms": None if clock is None else clock.error_ms,
        }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory_bytes() -> int:
    """What the process has in memory now; the most that it ever had, where that is not told."""
    try:
        return int(_STATM.read_text("ascii").split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
