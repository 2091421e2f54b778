"""Event rules become queries that say the same, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ruleset.test_judge import STOPPED, STORM

from otmon.fields import FIELDS
from otmon.ruleset.condition import (
    And,
    Compare,
    Equals,
    Exists,
    Like,
    Missing,
    Not,
    Or,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    Within,
)
from otmon.ruleset.condition import (
    tests_of as parts_of,
)
from otmon.ruleset.convert import STORED, RefusedError, kibana_rule, query
from otmon.ruleset.load import load_rules

ROLE = Test("ot.role", Equals(("event",)))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (ROLE, 'ot.role:"event"'),
        (Test("ot.role", Equals(("event", "request"))), 'ot.role:("event" OR "request")'),
        (Test("ot.function.code", Equals((3,))), 'ot.function.code:"3"'),
        (Test("ot.answered", Equals((True,))), "ot.answered:true"),
        (Test("ot.function.name", Equals(("a-1",))), r"ot.function.name:/[aA]\-1/"),
        (Test("ot.function.name", Equals(('a"b',), cased=True)), r'ot.function.name:"a\"b"'),
        (Test("ot.object.id", Like((("hr:",), ()))), "ot.object.id:/[hH][rR]:.*/"),
        (Test("ot.object.id", Like((("hr:", None), ()), cased=True)), r"ot.object.id:hr\:?*"),
        (Test("ot.function.code", Compare("gte", 90)), "ot.function.code:>=90"),
        (Test("source.ip", Within("10.0.0.0/8")), 'source.ip:"10.0.0.0/8"'),
        (Test("ot.unit.id", Exists(True)), "_exists_:ot.unit.id"),
        (Test("ot.unit.id", Missing()), "(*:* AND NOT _exists_:ot.unit.id)"),
        (Not(ROLE), '(*:* AND NOT ot.role:"event")'),
        (
            And((ROLE, Or((ROLE, Not(ROLE))))),
            '(ot.role:"event" AND (ot.role:"event" OR (*:* AND NOT ot.role:"event")))',
        ),
    ],
)
def test_a_condition_becomes_a_query(condition, expected):
    assert expected == query(replace(STOPPED, condition=condition), FIELDS)


def test_the_service_and_the_category_are_part_of_the_query():
    rule = replace(STOPPED, service="s7comm", category="ot_conformance", condition=ROLE)

    assert 'network.protocol:"s7comm" AND _exists_:ot.anomaly AND ot.role:"event"' == query(
        rule, FIELDS
    )


@pytest.mark.parametrize(
    "refused",
    [
        STORM,
        replace(STOPPED, category="ot_anomaly"),
        replace(STOPPED, condition=Test("source.ip", SameAs("server.ip"))),
        replace(STOPPED, condition=Test("ot.value", Regex("a+", ""))),
        replace(STOPPED, condition=Test("@timestamp", PartOfTime("hour", "eq", 3))),
    ],
)
def test_what_a_query_cannot_say_is_refused(refused):
    with pytest.raises(RefusedError):
        query(refused, FIELDS)


def test_a_converted_rule_is_off_and_names_what_it_came_from():
    document = json.loads(json.dumps(kibana_rule(STOPPED, FIELDS)))

    assert (False, "lucene", ["logs-otmon.operation-*"]) == (
        document["enabled"],
        document["language"],
        document["index"],
    )
    assert "r-1" == document["meta"]["otmon"]["rule_id"]
    assert document["rule_id"] == kibana_rule(STOPPED, FIELDS)["rule_id"] != "r-1"


def test_every_shipped_rule_about_what_stored_operations_have_can_be_converted():
    operations = [one for one in load_rules().events if one.category == "ot_operation"]
    stored = [one for one in operations if {t.field for t in parts_of(one.condition)} <= STORED]

    assert 40 < len(stored) < len(operations)
    assert [] == [one.rule.title for one in stored if not query(one, FIELDS)]


def test_a_rule_about_what_operations_are_stored_without_is_refused():
    rule = replace(STOPPED, condition=Test("ot.phase", Exists(True)))

    with pytest.raises(RefusedError, match=r"without ot\.phase"):
        query(rule, FIELDS)
