"""Departures from the specification: one event per flow, code, function and minute.

The first one is told at once; those that follow within a minute are counted and
told together when it is over. Codes that packet loss can cause are left out
where the flow has a gap near by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from otmon.dataclass import dataclass
from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding, some_frames
from otmon.fields import ANOMALIES
from otmon.model.event import NEVER_NS, Event, Frame
from otmon.thresholds import ConformanceThresholds

SECOND = 1_000_000_000
MAX_OPEN = 16_384
"""Flows and codes that are counted at a time; the oldest is told early."""

STATUS_CODES = frozenset(
    (
        "restart_seen",
        "device_trouble",
        "configuration_corrupt",
        "buffer_overflow",
        "second_client",
        "password_refused",
        "write_to_process_image",
        "nonstandard_port",
        "port_mismatch",
        "unanswered",
        "truncated",
    )
)
"""What is noted besides departures: states, refusals, places, what the capture cut. Others
tell of them."""

LOSS_CODES = frozenset(
    (
        "response_without_request",
        "sequence_gap",
        "sequence_repeat",
        "fragment_missing",
        "discarded_data",
        "protocol_violation",
        "duplicate_transaction",
        "operate_without_select",
        "illegal_state",
        "overlap_conflict",
        "request_flood",
    )
)
"""Codes that a frame which the sensor missed can cause."""


@dataclass(slots=True)
class _Open:
    """A code of a flow that was told of, with what followed since."""

    told_ns: int
    count: int = 0
    last: Event | None = None
    frames: tuple[Frame, ...] = ()


_Key = tuple[int, str, int]
"""Flow, code and function."""


class Conformance(Detector):
    """Tells each kind of departure of a flow once, then once a minute with its count."""

    name = "conformance"
    categories = frozenset(("ot_conformance",))
    says: ClassVar[Mapping[str, str]] = {
        code: f"A message departs from its specification: {code}."
        for code in ANOMALIES
        if code not in STATUS_CODES
    }
    loss_sensitive = True
    watches = "Every anomaly that the dissectors and the engine note."
    silent = (
        "Of departures that a lost frame can cause, next to a gap; of states, refusals and "
        "places, which others tell of."
    )

    def __init__(self, settings: ConformanceThresholds | None = None) -> None:
        self.settings = settings or ConformanceThresholds()
        self._every_ns = self.settings.every_s * SECOND
        self._open: Recent[_Key, _Open] = Recent(MAX_OPEN)
        self._told: deque[tuple[int, _Key]] = deque()
        """What was told of, the first at the left; some of it was told early since then."""

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an operation with anomalies."""
        return list(self._codes(event))

    def _codes(self, event: Event) -> Iterator[Event]:
        flow_id, function = event.record.flow_id, event.record.function_code
        lossy: bool | None = None
        for code in event.record.anomalies:
            if code in STATUS_CODES:
                continue
            if code in LOSS_CODES:
                if lossy is None:
                    lossy = event.get("capture.quality") in ("lossy", "one_sided", "blind")
                if lossy:
                    continue
            key = (flow_id, code, function)
            known = self._open.get(key)
            if known is None:
                if len(self._open) >= MAX_OPEN and (first := self._open.first()) is not None:
                    yield from self._close(*first)
                self._open.put(key, _Open(event.time_ns))
                self._remember(event.time_ns, key)
                self.due_ns = min(self.due_ns, event.time_ns + self._every_ns)
                yield self._found(event, code, 1, event.time_ns, event.frames)
            else:
                known.count += 1
                known.last = event
                known.frames = some_frames(known.frames, event.frames)

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Gives what was counted in minutes that are over."""
        latest_ns, told = time_ns - self._every_ns, self._told
        over: dict[_Key, _Open] = {}
        while told:
            told_ns, key = told[0]
            known = self._open.peek(key)
            if known is not None and known.told_ns == told_ns:
                if told_ns > latest_ns:
                    break
                over[key] = known
            told.popleft()
        self.due_ns = told[0][0] + self._every_ns if told else NEVER_NS
        # What was seen longest ago is told first.
        ended = list(over.items()) if len(over) < 2 else self._in_order(over)
        return [event for key, known in ended for event in self._close(key, known)]

    def _remember(self, time_ns: int, key: _Key) -> None:
        if len(self._told) >= 2 * MAX_OPEN:
            # Most of it was told early.
            self._told = deque(sorted((one.told_ns, key) for key, one in self._open.items()))
        else:
            self._told.append((time_ns, key))

    def _in_order(self, some: Mapping[_Key, _Open]) -> list[tuple[_Key, _Open]]:
        return [item for item in self._open.items() if item[0] in some]

    def finish(self) -> Iterable[Event]:
        """Gives what was counted in minutes that the end of the input cut short."""
        ended = list(self._open.items())
        return [event for key, known in ended for event in self._close(key, known)]

    def _close(self, key: _Key, known: _Open) -> Iterator[Event]:
        self._open.drop(key)
        if known.last is not None:
            yield self._found(known.last, key[1], known.count, known.told_ns, known.frames)

    def _found(
        self, event: Event, code: str, count: int, since_ns: int, frames: tuple[Frame, ...]
    ) -> Event:
        return finding(
            self,
            event,
            code,
            category="ot_conformance",
            expected="a message that follows the specification",
            observed=code if count == 1 else f"{code}, {count} times",
            since_ns=since_ns,
            own={"ot.anomaly": (code,), "anomaly.count": count},
            frames=frames,
        )

    def memory(self) -> Json:
        """Nothing: what is open is told when a run ends."""
        return None
