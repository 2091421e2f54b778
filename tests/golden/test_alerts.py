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
from otmon.ruleset.examples import Scene, examples, matrix
from otmon.ruleset.load import load_rules

GOLDEN = Path(__file__).with_name("alerts.tsv")
CAPTURES = sorted(path.relative_to(PCAPS).as_posix() for path in PCAPS.glob("*/*.pcapng"))

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)


@pytest.fixture(scope="module")
def counts() -> dict[tuple[str, str], int]:
    from otmon import analyze

    def analyse(scene: Scene) -> Sequence[Alert]:
        return analyze(scene.capture, baseline=scene.baseline, config=load(scene.config)).alerts

    rules = load_rules()
    plain = [Scene(PCAPS / capture) for capture in CAPTURES]
    told = {one.scene(PCAPS) for one in examples(rules)} - {*plain}
    return dict(matrix(rules, [*plain, *sorted(told, key=str)], PCAPS, analyse))


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
