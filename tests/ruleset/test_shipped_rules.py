"""Every shipped rule holds on the event that it is about, and on no near miss.

The captures prove the whole path; this table proves the rules that no
dissector can feed yet, and the edges of the others.
"""

from __future__ import annotations

import pytest

from otmon.detectors.registry import watchers
from otmon.model.event import Event, event_from_behaviour, event_from_transaction
from otmon.ruleset.judge import Judge
from otmon.ruleset.load import load_rules
from tests.records import SECOND, START, Behaviour, History, Transaction

RULES = load_rules(experimental=True)
TITLES = {one.rule.id: one.rule.title for one in RULES.rules}


def titles(*events: Event) -> set[str]:
    """The titles of all rules that hold, correlations included."""
    judge = Judge(RULES.events, RULES.correlations)
    return {TITLES[match.rule.id] for event in events for match in judge.judge(event)}


def operation(category: str = "ot_operation", **facts) -> Event:
    """One operation."""
    return event_from_transaction(Transaction(**facts), category=category)


def done(operation_class: str, protocol: str = "enip", **facts) -> Event:
    """One operation of a class, of a protocol without rules of its own."""
    return operation(operation_class=operation_class, protocol=protocol, **facts)


@pytest.mark.parametrize(
    ("operation_class", "title"),
    [
        ("mode_stop", "Controller stopped"),
        ("mode_start", "Controller started"),
        ("mode_other", "Operating mode of a device changed"),
        ("program_download", "Program loaded into a controller"),
        ("program_upload", "Program read out of a controller"),
        ("program_delete", "Program deleted from a controller"),
        ("firmware_update", "Firmware of a device updated"),
        ("restart", "Device restarted"),
        ("factory_reset", "Memory of a device reset"),
        ("force", "Inputs or outputs forced"),
        ("diag_clear", "Diagnostics of a device cleared"),
        ("time_set", "Clock of a controller set"),
        ("auth_change", "Users or protection of a device changed"),
        ("config_write", "Configuration of a device changed"),
        ("file_write", "File written to a device"),
        ("file_delete", "File deleted from a device"),
        ("alarm_config", "Alarms of a controller changed"),
    ],
)
def test_a_class_has_its_rule_whatever_the_protocol(operation_class, title):
    assert {title} == titles(done(operation_class))
    assert {title} == titles(done(operation_class, status=None, answered=False))


@pytest.mark.parametrize(
    "operation_class",
    ["mode_stop", "mode_start", "mode_other", "program_download", "force", "alarm_config"],
)
def test_a_report_of_a_device_is_nobodys_doing(operation_class):
    assert set() == titles(done(operation_class, role="event", status=None, answered=False))


@pytest.mark.parametrize(
    ("protocol", "operation_class", "title"),
    [
        ("s7comm", "mode_stop", "S7 controller stopped"),
        ("s7comm", "program_download", "S7 program block downloaded"),
        ("umas", "mode_stop", "UMAS controller stopped"),
        ("umas", "program_download", "UMAS program loaded into a controller"),
        ("umas", "lock", "UMAS controller reserved"),
        ("dnp3", "mode_stop", "DNP3 outstation application stopped"),
        ("dnp3", "restart", "DNP3 outstation restarted"),
        ("dnp3", "config_write", "DNP3 outstation configuration changed"),
        ("modbus", "restart", "Modbus communications restarted"),
        ("modbus", "report_disable", "Modbus device put in listen only mode"),
    ],
)
def test_a_protocol_with_words_of_its_own_has_one_rule_and_not_two(
    protocol, operation_class, title
):
    assert {title} == titles(done(operation_class, protocol))


@pytest.mark.parametrize(
    ("protocol", "operation_class", "facts"),
    [
        ("dnp3", "time_set", {"values": [1_700_000_000 * SECOND]}),
        ("dnp3", "alarm_ack", {}),
        ("dnp3", "config_write", {"operation": "assign_class"}),
        ("dnp3", "report_disable", {}),
        ("dnp3", "report_enable", {}),
        ("dnp3", "command", {"operation": "freeze", "unit": 65535}),
        ("dnp3", "auth_login", {"operation": "authenticate"}),
        ("s7comm", "report_disable", {"operation": "unsubscribe_cyclic"}),
        ("modbus", "write", {}),
        ("modbus", "file_write", {"operation": "write_file_record"}),
        ("modbus", "read", {"status": "illegal_data_address"}),
        ("s7comm", "session_open", {}),
    ],
)
def test_the_routine_of_a_protocol_is_silent(protocol, operation_class, facts):
    assert set() == titles(done(operation_class, protocol, **facts))


