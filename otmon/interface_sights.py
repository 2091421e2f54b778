"""How the interfaces of a live run do, from one look to the next."""

from __future__ import annotations

from collections.abc import Sequence

from otmon import _engine
from otmon.model.notice import Sight


class InterfaceSights:
    """Compares what the engine counts with what it counted at the look before."""

    def __init__(self, engine: _engine.Engine, names: Sequence[str], now_s: float) -> None:
        """Takes the interfaces, and the time on the clock by which they are looked at."""
        self._engine = engine
        self._looked_s = now_s
        self._before = dict.fromkeys(names, (0, 0, 0))
        """Of each interface its packets, bytes and lost frames at the last look."""
        self._lost_ns: dict[str, int | None] = {}
        """When each interface lost frames last."""

    def look(self, now_s: float) -> tuple[Sight, ...]:
        """What each interface does, by its rates since the last look."""
        elapsed_s = max(now_s - self._looked_s, 1e-3)
        self._looked_s = now_s
        facts = zip(self._engine.files(), self._engine.interfaces(), strict=False)
        return tuple(self._sight(file, interface, elapsed_s) for file, interface in facts)

    def _sight(
        self, file: _engine.CaptureFile, interface: _engine.Interface, elapsed_s: float
    ) -> Sight:
        now_ns = self._engine.now_ns()
        packets, volume, lost_before = self._before[file.path]
        lost = interface.ring_drops + interface.driver_drops
        self._before[file.path] = (file.packets, file.bytes, lost)
        if lost > lost_before:
            self._lost_ns[file.path] = now_ns
        quiet_s = None
        if file.last_seen_ns is not None and now_ns is not None:
            quiet_s = max(0.0, (now_ns - file.last_seen_ns) / 1e9)
        return Sight(
            name=file.path,
            running=interface.running,
            packets=file.packets,
            packet_rate=(file.packets - packets) / elapsed_s,
            bit_rate=8 * (file.bytes - volume) / elapsed_s,
            dropped=lost,
            lost_ns=self._lost_ns.get(file.path),
            sent=interface.sent,
            quiet_s=quiet_s,
        )
