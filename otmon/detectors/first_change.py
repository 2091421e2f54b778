"""The first change by a client that had only ever looked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from otmon.detectors.bounded import Json
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.newcomer import MIN_WATCH_NS, NEW_NS
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event

MIN_READS = 20
"""Looks that make a habit of looking."""

_CHANGES = CHANGE_CLASSES - {"alarm_ack"}

_ASKED = ("ot.history.read_count", "ot.history.change_count", "ot.history.first_seen_at")


class FirstChange(Detector):
    """Speaks on the first change of a conversation that had only reads before.

    There must have been a minute to see: a client that changes something now
    and then may not have done so yet when a capture begins. Packet loss hardly
    makes it speak: it lowers the number of reads, too.
    """

    name = "first_change"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "first_change": "A client that had only looked changes something."
    }
    watches = (
        "Changes that clients ask for, and how often they only looked before: 20 times at "
        "least, with a minute of watching."
    )
    silent = "Of clients that changed something before, or have just appeared; of acknowledgements."

    def __init__(self) -> None:
        self._watched_since_ns: int | None = None

    def wants(self, event: Event) -> bool:
        """Changes that were asked for; who only acknowledges has changed nothing yet."""
        return event.operation_class in _CHANGES and event.get("ot.role") == "request"

    def observe(self, event: Event) -> Iterable[Event]:
        """Gives `first_change` where the operation is one."""
        reads, changes, since_ns = event.several(_ASKED)
        watched_ns = self._watched_since_ns
        if changes != 0 or watched_ns is None:
            return ()
        if not isinstance(reads, int) or not isinstance(since_ns, int) or reads < MIN_READS:
            return ()
        if event.time_ns - watched_ns < MIN_WATCH_NS:
            return ()
        if since_ns - watched_ns >= MIN_WATCH_NS and event.time_ns - since_ns <= NEW_NS:
            return ()  # that is a newcomer's change, and told as one
        seconds = (event.time_ns - since_ns) // 1_000_000_000
        found = finding(
            self,
            event,
            "first_change",
            category="ot_anomaly",
            expected=f"{reads} reads in {seconds} s and no change",
            observed=event.text("ot.function.name") or "a change",
            since_ns=since_ns,
        )
        return (found,)

    can_be_spent = True

    def is_spent(self, event: Event) -> bool:
        """Whether the conversation has changed something before."""
        return event.get("ot.history.change_count") != 0

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Learns when the watch began."""
        if self._watched_since_ns is None:
            self._watched_since_ns = time_ns
        return super().advance(time_ns)

    def memory(self) -> Json:
        """Since when it watches."""
        return self._watched_since_ns

    def restore(self, memory: Json) -> None:
        """Takes that."""
        self._watched_since_ns = memory
