"""Rule files load, and what is wrong with one is told with its line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from ruleset.texts import HEAD, errors_in

from otmon.ruleset.condition import (
    And,
    Compare,
    Equals,
    Exists,
    Like,
    Missing,
    Not,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    Within,
)
from otmon.ruleset.load import load_rules, shipped_rules

CORRELATION = """\
title: Something was seen often
id: 00000000-0000-4000-8000-00000000000b
status: test
level: critical
otmon: {impact: control, confidence: 0.95}
correlation:
    type: event_count
    rules: [seen]
    group-by: [client.ip]
    timespan: 1m
    condition: {gte: 3}
"""


def write(folder: Path, text: str, name: str = "rule.yml") -> Path:
    (folder / name).write_text(textwrap.dedent(text))
    return folder


def condition_of(folder: Path, selection: str):
    text = HEAD + f"detection:\n    x: {selection}\n    condition: x\n"
    found = load_rules([write(folder, text)])
    assert () == found.errors
    return found.events[0].condition


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("{ot.function.name: Stop}", Test("ot.function.name", Equals(("Stop",)))),
        ("{ot.function.name: '*stop?'}", Test("ot.function.name", Like(((), ("stop", None))))),
        (r"{ot.function.name: 'a\*b'}", Test("ot.function.name", Equals(("a*b",)))),
        ("{ot.function.name|contains: st}", Test("ot.function.name", Like(((), ("st",), ())))),
        ("{ot.function.name|startswith: st}", Test("ot.function.name", Like((("st",), ())))),
        ("{ot.function.name|endswith: op}", Test("ot.function.name", Like(((), ("op",))))),
        ("{ot.function.name|cased: St}", Test("ot.function.name", Equals(("St",), cased=True))),
        ("{ot.function.code: 3}", Test("ot.function.code", Equals((3,)))),
        ("{ot.answered: true}", Test("ot.answered", Equals((True,)))),
        ("{ot.phase: null}", Test("ot.phase", Missing())),
        ("{ot.phase|exists: false}", Test("ot.phase", Exists(False))),
        ("{ot.function.code|gte: 3}", Test("ot.function.code", Compare("gte", 3))),
        ("{ot.function.code|neq: 3}", Not(Test("ot.function.code", Equals((3,))))),
        ("{source.ip|cidr: 10.0.0.0/8}", Test("source.ip", Within("10.0.0.0/8"))),
        ("{source.ip|fieldref: server.ip}", Test("source.ip", SameAs("server.ip"))),
        ("{ot.value|re|i: 'a+'}", Test("ot.value", Regex("a+", "i"))),
        ("{'@timestamp|hour': 3}", Test("@timestamp", PartOfTime("hour", "eq", 3))),
        ("{'@timestamp|hour|gte': 3}", Test("@timestamp", PartOfTime("hour", "gte", 3))),
        (
            "{ot.value|all: [a, b]}",
            And((Test("ot.value", Equals(("a",))), Test("ot.value", Equals(("b",))))),
        ),
    ],
)
def test_a_selection_becomes_a_condition(tmp_path, selection, expected):
    assert expected == condition_of(tmp_path, selection)


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("{x: [word], condition: x}", "rule.yml:7: searches for text without a field"),
        ("{x: {ot.value|base64: a}, condition: x}", "rule.yml:7: modifier base64 is not supported"),
        (
            "{x: {ot.valeu: a}, condition: x}",
            "rule.yml:7: there is no field ot.valeu: did you mean ot.value?",
        ),
        ("{x: {ot.value: a}, condition: [x, x]}", "rule.yml:7: needs exactly one condition"),
        (
            "{x: {ot.operation.class: stop}, condition: x}",
            "rule.yml:7: ot.operation.class never has the value stop: did you mean mode_stop?",
        ),
        (
            "{x: {ot.function.code: read}, condition: x}",
            "rule.yml:7: ot.function.code is a number and never 'read'",
        ),
        (
            "{x: {ot.value|re: '(a'}, condition: x}",
            "rule.yml:7: (a is no regular expression",
        ),
    ],
)
def test_what_is_not_supported_is_an_error_with_its_line(tmp_path, detection, expected):
    write(tmp_path, HEAD + f"detection: {detection}\n")

    assert [expected] == errors_in(load_rules([tmp_path]))


def test_an_error_names_the_line_of_the_key(tmp_path):
    write(
        tmp_path,
        HEAD
        + """\
detection:
    x:
        ot.value: a
        ot.valeu: b
    condition: x
