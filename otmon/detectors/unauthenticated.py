"""Changes that were always authenticated, and one that is not.

An outstation with secure authentication challenges whoever commands it, or takes a
proof with the command. One that obeys without either is configured anew, or it is
not the one that it was.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from otmon.detectors.bounded import Json, Recent, Told
from otmon.detectors.detector import Observer
from otmon.detectors.finding import finding
from otmon.detectors.holding import Waiting
from otmon.detectors.quality import Quality
from otmon.fields import CHANGE_CLASSES, PARTLY_REFUSED
from otmon.model.event import Event
from otmon.thresholds import UnauthenticatedThresholds

SECOND = 1_000_000_000
MAX_ASSOCIATIONS = 10_000
"""Masters and outstations that are known; the longest quiet goes first."""
_REPLY = 32
"""The function by which a master meets a challenge [S: IEEE 1815-2012, clause 7]."""
_UNANSWERED = frozenset((6, 8, 10, 12))
"""Functions that ask for no answer: what they ask for is done all the same."""

_Key = tuple[str | None, str | None, int | None, int | None]
"""Master, outstation, VLAN, link address."""


@dataclass(slots=True)
class _Association:
    """What is known of a master and an outstation."""

    proved_ns: int = 0
    """When a challenge was met last."""
    counts: dict[str, int] = field(default_factory=dict)
    """Authenticated changes by their kind."""
    first_ns: int = 0


class Unauthenticated(Waiting):
    """Speaks when a change is not authenticated where its like always were.

    A challenge that was missed looks the same, so that what was missed is waited for.
    """

    name = "unauthenticated"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "unauthenticated_change": "A change was made without the authentication it always had.",
    }
    watches = (
        "Challenges, replies and proofs of DNP3 secure authentication (group 120), and changes "
        "between the same master and outstation: three of a kind must have been authenticated."
    )
    silent = (
        "Of outstations that never asked for authentication, of refused changes, of "
        "datagrams, and near anything that was missed."
    )

    def __init__(
        self, settings: UnauthenticatedThresholds | None = None, quality: Quality | None = None
    ) -> None:
        super().__init__(quality)
        self.settings = settings or UnauthenticatedThresholds()
        self._known: Recent[_Key, _Association] = Recent(MAX_ASSOCIATIONS)
        self._told: Told[tuple[object, ...]] = Told(
            self.settings.repeat_s * SECOND, MAX_ASSOCIATIONS
        )

    def wants(self, event: Event) -> bool:
        """Changes of DNP3, and what meets a challenge."""
        if event.service != "dnp3" or event.get("ot.role") != "request":
            return False
        return event.operation_class in CHANGE_CLASSES or event.operation_class == "auth_login"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a change, or what meets a challenge."""
        return self._take(*_likened(event), event)

    def observer(self, event: Event) -> Observer:
        """Takes those that are like this one."""
        return functools.partial(self._take, *_likened(event))

    def _take(self, key: _Key, kind: str | None, event: Event) -> Iterable[Event]:
        record = event.record
        if kind is not None and not self._known and not _has_proof(record):
            # Nobody of this network has proved anything so far.
            return ()
        known = self._known.get(key)
        if kind is None:
            if record.function_code == _REPLY:
                # What is challenged has been asked before, and is answered later.
                known = known or self._known.make(key, _Association)
                known.proved_ns = event.time_ns
            return ()
        if _has_proof(record) or (known is not None and _is_met(event, known)):
            known = known or self._known.make(key, _Association)
            known.first_ns = known.first_ns or event.time_ns
            known.counts[kind] = known.counts.get(kind, 0) + 1
            return ()
        if known is None or record.transport == "udp":
            return ()
        done = record.status in ("ok", PARTLY_REFUSED) or (
            not record.answered and record.function_code in _UNANSWERED
        )
        if not done:
            return ()
        count = known.counts.get(kind, 0)
        if count >= self.settings.habit_count:
            self._hold(event, key, known, kind, count)
        return ()

    def _hold(self, event: Event, key: _Key, known: _Association, kind: str, count: int) -> None:
        found = finding(
            self,
            event,
            "unauthenticated_change",
            category="ot_auth",
            expected=f"a challenge or a proof, as for {count} changes before",
            observed="neither",
            since_ns=known.first_ns,
        )
        end_ns = event.time_ns + (event.record.latency_ns or 0)
        interface: int = getattr(event.record, "interface", 0)
        self._held.hold((*key, kind), found, key[1], interface, (event.time_ns, end_ns + 1))
        self.due_ns = self._held.due_ns

    def is_told(self, key: Any, finding: Event) -> bool:
        """Whether it was not told lately."""
        return self._told.may(key, finding.time_ns)

    def memory(self) -> Json:
        """What was authenticated, and what was told."""
        return {
            "known": self._known.written(lambda one: [one.proved_ns, one.counts, one.first_ns]),
            "told": self._told.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._known.read(memory["known"], lambda one: _Association(one[0], dict(one[1]), one[2]))
        self._told.read(memory["told"])


def _likened(event: Event) -> tuple[_Key, str | None]:
    """Whose event it is, and the kind of change; none of what is no change."""
    record, what = event.record, event.operation_class
    key: _Key = (record.client_address, record.server_address, record.vlan, record.unit)
    if what not in CHANGE_CLASSES:
        return key, None
    return key, f"{what} select" if record.phase == "select" else str(what)


def _has_proof(record: Any) -> bool:
    """Whether a change carries its own proof."""
    for target in record.targets:
        # A loop, since this is asked of every change.
        if target.startswith("g120") and target.partition(":")[0] == "g120":
            return True
    return False


def _is_met(event: Event, known: _Association) -> bool:
    """Whether a challenge was met while it waited for its answer."""
    end_ns: int = event.time_ns + (event.record.latency_ns or 0)
    return event.time_ns <= known.proved_ns <= end_ns
