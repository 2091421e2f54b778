"""The fields of documents: none too many, none with two meanings, none undocumented."""

from __future__ import annotations

import re

import pytest
from places import ROOT

from otmon.alerts.said import MAX_WORDS
from otmon.model.tactic import TACTICS
from otmon.sinks.elastic import templates
from otmon.sinks.elastic.catalogue import ECS, MOST_FIELDS, STREAMS, common, fields_of
from otmon.sinks.elastic.tactics import threat_fields


@pytest.mark.parametrize("stream", STREAMS)
def test_no_index_maps_more_fields_than_it_may(stream):
    assert templates.mapped_count(templates.mapping(fields_of(stream))) <= MOST_FIELDS


def test_no_field_is_declared_twice():
    for own in STREAMS.values():
        assert not set(own) & set(ECS)
        assert not set(own) & set(common())


@pytest.mark.parametrize("stream", STREAMS)
def test_no_field_is_an_object_and_a_value_at_once(stream):
    names = fields_of(stream)

    assert [] == [name for name in names for other in names if other.startswith(f"{name}.")]


TRAPS = {
    r"_ip$": {"ip"},
    r"\.(start|end|created|timestamp)$": {"date"},
    r"_score": {"float"},
    r"\.(location|usage)$": set(),
    r"(imports|exports)$": {"flattened"},
}


@pytest.mark.parametrize("pattern", TRAPS)
def test_no_field_is_named_so_that_rules_by_name_would_take_it_for_something_else(pattern):
    names = {**ECS, **common(), **{k: v for own in STREAMS.values() for k, v in own.items()}}
    wrong = {
        name: kind
        for name, kind in names.items()
        if re.search(pattern, name) and kind not in TRAPS[pattern]
    }

    assert {} == wrong


def test_the_committed_templates_are_current():
    assets = ROOT / "otmon" / "sinks" / "elastic" / "assets"
    committed = {name: (assets / name).read_text("utf-8") for name, _ in templates.files()}

    assert dict(templates.files()) == committed


def test_a_sub_technique_comes_with_its_parent_its_tactic_and_its_id_of_v18():
    fields = threat_fields(["T1692.001"])

    assert ["T1692"] == fields["threat.technique.id"]
    assert ["T1692.001"] == fields["threat.technique.subtechnique.id"]
    assert "T0855" in fields["otmon.attack.legacy_ids"]
    assert set(fields["threat.tactic.id"]) <= set(TACTICS.values())


def test_every_technique_has_a_tactic_with_an_id():
    from otmon.ruleset.attack import techniques

    assert set(TACTICS) >= {slug for one in techniques().values() for slug in one.tactics}


@pytest.mark.parametrize(
    "name", ["baseline.expected", "baseline.observed", "anomaly.expected", "anomaly.observed"]
)
def test_what_was_said_is_never_too_long_for_the_index(name):
    root, leaf = name.split(".")
    mapped = templates.mapping(fields_of("logs-otmon.alert"))

    assert mapped[root]["properties"][leaf]["ignore_above"] >= MAX_WORDS


def test_every_field_that_the_documentation_names_is_there():
    text = (ROOT / "docs" / "elastic.md").read_text("utf8")
    queries = "".join(re.findall(r"```(?:kql|esql)\n(.*?)```", text, re.DOTALL))
    tables = "".join(line for line in text.splitlines(keepends=True) if line.startswith("| "))
    roots = "event|ot|otmon|client|server|source|destination|host|device|threat|network|observer"
    pattern = rf"(?<![\w.-])(?:{roots})\.[a-z_.]+[a-z_](?![\w*-])"
    named = {*re.findall(pattern, queries), *re.findall(rf"`({pattern})`", tables)}
    known = {name for stream in STREAMS for name in fields_of(stream)}
    datasets = {f"otmon.{one.rpartition('.')[2]}" for one in STREAMS}

    assert len(named) > 20
    assert set() == named - known - datasets
