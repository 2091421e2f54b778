"""A capture as a sensor gets it: cut into batches, shown and saved whenever a seed says so."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from otmon import _engine, monitor
from otmon.config import Config, Monitor, State
from otmon.monitor import EARLY_S, Wishes, _Watch
from otmon.site_memory import DELTA_S
from otmon.state import alerts, assets, baseline
from otmon.state.site_file import SiteFile
from otmon.wanted import wanted_from_the_start

OWN_OF_A_RUN = ("number", "new")
"""What a device has of the order in which a run came to know it."""


def found(state: Path) -> dict[str, list[Any]]:
    """What a state holds, without the order in which it came."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return {
            "alerts": sorted(
                (
                    one.rule.title,
                    one.client or "",
                    one.server or "",
                    one.message,
                    one.count,
                    one.severity,
                    int(one.first_seen),
                    int(one.last_seen),
                    tuple(sorted(map(str, one.violations))),
                )
                for one in alerts.load(db)
            ),
            "assets": [
                {name: value for name, value in one.items() if name not in OWN_OF_A_RUN}
                for one in sorted(assets.load(db).records, key=lambda one: str(one["id"]))
            ],
            "edges": sorted(map(str, baseline.load_edges(db))),
            "statements": sorted(map(str, baseline.load_statements(db))),
        }


class Cut:
    """An engine that gives what it observed in pieces of any size, and now and then nothing."""

    def __init__(self, engine: _engine.Engine, chance: random.Random, longest: int) -> None:
        self._engine = engine
        self._chance = chance
        self._longest = longest
        self._held: deque[_engine.Observation] = deque()
        self._taken_ns: int | None = None

    def read_batch(self, timeout_s: float) -> list[_engine.Observation] | None:
        if self._chance.random() < 0.2:
            return []
        if not self._held:
            batch = self._engine.read_batch(timeout_s=10.0)
            if batch is None:
                return None
            self._held.extend(batch)
        count = min(self._chance.randint(1, self._longest), len(self._held))
        piece = [self._held.popleft() for _ in range(count)]
        if not self._held:
            self._taken_ns = self._engine.taken_ns()
        return piece

    def taken_ns(self) -> int | None:
        return self._taken_ns

    def know(self, *_: object) -> None:
        """Nothing is known before."""

    def watch(self, *_: object) -> None:
        """It was told before it began."""

    def recent_frames(self, wanted: list[object], most_frames: int) -> list[_engine.Selection]:
        return []

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def watch(capture: Path, state: Path, seed: int, *, longest: int = 200) -> None:
    """Watch a capture as if it came from an interface; what was found is in `state` then.

    Args:
        capture: What is watched.
        state: Is made.
        seed: Where batches end, and how much later it is after each of them.
        longest: Observations of a batch at most.
    """
    chance = random.Random(seed)
    # Evidence is that of frames that are kept, of which a capture file has none.
    config = Config(state=State(checkpoint_seconds=2.0), monitor=Monitor(evidence_ring_mib=0))
    engine = _engine.Engine(
        [str(capture)],
        rhythm=True,
        health=True,
        spoof=True,
        points=config.detectors.looks_at_points,
        ranges=True,
        delta_s=DELTA_S,
        early_s=EARLY_S,
        wanted=wanted_from_the_start(config),
    )
    late_s = 0.0

    def monotonic() -> float:
        """The machine's own time: that of the frames, and the time that its work takes."""
        nonlocal late_s
        late_s += chance.choice((0.0, 0.0, 0.001, 0.1, 1.0))
        return (cut.taken_ns() or 0) / 1e9 + late_s

    cut = Cut(engine, chance, longest)
    with pytest.MonkeyPatch.context() as patch, SiteFile.open(state) as site:
        patch.setattr(monitor, "time", SimpleNamespace(monotonic=monotonic))
        run = _Watch(cut, site, config, ships=False)  # type: ignore[arg-type]  # stands before it
        run.watch(lambda: config, Wishes(), lambda view: None, lambda news: None)
