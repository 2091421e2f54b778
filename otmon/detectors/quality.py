"""How well the sensor saw a time: what the watchdogs ask before they speak.

Fed with what the engine says of interfaces and conversations. What has no row
was seen well; what an interface did not see yet, or no longer, is blind.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from otmon.detectors.bounded import Recent, forgotten_count
from otmon.model.event import Event

if TYPE_CHECKING:
    from otmon._engine import Health, Loss

SECOND = 1_000_000_000
MAX_SPANS = 2_048
"""Times of bad quality that are kept per interface; the oldest goes first."""
MAX_INTERFACES = 1_024
"""Interfaces of which the quality is known; of others nothing bad is."""
MAX_CONVERSATIONS = 8_192
"""Conversations of which losses are kept; the longest unharmed goes first."""
MAX_LOSSES = 64
"""Losses that are kept per conversation."""
MAX_DEVICES = 8_192
"""Devices of which it is known when they lost something; the longest unharmed goes first."""

SILENT_NS = 10 * SECOND
"""Time without a frame from which nothing may have been seen: the shortest deadline."""
NEAR_NS = 20 * SECOND
"""How far back something is near to an event: the latest window is not known yet."""

ONE_SIDED_SHARE = 0.8
"""Share of the frames of TCP flows without the other direction from which a time is one-sided."""
DROP_SHARE = 0.001
"""Share of frames that the sensor lost from which a time is lossy."""
GAP_SHARE = 0.01
"""Share of bytes that were not seen from which a time is lossy."""

_Span = tuple[int, int, str]


class Quality:
    """What is known of interfaces and conversations, by packet time."""

    def __init__(self) -> None:
        self._spans: dict[int, deque[_Span]] = {}
        self._begins: dict[int, int] = {}
        self._losses: Recent[tuple[object, ...], deque[tuple[int, int]]] = Recent(MAX_CONVERSATIONS)
        self._missed: dict[int, int] = {}
        """When frames of an interface were missed last."""
        self._missed_of: Recent[object, int] = Recent(MAX_DEVICES)
        """When bytes of a device were."""
        self._resumed: dict[int, int] = {}
        """When an interface was watched again, after a hole."""
        self._left_out_count = 0

    @property
    def evicted_count(self) -> int:
        """Losses, devices and interfaces that were too many to be known."""
        return self._left_out_count + forgotten_count(self)

    def take(self, event: Event) -> None:
        """Notes a record about an interface or about a conversation."""
        record = event.record
        if hasattr(record, "gap_count"):
            self._loss(record)
        elif hasattr(record, "one_sided_frames"):
            self._health(record)

    def _health(self, health: Health) -> None:
        if len(self._spans) >= MAX_INTERFACES and health.interface not in self._spans:
            self._left_out_count += 1
            return
        spans = self._spans.setdefault(health.interface, deque(maxlen=MAX_SPANS))
        match health.kind:
            case "start":
                self._begins.setdefault(health.interface, health.until_ns)
            case "silent" | "hole" | "back" | "end":
                low, high = sorted((health.from_ns, health.until_ns))
                if health.kind != "silent" or high - low >= SILENT_NS:
                    spans.append((low, high, "blind"))
                # Between two files nobody watched; in one, frames should have come.
                ends = self._missed if health.kind == "silent" else self._resumed
                ends[health.interface] = health.until_ns
            case "dropped" if health.until_ns - health.from_ns <= NEAR_NS:
                # Of a longer time nobody knows when it was.
                spans.append((health.from_ns, health.until_ns + 1, "lossy"))
                self._missed[health.interface] = health.until_ns
            case "dropped":
                self._missed[health.interface] = health.until_ns
            case "window":
                grade = grade_of(health)
                if grade != "good":
                    spans.append((health.from_ns, health.until_ns, grade))
                if grade == "lossy":
                    self._missed[health.interface] = health.until_ns

    def _loss(self, loss: Loss) -> None:
        key = conversation_of(loss)
        known = self._losses.make(key, lambda: deque(maxlen=MAX_LOSSES))
        known.append((loss.from_ns, loss.until_ns))
        for device in key[:2]:
            self._missed_of.put(device, loss.until_ns)

    def over(self, interface: int, from_ns: int, until_ns: int) -> str:
        """The worst quality of an interface within a time: good, lossy, one_sided or blind."""
        begin_ns = self._begins.get(interface)
        if begin_ns is not None and from_ns < begin_ns:
            return "blind"
        spans = self._spans.get(interface)
        if not spans:
            return "good"
        grades = {grade for low, high, grade in spans if low < until_ns and high > from_ns}
        return next((one for one in ("blind", "one_sided", "lossy") if one in grades), "good")

    def of(self, event: Event) -> str:
        """How well an event's flow is seen, by what is known so far of the time around it."""
        time_ns, record = event.time_ns, event.record
        from_ns, interface = time_ns - NEAR_NS, getattr(record, "interface", 0)
        from_ns = max(from_ns, self._begins.get(interface, from_ns))
        grade = self.over(interface, from_ns, time_ns + 1)
        if (
            grade == "good"
            and self._losses
            and self.lost(conversation_of(record), from_ns, time_ns + 1)
        ):
            return "lossy"
        return grade

    def missed_ns(self, interface: int, device: str | None) -> int:
        """When frames of an interface, or bytes of a device on it, were missed last; else 0."""
        missed_ns = self._missed.get(interface, 0) if self._missed else 0
        if not self._missed_of:
            return missed_ns
        return max(missed_ns, self._missed_of.peek(device) or 0)

    def resumed_ns(self, interface: int) -> int:
        """When the watch of an interface began, or went on after a hole; else 0."""
        return max(self._begins.get(interface, 0), self._resumed.get(interface, 0))

    def lost(self, key: tuple[object, ...], from_ns: int, until_ns: int) -> bool:
        """Whether bytes of a conversation were not seen within a time."""
        spans = self._losses.get(key)
        if not spans:
            return False
        return any(low < until_ns and high > from_ns for low, high in spans)

    def lost_of(self, server: str | None, from_ns: int, until_ns: int) -> bool:
        """The same of any conversation of a server."""
        return any(
            server in key[:2] and self.lost(key, from_ns, until_ns)
            for key, _ in self._losses.items()
        )

    def good(self, record: object, from_ns: int, until_ns: int) -> bool:
        """Whether a record's interface and conversation were seen well within a time."""
        interface: int = getattr(record, "interface", 0)
        if self.over(interface, from_ns, until_ns) != "good":
            return False
        return not self.lost(conversation_of(record), from_ns, until_ns)


def grade_of(health: Health) -> str:
    """The quality of ten seconds of an interface."""
    if health.tcp_frames and health.one_sided_frames > ONE_SIDED_SHARE * health.tcp_frames:
        return "one_sided"
    lost = health.mirror_gap_frames
    if lost > DROP_SHARE * max(health.frames, 1):
        return "lossy"
    if health.gap_bytes > GAP_SHARE * max(health.bytes, 1):
        return "lossy"
    if health.truncated_frames or health.late_frames:
        return "lossy"
    return "good"


def conversation_of(record: object) -> tuple[object, ...]:
    """Client and server of a record of a flow, whoever asks."""
    client = getattr(record, "client_address", None)
    server = getattr(record, "server_address", None)
    vlan = getattr(record, "vlan", None)
    return (client, server, vlan) if str(client) <= str(server) else (server, client, vlan)
