"""What is told of requests before their answers.

A command matters when it is sent, and its answer may never come. What rules say of the
request alone is told at once, and taken back when the operation comes with its answer:
it is then told anew, with more in it, and counts once.
"""

from __future__ import annotations

from collections.abc import Sequence

from otmon import _engine
from otmon.alerts.aggregate import Aggregator
from otmon.model.rule import Match

MAX_EARLY = 4096
"""Requests without answers of which it is remembered that they were told."""
EARLY_NS = 60 * 1_000_000_000
"""Packet time after which a request without its answer does not come again any more."""


class EarlyMatches:
    """Matches of requests whose operation is still to come."""

    def __init__(self, aggregator: Aggregator) -> None:
        self._aggregator = aggregator
        self.told: dict[tuple[_engine.Frame, str], Sequence[Match]] = {}
        """By last frame and operation of the request, in the order of their time."""

    def add(self, request: _engine.Transaction, matches: Sequence[Match]) -> None:
        """Tells what rules say of a request whose answer is awaited."""
        if len(self.told) >= MAX_EARLY:
            # It stays as it was told.
            del self.told[next(iter(self.told))]
        key = (request.request_frames[-1], request.operation)
        self.told[key] = (*self.told.get(key, ()), *matches)
        self._aggregator.add_all(matches)

    def take_back(self, operation: _engine.Transaction) -> None:
        """Takes back what was told of a request that comes again, with its answer or without."""
        frames = operation.request_frames
        if frames:
            for match in self.told.pop((frames[-1], operation.operation), ()):
                self._aggregator.take_back(match)

    def settle(self, now_ns: int | None) -> None:
        """Takes back requests that do not come again, as others of the same were told enough.

        Args:
            now_ns: Packet time; none once the input has ended.
        """
        for key, matches in [*self.told.items()]:
            if now_ns is not None and now_ns - matches[0].event.time_ns < EARLY_NS:
                break
            del self.told[key]
            for match in matches:
                self._aggregator.take_back(match, unless_last=True)
