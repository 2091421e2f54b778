"""Departures from the specification: one event per flow, code, function and minute.

The first one is told at once; those that follow within a minute are counted and
told together when it is over. Codes that packet loss can cause are left out
where the flow has a gap near by. What a device has always done, or does for a
week, is its quirk: that is told once, and not again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding, some_frames
from otmon.fields import ANOMALIES
from otmon.model.event import NEVER_NS, Event, Frame
from otmon.model.kept_event import Reader, Writer
from otmon.thresholds import ConformanceThresholds

SECOND = 1_000_000_000
MINUTE_NS = 60 * SECOND
MAX_OPEN = 16_384
"""Flows and codes that are counted at a time; the oldest is told early."""
MAX_HABITS = 20_000
"""Departures of clients and servers that are known; the longest unseen goes first."""
AWAY_NS = 30 * 86_400 * SECOND
"""Time without it after which a departure is a new one."""

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


QUIRK_CODES = frozenset(ANOMALIES) - STATUS_CODES - LOSS_CODES - {"request_from_server"}
"""Codes that a firmware can have for ever; of the others each time says something."""


@dataclass(slots=True)
class _Open:
    """A code of a flow that was told of, with what followed since."""

    told_ns: int
    count: int = 0
    last: Event | None = None
    frames: tuple[Frame, ...] = ()
    turn: int = 0
    """When it was seen last, in departures: of two, the one seen longer ago has the lower."""


@dataclass(slots=True)
class _Habit:
    """A code of a client and a server, over all of their flows."""

    first_ns: int
    from_start: bool
    """Whether it was there when their conversation began."""
    last_ns: int = 0
    count: int = 0
    minutes: int = 0
    """Of how many minutes it was seen in."""
    quirk: bool = False


_Key = tuple[str | None, int, str | None, int, int | None, str | None, str, int]
"""Client, server, each with its port; VLAN, protocol, code and function."""


class Conformance(Detector):
    """Tells each kind of departure of a flow once, then once a minute with its count."""

    name = "conformance"
    categories = frozenset(("ot_conformance",))
    says: ClassVar[Mapping[str, str]] = {
        **{
            code: f"A message departs from its specification: {code}."
            for code in ANOMALIES
            if code not in STATUS_CODES
        },
        "device_quirk": "A device departs from its specification in the same way all the time.",
    }
    loss_sensitive = True
    watches = (
        "Every anomaly that the dissectors and the engine note. What was there in the first ten "
        "minutes of a conversation is a quirk after an hour; what came later, after a week."
    )
    silent = (
        "Of departures that a lost frame can cause, next to a gap; of states, refusals and "
        "places, which others tell of; of a quirk that was told."
    )

    def __init__(self, settings: ConformanceThresholds | None = None) -> None:
        self.settings = settings or ConformanceThresholds()
        self._every_ns = self.settings.every_s * SECOND
        self._open: Recent[_Key, _Open] = Recent(MAX_OPEN)
        self._habits: Recent[tuple[object, ...], _Habit] = Recent(MAX_HABITS)
        self._told: deque[tuple[int, _Key]] = deque()
        """What was told of, the first at the left; some of it was told early since then."""
        self._turn = 0

    def wants(self, event: Event) -> bool:
        """Operations with a departure from their specification."""
        codes = event.get("ot.anomaly")
        return isinstance(codes, tuple) and not STATUS_CODES.issuperset(codes)

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an operation with anomalies."""
        record, lossy = event.record, None
        found: list[Event] = []
        for code in record.anomalies:
            if code in STATUS_CODES:
                continue
            if code in LOSS_CODES:
                if lossy is None:
                    lossy = event.get("capture.quality") in ("lossy", "one_sided", "blind")
                if lossy:
                    continue
            key = (
                record.client_address,
                record.client_port,
                record.server_address,
                record.server_port,
                record.vlan,
                event.service,
                code,
                record.function_code,
            )
            habit = self._habit(event, code, key) if code in QUIRK_CODES else None
            if habit is not None and habit.quirk:
                continue
            known = self._open.get(key)
            self._turn += 1
            if known is not None:
                known.turn = self._turn
                known.count += 1
                known.last = event
                known.frames = some_frames(known.frames, event.frames)
            elif habit is None or not self._is_usual(habit):
                if len(self._open) >= MAX_OPEN and (first := self._open.first()) is not None:
                    found += self._close(*first)
                self._open.put(key, _Open(event.time_ns, turn=self._turn))
                self._remember(event.time_ns, key)
                self.due_ns = min(self.due_ns, event.time_ns + self._every_ns)
                found.append(self._found(event, code, 1, event.time_ns, event.frames))
            if habit is not None and self._is_usual(habit):
                habit.quirk = True
                found.append(self._quirk(event, code, habit))
        return found

    def _habit(self, event: Event, code: str, key: _Key) -> _Habit:
        """What is known of a code between two ends, with this time counted."""
        client, _, server, _, vlan, service, _, function = key
        of, time_ns = (client, server, vlan, service, code, function), event.time_ns
        known = self._habits.get(of)
        if known is None or time_ns - known.last_ns > AWAY_NS:
            began_ns = getattr(event.record, "history_first_seen_ns", time_ns)
            from_start = time_ns - began_ns <= self.settings.start_s * SECOND
            known = _Habit(time_ns, from_start)
            self._habits.put(of, known)
        known.count += 1
        if known.count == 1 or time_ns // MINUTE_NS > known.last_ns // MINUTE_NS:
            known.minutes += 1
        known.last_ns = max(known.last_ns, time_ns)
        return known

    def _is_usual(self, habit: _Habit) -> bool:
        own = self.settings
        lasts_s = own.habit_s if habit.from_start else own.quirk_s
        lasted_ns = habit.last_ns - habit.first_ns
        return habit.minutes >= own.quirk_minutes and lasted_ns >= lasts_s * SECOND

    def _quirk(self, event: Event, code: str, habit: _Habit) -> Event:
        since = "from the start" if habit.from_start else "for a week"
        return finding(
            self,
            event,
            "device_quirk",
            category="ot_conformance",
            expected="messages that follow the specification",
            observed=f"{code} {since}, {habit.count} times",
            since_ns=habit.first_ns,
            # It is no further departure of its kind.
            own={"ot.anomaly": (), "anomaly.count": habit.count},
        )

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
        ended = sorted(over.items(), key=lambda one: one[1].turn)
        return [event for key, known in ended for event in self._close(key, known)]

    def _remember(self, time_ns: int, key: _Key) -> None:
        if len(self._told) >= 2 * MAX_OPEN:
            # Most of it was told early.
            self._told = self._in_time()
        else:
            self._told.append((time_ns, key))

    def _in_time(self) -> deque[tuple[int, _Key]]:
        """What was told of and is counted, the first at the left."""
        told = ((one.told_ns, key) for key, one in self._open.items())
        return deque(sorted(told, key=lambda one: one[0]))

    def finish(self) -> Iterable[Event]:
        """Gives what was counted in minutes that the end of the input cut short."""
        ended = list(self._open.items())
        return [event for key, known in ended for event in self._close(key, known)]

    def _close(self, key: _Key, known: _Open) -> Iterator[Event]:
        self._open.drop(key)
        if known.last is not None:
            code = key[6]
            yield self._found(known.last, code, known.count, known.told_ns, known.frames)

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
        """The habits of devices; what is counted is pending."""
        return self._habits.written(
            lambda one: [
                one.first_ns,
                one.from_start,
                one.last_ns,
                one.count,
                one.minutes,
                one.quirk,
            ]
        )

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._habits.read(memory, lambda one: _Habit(*one))

    def pending(self, write: Writer) -> Json:
        """What was told of within a minute, and what followed since."""
        return self._open.written(
            lambda one: [
                one.told_ns,
                one.count,
                None if one.last is None else write.place(one.last),
            ]
        )

    def resume(self, pending: Json, read: Reader) -> None:
        """Takes it."""

        def opened(one: Json) -> _Open:
            told_ns, count, place = one
            self._turn += 1
            if place is None:
                return _Open(told_ns, turn=self._turn)
            last = read.event(place)
            return _Open(told_ns, count, last, last.frames, self._turn)

        self._open.read(pending, opened)
        self._told = self._in_time()
        self.due_ns = self._told[0][0] + self._every_ns if self._told else NEVER_NS
