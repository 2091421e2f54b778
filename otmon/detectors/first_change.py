"""The first change by a client that had only ever looked."""

from __future__ import annotations

from collections.abc import Iterable

from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event

MIN_READS = 20
"""Looks that make a habit of looking."""
MIN_SPAN_NS = 10 * 1_000_000_000
"""How long the habit must have lasted: a client that starts may read a lot before it writes."""


class FirstChange:
    """Speaks on the first change of a conversation that had only reads before.

    Packet loss cannot make it speak: it only lowers the number of reads, and
    a change that was not seen is followed by one that is.
    """

    def observe(self, event: Event) -> Iterable[Event]:
        """Gives `first_change` where the operation is one."""
        if event.operation_class not in CHANGE_CLASSES or event.get("ot.role") != "request":
            return ()
        reads = event.get("ot.history.read_count")
        since_ns = event.get("ot.history.first_seen_at")
        if event.get("ot.history.change_count") != 0:
            return ()
        if not isinstance(reads, int) or not isinstance(since_ns, int) or reads < MIN_READS:
            return ()
        span_ns = event.time_ns - since_ns
        if span_ns < MIN_SPAN_NS:
            return ()
        found = event.derive(
            "ot_anomaly",
            {
                "event.provider": "first_change",
                "anomaly.type": "first_change",
                "anomaly.expected": f"only reads: {reads} in {span_ns // 1_000_000_000} s",
                "anomaly.observed": f"{event.text('ot.function.name')}",
                "anomaly.since": since_ns,
            },
        )
        return (found,)

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Nothing: time alone changes nothing."""
        return ()
