"""What the sensor itself says: loss, one direction, silence, clocks; once an hour and interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Told, WindowCount
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding_between
from otmon.model.event import Event
from otmon.model.observed import Ends
from otmon.thresholds import SensorThresholds

if TYPE_CHECKING:
    from otmon._engine import Health

SECOND = 1_000_000_000
MINUTE_NS = 60 * SECOND
MAX_INTERFACES = 1_024


@dataclass(slots=True)
class _Interface:
    """Counts of the last minute of bad windows."""

    frames: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    bytes: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    dropped: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    gap: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    silent: bool = False


class Sensor(Detector):
    """Speaks when what the sensor sees is not what passes."""

    name = "sensor"
    categories = frozenset(("ot_sensor", "ot_anomaly"))
    says: ClassVar[Mapping[str, str]] = {
        "traffic_none": "No frame came to an interface for much longer than usual.",
        "traffic_back": "Frames come again.",
        "capture_loss": "The sensor misses frames or bytes that passed.",
        "one_sided": "The sensor sees one direction of most flows alone.",
        "duplicates": "Most frames come to the sensor twice.",
        "truncated_frames": "Frames come to the sensor cut short.",
        "clock_jump": "The clock of the capture jumped back.",
    }

    def __init__(self, settings: SensorThresholds | None = None) -> None:
        self.settings = settings or SensorThresholds()
        self._interfaces: dict[int, _Interface] = {}
        self._rhythms: Counter[int] = Counter()
        """Steady rhythms of each interface."""
        self._told: Told[tuple[int, str]] = Told(
            self.settings.repeat_s * SECOND, MAX_INTERFACES * 8
        )

    def wants(self, event: Event) -> bool:
        """What is known of interfaces, and which have rhythms."""
        if event.category == "ot_sensor":
            return hasattr(event.record, "one_sided_frames")
        return getattr(event.record, "kind", None) == "periodic"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a time of an interface, or a rhythm on one."""
        if event.category == "ot_anomaly":
            self._rhythms.update((event.record.interface,))
            return ()
        return list(self._judged(event, event.record))

    def _judged(self, event: Event, health: Health) -> Iterator[Event]:
        if len(self._interfaces) >= MAX_INTERFACES and health.interface not in self._interfaces:
            return
        own = self._interfaces.setdefault(health.interface, _Interface())
        match health.kind:
            case "silent" if self._means_something(health):
                seconds = (health.until_ns - health.from_ns) // SECOND
                yield from self._tell(
                    event,
                    health,
                    "traffic_none",
                    "frames as often as usual",
                    f"none for {seconds} s",
                )
                yield from self._tell(
                    event, health, "traffic_back", "frames", f"again after {seconds} s"
                )
            case "back":
                back_s = (health.from_ns - health.until_ns) / SECOND
                yield from self._tell(
                    event, health, "clock_jump", "time goes on", f"back by {back_s:.1f} s"
                )
            case "window":
                yield from self._window(event, health, own)

    def _means_something(self, health: Health) -> bool:
        """Whether a silence is long, on an interface that is never silent."""
        lasted_ns = health.until_ns - health.from_ns
        if self._rhythms[health.interface] < self.settings.rhythm_count:
            return False
        return lasted_ns >= self.settings.silent_s * SECOND

    def _window(self, event: Event, health: Health, own: _Interface) -> Iterator[Event]:
        at_ns, limits = health.from_ns, self.settings
        frames = own.frames.add(at_ns, health.frames)
        total = own.bytes.add(at_ns, health.bytes)
        dropped = own.dropped.add(at_ns, health.dropped_packets + health.mirror_gap_frames)
        gap = own.gap.add(at_ns, health.gap_bytes)
        if dropped > limits.drop_share * max(frames, 1) and dropped >= limits.min_dropped:
            yield from self._tell(
                event,
                health,
                "capture_loss",
                f"at most {limits.drop_share:.1%} of the frames lost",
                f"{dropped} of {frames + dropped} frames lost within a minute",
            )
        elif gap > limits.gap_share * max(total, 1) and gap >= limits.min_gap_bytes:
            yield from self._tell(
                event,
                health,
                "capture_loss",
                f"at most {limits.gap_share:.0%} of the bytes not seen",
                f"{gap} bytes not seen of {total + gap} within a minute",
            )
        if health.frames < limits.min_frames:
            return
        if health.one_sided_frames > limits.one_sided_share * max(health.tcp_frames, 1):
            share = health.one_sided_frames / max(health.tcp_frames, 1)
            yield from self._tell(
                event, health, "one_sided", "both directions", f"one alone in {share:.0%} of TCP"
            )
        for count, type, what in (
            (health.duplicate_frames, "duplicates", "second copies"),
            (health.truncated_frames, "truncated_frames", "cut short"),
        ):
            if count > limits.most_share * health.frames:
                yield from self._tell(
                    event, health, type, "each frame once and whole", f"{count} frames {what}"
                )

    def _tell(
        self, event: Event, health: Health, type: str, expected: str, observed: str
    ) -> Iterator[Event]:
        if not self._told.may((health.interface, type), event.time_ns):
            return
        yield finding_between(
            self,
            Ends(frames=()),
            event.time_ns,
            type,
            category="ot_sensor",
            expected=expected,
            observed=f"interface {health.interface}: {observed}",
            since_ns=min(health.from_ns, health.until_ns),
            near=event,
        )

    def memory(self) -> Json:
        """What was told, by interface."""
        return self._told.written()

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory)
