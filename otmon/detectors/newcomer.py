"""Changes by a client that has only just appeared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event, FieldValue

MIN_WATCH_NS = 60 * 1_000_000_000
"""How long the sensor must have watched before a conversation began, so that it is new."""
NEW_NS = 600 * 1_000_000_000
"""How long a conversation is new."""
MAX_KNOWN = 10_000
"""Conversations that were told of; the longest quiet goes first."""

_ASKED = ("ot.history.first_seen_at", "client.address", "server.address")


class Newcomer(Detector):
    """Speaks on the first change of a conversation that began while the sensor watched.

    Packet loss can make it speak of a client that was there before but was not
    seen for the first minute; so its event says when the conversation began.
    """

    name = "newcomer"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "newcomer_change": "A client that has only just appeared changes something."
    }
    watches = (
        "Changes by a client whose conversation began after the sensor had watched for a minute."
    )
    silent = "Once the conversation is ten minutes old, and after each class of change was told."

    def __init__(self) -> None:
        self._watched_since_ns: int | None = None
        self._told: Recent[tuple[FieldValue, ...], bool] = Recent(MAX_KNOWN)

    def wants(self, event: Event) -> bool:
        """Changes that were asked for."""
        return event.operation_class in CHANGE_CLASSES and event.get("ot.role") == "request"

    def observe(self, event: Event) -> Iterable[Event]:
        """Gives `newcomer_change` where the operation is one."""
        began_ns, client, server = event.several(_ASKED)
        watched_ns = self._watched_since_ns
        if watched_ns is None or not isinstance(began_ns, int):
            return ()
        if began_ns - watched_ns < MIN_WATCH_NS or event.time_ns - began_ns > NEW_NS:
            return ()
        # Each class is told of once: what a rule passes over must not hide what follows.
        conversation = (client, server, event.service, event.operation_class)
        if self._told.get(conversation):
            return ()
        self._told.put(conversation, True)
        seconds = (event.time_ns - began_ns) // 1_000_000_000
        found = finding(
            self,
            event,
            "newcomer_change",
            category="ot_anomaly",
            expected="no change by a client that was never seen before",
            observed=f"{seconds} s after its first operation",
            since_ns=began_ns,
        )
        return (found,)

    can_be_spent = True

    def is_spent(self, event: Event) -> bool:
        """Whether the conversation was told of, or is too old to be news for ever."""
        began_ns, client, server = event.several(_ASKED)
        watched_ns = self._watched_since_ns
        if watched_ns is None or not isinstance(began_ns, int):
            return False
        if began_ns - watched_ns < MIN_WATCH_NS or event.time_ns - began_ns > NEW_NS:
            return True
        return (client, server, event.service, event.operation_class) in self._told

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Learns when the watch began."""
        if self._watched_since_ns is None:
            self._watched_since_ns = time_ns
        return super().advance(time_ns)

    def memory(self) -> Json:
        """Since when it watches, and what was told."""
        return [self._watched_since_ns, self._told.written(lambda told: told)]

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._watched_since_ns = memory[0]
        self._told.read(memory[1], bool)
