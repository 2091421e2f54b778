"""Reports that were switched off and not on again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent, key_of
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.quality import Quality, conversation_of
from otmon.model.event import NEVER_NS, Event, FieldValue
from otmon.model.kept_event import Reader, Writer

SECOND = 1_000_000_000
DEADLINE_NS = 30 * SECOND
"""A master that starts switches reports off, polls everything, and switches them on again."""
CERTAIN_NS = 40 * SECOND
"""Time after the deadline in which a hole shows, that the switch on may have been lost in: the
next message of a quiet conversation reveals it, and what was missed is told every ten seconds."""
MAX_PENDING = 10_000
"""Conversations that can wait at the same time; the oldest goes first."""

_Conversation = tuple[FieldValue, FieldValue, str | None, FieldValue]


@dataclass(slots=True)
class _Off:
    """Reports that are off."""

    event: Event
    interface: int
    ends: tuple[object, ...]
    """Client and server, as losses are known by."""
    overdue: bool = False
    """Whether the deadline has passed, and only the certainty is waited for."""


class ReportDisabled(Detector):
    """Speaks when `report_disable` is not followed by `report_enable` in time.

    Nothing is said of a deadline past the end of the capture, nor where the
    sensor missed something of the conversation meanwhile: that may have been the
    message that switches reports on. A hole shows late, so it is waited for. A
    restart is one.
    """

    name = "report_disabled"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "report_disabled": "Reports of a device were switched off and not on again."
    }
    loss_sensitive = True
    watches = "`report_disable` and `report_enable` of each conversation and station."
    silent = (
        "Of a deadline past the end of the capture, and where the interface or the "
        "conversation was not seen well."
    )

    def __init__(self, quality: Quality | None = None) -> None:
        self._quality = quality or Quality()
        self._pending: Recent[_Conversation, _Off] = Recent(MAX_PENDING)

    def wants(self, event: Event) -> bool:
        """Switching reports off and on."""
        return event.operation_class in ("report_disable", "report_enable")

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a switch off or on; gives what was due before."""
        due = tuple(self.advance(event.time_ns))
        conversation = _conversation(event)
        if event.operation_class == "report_enable":
            self._pending.drop(conversation)
        elif not event.has_failed and conversation not in self._pending:
            record = event.record
            off = _Off(event, getattr(record, "interface", 0), conversation_of(record))
            self._pending.put(conversation, off)
        self._set_due()
        return due

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Gives every switch off of which it is certain that no switch on followed."""
        found = list(self._passed(time_ns))
        self._set_due()
        return found

    def finish(self) -> Iterable[Event]:
        """Gives those whose deadline has passed: all that was missed is known now."""
        found: list[Event] = []
        for conversation, off in list(self._pending.items()):
            if off.overdue:
                self._pending.drop(conversation)
                found += self._told(off, off.event.time_ns + DEADLINE_NS)
        return found

    def _set_due(self) -> None:
        self.due_ns = min((_due_ns(off) for _, off in self._pending.items()), default=NEVER_NS)

    def _passed(self, time_ns: int) -> Iterator[Event]:
        for conversation, off in list(self._pending.items()):
            age_ns = time_ns - off.event.time_ns
            off.overdue = age_ns >= DEADLINE_NS
            if age_ns >= DEADLINE_NS + CERTAIN_NS:
                self._pending.drop(conversation)
                yield from self._told(off, time_ns)

    def _told(self, off: _Off, time_ns: int) -> Iterator[Event]:
        event, off_ns = off.event, off.event.time_ns
        if self._quality.over(off.interface, off_ns, off_ns + DEADLINE_NS) != "good":
            return
        # A hole is known from the message after it on.
        if self._quality.lost(off.ends, off_ns, time_ns):
            return
        yield finding(
            self,
            event,
            "report_disabled",
            category="ot_anomaly",
            expected=f"reports switched on again within {DEADLINE_NS // SECOND} s",
            observed=f"off for {(time_ns - off_ns) // SECOND} s and more",
            since_ns=off_ns,
        )

    def pending(self, write: Writer) -> Json:
        """Reports that are off, with the events that switched them off."""
        held = [
            [conversation, write.place(off.event), off.interface, off.ends, off.overdue]
            for conversation, off in self._pending.items()
        ]
        return [one for one in held if one[1] is not None]

    def resume(self, pending: Json, read: Reader) -> None:
        """Takes them."""
        for conversation, place, interface, ends, overdue in pending:
            off = _Off(read.event(place), interface, key_of(ends), overdue)
            self._pending.put(key_of(conversation), off)
        self._set_due()


def _due_ns(off: _Off) -> int:
    """The packet time at which something is to be decided of it."""
    wait_ns = DEADLINE_NS + CERTAIN_NS if off.overdue else DEADLINE_NS
    return off.event.time_ns + wait_ns


def _conversation(event: Event) -> _Conversation:
    return (
        event.get("client.address"),
        event.get("server.address"),
        event.service,
        event.get("ot.unit.id"),
    )
