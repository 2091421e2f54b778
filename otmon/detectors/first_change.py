"""The first change by a client that had only ever looked."""

from __future__ import annotations

from collections.abc import Iterable

from otmon.detectors.newcomer import MIN_WATCH_NS, NEW_NS
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import NEVER_NS, Event

MIN_READS = 20
"""Looks that make a habit of looking."""


_ASKED = ("ot.role", "ot.history.change_count")


class FirstChange:
    """Speaks on the first change of a conversation that had only reads before.

    There must have been a minute to see: a client that changes something now
    and then may not have done so yet when a capture begins. Packet loss hardly
    makes it speak: it lowers the number of reads, too.
    """

    classes = CHANGE_CLASSES
    due_ns = NEVER_NS

    def __init__(self) -> None:
        self._watched_since_ns: int | None = None

    def observe(self, event: Event) -> Iterable[Event]:
        """Gives `first_change` where the operation is one."""
        if self._watched_since_ns is None:
            self._watched_since_ns = event.time_ns
        if event.operation_class not in CHANGE_CLASSES:
            return ()
        role, changes = event.several(_ASKED)
        if role != "request" or changes != 0:
            return ()
        reads = event.get("ot.history.read_count")
        since_ns = event.get("ot.history.first_seen_at")
        if not isinstance(reads, int) or not isinstance(since_ns, int) or reads < MIN_READS:
            return ()
        if event.time_ns - self._watched_since_ns < MIN_WATCH_NS:
            return ()
        if since_ns - self._watched_since_ns >= MIN_WATCH_NS and event.time_ns - since_ns <= NEW_NS:
            return ()  # that is a newcomer's change, and told as one
        seconds = (event.time_ns - since_ns) // 1_000_000_000
        found = event.derive(
            "ot_anomaly",
            {
                "event.provider": "first_change",
                "anomaly.type": "first_change",
                "anomaly.expected": f"{reads} reads in {seconds} s and no change",
                "anomaly.observed": event.text("ot.function.name"),
                "anomaly.since": since_ns,
            },
        )
        return (found,)

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Nothing: time alone changes nothing."""
        return ()