""",
    )

    assert ["rule.yml:10: there is no field ot.valeu: did you mean ot.value?"] == errors_in(
        load_rules([tmp_path])
    )


def test_a_bad_rule_does_not_stop_the_others(tmp_path):
    write(tmp_path, "title: [", "a_bad.yml")
    write(tmp_path, HEAD + "detection: {x: {ot.value: a}, condition: x}\n", "b_good.yml")
    found = load_rules([tmp_path])

    assert ["Something was seen"] == [one.rule.title for one in found.rules]
    assert ["a_bad.yml"] == [error.path.name for error in found.errors]


def test_two_rules_of_one_id_are_an_error(tmp_path):
    text = HEAD + "detection: {x: {ot.value: a}, condition: x}\n"
    write(tmp_path, text, "a.yml")
    write(tmp_path, text, "b.yml")

    assert [f"b.yml:2: has the same id as {tmp_path / 'a.yml'}"] == errors_in(
        load_rules([tmp_path])
    )


def test_experimental_rules_load_only_when_asked_for(tmp_path):
    text = HEAD.replace("status: test", "status: experimental")
    write(tmp_path, text + "detection: {x: {ot.value: a}, condition: x}\n")

    assert (0, 1) == (len(load_rules([tmp_path]).events), load_rules([tmp_path]).experimental)
    assert 1 == len(load_rules([tmp_path], experimental=True).events)


def test_a_correlation_names_its_members_by_their_ids(tmp_path):
    member = HEAD + "name: seen\ndetection: {x: {ot.value: a}, condition: x}\n"
    write(tmp_path, member, "member.yml")
    write(tmp_path, CORRELATION, "often.yml")
    (rule,) = load_rules([tmp_path]).correlations

    assert ("00000000-0000-4000-8000-00000000000a",) == rule.members
    assert (3, 60, ("client.ip",)) == (rule.threshold, rule.timespan_s, rule.group_by)


@pytest.mark.parametrize(
    "change",
    [("status: test", "status: experimental"), ("type: event_count", "type: value_median")],
)
def test_a_counted_rule_is_silent_without_its_correlation(tmp_path, change):
    member = HEAD + "name: seen\ndetection: {x: {ot.value: a}, condition: x}\n"
    write(tmp_path, member, "member.yml")
    write(tmp_path, CORRELATION.replace(*change), "often.yml")

    assert ((), ()) == (load_rules([tmp_path]).events, load_rules([tmp_path]).correlations)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "type: event_count",
            "type: value_median",
            "often.yml:7: correlation value_median is not supported",
        ),
        (
            "type: event_count",
            "type: temporal",
            "often.yml:8: needs at least two different rules",
        ),
        ("rules: [seen]", "rules: [heard]", "often.yml:8: there is no rule heard"),
        ("    group-by: [client.ip]\n", "", "often.yml:6: has no group-by"),
        ("{gte: 3}", "{neq: 3}", "often.yml:11: condition neq is not supported"),
        ("{gte: 3}", "seen", "often.yml:6: Extended conditions"),
        ("{gte: 3}", "{gte: 3.5}", "often.yml:11: condition is no whole number from 1 on"),
        ("{gte: 3}", "{gte: 3, lt: 9}", "often.yml:6: Sigma correlation condition must have"),
        ("type: event_count", "type: value_sum", "often.yml:6: Value sum correlation rule"),
        (
            "{gte: 3}",
            "{gte: 3, field: ot.unit.id}",
            "often.yml:11: event_count takes no such field",
        ),
        (
            "timespan: 1m",
            "timespan: 1m\n    every: 2",
            "often.yml:11: correlations have no key every",
        ),
        ("client.ip", "client.pi", "often.yml:9: there is no field client.pi"),
    ],
)
def test_a_correlation_that_is_not_supported_is_an_error(tmp_path, old, new, expected):
    member = HEAD + "name: seen\ndetection: {x: {ot.value: a}, condition: x}\n"
    write(tmp_path, member, "member.yml")
    write(tmp_path, CORRELATION.replace(old, new), "often.yml")

    (found,) = errors_in(load_rules([tmp_path]))
    assert expected == found[: len(expected)]


@pytest.mark.parametrize("bound", ["gte", "lt"])
def test_only_what_counts_up_may_leave_what_is_normal_without_effect(tmp_path, bound):
    member = HEAD + "name: seen\ndetection: {x: {ot.value: a}, condition: x}\n"
    write(tmp_path, member, "member.yml")
    often = CORRELATION.replace("0.95}", "0.95, unless_normal: true}").replace("gte", bound)
    write(tmp_path, often, "often.yml")

    refused = ["often.yml:5: unless_normal goes with event_count and value_count, and gte"]
    assert {"gte": [], "lt": refused}[bound] == errors_in(load_rules([tmp_path]))


def chain(folder: Path, length: int, first: str = "seen") -> Path:
    """A rule, and correlations that each count the one before."""
    write(folder, HEAD + "name: seen\ndetection: {x: {ot.value: a}, condition: x}\n", "a.yml")
    before = first
    for number in range(length):
        text = CORRELATION.replace("00000b", f"0001{number:02}").replace("[seen]", f"[{before}]")
        before = f"often_{number}"
        write(folder, f"name: {before}\n{text}", f"b{number}.yml")
    return folder


def test_correlations_build_on_one_another_up_to_a_depth_of_four(tmp_path):
    assert 4 == len(load_rules([chain(tmp_path, 4)]).correlations)
    assert ["b4.yml:9: builds on 5 correlations, not at most 4"] == errors_in(
        load_rules([chain(tmp_path, 5)])
    )


def test_correlations_that_build_on_one_another_in_a_circle_are_an_error(tmp_path):
    assert [
        "b0.yml:9: builds on itself",
        "b1.yml:9: builds on itself",
    ] == errors_in(load_rules([chain(tmp_path, 2, first="often_1")]))


def test_a_correlation_of_one_that_cannot_be_used_is_an_error(tmp_path):
    assert [
        "b0.yml:9: there is no rule nothing",
        "b1.yml:9: builds on often_0, which cannot be used",
    ] == errors_in(load_rules([chain(tmp_path, 2, first="nothing")]))


def test_the_version_of_a_rule_follows_its_content_and_not_its_form(tmp_path):
    def version(text: str) -> str:
        return load_rules([write(tmp_path, text)]).events[0].rule.version

    first = version(HEAD + "detection: {x: {ot.value: a}, condition: x}\n")

    assert first == version(HEAD + "detection:\n    x:\n        ot.value: a\n    condition: x\n")
    assert first != version(HEAD + "detection: {x: {ot.value: b}, condition: x}\n")


def test_the_shipped_rules_load_without_an_error():
    found = load_rules()

    assert () == found.errors
    assert shipped_rules().is_dir()
    assert 0 < len(found.events)
