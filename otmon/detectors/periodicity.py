"""Rhythms that changed, and bursts, where the sensor saw well enough to tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Recent, Told
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
STEPS = 8
"""Places within the windows at which the operating mode is looked at, and half of them before."""
NEAR = 0.25
"""Share by which a rhythm may differ from the one known of its mode."""


class Periodicity(Detector):
    """Speaks when something asked or sent at a steady pace takes another, or comes in a burst."""

    name = "periodicity"
    version = 2
    categories = frozenset(("ot_anomaly",))
    says: ClassVar[Mapping[str, str]] = {
        "period_change": "What came at a steady pace comes at another.",
        "burst": "Far more of something within ten seconds than ever.",
    }
    loss_sensitive = True
    watches = "What the engine says of rhythms: from 20 even intervals on."
    silent = (
        "Where the sensor did not see well within the window; of what events send unasked; of "
        "the first other pace in an operating mode that has just begun."
    )

    def __init__(
        self, settings: PeriodicityThresholds | None = None, quality: Quality | None = None
    ) -> None:
        self.settings = settings or PeriodicityThresholds()
        self._quality = quality or Quality()
        self._told: Told[tuple[str, str]] = Told(self.settings.repeat_s * SECOND, MAX_TOLD)
        self._in_modes: Recent[tuple[str, str], float] = Recent(MAX_TOLD)
        """The period of each rhythm in each operating mode, where the site has several."""

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
        known_ns = rhythm.period_ns
        if self.mode is not None and rhythm.kind == "period_change" and rhythm.observed_ns:
            mode = self.mode(time_ns)
            usual_ns = self._in_modes.get((rhythm.id, mode))
            if usual_ns is None:
                self._in_modes.put((rhythm.id, mode), rhythm.observed_ns)
                if self._has_begun(mode, rhythm, time_ns):
                    # How it is in this mode is only learned.
                    return
            elif abs(rhythm.observed_ns - usual_ns) <= NEAR * usual_ns:
                return
            else:
                known_ns = usual_ns
        if not self._told.may((rhythm.id, rhythm.kind), time_ns):
            return
        if rhythm.kind == "burst":
            expected = f"at most {rhythm.usual_count} within 10 s"
            observed = f"{rhythm.burst_count} within 10 s"
        else:
            expected = f"every {_seconds(known_ns)}"
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

    def _has_begun(self, mode: str, rhythm: Rhythm, time_ns: int) -> bool:
        """Whether an operating mode began within the windows by which a rhythm was judged."""
        slower_ns = max(rhythm.observed_ns or 0, rhythm.period_ns or 0)
        step_ns = round(self.settings.window_count * slower_ns) // STEPS
        steps = range(1, STEPS + STEPS // 2 + 1)
        return self.mode is not None and any(
            self.mode(time_ns - step * step_ns) != mode for step in steps
        )

    def memory(self) -> Json:
        """What was told, and what is usual in which mode."""
        return {"told": self._told.written(), "modes": self._in_modes.written(float)}

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory["told"])
        self._in_modes.read(memory["modes"], float)


def _seconds(duration_ns: float | None) -> str:
    return "an unknown time" if duration_ns is None else f"{duration_ns / SECOND:.3g} s"
