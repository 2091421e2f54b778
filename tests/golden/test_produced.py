"""The fields that events of our captures carry, by category and protocol, are those of before."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from places import PCAPS

from otmon import fields
from otmon.config import load
from otmon.model.event import Event
from otmon.model.rule import Match
from otmon.ruleset import produced
from otmon.ruleset.examples import Scene, examples
from otmon.ruleset.judge import Judge
from otmon.ruleset.load import load_rules

FILE = Path(produced.__file__).with_name(produced.FILE)
ALIKE = 40
"""Events of one likeness that are looked at in one capture; those after them carry the same."""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)


def test_events_carry_the_fields_they_carried_before(monkeypatch: pytest.MonkeyPatch):
    from otmon import _engine, analyze

    known = fields.catalogue(_engine.protocols())
    seen: dict[tuple[str, str], set[str]] = {}
    alike: Counter[object] = Counter()

    class Looking(Judge):
        def judge(self, event: Event) -> Sequence[Match]:
            alike[event.likeness] += 1
            if alike[event.likeness] <= ALIKE:
                carried = seen.setdefault((event.category, event.service or ""), set())
                carried.update(
                    one
                    for one, field in known.items()
                    if one not in carried
                    and event.category in field.categories
                    and event.get(one) not in (None, ())
                )
            return super().judge(event)

    monkeypatch.setattr("otmon.pipeline.Judge", Looking)
    plain = [Scene(path) for path in PCAPS.glob("*/*.pcapng")]
    told = {one.scene(PCAPS) for one in examples(load_rules())}
    for scene in sorted({*plain, *told}, key=str):
        alike.clear()
        analyze(scene.capture, baseline=scene.baseline, config=load(scene.config))
    text = produced.written(seen)
    if os.environ.get("OTMON_GOLDEN") == "write":
        FILE.write_text(text, encoding="utf-8")

    assert FILE.read_text(encoding="utf-8") == text, "intended? then: make golden"
