"""What people get wrong in rule files: each is told with its line, and none stops a sensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from ruleset.texts import GOOD, errors_in

from otmon.ruleset.lint import lint
from otmon.ruleset.load import load_rules

OFTEN = """\
title: Something was written often
id: 00000000-0000-4000-8000-00000000000b
status: test
level: low
otmon: {impact: view, confidence: 0.4}
correlation:
    type: event_count
    rules:
        - 00000000-0000-4000-8000-00000000000a
    group-by:
        - client.address
    timespan: 1m
    condition:
        gte: 3
"""
SIGMAHQ = """\
title: Default Credentials Usage
id: 1a395cbc-a84a-463a-9086-ed8a70e573c7
status: stable
logsource:
    product: qualys
detection:
    selection:
        host.scan.vuln: 10693
    condition: selection
level: medium
"""
TEST = "ot.operation.class: restart\n"


def told_of(folder: Path, text: str | bytes) -> list[str]:
    """What is told of a rule beside a good one, which is used all the same."""
    data = text.encode() if isinstance(text, str) else text
    (folder / "bad.yml").write_bytes(data)
    fine = GOOD.replace("00000000000a", "00000000000f").replace("restarted", "began")
    (folder / "good.yml").write_text(fine)
    rules = load_rules([folder], experimental=True)
    assert "00000000-0000-4000-8000-00000000000f" in {one.rule.id for one in rules.events}
    return [one.partition(":")[2] for one in errors_in(rules)]


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        (
            "ot.operation.class:",
            "ot.operaton.class:",
            "16: there is no field ot.operaton.class: did you mean ot.operation.class?",
        ),
        (
            "class: restart",
            "class: restrat",
            "16: ot.operation.class never has the value restrat: did you mean restart?",
        ),
        (
            TEST,
            "ot.object.id|contians: hr\n",
            "16: modifier contians is not supported: did you mean contains?",
        ),
        (TEST, "ot.value_count|gt: many\n", "16: gt compares numbers, and 'many' is none"),
        (TEST, "\n", "15: asks for nothing: name a field and its value"),
        (
            TEST,
            "ot.object.id|re: '((a{1,99}){1,99}){1,99}'\n",
            "16: ((a{1,99}){1,99}){1,99} is no regular expression",
        ),
        (
            "condition: selection",
            "condition: selection and (not",
            "17: the condition cannot be read at its end, where something is missing",
        ),
        (
            "condition: selection",
            "condition: (selection",
            "17: the condition cannot be read",
        ),
        (
            "condition: selection",
            "condition: selektion",
            "17: Detection 'selektion' not defined in detections",
        ),
        ("    condition: selection\n", "", "14: needs exactly one condition"),
        (
            "        ot.operation",
            "\tot.operation",
            "16: is not YAML: found character that cannot start any token;"
            " a tab? YAML takes spaces",
        ),
        (
            "description: A client",
            "description: A client: it",
            "4: is not YAML: mapping values are not allowed in this context;"
            " a text with a colon needs quotes",
        ),
        (
            TEST,
            TEST + "       ot.unit.id: 3\n",
            "17: is not YAML: did not find expected key; look at how far the line is indented",
        ),
        (
            "id: 00000000-0000-4000-8000-00000000000a",
            "id: 123",
            "2: id is no UUID, such as 3d09cac6-3ca4-49cd-bdfe-91a2e02141e2",
        ),
        ("00000000000a", "00000000000f", "2: has the same id as "),
        (
            "product: otmon",
            "product: zeek",
            "11: logsource.product is not otmon: rules for other logs cannot judge what otmon sees",
        ),
        (
            "category: ot_operation",
            "category: ot_operations",
            "13: logsource.category ot_operations is none of ",
        ),
        ("level: medium", "level: hihg", "22: level hihg is none of informational, low, medium, "),
        ("impact: view", "impact: veiw", "27: impact is none of safety, control, view, it"),
        ("confidence: 0.8", "confidence: high", "28: confidence is no number from 0 to 1"),
        ("{server}'", "{sevrer}'", "29: the message has a place 'sevrer': there are anomalies, "),
        ("{server}'", "{server'", "29: message: "),
        ("{server}'", "{server:>9}'", "29: the place 'server' of the message takes no format"),
        ("{server}'", "{}'", "29: the message has a place '': there are anomalies, "),
        (
            "'{client} restarted {server}'",
            "{client: a}",
            "29: message is no text: put it in quotes",
        ),
        (
            "    - Diagnostics.",
            "    - Diagnostics: always.",
            "18: falsepositives holds what is no text: a colon needs quotes",
        ),
        (
            "    aliases: {}\n",
            "    aggregate_by:\n        - ot.unit\n",
            "35: there is no field ot.unit: did you mean ot.unit.id?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(written: str, instead: str, told: str, tmp_path: Path):
    assert written in GOOD
    (error,) = told_of(tmp_path, GOOD.replace(written, instead, 1))

    assert error.startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1: holds not exactly one rule"),
        ("- a\n- b\n", "1: holds not exactly one rule"),
        (GOOD + "---\n" + GOOD, "1: holds not exactly one rule"),
        ("\0\1", "1: cannot be read: unacceptable character #x0000"),
        (GOOD.replace("A client", "Ein Gerät").encode("latin-1"), "1: is not UTF-8"),
        ("a: " + "[" * 9_000 + "]" * 9_000, "1: is not YAML: exceeded maximum nesting depth"),
        (SIGMAHQ, "5: logsource.product is not otmon: rules for other logs"),
        (
            SIGMAHQ.replace("    product: qualys", "    category: dns"),
            "4: logsource.product is not",
        ),
    ],
)
def test_a_file_that_is_no_rule_is_told(text: str | bytes, told: str, tmp_path: Path):
    (error,) = told_of(tmp_path, text)

    assert error.startswith(told)


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("0000000000a", "0000000000c", "8: there is no rule 00000000-0000-4000-8000-00000000000c"),
        ("1m", "1 minute", "12: timespan is no number with a unit, such as 30s, 5m, 1h or 1d"),
        ("client.address", "client.adress", "10: there is no field client.adress: did you mean "),
        ("event_count", "event_cuont", "7: correlation event_cuont is not supported"),
        ("gte: 3", "gte: three", "6: "),
        ("gte: 3", "gte: -3", "13: condition is no whole number from 1 on"),
        ("    group-by:\n        - client.address\n", "", "6: has no group-by"),
    ],
)
def test_a_mistake_in_a_correlation_is_told(written: str, instead: str, told: str, tmp_path: Path):
    (tmp_path / "rule.yml").write_text(GOOD)
    assert written in OFTEN
    (error,) = told_of(tmp_path, OFTEN.replace(written, instead, 1))

    assert error.startswith(told)


@pytest.mark.parametrize(
    "value", [None, 3, True, 1.5, "x", [], {}, [None], {"a": None}, "2026-1-1"]
)
@pytest.mark.parametrize(
    "key",
    [
        *("title", "id", "status", "description", "references", "author", "date", "logsource"),
        *("detection", "falsepositives", "fields", "level", "tags", "otmon", "name", "modified"),
    ],
)
def test_a_value_of_another_kind_is_an_error_or_none_and_never_a_crash(
    key: str, value: object, tmp_path: Path
):
    import yaml

    document: Mapping[str, object] = {**yaml.safe_load(GOOD), key: value}

    assert len(told_of(tmp_path, yaml.safe_dump(document, sort_keys=False))) <= 1


def test_a_service_that_is_nearly_a_protocol_is_found(tmp_path: Path):
    from otmon import _engine
    from otmon.fields import catalogue

    fields = catalogue(_engine.protocols())
    (tmp_path / "rule.yml").write_text(GOOD.replace("service: modbus", "service: modbsu"))
    found = [str(one) for one in lint(load_rules([tmp_path], fields), fields)]

    assert any("no protocol is called modbsu: did you mean modbus?" in one for one in found)
