"""A sensor that starts again goes on with what its detectors remember."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from places import PCAPS

from otmon import _engine
from otmon.config import Config, Monitor, State
from otmon.monitor import Wishes, _Watch
from otmon.site_memory import DELTA_S
from otmon.state import alerts, captures, faults
from otmon.state.site_file import SiteFile

CONFIG = Config(state=State(checkpoint_seconds=0.0), monitor=Monitor(evidence_ring_mib=0))
SECOND = 1_000_000_000


def engine_of(capture: Path) -> _engine.Engine:
    return _engine.Engine([str(capture)], rhythm=True, health=True, delta_s=DELTA_S)


class BeforeTheFirstFrame:
    """An engine that tells of an interface, and has not read a frame of it yet."""

    def __init__(self, engine: _engine.Engine, now_ns: int) -> None:
        self._engine = engine
        self._now_ns = now_ns
        self._batch: list[_engine.Observation] | None = engine.read_batch(1)

    def read_batch(self, timeout_s: float) -> list[_engine.Observation] | None:
        batch, self._batch = self._batch, None
        return batch

    def now_ns(self) -> int:
        return self._now_ns

    def files(self) -> list[object]:
        return []

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def test_what_is_told_before_the_first_frame_does_not_cost_the_memory(tmp_path: Path) -> None:
    capture = PCAPS / "demo" / "plant.pcapng"
    restored: list[Mapping[str, Any]] = []
    with SiteFile.open(tmp_path / "site.sqlite") as site:
        before = _Watch(engine_of(capture), site, CONFIG, ships=False)
        before.watch(lambda: CONFIG, Wishes(), lambda view: None, lambda news: None)
        with site.reading() as db:
            position = captures.position(db, before._live_memory._sensor)
        assert position is not None

        again = _Watch(engine_of(capture), site, CONFIG, ships=False)
        again._engine = BeforeTheFirstFrame(  # type: ignore[assignment]  # stands before the real one
            again._engine, position + SECOND
        )
        restore = again._restore

        def spy(memories: Mapping[str, Any], *, live: bool = False) -> None:
            restored.append(memories)
            restore(memories, live=live)

        again._restore = spy  # type: ignore[method-assign]  # to see that it is called
        again.watch(lambda: CONFIG, Wishes(), lambda view: None, lambda news: None)

    assert 1 == len(restored)
    assert {"scan", "value", "watchdog"} <= restored[0].keys()


def test_a_detector_without_room_is_told_once_and_stored_as_a_fault(tmp_path: Path) -> None:
    with SiteFile.open(tmp_path / "site.sqlite") as site:
        watch = _Watch(engine_of(PCAPS / "demo" / "plant.pcapng"), site, CONFIG, ships=False)
        watch.watch(lambda: CONFIG, Wishes(), lambda view: None, lambda news: None)
        watch._watchers.detectors[1].left_out_count = 5
        for second in range(3):
            watch._look(watch._view(second))
        watch._try_to_save(lambda news: None)
        with site.reading() as db:
            told = [one.count for one in alerts.load(db) if "no room" in one.rule.title]
            stored = [one.words for one in faults.latest(db, 9) if one.key == "table_overflow"]

    name = watch._watchers.detectors[1].name
    assert ([1], [f"{name} forgot 5 for want of room"]) == (told, stored)
