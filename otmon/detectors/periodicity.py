"""Rhythms that changed, and bursts, where the sensor saw well enough to tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Told
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.quality import Quality
from otmon.model.event import Event
from otmon.thresholds import PeriodicityThresholds

if TYPE_CHECKING:
    from otmon._engine import Rhythm

SECOND = 1_000_000_000
MAX_TOLD = 20_000
"""Rhythms that were told of; the longest quiet goes first."""


class Periodicity(Detector):
    """Speaks when something asked or sent at a steady pace takes another, or comes in a burst."""

    name = "periodicity"
    categories = frozenset(("ot_anomaly",))
    says: ClassVar[Mapping[str, str]] = {
        "period_change": "What came at a steady pace comes at another.",
        "burst": "Far more of something within ten seconds than ever.",
    }
    loss_sensitive = True
    watches = "What the engine says of rhythms: from 20 even intervals on."
    silent = "Where the sensor did not see well within the window; of what events send unasked."

    def __init__(
        self, settings: PeriodicityThresholds | None = None, quality: Quality | None = None
    ) -> None:
        self.settings = settings or PeriodicityThresholds()
        self._quality = quality or Quality()
        self._told: Told[tuple[str, str]] = Told(self.settings.repeat_s * SECOND, MAX_TOLD)

    def wants(self, event: Event) -> bool:
        """What happens to rhythms."""
        return hasattr(event.record, "deadline_ns")

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes what happened to a rhythm."""
        if getattr(event.record, "kind", None) not in ("period_change", "burst"):
            return ()
        return list(self._judged(event, event.record))

    def _judged(self, event: Event, rhythm: Rhythm) -> Iterator[Event]:
        time_ns = event.time_ns
        # The window that is judged, with a deadline before it.
        reach_ns = rhythm.deadline_ns or 10 * SECOND
        back_ns = max(reach_ns, round(self.settings.window_count * (rhythm.observed_ns or 0)))
        if not self._quality.good(rhythm, time_ns - back_ns - reach_ns, time_ns):
            return
        if not self._told.may((rhythm.id, rhythm.kind), time_ns):
            return
        if rhythm.kind == "burst":
            expected = f"at most {rhythm.usual_count} within 10 s"
            observed = f"{rhythm.burst_count} within 10 s"
        else:
            expected = f"every {_seconds(rhythm.period_ns)}"
            observed = f"every {_seconds(rhythm.observed_ns)}"
        yield finding(
            self,
            event,
            rhythm.kind,
            category="ot_anomaly",
            expected=expected,
            observed=observed,
            since_ns=rhythm.last_seen_ns,
        )

    def memory(self) -> Json:
        """What was told."""
        return self._told.written()

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory)


def _seconds(duration_ns: float | None) -> str:
    return "an unknown time" if duration_ns is None else f"{duration_ns / SECOND:.3g} s"