@pytest.mark.parametrize("unit", [65533, 65534, 65535])
@pytest.mark.parametrize("operation_class", ["restart", "mode_stop", "config_write"])
def test_a_broadcast_has_a_rule_of_its_own(operation_class, unit):
    assert {"DNP3 command to all outstations at once"} == titles(
        done(operation_class, "dnp3", unit=unit, status=None, answered=False)
    )


@pytest.mark.parametrize(
    ("anomaly", "title"),
    [
        ("bad_checksum", "Malformed industrial messages"),
        ("length_mismatch", "Malformed industrial messages"),
        ("exception_by_client", "Roles of client and server reversed"),
        ("request_from_server", "Roles of client and server reversed"),
        ("overlap_conflict", "Stream overwritten with other bytes"),
        ("request_flood", "Flood of open requests"),
        ("reserved_function", "Function code that should not occur"),
    ],
)
def test_an_anomaly_that_matters_has_its_rule(anomaly, title):
    assert {title} == titles(operation("ot_conformance", anomalies=(anomaly,)))


@pytest.mark.parametrize(
    "anomaly",
    ["response_without_request", "sequence_gap", "fragment_missing", "unanswered", "restart_seen"],
)
def test_an_anomaly_that_loss_can_cause_is_silent(anomaly):
    assert set() == titles(operation("ot_conformance", anomalies=(anomaly,)))


def refusals(count: int, every_s: float = 1.0, **changing) -> list[Event]:
    """Operations that a device refuses, one fact of them changing."""
    ((name, value),) = changing.items()
    return [
        operation(
            time_ns=START + int(turn * every_s * SECOND),
            status="illegal_function",
            **{name: value(turn)},
        )
        for turn in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "fact", "title"),
    [
        (6, {"function_code": lambda turn: turn}, "Function codes of a device swept"),
        (8, {"unit": lambda turn: turn}, "Stations behind a device searched"),
        (20, {"targets": lambda turn: (f"hr:{turn}",)}, "Objects of a device searched"),
        (25, {"quantity": lambda turn: 1}, "Storm of refused operations"),
    ],
)
def test_refusals_are_a_sweep_from_a_certain_number_on(count, fact, title):
    assert set() == titles(*refusals(count - 1, **fact))
    assert {title} == titles(*refusals(count, **fact))


def test_refusals_far_apart_are_no_sweep():
    assert set() == titles(*refusals(12, every_s=61, function_code=lambda turn: turn))


def test_five_refused_log_ins_are_guesses():
    guesses = [
        done("auth_login", "s7comm", time_ns=START + turn * SECOND, status="wrong_password")
        for turn in range(5)
    ]

    assert set() == titles(*guesses[:4])
    assert {"Log-in to a device failed again and again"} == titles(*guesses)


def test_many_devices_that_are_asked_what_they_are_are_a_search():
    asked = [
        event_from_behaviour(
            Behaviour(
                operation_class="identify",
                server_ip=f"10.0.0.{turn}",
                first_seen_ns=START + turn * SECOND,
            )
        )
        for turn in range(4)
    ]

    assert set() == titles(*asked[:3])
    assert {"Many devices asked what they are"} == titles(*asked)


def test_a_second_client_of_a_unit_is_told_and_one_of_another_unit_is_not():
    first = operation(operation_class="write", client_ip="10.0.0.1", unit=1)
    second = operation(operation_class="write", client_ip="10.0.0.2", unit=1)
    elsewhere = operation(operation_class="write", client_ip="10.0.0.2", unit=2)

    assert set() == titles(first, first, elsewhere)
    assert {"Second client changes a unit"} == titles(first, second)


def test_what_detectors_find_has_its_rule():
    watch = operation(time_ns=START)
    first = operation(
        operation_class="write",
        time_ns=START + 70 * SECOND,
        history=History(read_count=50, first_seen_ns=START),
    )
    newcomer = operation(
        operation_class="command",
        client_ip="10.0.0.9",
        time_ns=START + 80 * SECOND,
        history=History(first_seen_ns=START + 75 * SECOND),
    )
    shown = watchers()
    assert [] == list(shown.advance(START))
    said = [one for event in (watch, first, newcomer) for one in shown.show(event)]

    assert {
        "First change by a client that had only read",
        "Write or command by a client that has just appeared",
    } == titles(*said)
