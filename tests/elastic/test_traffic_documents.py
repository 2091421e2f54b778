"""What documents of operations and conversations say."""

from __future__ import annotations

import pytest
from elastic_drafts import BEHAVIOURS, FACTS, SENSOR, Counted, said
from hypothesis import HealthCheck, given, settings
from records import START, Conversation, Transaction

from otmon.fields import FIELDS
from otmon.ruleset.stored import STORED
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.documents import Talked
from otmon.sinks.elastic.documents.parties import community_id


def test_an_operation_counts_only_its_interval():
    first = documents.operation(SENSOR, Counted(count=5), 0, lambda *_: None, new=True)
    second = documents.operation(
        SENSOR, Counted(count=12, last_seen_ns=START + 60), 5, lambda *_: None
    )

    counted = [
        tuple(one.fields[f"otmon.behaviour.{name}"] for name in ("count", "state"))
        for one in (first, second)
    ]
    assert [(5, ["new"]), (7, ["known"])] == counted
    assert first.id != second.id


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (("tcp", "128.232.110.120", 34855, "66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("tcp", "66.35.250.204", 80, "128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("ethernet", None, None, None, None), None),
    ],
)
def test_a_flow_has_the_id_that_other_programs_give_it(flow, expected):
    """The first is that of the specification's own example."""
    assert expected == community_id(*flow)


def test_what_a_converted_rule_may_ask_of_stored_operations_is_what_they_have():
    seen: set[str] = set()

    @given(BEHAVIOURS, FACTS)
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def collect(one, facts):
        seen.update(documents.operation(SENSOR, one, 0, lambda *_: facts).fields)

    collect()
    assert STORED == seen & set(FIELDS)


@pytest.mark.parametrize(
    ("new", "state"), [(True, ["new", "deviating"]), (False, ["known", "deviating"])]
)
def test_what_is_not_normal_is_deviating_be_it_new_or_not(new, state):
    one = documents.operation(SENSOR, Counted(), 0, lambda *_: None, new=new, deviates=True)

    assert state == said(one)["otmon"]["behaviour"]["state"]


@pytest.mark.parametrize(
    ("protocol", "key", "session"),
    [("umas", 7, "7"), ("umas", 0, None), ("umas", None, None), ("modbus", 7, None)],
)
def test_an_operation_names_the_session_that_its_protocol_says_it_is_of(protocol, key, session):
    fields = {} if key is None else {"umas.key": key}
    one = Transaction(protocol=protocol, fields=fields)
    told = said(documents.notable(SENSOR, one, "b-1", 0, lambda *_: None))

    assert session == told["ot"].get("session", {}).get("id")


def test_an_operation_says_what_its_protocol_does_but_for_the_bytes_that_it_carries():
    fields = {"modbus.transaction_id": 9, "modbus.vendor_name": "ACME", "modbus.events": b"\1\2"}
    one = Transaction(fields=fields)
    told = said(documents.notable(SENSOR, one, "b-1", 0, lambda *_: None))

    assert {"transaction_id": 9, "vendor_name": "ACME"} == told["modbus"]


@pytest.mark.parametrize(
    ("protocol", "port", "application"),
    [(None, 3389, "rdp"), (None, 40_000, None), ("modbus", 3389, None)],
)
def test_a_conversation_of_no_industrial_protocol_is_named_by_its_port(protocol, port, application):
    one = Conversation(protocol=protocol, server_port=port)
    told = said(documents.conversation(SENSOR, one, Talked(), lambda *_: None))

    assert application == told["network"].get("application")
