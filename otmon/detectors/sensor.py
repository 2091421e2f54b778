"""What the sensor says of itself: loss, silence, clocks, limits; once an hour and interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Told, WindowCount
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding_between
from otmon.model.event import Event
from otmon.model.notice import Notice
from otmon.model.observed import Ends
from otmon.thresholds import SensorThresholds

if TYPE_CHECKING:
    from otmon._engine import Health

SECOND = 1_000_000_000
MINUTE_NS = 60 * SECOND
MAX_INTERFACES = 1_024
MAX_RHYTHMS = 64
"""Rhythms of an interface that are told apart: more make no difference."""
OF_A_SENSOR = frozenset(("one_sided", "duplicates", "truncated_frames", "clock_jump"))
"""What is told of a live sensor, and of captures only where a site wants it."""


@dataclass(slots=True)
class _Interface:
    """Counts of the last minute of bad windows."""

    frames: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    bytes: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    missed: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    dropped: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    gap: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))
    unread: WindowCount = field(default_factory=lambda: WindowCount(MINUTE_NS))

    def counts(self) -> tuple[WindowCount, ...]:
        """All of them."""
        return (self.frames, self.bytes, self.missed, self.dropped, self.gap, self.unread)


def faults_of(health: Health, limits: SensorThresholds) -> Iterator[tuple[str, str, str]]:
    """What is wrong with ten seconds of an interface: its type, what would be well, what is so."""
    if health.frames < limits.min_frames:
        return
    if health.one_sided_frames > limits.one_sided_share * max(health.tcp_frames, 1):
        share = health.one_sided_frames / max(health.tcp_frames, 1)
        yield "one_sided", "both directions of TCP flows", f"one direction alone in {share:.0%}"
    for count, type, expected, what in (
        (health.duplicate_frames, "duplicates", "each frame once", "came twice"),
        (health.truncated_frames, "truncated_frames", "whole frames", "were cut short"),
    ):
        if count > limits.most_share * health.frames:
            yield type, expected, f"{count} of {health.frames} frames {what}"


class Sensor(Detector):
    """Speaks when what the sensor sees is not what passes."""

    name = "sensor"
    version = 2
    categories = frozenset(("ot_sensor", "ot_anomaly"))
    says: ClassVar[Mapping[str, str]] = {
        "traffic_none": "No frame came to an interface for much longer than usual.",
        "traffic_back": "Frames come again.",
        "capture_loss": "The sensor misses frames or bytes that passed.",
        "frames_lost": "Frames came to the sensor and were lost in it.",
        "one_sided": "The sensor sees one direction of most flows alone.",
        "duplicates": "Most frames come to the sensor twice.",
        "truncated_frames": "Frames come to the sensor cut short.",
        "clock_jump": "The clock of the capture jumped.",
        "falling_behind": "The sensor was too slow for all there was to see.",
        "disk_low": "The disk of the sensor is nearly full, or cannot be written.",
        "sensor_sends": "The machine of the sensor sends through an interface that should watch.",
        "dissector_quarantined": "A dissector failed: it began a flow anew, or let it go.",
        "parse_gap": "Much of what conversations carried could not be read as their protocol.",
        "table_overflow": "A table of the sensor was full: what was kept is not all there was.",
    }
    watches = (
        "What the engine says of interfaces, every ten seconds in which something was not good."
    )
    silent = (
        "Of a silent interface that has fewer than three rhythms; of bytes that could not "
        "be read behind a hole."
    )

    def __init__(
        self,
        settings: SensorThresholds | None = None,
        interfaces: Sequence[str] = (),
        file_name: Callable[[int], str] = "file {}".format,
    ) -> None:
        """Takes when to speak, the interfaces that are watched live, and the paths of files."""
        self.settings = settings or SensorThresholds()
        self._names = tuple(interfaces)
        self._file_name = file_name
        self._interfaces: dict[int, _Interface] = {}
        self._rhythms: dict[int, set[str]] = {}
        """Steady rhythms of each interface."""
        self._told: Told[tuple[int, str]] = Told(
            self.settings.repeat_s * SECOND, MAX_INTERFACES * 8
        )

    def wants(self, event: Event) -> bool:
        """What is known of interfaces, and which have rhythms."""
        if event.category == "ot_sensor":
            record = event.record
            return isinstance(record, Notice) or hasattr(record, "one_sided_frames")
        return getattr(event.record, "kind", None) == "periodic"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a time of an interface, or a rhythm on one."""
        if event.category == "ot_anomaly":
            self._beats(event.record.interface, event.record.id)
            return ()
        record = event.record
        if isinstance(record, Notice):
            return list(self._tell(event, record, record.kind, record.expected, record.observed))
        return list(self._judged(event, record))

    def _beats(self, interface: int, rhythm: str) -> None:
        if len(self._rhythms) < MAX_INTERFACES or interface in self._rhythms:
            known = self._rhythms.setdefault(interface, set())
            if len(known) < MAX_RHYTHMS:
                known.add(rhythm)

    def _judged(self, event: Event, health: Health) -> Iterator[Event]:
        if len(self._interfaces) >= MAX_INTERFACES and health.interface not in self._interfaces:
            self.left_out_count += 1
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
            case "dropped":
                lost = own.dropped.add(health.until_ns, health.dropped_packets)
                if lost >= self.settings.min_dropped:
                    yield from self._tell(
                        event, health, "frames_lost", "no frame lost", f"{lost} frames lost"
                    )
            case "window":
                yield from self._window(event, health, own)
                yield from self._limits(event, health, own)

    def _means_something(self, health: Health) -> bool:
        """Whether a silence is long, on an interface that is never silent."""
        lasted_ns = health.until_ns - health.from_ns
        if len(self._rhythms.get(health.interface, ())) < self.settings.rhythm_count:
            return False
        return lasted_ns >= self.settings.silent_s * SECOND

    def _window(self, event: Event, health: Health, own: _Interface) -> Iterator[Event]:
        at_ns, limits = health.from_ns, self.settings
        frames = own.frames.add(at_ns, health.frames)
        total = own.bytes.add(at_ns, health.bytes)
        missed = own.missed.add(at_ns, health.mirror_gap_frames)
        gap = own.gap.add(at_ns, health.gap_bytes)
        if missed > limits.drop_share * max(frames, 1) and missed >= limits.min_dropped:
            yield from self._tell(
                event,
                health,
                "capture_loss",
                f"at most {limits.drop_share:.1%} of the frames lost",
                f"{missed:,} of {frames + missed:,} frames lost within a minute",
            )
        elif (
            gap > limits.gap_share * max(total, 1)
            and gap >= limits.min_gap_bytes
            and frames >= limits.min_gap_frames
        ):
            yield from self._tell(
                event,
                health,
                "capture_loss",
                f"at most {limits.gap_share:.0%} of the bytes not seen",
                f"{gap:,} of {total + gap:,} bytes not seen within a minute, "
                f"{gap / (total + gap):.0%} of them",
            )
        for type, expected, observed in faults_of(health, limits):
            yield from self._tell(event, health, type, expected, observed)

    def _limits(self, event: Event, health: Health, own: _Interface) -> Iterator[Event]:
        limits = self.settings
        unread = own.unread.add(health.from_ns, health.unread_bytes)
        total, gap = own.bytes.at(health.from_ns), own.gap.at(health.from_ns)
        much = unread >= limits.min_unread_bytes and unread > limits.unread_share * max(total, 1)
        # Behind a hole the next message has to be looked for: that is loss, and told as such.
        if much and not gap:
            yield from self._tell(
                event,
                health,
                "parse_gap",
                f"at most {limits.unread_share:.0%} of the bytes unreadable",
                f"{unread} of {total} bytes of a minute could not be read as their protocol",
            )
        if health.fault_count:
            faults = f"{health.fault_count} faults of dissectors"
            yield from self._tell(event, health, "dissector_quarantined", "no fault", faults)
        if health.left_out_count:
            yield from self._tell(
                event,
                health,
                "table_overflow",
                "room for all that passes",
                f"{health.left_out_count} flows, behaviours or transfers left out",
            )

    def _tell(
        self, event: Event, record: Health | Notice, type: str, expected: str, observed: str
    ) -> Iterator[Event]:
        # Who records a few minutes by hand knows what he mirrored.
        if type in OF_A_SENSOR and not (self._names or self.settings.captures):
            return
        # Files that follow one another are one interface.
        place = record.file if self._names else getattr(record, "interface", 0)
        if not self._told.may((place, type), event.time_ns):
            return
        yield finding_between(
            self,
            Ends(frames=()),
            event.time_ns,
            type,
            category="ot_sensor",
            expected=expected,
            observed=f"{self._place(record)}: {observed}",
            since_ns=min(record.from_ns, record.until_ns),
            own={"observer.ingress.interface.name": self._name(record)},
            near=event,
        )

    def _name(self, record: Health | Notice) -> str:
        """The name of an interface; of a capture, which interface of it."""
        if self._names:
            return self._names[record.file]
        return f"interface {getattr(record, 'interface', 0)}"

    def _place(self, record: Health | Notice) -> str:
        """The same for people: of captures they know the file."""
        return self._name(record) if self._names else PurePath(self._file_name(record.file)).name

    def memory(self) -> Json:
        """What was told, by interface; the counts of the last minute, and the rhythms."""
        return {
            "told": self._told.written(),
            "counts": [
                [interface, [count.written() for count in own.counts()]]
                for interface, own in self._interfaces.items()
            ],
            "rhythms": [[interface, sorted(ids)] for interface, ids in self._rhythms.items()],
        }

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory["told"])
        for interface, counts in memory["counts"]:
            own = self._interfaces.setdefault(interface, _Interface())
            for count, written in zip(own.counts(), counts, strict=True):
                count.read(written)
        for interface, ids in memory["rhythms"]:
            self._rhythms[interface] = set(ids)
