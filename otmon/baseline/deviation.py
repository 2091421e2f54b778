"""The deviations of a run: what differs from the baseline, how often, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from otmon.model.statement import Key, Statement, Verdict

MAX_DEVIATIONS = 10_000
"""Deviations of a run that are listed; what comes after them is counted."""
MAX_FRAMES = 16
"""Frames of one deviation."""
MAX_TOLD = 100_000
"""Deviations of a run of which it is remembered that they were told."""

Frame = tuple[int, int]


@dataclass(slots=True)
class Deviation:
    """A difference from what is normal, with how often it was seen in this run."""

    statement: Statement
    novel: tuple[str, ...]
    expected: str | None
    observed: str
    nearest: str | None
    """Id of the statement that is nearest to it."""
    first_ns: int
    last_ns: int
    count: int = 0
    frames: dict[Frame, None] = field(default_factory=dict)


class Deviations:
    """Lists the deviations of a run, each with its count and frames."""

    def __init__(self) -> None:
        self.left_out_count = 0
        self._found: dict[Key, Deviation] = {}

    def __iter__(self) -> Iterator[Deviation]:
        """In the order of first sight."""
        return iter(self._found.values())

    def add(self, deviation: Deviation) -> None:
        """Takes another one, as far as there is room."""
        if len(self._found) >= MAX_DEVIATIONS:
            self.left_out_count += 1
        else:
            self._found[deviation.statement.key] = deviation

    def count(self, key: Key, count: int, last_ns: int) -> None:
        """Counts how often more it was seen, until when."""
        deviation = self._found.get(key)
        if deviation is not None:
            deviation.count += count
            deviation.last_ns = max(deviation.last_ns, last_ns)

    def show(self, key: Key, frames: tuple[Frame, ...]) -> None:
        """Adds frames to one, as far as there is room."""
        deviation = self._found.get(key)
        if deviation is not None:
            room = MAX_FRAMES - len(deviation.frames)
            for frame in frames[: max(room, 0)]:
                deviation.frames[frame] = None


_EVENT_OF = {
    "asset": "novel_peer",
    "peer": "novel_peer",
    "service": "novel_service",
    "operation": "novel_operation",
    "object": "novel_object",
    "read_range": "novel_read_range",
    "session": "novel_session",
    "exception": "novel_exception",
}
"""The event that tells of each kind of novelty."""


class Telling:
    """Remembers which deviations of a run were told, so that each is told once."""

    def __init__(self) -> None:
        self._told: set[tuple[object, ...]] = set()

    def events(self, statement: Statement, verdict: Verdict) -> tuple[str, ...]:
        """The events that a deviation is worth, each once in a run."""
        key = statement.key
        if statement.state == "rejected":
            return ("rejected",)
        if statement.state == "muted":
            return ()
        if statement.state == "expired":
            return self.once(("returned_after_absence", key))
        novel = verdict.novel
        events: list[str] = []
        if "peer" in novel:
            # Whoever looks for open ports first is told of again when a protocol answers.
            dissected = "/" not in key.protocol
            events += self.once(("novel_peer", key.client, key.server, dissected))
        elif "service" in novel:
            events += self.once(("novel_service", *key[1:4]))
        if "operation" in novel:
            operation = (key.unit, key.operation_class, key.operation)
            if not self.once(("novel_operation", *key[1:4], operation)):
                events += self.once(("novel_object", key))
            else:
                events.append("novel_operation")
                self.once(("novel_object", key))
        for kind in novel:
            if kind in ("object", "read_range", "exception", "session"):
                events += self.once((_EVENT_OF[kind], key))
        return tuple(events)

    def once(self, told: tuple[object, ...]) -> tuple[str, ...]:
        """The event of something that was not told before; nothing else."""
        if told in self._told or len(self._told) >= MAX_TOLD:
            return ()
        self._told.add(told)
        return (str(told[0]),)
