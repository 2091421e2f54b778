"""Clocks of devices that are set far from the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.model.document import render_time
from otmon.model.event import Event
from otmon.thresholds import ClockThresholds

HOUR_NS = 3_600 * 1_000_000_000
EARLIEST_NS = 1_000_000_000 * 1_000_000_000
"""September 2001: a sensor before that has a clock that nobody set, and cannot judge others."""


class Clock(Detector):
    """Speaks when a device is told a time that is far from the packet's own.

    Many devices keep local time, which is up to 14 hours off: real captures have 4 and 20.
    """

    name = "clock"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "clock_set_far_off": "The clock of a device is set to a time that is far from now.",
    }
    watches = "Times that are written to DNP3 outstations, against those of the packets."
    silent = "Of what local time can explain, and where the packets themselves have no true time."

    def __init__(self, settings: ClockThresholds | None = None) -> None:
        self.settings = settings or ClockThresholds()

    def wants(self, event: Event) -> bool:
        """Clocks that are set; S7comm does not show to what."""
        return event.service == "dnp3" and event.operation_class == "time_set"

    def observe(self, event: Event) -> Iterable[Event]:
        """Gives `clock_set_far_off` where the operation is one."""
        now_ns = event.time_ns
        if now_ns < EARLIEST_NS:
            return ()
        for told_ns in event.record.values:
            if not isinstance(told_ns, int) or isinstance(told_ns, bool):
                continue
            off_ns = told_ns - now_ns
            if abs(off_ns) <= self.settings.off_h * HOUR_NS:
                continue
            found = finding(
                self,
                event,
                "clock_set_far_off",
                category="ot_anomaly",
                expected=f"about {render_time(now_ns)[:16]}Z, in local time at most",
                observed=f"{_span(abs(off_ns))} {'ahead' if off_ns > 0 else 'back'}",
            )
            return (found,)
        return ()


def _span(span_ns: int) -> str:
    """A time in words that are exact enough."""
    hours = span_ns // HOUR_NS
    if hours < 72:
        return f"{hours} hours"
    days = hours // 24
    return f"{days:,} days" if days < 730 else f"{days // 365} years"
