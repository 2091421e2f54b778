"""Refusals out of habit: the first of its kind, and more than ever before.

What a device refuses every day is its habit. A conversation must have been
watched for long, and have done much, before a first refusal means anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent, WindowCount
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.fields import PARTLY_REFUSED
from otmon.model.event import Event
from otmon.thresholds import ExceptionsThresholds

SECOND = 1_000_000_000
MAX_KINDS = 20_000
"""Refusals of one kind that are known; the longest unseen goes first."""
MAX_SERVERS = 10_000
"""Servers of which the rate is known."""

_ASKED = (
    "client.address",
    "server.address",
    "ot.unit.id",
    "ot.function.name",
    "ot.status.name",
)
_HISTORY = (
    "ot.history.read_count",
    "ot.history.change_count",
    "ot.history.first_seen_at",
)


@dataclass(slots=True)
class _Rate:
    """How much a server refuses."""

    window: WindowCount
    highest: int = 0
    """The most within one window, of windows that are over."""
    current: int = 0
    since_ns: int = 0
    """When this server was seen to refuse first."""
    window_ends_ns: int = 0
    told: bool = False


class Exceptions(Detector):
    """Speaks on a kind of refusal that an old conversation never had, and on rates never seen."""

    name = "exceptions"
    version = 2
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "novel_exception": "A server refuses what it has never refused this client before.",
        "exception_rate": "A server refuses far more often than it ever did.",
    }
    watches = (
        "Refusals. A conversation must have been watched for an hour and have done 200 operations."
    )
    silent = (
        "Of refusals that a device gives every day; with a baseline, which tells of new "
        "refusals itself."
    )

    def __init__(self, settings: ExceptionsThresholds | None = None) -> None:
        self.settings = settings or ExceptionsThresholds()
        self._kinds: Recent[tuple[object, ...], int] = Recent(MAX_KINDS)
        self._rates: Recent[tuple[object, ...], _Rate] = Recent(MAX_SERVERS)
        self._watched_since_ns = 0

    def wants(self, event: Event) -> bool:
        """Refusals, of all that was asked or of a part."""
        return event.has_failed or event.get("ot.status.name") == PARTLY_REFUSED

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Learns when the watch began."""
        if not self._watched_since_ns:
            self._watched_since_ns = time_ns
        return super().advance(time_ns)

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a refusal."""
        return list(self._judged(event))

    def _judged(self, event: Event) -> Iterator[Event]:
        client, server, unit, operation, status = event.several(_ASKED)
        key = (client, server, unit, event.service, operation, status)
        novel = key not in self._kinds
        self._kinds.put(key, event.time_ns)
        if novel:
            reads, changes, began_ns = event.several(_HISTORY)
            if isinstance(reads, int) and isinstance(changes, int):
                yield from self._novel(event, reads + changes, began_ns)
        yield from self._rate(event, (server, unit, event.service))

    def _novel(self, event: Event, count: int, began_ns: object) -> Iterator[Event]:
        own = self.settings
        if not isinstance(began_ns, int) or count < own.habit_count:
            return
        if event.get("baseline.state") in ("learning", "enforcing"):
            return  # the baseline knows every refusal, and tells of the novel ones itself
        if event.time_ns - began_ns < own.habit_s * SECOND:
            return
        hours = (event.time_ns - began_ns) / (3_600 * SECOND)
        yield finding(
            self,
            event,
            "novel_exception",
            category="ot_anomaly",
            expected=f"no such refusal in {count} operations over {hours:.1f} h",
            observed=f"{event.text('ot.function.name')} refused: {event.text('ot.status.name')}",
            since_ns=began_ns,
        )

    def _rate(self, event: Event, server: tuple[object, ...]) -> Iterator[Event]:
        own, time_ns = self.settings, event.time_ns
        span_ns = own.rate_s * SECOND
        rate = self._rates.get(server)
        if rate is None:
            rate = _Rate(WindowCount(span_ns), since_ns=time_ns, window_ends_ns=time_ns + span_ns)
            self._rates.put(server, rate)
        if time_ns >= rate.window_ends_ns:
            rate.highest = max(rate.highest, rate.current)
            rate.current, rate.told = 0, False
            rate.window_ends_ns = time_ns + span_ns
        count = rate.window.add(time_ns)
        rate.current = max(rate.current, count)
        limit = max(own.rate_count, round(own.rate_factor * rate.highest))
        watched_ns = time_ns - self._watched_since_ns
        if count <= limit or rate.told or watched_ns < own.habit_s * SECOND:
            return
        rate.told = True
        yield finding(
            self,
            event,
            "exception_rate",
            category="ot_anomaly",
            expected=f"at most {limit} refusals within {own.rate_s} s",
            observed=f"{count} refusals",
            since_ns=self._watched_since_ns,
        )

    def memory(self) -> Json:
        """Kinds, rates, and since when it watches."""
        return {
            "since": self._watched_since_ns,
            "kinds": self._kinds.written(lambda time_ns: time_ns),
            "rates": self._rates.written(
                lambda rate: [
                    rate.window.written(),
                    rate.highest,
                    rate.current,
                    rate.since_ns,
                    rate.window_ends_ns,
                    rate.told,
                ]
            ),
        }

    def restore(self, memory: Json) -> None:
        """Takes them."""
        span_ns = self.settings.rate_s * SECOND
        self._watched_since_ns = memory["since"]
        self._kinds.read(memory["kinds"], int)
        self._rates.read(
            memory["rates"],
            lambda one: _Rate(WindowCount(span_ns).read(one[0]), *one[1:]),
        )
