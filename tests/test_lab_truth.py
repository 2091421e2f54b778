"""Every operation of the lab's truth files is a message of otmon: where, and with what result.

Real protocol stacks wrote down what they did while the lab recorded them.
"""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from differential import captures

import otmon

SLACK_S = 0.25
"""How far the clock of a stack's log may be from the time of the frames."""
CAPTURES = {
    "modbus": ("modbus-attack", "modbus-mixed", "modbus-udp-rtu", "plant-normal"),
    "s7comm": ("s7comm-attack", "s7comm-mixed-c", "s7comm-mixed-py", "plant-normal"),
    "dnp3": ("dnp3-control-file", "dnp3-polling-unsol", "plant-normal"),
}
CASES = [(protocol, capture) for protocol, all_of in CAPTURES.items() for capture in all_of]
LOGGED = 64
"""Values of an answer that the truth files keep."""
NOT_A_MESSAGE = {"connect", "disconnect", "tcp_open", "tcp_close"}
"""Operations of TCP; S7comm's connect is tested, being messages, too."""

Event = dict[str, Any]
Pdu = dict[str, Any]


@dataclass(slots=True)
class Exchange:
    """A request with its answer, or a message without either."""

    time: float
    asked: Pdu
    answer: Pdu | None = None
    used: bool = False


Matches = Callable[[Exchange], bool]


def described(event: Event) -> str:
    """An operation in one line."""
    return f"{event['t']:.3f} {event['actor']} {event['op']} {event.get('params')} {event['ok']}"


def seconds(time: str) -> float:
    """Seconds since 1970 of an RFC 3339 time."""
    return datetime.datetime.fromisoformat(time[:26] + "+00:00").timestamp()


def exchanges(path: Path, protocol: str) -> list[Exchange]:
    """What was asked and answered in a capture, in order."""
    found: list[Exchange] = []
    open_: dict[tuple[int, int, str], Exchange] = {}
    for pdu in otmon.pdus(path):
        if pdu["protocol"].partition("_")[0] != protocol:
            continue
        key = (pdu["flow"]["id"], pdu["transaction"], pdu["protocol"])
        if pdu["role"] == "response" and key in open_:
            open_[key].answer = pdu
            continue
        exchange = Exchange(seconds(pdu["time"]), pdu)
        open_[pdu["flow"]["id"], pdu["frame"], pdu["protocol"]] = exchange
        found.append(exchange)
    return found


def status_of(exchange: Exchange) -> tuple[str | None, int | None]:
    """How it went."""
    answer = exchange.answer or {"status": None, "status_code": None}
    return answer["status"], answer["status_code"]


# Modbus


def modbus(event: Event) -> Matches | None:
    """What an operation of pymodbus is on the wire."""
    if event["op"] in NOT_A_MESSAGE:
        return None
    asked, result = event["params"], event.get("result")
    result = result if isinstance(result, dict) else {}

    def matches(exchange: Exchange) -> bool:
        pdu, answer = exchange.asked, exchange.answer
        address = asked.get("address", asked.get("write_address"))
        if pdu["function_code"] != asked["fc"] or pdu["unit"] != asked["unit"]:
            return False
        if address is not None and first(pdu["target"]) != address:
            return False
        if asked["fc"] <= 4 and pdu["quantity"] != asked["count"]:
            return False
        if "values" in asked and asked["fc"] != 23:
            values = asked["values"]
            if pdu["values"] != (values if isinstance(values, list) else [values]):
                return False
        if asked["fc"] == 22:
            own = pdu["modbus"]
            if (own["and_mask"], own["or_mask"]) != (asked["and_mask"], asked["or_mask"]):
                return False
        if asked["fc"] == 23:
            read, written = pdu["items"]
            wanted = (asked["read_address"], asked["read_count"], asked["values"])
            if (first(read["target"]), read["quantity"], written["values"]) != wanted:
                return False
        if "exception" in result:
            return status_of(exchange)[1] == result["exception"]
        if not event["ok"] or not result:
            return True
        if answer is None or answer["status"] != "ok":
            return False
        if "registers" in result and asked["fc"] in (3, 4, 6, 23):
            told = result["registers"]
            values = answer["values"]
            return values == told if len(told) < LOGGED else values[:LOGGED] == told
        if "bits" in result and asked["fc"] in (1, 2, 5):
            return bool(answer["values"] == [bool(bit) for bit in result["bits"]])
        return True

    return matches


