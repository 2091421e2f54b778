"""Sentences that an engineer of the plant can sign."""

from __future__ import annotations

import pytest

from otmon.baseline.words import duration, says, says_briefly
from otmon.model.statement import Habit, Key, Statement


def statement(
    operation_class: str = "read",
    operation: str = "read_holding_registers",
    target: str = "hr",
    *,
    protocol: str = "modbus",
    unit: int | None = 1,
    kind: str = "read",
    status: str = "",
    ranges: tuple[tuple[int, int], ...] = (),
    **habit: object,
) -> Statement:
    key = Key(kind, "hmi", "plc", protocol, unit, operation_class, operation, target, status)
    habits = {"any": Habit(**habit)} if habit else {}
    return Statement("b-x", key, "learned", 0, 0, ranges=ranges, habits=habits)


STEADY = {"period_ns": 2 * 10**9, "deviation_ns": 10**7, "intervals": 20}


@pytest.mark.parametrize(
    ("said", "briefly", "of"),
    [
        (
            "hmi reads holding registers 100-103, 200 of plc unit 1, every 2 s",
            "reads holding registers 100-103, 200 of unit 1, every 2 s",
            statement(ranges=((100, 103), (200, 200)), **STEADY),
        ),
        (
            "plc tells hmi that its operating mode changed",
            "hears from it that its operating mode changed",
            statement("mode_other", "mode_transition", "", protocol="s7comm", unit=None),
        ),
        (
            "hmi reads diagnostic register of plc unit 1",
            "reads diagnostic register of unit 1",
            statement(operation="read_diagnostic_register", target=""),
        ),
        (
            "hmi reads holding register 4 of plc unit 1",
            "reads holding register 4 of unit 1",
            statement(ranges=((4, 4),), period_ns=2 * 10**9, deviation_ns=10**9, intervals=20),
        ),
        (
            "hmi writes coil 3 of plc unit 1: on or off",
            "writes coil 3 of unit 1: on or off",
            statement("write", "write_single_coil", "coil:3", kind="change", values=("on", "off")),
        ),
        (
            "hmi writes DB10 bytes 20-21 of plc: each 0 to 77",
            "writes DB10 bytes 20-21 of it: each 0 to 77",
            statement(
                "write",
                "write_var",
                "DB10:20-21",
                protocol="s7comm",
                unit=None,
                kind="change",
                low=0.0,
                high=77.0,
            ),
        ),
        (
            "hmi commands binary output 1 (g12) of plc unit 10 with direct_operate",
            "commands binary output 1 (g12) of unit 10 with direct_operate",
            statement(
                "command", "direct_operate", "g12:1", protocol="dnp3", unit=10, kind="change"
            ),
        ),
        (
            "plc unit 10 reports events of binary inputs 0-7 (g2) to hmi",
            "hears of events of binary inputs 0-7 (g2) from unit 10",
            statement(
                "read", "unsolicited_response", "g2", protocol="dnp3", unit=10, ranges=((0, 7),)
            ),
        ),
        (
            "hmi stops plc (plc_stop pi:P_PROGRAM)",
            "stops it (plc_stop pi:P_PROGRAM)",
            statement(
                "mode_stop", "plc_stop", "pi:P_PROGRAM", protocol="s7comm", unit=None, kind="change"
            ),
        ),
        (
            "plc unit 1 refuses read_holding_registers of hmi: illegal data address",
            "is refused read_holding_registers by unit 1: illegal data address",
            statement(kind="exception", status="illegal_data_address"),
        ),
        ("hmi speaks Modbus with plc", "talks to it", statement(kind="edge", unit=None)),
        (
            "hmi uses SMB (tcp/445) of plc",
            "talks to it",
            statement(kind="edge", unit=None, protocol="tcp/445"),
        ),
        (
            "hmi sends BACnet/IP (udp/47808) to 10.0.255.255",
            "talks to it",
            Statement(
                "b-1",
                Key("edge", "hmi", "10.0.255.255", "udp/47808"),
                "learned",
                0,
                0,
            ),
        ),
        (
            "hmi sends GOOSE to 01:0c:cd:01:00:01",
            "talks to it",
            Statement("b-1", Key("edge", "hmi", "01:0c:cd:01:00:01", "ethernet"), "learned", 0, 0),
        ),
        (
            "hmi reads system status list 0x0424 of plc",
            "reads system status list 0x0424 of it",
            statement("read", "read_szl", "SZL:0x0424", protocol="s7comm", unit=None),
        ),
        (
            "plc unit 10 announces itself to hmi (unsolicited response without data)",
            "hears that unit 10 is there (unsolicited response without data)",
            statement("read", "unsolicited_response", "", protocol="dnp3", unit=10),
        ),
        (
            "hmi comes to plc with user eve",
            "comes with user eve",
            statement("", "user", "eve", kind="session", unit=None),
        ),
    ],
)
def test_a_statement_reads_like_a_sentence(said: str, briefly: str, of: Statement):
    assert (said, briefly) == (says(of, str), says_briefly(of))


def test_each_operating_mode_has_its_own_rhythm():
    of = statement(ranges=((0, 1),))
    of.habits = {"weekday": Habit(**STEADY), "weekend": Habit(**{**STEADY, "period_ns": 10**10})}

    assert (
        "hmi reads holding registers 0-1 of plc unit 1; weekday, every 2 s; weekend, every 10 s"
        == says(of, str)
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.000_2, "200 us"),
        (0.503, "500 ms"),
        (1.0, "1 s"),
        (2.097, "2.1 s"),
        (60, "60 s"),
        (300, "5 min"),
        (7_200, "2 h"),
        (604_800, "7 d"),
    ],
)
def test_a_duration_has_two_digits_that_mean_something(seconds: float, words: str):
    assert words == duration(seconds * 1e9)
