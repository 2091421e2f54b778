"""Reports that were switched off and not on again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from otmon.detectors.bounded import Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.quality import Quality
from otmon.model.event import NEVER_NS, Event, FieldValue

DEADLINE_NS = 30 * 1_000_000_000
"""A master that starts switches reports off, polls everything, and switches them on again."""
MAX_PENDING = 10_000
"""Conversations that can wait at the same time; the oldest goes first."""

_Conversation = tuple[FieldValue, FieldValue, str | None, FieldValue]


class ReportDisabled(Detector):
    """Speaks when `report_disable` is not followed by `report_enable` in time.

    Nothing is said of a deadline past the end of the capture, nor where the
    sensor missed something of the conversation meanwhile: that may have been the
    message that switches reports on. What waits is forgotten over a restart, for
    the same reason.
    """

    name = "report_disabled"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "report_disabled": "Reports of a device were switched off and not on again."
    }
    loss_sensitive = True

    def __init__(self, quality: Quality | None = None) -> None:
        self._quality = quality or Quality()
        self._pending: Recent[_Conversation, Event] = Recent(MAX_PENDING)

    def wants(self, event: Event) -> bool:
        """Switching reports off and on."""
        return event.operation_class in ("report_disable", "report_enable")

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a switch off or on; gives what was due before."""
        due = tuple(self.advance(event.time_ns))
        conversation = _conversation(event)
        if event.operation_class == "report_enable":
            self._pending.drop(conversation)
        elif event.get("event.outcome") != "failure" and conversation not in self._pending:
            self._pending.put(conversation, event)
        self._set_due()
        return due

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Gives every switch off whose deadline has passed."""
        found = list(self._passed(time_ns))
        self._set_due()
        return found

    def _set_due(self) -> None:
        first = self._pending.first()
        self.due_ns = NEVER_NS if first is None else first[1].time_ns + DEADLINE_NS

    def _passed(self, time_ns: int) -> Iterator[Event]:
        while (first := self._pending.first()) is not None:
            conversation, event = first
            if time_ns - event.time_ns < DEADLINE_NS:
                return
            self._pending.drop(conversation)
            if not self._quality.good(event.record, event.time_ns, time_ns):
                continue
            yield finding(
                self,
                event,
                "report_disabled",
                category="ot_anomaly",
                expected="reports switched on again soon after",
                observed=f"off for {DEADLINE_NS // 1_000_000_000} s and more",
                since_ns=event.time_ns,
            )


def _conversation(event: Event) -> _Conversation:
    return (
        event.get("client.address"),
        event.get("server.address"),
        event.service,
        event.get("ot.unit.id"),
    )
