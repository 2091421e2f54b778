"""Changes by a client that has only just appeared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from otmon.fields import CHANGE_CLASSES
from otmon.model.event import NEVER_NS, Event, FieldValue

MIN_WATCH_NS = 60 * 1_000_000_000
"""How long the sensor must have watched before a conversation began, so that it is new."""
NEW_NS = 600 * 1_000_000_000
"""How long a conversation is new."""
MAX_KNOWN = 10_000
"""Conversations that were told of; the longest quiet goes first."""


_ASKED = ("ot.role", "ot.history.first_seen_at")


class Newcomer:
    """Speaks on the first change of a conversation that began while the sensor watched.

    Packet loss can make it speak of a client that was there before but was not
    seen for the first minute; so its event says when the conversation began.
    """

    classes = CHANGE_CLASSES
    due_ns = NEVER_NS

    def __init__(self) -> None:
        self._watched_since_ns: int | None = None
        self._told: OrderedDict[tuple[FieldValue, ...], None] = OrderedDict()

    def observe(self, event: Event) -> Iterable[Event]:
        """Gives `newcomer_change` where the operation is one."""
        if self._watched_since_ns is None:
            self._watched_since_ns = event.time_ns
        if event.operation_class not in CHANGE_CLASSES:
            return ()
        role, began_ns = event.several(_ASKED)
        if role != "request" or not isinstance(began_ns, int):
            return ()
        if began_ns - self._watched_since_ns < MIN_WATCH_NS:
            return ()
        if event.time_ns - began_ns > NEW_NS:
            return ()
        # Each class is told of once: what a rule passes over must not hide what follows.
        conversation = (
            event.get("client.address"),
            event.get("server.address"),
            event.service,
            event.operation_class,
        )
        if conversation in self._told:
            self._told.move_to_end(conversation)
            return ()
        self._told[conversation] = None
        if len(self._told) > MAX_KNOWN:
            self._told.popitem(last=False)
        seconds = (event.time_ns - began_ns) // 1_000_000_000
        found = event.derive(
            "ot_anomaly",
            {
                "event.provider": "newcomer",
                "anomaly.type": "newcomer_change",
                "anomaly.expected": "no change by a client that was never seen before",
                "anomaly.observed": f"{seconds} s after its first operation",
                "anomaly.since": began_ns,
            },
        )
        return (found,)

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Nothing: time alone changes nothing."""
        return ()