def first(target: str | None) -> int | None:
    """The first address of `hr:100-139`."""
    found = re.search(r":(\d+)", target or "")
    return int(found[1]) if found else None


# S7comm

AREAS = {"MK": "M", "PE": "I", "PA": "Q", "CT": "C", "TM": "T"}
SERVICES: dict[str, tuple[str, str | None]] = {
    "connect": ("setup_communication", None),
    # The pure-Python stack asks with a read of no item.
    "get_cpu_state": ("read_szl|read_var", "(SZL:0x0424/0)?"),
    "get_cpu_info": ("read_szl", "SZL:0x001c/0"),
    "get_order_code": ("read_szl", "SZL:0x0011/0"),
    "get_cp_info": ("read_szl", r"SZL:0x0131/[01]"),
    "get_protection": ("read_szl", r"SZL:0x0232/[04]"),
    "read_szl_list": ("read_szl", "SZL:0x0000/0"),
    "get_plc_datetime": ("read_clock", None),
    "set_plc_datetime": ("set_clock", None),
    "set_plc_system_datetime": ("set_clock", None),
    "list_blocks": ("list_blocks", None),
    "set_session_password": ("plc_password", None),
    "clear_session_password": ("clear_password", None),
    "compress": ("compress_memory", "pi:_GARB"),
    "copy_ram_to_rom": ("copy_ram_to_rom", "pi:_MODU"),
    "plc_stop": ("plc_stop", "pi:P_PROGRAM"),
    "plc_hot_start": ("plc_start", "pi:P_PROGRAM"),
    "plc_cold_start": ("plc_start", "pi:P_PROGRAM"),
}
"""Operation and target of what snap7 does."""
BLOCKS = {
    "full_upload": "start_upload",
    "upload": "start_upload",
    "download": "request_download",
    "delete": "delete_block",
    "get_block_info": "get_block_info",
}


def s7comm(event: Event) -> Matches | None:
    """What an operation of snap7 is on the wire."""
    operation, asked = event["op"], event.get("params") or {}
    if operation == "disconnect":
        return None
    values: list[int] | None = None
    answered: list[int] | None = None
    if operation in ("db_read", "read_area"):
        space = AREAS[asked["area"]] if "area" in asked else f"DB{asked['db']}"
        size = asked["size"]
        target = f"{space}:{span(asked['start'], size)}"
        name = "read_var"
        if event["ok"] and space not in ("C", "T"):
            answered = list(bytes.fromhex(event["result"]))
    elif operation in ("db_write", "write_area"):
        space = AREAS[asked["area"]] if "area" in asked else f"DB{asked['db']}"
        name, target = "write_var", rf"{space}:{asked['start']}(-\d+)?"
        match asked.get("value"):
            case float(number):
                values = list(struct.pack(">f", number))
            case str(text):
                values = list(bytes.fromhex(text))
            case _:
                values = None
    elif operation == "read_szl":
        name, target = "read_szl", f"SZL:{asked['szl'].lower()}/{asked['index']}"
    elif operation == "list_blocks_of_type":
        name, target = "list_blocks_of_type", f"blocks:{asked['type']}"
    elif operation in BLOCKS:
        name = BLOCKS[operation]
        # python-snap7's delete names its block in a form of its own.
        target = f"block:{asked.get('type', 'DB')}{asked['number']}|pi:_DELE"
    else:
        name, wanted = SERVICES[operation]
        target = wanted or ""

    def matches(exchange: Exchange) -> bool:
        pdu, answer = exchange.asked, exchange.answer
        if not re.fullmatch(name, pdu["operation"]):
            return False
        if not re.fullmatch(target, pdu["target"] or ""):
            return False
        if values is not None and pdu["values"] != values:
            return False
        if not event["ok"]:
            return status_of(exchange)[0] not in (None, "ok")
        if answer is None or answer["status"] != "ok":
            return False
        return answered is None or bool(answer["values"] == answered)

    return matches


