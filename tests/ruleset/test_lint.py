"""Each lint finds what it is there for, and says nothing of a good rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruleset.texts import GOOD

from otmon.ruleset.lint import LINTS, lint
from otmon.ruleset.lint_deprecated import write_down
from otmon.ruleset.load import load_rules
from otmon.ruleset.produced import never_carried


def lint_text(folder: Path, text: str, name: str = "modbus_communications_restarted.yml"):
    """The findings of a rule file, as `lint: message` with the line in front."""
    rules, captures = folder / "rules" / "modbus", folder / "pcaps"
    rules.mkdir(parents=True, exist_ok=True)
    (captures / "modbus").mkdir(parents=True, exist_ok=True)
    (captures / "modbus" / "restart.pcapng").touch()
    (rules / name).write_text(text)
    found = lint(load_rules([rules], experimental=True), captures=captures)
    return [f"{one.line}: {one.lint}: {one.message}" for one in found]


def test_a_good_rule_has_no_findings(tmp_path):
    assert [] == lint_text(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("author: otmon", "autor: otmon", "7: unknown key: nobody reads autor"),
        ("    aliases: {}", "    alias: {}", "35: unknown key: nobody reads alias"),
        ("falsepositives:\n    - Diagnostics.\n", "", "1: missing key: there is no falsepositives"),
        ("taxonomy: otmon", "taxonomy: sigma", "9: missing key: taxonomy is not otmon"),
        (
            "title: Modbus communications restarted",
            "title: Modbus restarted",
            "1: place and title: the file of this title is modbus_restarted.yml",
        ),
        (
            "service: modbus",
            "service: dnp3",
            "10: place and title: the folder of this log source is dnp3",
        ),
        ("attack.t0816", "attack.t9999", "24: ATT&CK tag: there is no technique T9999"),
        (
            "    - attack.t0816\n",
            "    - attack.t0816\n    - attack.t0855\n",
            "25: ATT&CK tag: T0855 is retired: its successor is T1692.001",
        ),
        (
            "inhibit-response-function",
            "collection",
            "25: ATT&CK tag: none of the techniques has the tactic attack-ics.collection",
        ),
        ("level: medium", "level: high", "22: level: impact x confidence is medium, not high"),
        (
            "class: restart\n",
            "class: restart\n        anomaly.type: x\n",
            "14: field: ot_operation never carries anomaly.type",
        ),
        (
            "    - source.ip",
            "    - source.pi",
            "20: field: fields names source.pi, which does not exist",
        ),
        (
            "class: restart\n    condition: selection",
            "class: restart\n    other:\n        ot.operation.class: write\n"
            "    condition: selection and other",
            "14: dead condition: ot.operation.class would need two values at once",
        ),
        (
            "    condition: selection",
            "    condition: selection and not selection",
            "17: dead condition: a part and its opposite must hold",
        ),
        (
            "    condition: selection",
            "    other:\n        ot.unit.id: 1\n    condition: selection",
            "17: unused selection: the condition does not name other",
        ),
        (
            "ot.operation.class: restart",
            "source.ip: 10.0.0.1",
            "14: direction: the condition does not say what is done",
        ),
        ("        - Ask the technician.\n", "", "30: triage and evidence: triage has 1 steps"),
        ("        - request\n", "        - reqest\n", None),
        (
            "            - capture: modbus/restart.pcapng\n              count: 1\n",
            "            - capture: modbus/none.pcapng\n              count: 1\n",
            "38: examples: there is no capture modbus/none.pcapng",
        ),
        ("              count: 1\n", "", "38: examples: the example has no count"),
        (
            "ot.operation.class: restart",
            "ot.operation.class|all: restart",
            "16: needless modifier: all has one value to match",
        ),
        (
            "ot.operation.class: restart",
            "ot.function.name|re: restart.*",
            "16: needless modifier: a wildcard does what the regular expression does",
        ),
        (
            "aliases: {}",
            "aliases:\n        defender_for_iot:\n            - Device Restarts",
            "37: aliases: Defender for IoT has no alert 'Device Restarts'",
        ),
        ("aliases: {}", "aliases:\n        acme: []", "36: aliases: there is no taxonomy acme"),
        (
            "    product: otmon\n    service: modbus",
            "    service: modbus\n    product: otmon",
            "1: form: not in canonical form: line 11 should be 'product: otmon'",
        ),
        (
            "status: test",
            "status: test  # for now",
            "1: form: a comment stands between the keys; put it on top or into the text",
        ),
        (
            "    condition: selection",
            "    condition: selection or not selection",
            "17: dead condition: it holds on every event",
        ),
        (
            "ot.operation.class: restart",
            "baseline.novel: object",
            "14: baseline: baseline.novel is tested without baseline.state: enforcing",
        ),
        (
            "ot.operation.class: restart",
            "cip.service: 76",
            "14: CIP service: cip.service is tested without cip.class",
        ),
    ],
)
def test_a_lint_names_what_is_wrong_and_its_line(tmp_path, old, new, expected):
    assert old in GOOD
    found = lint_text(tmp_path, GOOD.replace(old, new, 1))

    if expected is None:
        expected = (
            "33: triage and evidence: evidence reqest is none of "
            "request, response, handshake, whole_transfer"
        )
    assert expected in found


def test_a_rule_that_was_never_seen_to_fire_stays_experimental(tmp_path):
    without = (
        GOOD[: GOOD.index("        positive:")] + "        positive: []\n        negative: []\n"
    )

    assert [
        "37: examples: there is no positive example",
        "38: examples: there is no negative example",
    ] == lint_text(tmp_path, without)
    assert [] == lint_text(tmp_path, without.replace("status: test", "status: experimental"))


def test_two_rules_of_one_title_are_told_apart(tmp_path):
    lint_text(tmp_path, GOOD)
    other = GOOD.replace("00000000000a", "00000000000b")
    found = lint_text(tmp_path, other, "other.yml")

    assert 2 == found.count("1: duplicate: another rule has this title")


def test_a_rule_that_another_holds_wherever_it_does_is_covered(tmp_path):
    wide = GOOD.replace("00000000000a", "00000000000b").replace("communications", "ports")
    narrow = GOOD.replace("class: restart\n", "class: restart\n        ot.role: request\n")
    lint_text(tmp_path, wide, "modbus_ports_restarted.yml")

    assert ["14: covered: 'Modbus ports restarted' holds wherever this does"] == lint_text(
        tmp_path, narrow
    )


def test_an_operation_that_is_also_legitimate_needs_its_context(tmp_path):
    text = GOOD.replace("attack.t0816", "attack.t0836").replace(
        "inhibit-response-function", "impair-process-control"
    )

    assert ["23: context: every technique of it is also legitimate"] == lint_text(tmp_path, text)


def test_load_errors_are_findings(tmp_path):
    assert [
        "16: load: there is no field ot.operation.klass: did you mean ot.operation.class?"
    ] == lint_text(tmp_path, GOOD.replace("ot.operation.class", "ot.operation.klass"))


def test_every_lint_says_what_to_do():
    assert len(LINTS) == len({one.name for one in LINTS})
    assert all(one.advice for one in LINTS)


def test_a_rule_on_single_operations_must_not_ask_for_all_of_them(tmp_path):
    text = GOOD.replace("ot.operation.class: restart", "ot.value: open")

    found = lint_text(tmp_path, text)

    assert "14: asks for too much: every operation would have to be told singly" in found


def without_examples(old: str, new: str) -> str:
    """The rule on another field, with no capture that proves it."""
    text = GOOD[: GOOD.index("        positive:")] + "        positive: []\n        negative: []\n"
    return text.replace("status: test", "status: experimental").replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("class: restart\n", "class: restart\n        ot.phase: select\n", 14, "ot.phase"),
        ("    - source.ip", "    - ot.phase", 20, "ot.phase"),
        ("    triage:", "    aggregate_by:\n        - ot.phase\n    triage:", 30, "ot.phase"),
    ],
)
def test_a_field_that_no_capture_shows_is_dead(tmp_path, old, new, line, field):
    found = lint_text(tmp_path, without_examples(old, new))

    assert [f"{line}: dead rule: no capture shows {field} in ot_operation of modbus"] == found


def test_a_field_under_a_not_may_never_be_there(tmp_path):
    selected = "class: restart\n    other:\n        ot.phase: select\n"
    text = without_examples("class: restart\n", selected)

    assert [] == lint_text(tmp_path, text.replace("condition: selection", f"condition: {NOT}"))


NOT = "selection and not other"


def test_a_site_proves_a_field_by_a_capture_of_its_own(tmp_path):
    text = GOOD.replace("class: restart\n", "class: restart\n        ot.phase: select\n")

    assert [] == lint_text(tmp_path, text)


def test_a_protocol_of_which_nothing_was_seen_is_not_judged():
    assert not never_carried("ot.phase", "ot_operation", "iec104")
    assert never_carried("ot.phase", "ot_operation", "modbus")
    assert not never_carried("ot.phase", "ot_operation", "dnp3")
    assert not never_carried("ot.phase", "ot_operation", None)
    assert not never_carried("ot.phase", None, "dnp3")


DEPRECATED = GOOD.replace("status: test", "status: deprecated")


def written_down(folder: Path) -> list[str]:
    rules = folder / "rules" / "modbus"
    return list(write_down(load_rules([rules], experimental=True), rules))


def test_a_deprecated_rule_is_written_down_once_and_then_stays_as_it_was(tmp_path):
    told = "3: deprecated rule changed: it is not in deprecated.tsv: "

    assert [f"{told}otmon rules lint --fix writes it there"] == lint_text(tmp_path, DEPRECATED)
    assert ["Modbus communications restarted"] == written_down(tmp_path)
    assert [] == written_down(tmp_path)
    assert [] == lint_text(tmp_path, DEPRECATED)


def test_a_deprecated_rule_that_was_changed_is_told(tmp_path):
    lint_text(tmp_path, DEPRECATED)
    written_down(tmp_path)
    (found,) = lint_text(tmp_path, DEPRECATED.replace("class: restart", "class: write"))

    assert found.startswith("3: deprecated rule changed: its version was ")


def test_a_deprecated_rule_does_not_come_back(tmp_path):
    lint_text(tmp_path, DEPRECATED)
    written_down(tmp_path)

    assert ["3: deprecated rule changed: it was deprecated and is test again"] == lint_text(
        tmp_path, GOOD
    )


def test_a_capture_that_no_rule_names_is_told_beside_a_whole_folder(tmp_path):
    rules = tmp_path / "rules" / "modbus"
    rules.mkdir(parents=True)
    (tmp_path / "pcaps" / "modbus").mkdir(parents=True)
    for name in ("restart", "other"):
        (tmp_path / "pcaps" / "modbus" / f"{name}.pcapng").touch()
    (rules / "modbus_communications_restarted.yml").write_text(GOOD)

    def told(folder: Path) -> list[str]:
        found = lint(load_rules([folder], experimental=True), captures=tmp_path / "pcaps")
        return [f"{one.path.name}: {one.lint}" for one in found]

    assert ["other.pcapng: unused capture"] == told(tmp_path / "rules")
    assert [] == told(rules)
