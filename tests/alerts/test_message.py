"""The sentence of an alert: who did what to whom, how, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from otmon.alerts.message import message_of
from otmon.fields import PARTLY_REFUSED
from otmon.model.event import event_from_transaction
from otmon.model.rule import PLACES, Match
from tests.alerts.test_aggregate import RULE
from tests.records import Transaction

WRITE = Transaction(
    operation_class="write",
    operation="write_multiple_registers",
    targets=("hr:101-106",),
    values=[1, 2, 3, 4, 5, 6],
)


def said(message: str | None, record: Transaction = WRITE, group=None) -> str:
    """The sentence of a match on one operation."""
    match = Match(replace(RULE, message=message), event_from_transaction(record), group=group)
    return message_of(match, "10.0.0.66", "10.0.0.11", 7)


def test_a_change_is_told_with_its_first_values():
    assert (
        "10.0.0.66 wrote to 10.0.0.11 (Modbus write_multiple_registers on "
        "hr:101-106 = 1, 2, 3, 4 ..., unit 1), accepted"
    ) == said(None)


def test_what_was_read_is_not_told():
    record = replace(WRITE, operation_class="read", operation="read_holding_registers")

    assert (
        "10.0.0.66 read 10.0.0.11 (Modbus read_holding_registers on hr:101-106, unit 1), accepted"
    ) == said("{client} read {server}", record)


def test_without_a_sentence_the_class_gives_one_and_else_the_title():
    record = replace(WRITE, operation_class="keepalive", values=[])

    assert said(None, record).startswith("Controller stopped: 10.0.0.66 to 10.0.0.11 (Modbus")


def test_a_group_is_told_with_its_protocol_and_its_count():
    assert "10.0.0.66 tried 7 times (Modbus)" == said("{client} tried {count} times", group=())


def test_every_place_that_a_rule_may_name_is_filled():
    assert "{" not in said(" ".join(f"{{{place}}}" for place in sorted(PLACES)))


def test_what_was_refused_is_not_told_as_done():
    record = replace(WRITE, status="illegal_data_address")

    assert said(None, record).endswith(", but was refused: illegal data address")


def test_a_select_is_a_command_and_no_write():
    record = replace(WRITE, operation_class="command", operation="select", values=[])

    assert said("{client} {did} {server}", record).startswith("10.0.0.66 commanded 10.0.0.11")


def test_a_restart_is_about_the_whole_device():
    record = replace(WRITE, operation_class="restart", operation="cold_restart")

    assert "10.0.0.66 restarted 10.0.0.11 (Modbus cold_restart, unit 1), accepted" == said(
        None, record
    )


def test_an_answer_to_a_malformed_message_is_no_consent():
    record = replace(WRITE, status="illegal_function", anomalies=("length_mismatch",))
    event = event_from_transaction(record, category="ot_conformance")
    match = Match(replace(RULE, message="{client} sent it"), event)

    assert message_of(match, "10.0.0.66", "10.0.0.11", 1).endswith("; the answer: illegal function")


def test_what_a_device_reports_is_not_accepted_by_anybody():
    own = {"anomaly.type": "device_trouble", "event.provider": "device_status"}
    event = event_from_transaction(WRITE).derive("ot_process", own)
    match = Match(replace(RULE, message="Trouble at {server}"), event)

    assert message_of(match, None, "10.0.0.11", 1).endswith("unit 1)")


def test_a_rule_about_refusals_tells_the_reason_once():
    record = replace(WRITE, status="illegal_data_address")
    rule = replace(RULE, message="{server} refused {client}", is_about_refusals=True)
    match = Match(rule, event_from_transaction(record))

    assert message_of(match, "a", "b", 1).endswith("unit 1): illegal data address")


def test_what_was_done_in_part_was_not_refused():
    record = replace(WRITE, status=PARTLY_REFUSED)

    assert said("{client} {did} {server}", record).endswith(", part of it refused")
