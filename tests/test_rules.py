"""The shipped rules: sound in form and meaning, and as fast as they must be."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest
from places import PCAPS, ROOT

from otmon.config import load
from otmon.model.alert import Alert
from otmon.ruleset.examples import Example, Scene, examples, failures
from otmon.ruleset.lint import UNUSED, lint
from otmon.ruleset.load import RuleSet, load_rules

RULES: RuleSet = load_rules(experimental=True)


def test_no_rule_has_a_finding():
    found = lint(RULES, captures=PCAPS)

    assert [] == [str(finding) for finding in found if finding.lint != UNUSED]


def test_the_folder_of_a_correlation_is_a_service_or_a_category():
    known = {path.name for path in (ROOT / "rules").iterdir() if path.is_dir()}
    singles = {one.service or one.category for one in RULES.events}

    assert known == singles
    assert {Path(one.rule.path).parent.name for one in RULES.correlations} <= singles


def test_every_member_of_a_correlation_is_counted_by_it_alone():
    silent = {one for rule in RULES.correlations if not rule.generate for one in rule.members}
    named = {one.rule.id for one in RULES.rules if one.name}

    assert named == silent


@functools.cache
def alerts_of(scene: Scene) -> Sequence[Alert]:
    """The alerts that all shipped rules raise on a capture."""
    from otmon import analyze

    return analyze(scene.capture, baseline=scene.baseline, config=load(scene.config)).alerts


@pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)
@pytest.mark.parametrize(
    "example", list(examples(load_rules())), ids=lambda one: f"{one.title} on {one.capture}"
)
def test_an_example_behaves_as_told(example: Example):
    assert [] == [str(failure) for failure in failures([example], PCAPS, alerts_of)]
