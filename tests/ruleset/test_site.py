"""A site switches, raises and exempts rules by data alone."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from otmon.alerts.severity import severity_of
from otmon.config import load
from otmon.model.event import Event, event_from_transaction
from otmon.ruleset.judge import Judge
from otmon.ruleset.load import RuleSet
from otmon.ruleset.site import site_rules
from tests.records import SECOND, START, Transaction

STOP = Transaction(operation_class="mode_stop", protocol="s7comm", client_ip="10.0.0.5")
FILTER = """\
title: The engineering station stops controllers
logsource: {product: otmon, service: s7comm, category: ot_operation}
filter:
    rules: [3d09cac6-3ca4-49cd-bdfe-91a2e02141e2]
    engineering: {source.ip: 10.0.0.5}
    condition: not engineering
otmon: {reason: "it is their work", author: J. Doe, expires: 2030-01-01}
"""


@pytest.fixture
def site(tmp_path):
    """Writes files of a site; gives its rules."""

    def rules(toml: str, **files: str) -> RuleSet:
        for name, text in files.items():
            (tmp_path / f"{name}.yml").write_text(textwrap.dedent(text))
        path = tmp_path / "otmon.toml"
        path.write_text(textwrap.dedent(toml))
        return site_rules(load(path))

    return rules


def titles(rules: RuleSet, *events: Event) -> list[str]:
    judge = Judge(rules.events, rules.correlations)
    return [match.rule.title for event in events for match in judge.judge(event)]


def errors(rules: RuleSet) -> list[str]:
    return [f"{Path(one.path).name}:{one.line}: {one.message}" for one in rules.errors]


def test_without_words_of_a_site_the_shipped_rules_hold(site):
    rules = site("")

    assert () == rules.errors
    assert ["S7 controller stopped"] == titles(rules, event_from_transaction(STOP))


def test_a_rule_that_is_off_is_held_against_nothing(site):
    rules = site('[rules]\ndisabled = ["S7 controller stopped"]')

    assert "S7 controller stopped" not in {one.rule.title for one in rules.rules}
    assert [("S7 controller stopped", "switched off in otmon.toml")] == [
        (one.found.rule.title, one.why)
        for one in rules.off
        if one.found.rule.status != "experimental"
    ]
    assert [] == titles(rules, event_from_transaction(STOP))


def test_what_counts_a_rule_that_is_off_is_off(site):
    off = {
        one.found.rule.title: one.why
        for one in site('[rules]\ndisabled = ["unit_changed"]').off
        if one.found.rule.status != "experimental"
    }

    assert (
        "counts 'Unit changed by a client', which is switched off"
        == (off["Second client changes a unit"])
    )


def test_a_switch_for_a_rule_that_there_is_not_is_an_error(site):
    assert ["otmon.toml:2: rules: there is no rule S7 controler stopped"] == errors(
        site('[rules]\ndisabled = ["S7 controler stopped"]')
    )


def test_a_level_of_the_site_is_the_level(site):
    rules = site('[rules.severities]\n"S7 controller stopped" = "low"')
    (match,) = Judge(rules.events, rules.correlations).judge(event_from_transaction(STOP))

    assert "low" == severity_of(match).level
    assert ("low, as set in otmon.toml",) == severity_of(match).factors


def test_a_level_that_there_is_not_is_an_error(site):
    (error,) = errors(site('[rules.severities]\n"S7 controller stopped" = "bad"'))

    assert error.startswith("otmon.toml:2: rules.severities: bad is none of")


def test_an_exception_takes_out_exactly_what_it_names(site):
    rules = site('[rules]\nfilters = ["filter.yml"]', filter=FILTER)
    other = Transaction(operation_class="mode_stop", protocol="s7comm", client_ip="10.0.0.6")

    assert () == rules.errors
    assert ["The engineering station stops controllers"] == [one.title for one in rules.filters]
    assert [] == titles(rules, event_from_transaction(STOP))
    assert ["S7 controller stopped"] == titles(rules, event_from_transaction(other))


def test_an_exception_ends_on_its_day_in_packet_time(site):
    rules = site('[rules]\nfilters = ["filter.yml"]', filter=FILTER.replace("2030", "2023"))

    assert 2023 == rules.filters[0].expires.year
    assert START > 1_672_531_200 * SECOND
    assert ["S7 controller stopped"] == titles(rules, event_from_transaction(STOP))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("not engineering", "engineering", "6: the condition of an exception is `not` and"),
        ('reason: "it is their work", ', "", "7: has no otmon.reason"),
        ("2030-01-01", "soon", "7: otmon.expires is no date such as 2027-06-30"),
        ("[3d09cac6-3ca4-49cd-bdfe-91a2e02141e2]", "any", "4: filter.rules is no list"),
        ("3d09cac6", "00000000", "4: 00000000-3ca4-49cd-bdfe-91a2e02141e2: there is no such rule"),
        ("service: s7comm", "service: umas", "4: 3d09cac6-3ca4-49cd-bdfe-91a2e02141e2: it has"),
        ("{source.ip:", "{source.pi:", "5: there is no field source.pi"),
        ("[3d09cac6-3ca4-49cd-bdfe-91a2e02141e2]", "[Many objects of a device written]", "4: Many"),
    ],
)
def test_an_exception_that_cannot_be_used_is_an_error_and_takes_nothing_out(
    site, old, new, expected
):
    rules = site('[rules]\nfilters = ["filter.yml"]', filter=FILTER.replace(old, new))

    (error,) = errors(rules)
    assert error.startswith(f"filter.yml:{expected}")
    assert ["S7 controller stopped"] == titles(rules, event_from_transaction(STOP))


def test_no_exception_is_made_from_a_rule_that_always_holds(site, tmp_path):
    always = """\
        title: Something must never happen
        id: 00000000-0000-4000-8000-00000000000a
        status: test
        logsource: {product: otmon, service: s7comm, category: ot_operation}
        detection: {x: {ot.operation.class: mode_stop}, condition: x}
        level: critical
        otmon: {impact: safety, confidence: 0.95, always: true}
        """
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "always.yml").write_text(textwrap.dedent(always))
    named = FILTER.replace("3d09cac6-3ca4-49cd-bdfe-91a2e02141e2", "Something must never happen")
    rules = site('[rules]\ndirectories = ["own"]\nfilters = ["filter.yml"]', filter=named)

    assert [
        "filter.yml:4: Something must never happen: no exception can be made from it"
    ] == errors(rules)


def test_a_rule_of_the_site_is_held_like_any_other(site, tmp_path):
    own = """\
        title: The pump was written to
        id: 00000000-0000-4000-8000-00000000000b
        status: test
        logsource: {product: otmon, service: modbus, category: ot_operation}
        detection: {x: {ot.object.id: 'hr:7', ot.operation.class: write}, condition: x}
        level: critical
        otmon: {impact: control, confidence: 0.95}
        """
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "pump.yml").write_text(textwrap.dedent(own))
    event = event_from_transaction(Transaction(operation_class="write", targets=("hr:7",)))

    assert ["The pump was written to"] == titles(site('[rules]\ndirectories = ["own"]'), event)
