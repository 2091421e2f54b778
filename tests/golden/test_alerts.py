"""Every rule on every shipped capture: a new rule shows its false positives in the diff."""

from __future__ import annotations

import importlib.util
import os
import tomllib
from pathlib import Path

import pytest
from places import PCAPS

from otmon.ruleset.examples import matrix
from otmon.ruleset.load import load_rules

GOLDEN = Path(__file__).with_name("alerts.tsv")
CAPTURES = sorted(path.relative_to(PCAPS).as_posix() for path in PCAPS.glob("*/*.pcapng"))

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)


@pytest.fixture(scope="module")
def counts() -> dict[tuple[str, str], int]:
    from otmon import analyze

    return dict(matrix(load_rules(), CAPTURES, PCAPS, lambda scene: analyze(scene.capture).alerts))


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