def span(start: int, size: int) -> str:
    """The bytes of an area as otmon writes them."""
    return f"{start}" if size == 1 else f"{start}-{start + size - 1}"


# DNP3

SERVICES_OF_DNP3: dict[str, tuple[str, str | None]] = {
    "DISABLE_UNSOLICITED": ("disable_unsolicited", "g60v2"),
    "ENABLE_UNSOLICITED": ("enable_unsolicited", "g60v2"),
    "CLEAR_RESTART": ("write", "g80:7"),
    "STARTUP_INTEGRITY_POLL": ("integrity_poll", "g60v2"),
    "check_link_status": ("link_status_request", None),
    "scan_device_attributes": ("read", "g0v254"),
    "freeze": ("freeze", "g20"),
    "scan_frozen": ("read", "g21"),
    "assign_class": ("assign_class", "g60v2"),
    "enable_unsolicited": ("enable_unsolicited", "g60v2"),
    "delay_measure": ("delay_measure", None),
    "unsupported_function": ("initialize_data", None),
    "bad_object": ("read", "g113"),
    "file_info": ("get_file_info", "g70:{file}"),
    "file_read": ("open_file", "g70:{file}"),
    "file_write": ("open_file", "g70:{file}"),
    "file_delete": ("delete_file", "g70:{file}"),
    "warm_restart": ("warm_restart", None),
    "cold_restart": ("cold_restart", None),
}
"""Operation and first target of what opendnp3 does."""
REFUSED = {
    "unsupported_function": "function_not_supported",
    "bad_object": "object_unknown",
    "out_of_range": "parameter_error",
    "scan_device_attributes": "object_unknown",
}
"""What the outstation must have said."""
SUMMARIES = {"cyclic", "measurements"}


def dnp3(event: Event) -> Matches | None:
    """What an operation of opendnp3 is on the wire."""
    operation, asked = event["op"], event.get("params") or {}
    kind = asked.get("type") if operation == "task" else operation
    if operation in NOT_A_MESSAGE | SUMMARIES or kind == "USER_TASK":
        # The task of a scan or command is told again by that, or by its summary.
        return None
    if operation in ("select_operate", "direct_operate", "operated"):
        return command(operation, asked)
    if operation == "binary_change":

        def changes(exchange: Exchange) -> bool:
            change = (asked["index"], asked["value"])
            items = [*exchange.asked["items"], *(exchange.answer or {}).get("items", ())]
            return any(
                change in zip(item.get("indices", ()), item["values"], strict=False)
                for item in items
                if (item["target"] or "").startswith("g2:")
            )

        return changes
    if operation in ("scan_range", "out_of_range"):
        group = asked["object"].partition("v")[0]
        name, target = "read", f"{group}:{asked['start']}-{asked['stop']}"
    elif operation == "restart":
        name, target = f"{asked['type'].lower()}_restart", ""
    elif operation == "read_directory":
        name, target = "open_file", ".*"
    else:
        name, wanted = SERVICES_OF_DNP3[str(kind)]
        target = re.escape((wanted or "").format(**asked))

    def matches(exchange: Exchange) -> bool:
        pdu = exchange.asked
        place = pdu["items"][0]["target"] if pdu["items"] else ""
        if pdu["operation"] != name or not re.fullmatch(target, place or ""):
            return False
        return status_of(exchange)[0] == REFUSED.get(operation, status_of(exchange)[0])

    return matches


