"""Examples that do not behave as told are failures with their line."""

from __future__ import annotations

from types import SimpleNamespace

from otmon.ruleset.examples import examples, failures
from otmon.ruleset.load import load_rules

RULE = """\
title: Something was seen
id: 00000000-0000-4000-8000-00000000000a
status: test
logsource: {product: otmon, category: ot_operation}
detection: {x: {ot.value: a}, condition: x}
level: critical
otmon:
    impact: control
    confidence: 0.95
    tests:
        positive:
            - {capture: a.pcapng, count: 1, frames: [4]}
        negative:
            - {capture: b.pcapng, why: nothing is there}
"""


def alert(*frames: int) -> SimpleNamespace:
    """As much of an alert as examples look at."""
    return SimpleNamespace(
        rule=SimpleNamespace(id="00000000-0000-4000-8000-00000000000a"),
        evidence=SimpleNamespace(frames=frames),
        message="it was seen",
    )


def told(folder, alerts) -> list[str]:
    """What is wrong with the examples of `RULE`, given the alerts by capture."""
    (folder / "rule.yml").write_text(RULE)
    for name in alerts:
        (folder / name).touch()
    some = list(examples(load_rules([folder])))
    return [
        f"{one.example.line}: {one.message}"
        for one in failures(some, folder, lambda scene: alerts[scene.capture.name])
    ]


def test_examples_that_behave_as_told_are_no_failures(tmp_path):
    assert [] == told(tmp_path, {"a.pcapng": [alert(4, 5)], "b.pcapng": []})


def test_a_silent_rule_fails_its_positive_example(tmp_path):
    assert ["12: Something was seen: 0 alerts instead of 1: silent"] == [
        line for line in told(tmp_path, {"a.pcapng": [], "b.pcapng": []}) if "instead" in line
    ]


def test_a_rule_that_fires_fails_its_negative_example(tmp_path):
    assert ["14: Something was seen: 1 alerts instead of 0: it was seen"] == told(
        tmp_path, {"a.pcapng": [alert(4)], "b.pcapng": [alert(1)]}
    )


def test_a_frame_that_is_not_in_the_evidence_is_a_failure(tmp_path):
    assert ["12: Something was seen: frames [4] are not in the evidence"] == told(
        tmp_path, {"a.pcapng": [alert(5)], "b.pcapng": []}
    )


def test_a_capture_that_does_not_exist_is_a_failure(tmp_path):
    assert ["14: b.pcapng does not exist"] == told(tmp_path, {"a.pcapng": [alert(4)]})
