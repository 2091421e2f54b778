"""What a correlation remembers of a group: times, or different values, no more than it takes."""

from __future__ import annotations

import abc
import itertools
from collections import deque
from dataclasses import dataclass

from otmon.model.event import FieldValue
from otmon.model.kept_event import Json, values
from otmon.model.rule import Rule


@dataclass(frozen=True, slots=True)
class Plan:
    """One correlation, as it is counted."""

    rule: Rule
    group_by: tuple[str, ...]
    field: str | None
    """Whose different values are counted; none where events are."""
    place: int
    """Where the value stands among those that the grouping asks for."""
    threshold: int
    span_ns: int
    of_one_alert: bool
    """Whether the matches of a group, in one protocol, belong to one alert."""
    unless_normal: bool
    """Whether what the baseline has as normal does not make it hold."""

    def reasons(self) -> tuple[str, ...]:
        """Why it holds."""
        what = "events" if self.field is None else f"different values of {self.field}"
        return (f"{self.threshold} {what} within {self.span_ns // 1_000_000_000} s",)


class Window(abc.ABC):
    """What one correlation remembers of a group: no more than it takes to fire.

    Its condition holds if so many of the newest times, or values, are in the
    window.
    """

    __slots__ = ("counted", "fired_ns", "grown", "plan", "told")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.grown = 0
        """How many more times or values the last event made it remember."""
        self.told: tuple[tuple[str, str], ...] | None = None
        """What the events of the group share, in words, from the first match on."""
        self.fired_ns: int | None = None
        """When it fired last; None while its condition does not hold."""
        self.counted = 0
        """The number of the last event that a match has counted."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """How many times or values it remembers."""

    @abc.abstractmethod
    def written(self) -> Json:
        """What it remembers, as JSON."""

    @abc.abstractmethod
    def read(self, written: Json) -> None:
        """Takes what `written` gave."""

    @abc.abstractmethod
    def take(self, values: tuple[FieldValue, ...], now_ns: int) -> bool | None:
        """Counts an event; tells whether its condition holds, None where it lacks the value."""


class Times(Window):
    """A window that counts events."""

    __slots__ = ("_times",)

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._times: deque[int] = deque()
        """When they were, the oldest first."""

    def __len__(self) -> int:
        return len(self._times)

    def written(self) -> Json:
        """The times."""
        return [*self._times]

    def read(self, written: Json) -> None:
        """Takes the times."""
        self._times = deque(written)

    def take(self, values: tuple[FieldValue, ...], now_ns: int) -> bool | None:
        """Counts an event; tells whether so many of the newest are in the window."""
        times, plan = self._times, self.plan
        times.append(now_ns)
        self.grown = 1
        missing = plan.threshold - len(times)
        if missing > 0:
            return False
        if missing < 0:
            times.popleft()
            self.grown = 0
        oldest_ns = now_ns - plan.span_ns
        if times[0] >= oldest_ns:
            return True
        while times[0] < oldest_ns:
            times.popleft()
            self.grown -= 1
        self.fired_ns = None
        return False


class Values(Window):
    """A window that counts different values."""

    __slots__ = ("_newest", "_seen")

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._seen: dict[FieldValue, int] = {}
        """When each was seen last, the longest unseen first."""
        self._newest: FieldValue = None

    def __len__(self) -> int:
        return len(self._seen)

    def written(self) -> Json:
        """Each value with its time."""
        return [[value, time_ns] for value, time_ns in self._seen.items()]

    def read(self, written: Json) -> None:
        """Takes the values."""
        self._seen = {values(value): time_ns for value, time_ns in written}

    def take(self, values: tuple[FieldValue, ...], now_ns: int) -> bool | None:
        """Counts its values; tells whether so many different ones are in the window."""
        plan, seen = self.plan, self._seen
        value = values[plan.place]
        if isinstance(value, tuple) and len(value) < 2:
            value = value[0] if value else None
        if value is None:
            return None
        newest, before = self._newest, len(seen)
        if value == newest and before < plan.threshold:
            # The same as before it, and not enough: only its time is newer.
            seen[newest] = now_ns
            self.grown = 0
            return False
        for part in value if isinstance(value, tuple) else (value,):
            # The newest one is in its place already.
            if part != newest:
                if part in seen:
                    del seen[part]
                newest = part
            seen[part] = now_ns
        self._newest = newest
        threshold = plan.threshold
        after = len(seen)
        if after < threshold:
            self.grown = after - before
            return False
        while len(seen) > threshold:
            del seen[next(iter(seen))]
        holds = self._is_recent(now_ns - plan.span_ns)
        self.grown = len(seen) - before
        return holds

    def _is_recent(self, oldest_ns: int) -> bool:
        """Whether all of a full window is recent; forgets what is not."""
        seen = self._seen
        if next(iter(seen.values())) >= oldest_ns:
            return True
        for value in [*itertools.takewhile(lambda value: seen[value] < oldest_ns, seen)]:
            del seen[value]
        self.fired_ns = None
        return False
