"""Reports that were switched off and not on again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from otmon.model.event import NEVER_NS, Event, FieldValue

DEADLINE_NS = 30 * 1_000_000_000
"""A master that starts switches reports off, polls everything, and switches them on again."""
MAX_PENDING = 10_000
"""Conversations that can wait at the same time; the oldest goes first."""

_Conversation = tuple[FieldValue, FieldValue, str | None, FieldValue]


class ReportDisabled:
    """Speaks when `report_disable` is not followed by `report_enable` in time.

    Nothing is said of a deadline past the end of the capture. Where the
    message that switches reports on was lost, it speaks wrongly; so its event
    belongs to rules of low confidence.
    """

    classes = frozenset(("report_disable", "report_enable"))

    def __init__(self) -> None:
        self._pending: OrderedDict[_Conversation, Event] = OrderedDict()

    @property
    def due_ns(self) -> int:
        """When the first deadline passes."""
        first = next(iter(self._pending.values()), None)
        return NEVER_NS if first is None else first.time_ns + DEADLINE_NS

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a switch off or on; gives what was due before."""
        due = tuple(self.advance(event.time_ns))
        if event.operation_class == "report_disable":
            if event.get("event.outcome") != "failure":
                self._pending.setdefault(_conversation(event), event)
                if len(self._pending) > MAX_PENDING:
                    self._pending.popitem(last=False)
        elif event.operation_class == "report_enable":
            self._pending.pop(_conversation(event), None)
        return due

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Gives every switch off whose deadline has passed."""
        while self._pending:
            conversation, event = next(iter(self._pending.items()))
            if time_ns - event.time_ns < DEADLINE_NS:
                return
            del self._pending[conversation]
            yield event.derive(
                "ot_anomaly",
                {
                    "event.provider": "report_disabled",
                    "anomaly.type": "report_disabled",
                    "anomaly.expected": "reports switched on again soon after",
                    "anomaly.observed": f"off for {DEADLINE_NS // 1_000_000_000} s and more",
                    "anomaly.since": event.time_ns,
                },
            )


def _conversation(event: Event) -> _Conversation:
    return (
        event.get("client.address"),
        event.get("server.address"),
        event.service,
        event.get("ot.unit.id"),
    )
