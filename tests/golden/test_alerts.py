"""Every rule on every shipped capture: a new rule shows its false positives in the diff."""

from __future__ import annotations

import importlib.util
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from places import PCAPS

from otmon.config import load
from otmon.model.alert import Alert
from otmon.ruleset.examples import Scene, examples
from otmon.ruleset.load import load_rules

GOLDEN = Path(__file__).with_name("alerts.tsv")
CAPTURES = sorted(path.relative_to(PCAPS).as_posix() for path in PCAPS.glob("*/*.pcapng"))

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)


def name_of(scene: Scene) -> str:
    """The files of a scene, from the folder of captures on."""
    words = ((scene.baseline, " against "), (scene.config, " with "))
    told = (f"{word}{path.relative_to(PCAPS).as_posix()}" for path, word in words if path)
    return "".join((scene.capture.relative_to(PCAPS).as_posix(), *told))


@pytest.fixture(scope="module")
def counts() -> dict[tuple[str, str], int]:
    from otmon import analyze

    def analyse(scene: Scene) -> Sequence[Alert]:
        return analyze(scene.capture, baseline=scene.baseline, config=load(scene.config)).alerts

    rules = load_rules()
    plain = [Scene(PCAPS / capture) for capture in CAPTURES]
    told = {one.scene(PCAPS) for one in examples(rules)} - {*plain}
    titles = {one.rule.id: one.rule.title for one in rules.rules}
    found: dict[tuple[str, str], int] = {}
    for scene in (*plain, *sorted(told, key=str)):
        for alert in analyse(scene):
            key = (titles[alert.rule.id], name_of(scene))
            found[key] = found.get(key, 0) + 1
    return found


def test_each_rule_raises_what_it_raised_before(counts):
    rows = [f"{title}\t{capture}\t{count}" for (title, capture), count in sorted(counts.items())]
    text = "\n".join(["rule\tcapture\talerts", *rows]) + "\n"
    if os.environ.get("OTMON_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")

    assert GOLDEN.read_text(encoding="utf-8") == text, "intended? then: make golden"


def test_benign_captures_raise_nothing(counts):
    benign = {
        capture
        for capture in CAPTURES
        if tomllib.loads((PCAPS / capture).with_suffix(".toml").read_text())["label"] == "benign"
    }

    assert benign
    assert [] == sorted(pair for pair in counts if pair[1] in benign)


def test_every_rule_that_is_used_has_raised_an_alert(counts):
    rules = load_rules()
    counted = {one for rule in rules.correlations if not rule.generate for one in rule.members}
    used = {one.rule.title for one in rules.rules if one.rule.id not in counted}

    assert set() == used - {title for title, _ in counts}