def command(operation: str, asked: dict[str, Any]) -> Matches:
    """A control that the master asked for, or that the outstation did."""
    direct = operation == "direct_operate" or asked.get("how") == "DirectOperate"
    value = asked["value"]
    wanted = value.lower().partition("/")[0] if isinstance(value, str) else float(value)

    def matches(exchange: Exchange) -> bool:
        pdu = exchange.asked
        if pdu["operation"] != ("direct_operate" if direct else "operate"):
            return False
        (item,) = pdu["items"]
        own = item["dnp3"].get("operation_type", item["values"][0])
        return first(item["target"]) == asked["index"] and own == wanted

    return matches


READERS = {"modbus": modbus, "s7comm": s7comm, "dnp3": dnp3}


@pytest.mark.parametrize(("protocol", "capture"), CASES, ids=lambda case: case)
def test_every_operation_of_the_truth_is_found(protocol: str, capture: str, corpus: Path) -> None:
    path = corpus / "lab" / f"{capture}.pcapng"
    found = exchanges(path, protocol)
    events = [
        event
        for event in captures.truth(path)["events"]
        if event.get("proto", "").partition("-")[0] == protocol
    ]
    closed = [event["t"] for event in events if event["op"] == "tcp_close"]
    missing, told = [], 0
    # Both ends may tell of the same operation: each exchange serves an actor once.
    used: set[tuple[int, str]] = set()
    for event in events:
        matches = READERS[protocol](event)
        if matches is None or any(event["t"] > time for time in closed):
            continue  # Not told to anybody, or after the end of the only connection.
        told += 1
        begun, ended = event["t"] - SLACK_S, event.get("t_end", event["t"]) + SLACK_S
        for number, exchange in enumerate(found):
            if (number, event["actor"]) in used or not begun <= exchange.time <= ended:
                continue
            if matches(exchange):
                used.add((number, event["actor"]))
                break
        else:
            missing.append(event)
    print(f"\n{capture} {protocol}: {told - len(missing)} of {told} operations")

    assert [] == [described(event) for event in missing]
    assert told


@pytest.mark.parametrize("capture", ["dnp3-polling-unsol", "plant-normal"])
def test_cyclic_scans_come_as_often_as_they_were_asked_for(capture: str, corpus: Path) -> None:
    path = corpus / "lab" / f"{capture}.pcapng"
    asked = [exchange.asked for exchange in exchanges(path, "dnp3")]
    reads = {
        "class 1,2,3 every 2 s": (["g60v2", "g60v3", "g60v4"], 2),
        "class 0-3 every 10 s": (["g60v2", "g60v3", "g60v4", "g60v1"], 10),
        "g30v0 0..1 every 3 s": (["g30:0-1"], 3),
    }
    (cyclic,) = [event for event in captures.truth(path)["events"] if event["op"] == "cyclic"]
    for scan in cyclic["params"]["scans"]:
        targets, period_s = reads[scan]
        times = [
            seconds(pdu["time"])
            for pdu in asked
            if pdu["function_code"] == 1 and [item["target"] for item in pdu["items"]] == targets
        ]
        intervals = [later - earlier for earlier, later in pairwise(times)]

        assert len(intervals) >= 1, scan
        assert all(abs(interval - period_s) < 0.5 for interval in intervals[1:]), (scan, intervals)


@pytest.mark.parametrize("capture", ["dnp3-polling-unsol", "plant-normal"])
def test_every_user_task_is_a_scan(capture: str, corpus: Path) -> None:
    path = corpus / "lab" / f"{capture}.pcapng"
    tasks = [
        event
        for event in captures.truth(path)["events"]
        if event["op"] == "task" and event["params"]["type"] == "USER_TASK"
    ]
    reads = [
        exchange
        for exchange in exchanges(path, "dnp3")
        if exchange.asked["function_code"] == 1 and exchange.answer is not None
    ]

    # The integrity poll of the start is a task of its own.
    assert len(tasks) == len(reads) - 1
