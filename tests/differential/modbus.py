"""Modbus in the words in which tshark and otmon are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from differential.compare import Facts, Message
from differential.oracle import Layer, Packet

LAYERS = ("mbtcp", "mbudp", "mbrtu", "modbus")
PROTOCOLS = {"modbus", "modbus_rtu"}
PREFERENCES = {"lab/modbus-udp-rtu.pcapng": ("mbrtu.tcp.port:5020",)}
"""What tshark must be told of a capture: ports on which it does not look by itself."""

READS = {1, 2, 3, 4}
WRITES_ONE = {5, 6}
WRITES_MANY = {15, 16}


def of_tshark(packets: Iterable[Packet]) -> Iterator[Message]:
    """What tshark says."""
    for packet in packets:
        header = None
        for layer in packet.layers:
            if layer.name != "modbus":
                header = layer
            elif header is not None:
                yield _message(packet.frame, header, layer)


def _message(frame: int, header: Layer, pdu: Layer) -> Message:
    function = pdu.number("modbus.func_code")
    unit = header.number("mbrtu.unit_id" if header.name == "mbrtu" else "mbtcp.unit_id")
    facts: Facts = {
        "unit": unit,
        "function": function,
        "exception": pdu.number("modbus.exception_code"),
    }
    _add(facts, "transaction_id", header.number("mbtcp.trans_id"))
    _add(facts, "request_frame", pdu.number("modbus.request_frame"))
    if facts["exception"] is None and function is not None:
        facts |= _content(function, pdu)
    return Message(frame, (unit, function), facts)


def _content(function: int, pdu: Layer) -> Facts:
    """Object and values of a message that is no exception."""
    facts: Facts = {}
    answered = "request_frame" in {f.rpartition(".")[2] for f in _names(pdu)}
    data = bytes.fromhex((pdu.text("modbus.data") or "").replace(":", ""))
    registers = tuple(pdu.numbers("modbus.regval_uint16"))
    if function in READS and pdu.text("modbus.byte_cnt") is None:
        facts["address"] = pdu.number("modbus.reference_num")
        facts["quantity"] = _quantity(pdu)
    elif function in READS:
        # Without the request tshark counts from 0 and takes every bit for a value.
        numbers = pdu.numbers("modbus.regnum16") or pdu.numbers("modbus.bitnum")
        bits = tuple(bool(bit) for bit in pdu.numbers("modbus.bitval"))
        facts["values"] = registers or bits
        if answered and numbers:
            facts["address"] = numbers[0]
            facts["quantity"] = len(numbers)
    elif function in WRITES_ONE:
        facts["address"] = pdu.number("modbus.reference_num")
        number = int.from_bytes(data[:2])
        facts["values"] = (number == 0xFF00,) if function == 5 else (number,)
    elif function in WRITES_MANY:
        facts["address"] = pdu.number("modbus.reference_num")
        facts["quantity"] = quantity = _quantity(pdu)
        if pdu.text("modbus.byte_cnt") is not None and quantity is not None:
            bits = tuple(bool(byte >> bit & 1) for byte in data for bit in range(8))
            facts["values"] = bits[:quantity] if function == 15 else registers
    elif function == 8:
        facts["subfunction"] = pdu.number("modbus.diagnostic_code")
    elif function in (11, 12):
        _add(facts, "comm_status", pdu.number("modbus.ev_status"))
        _add(facts, "event_count", pdu.number("modbus.ev_count"))
        _add(facts, "message_count", pdu.number("modbus.ev_msg_count"))
    elif function in (20, 21):
        facts["records"] = tuple(
            (reference, count)
            for reference, count in zip(
                pdu.numbers("modbus.reference_num_32"),
                pdu.numbers("modbus.word_cnt"),
                strict=True,
            )
        )
        if function == 21 and data:
            facts["values"] = _registers(data)
    elif function == 22:
        facts["address"] = pdu.number("modbus.reference_num")
        _add(facts, "and_mask", pdu.number("modbus.and_mask"))
        _add(facts, "or_mask", pdu.number("modbus.or_mask"))
    elif function == 23 and pdu.text("modbus.read_reference_num") is not None:
        facts["read"] = (
            pdu.number("modbus.read_reference_num"),
            pdu.number("modbus.read_word_cnt"),
        )
        _add(facts, "address", pdu.number("modbus.write_reference_num"))
        _add(facts, "quantity", pdu.number("modbus.write_word_cnt"))
        facts["values"] = _registers(data)
    elif function == 23:
        facts["values"] = _registers(data)
    elif function == 24 and pdu.text("modbus.byte_cnt_16") is None:
        facts["address"] = pdu.number("modbus.reference_num")
    elif function == 24:
        facts["quantity"] = pdu.number("modbus.word_cnt")
    elif function == 43:
        facts["subfunction"] = pdu.number("modbus.mei")
        _add(facts, "read_code", pdu.number("modbus.read_device_id"))
        _add(facts, "conformity", pdu.number("modbus.conformity_level"))
        if pdu.text("modbus.num_objects") is not None:
            facts["object_id"] = pdu.number("modbus.next_object_id")
            facts["objects"] = tuple(pdu.all("modbus.object_str_value"))
        else:
            _add(facts, "object_id", pdu.number("modbus.object_id"))
    return facts


def of_otmon(pdus: Iterable[dict[str, Any]]) -> Iterator[Message]:
    """What otmon says."""
    return map(_own, pdus)


def _own(pdu: dict[str, Any]) -> Message:
    function, own = pdu["function_code"], pdu.get(pdu["protocol"], {})
    refused = pdu["status"] not in (None, "ok")
    address, quantity = _interval(pdu["target"]), pdu["quantity"]
    facts: Facts = {
        "unit": pdu["unit"],
        "function": function,
        "exception": pdu["status_code"] if refused else None,
        "transaction_id": own.get("transaction_id"),
        "request_frame": pdu["transaction"],
        "address": address,
        "quantity": quantity,
        "values": tuple(pdu["values"]),
        "objects": tuple(own[name] for name in IDENTIFICATION if name in own),
    }
    if function in (20, 21):
        facts["records"] = tuple(_record(item) for item in pdu["items"])
        facts["values"] = tuple(value for item in pdu["items"] for value in item["values"])
    elif function == 23 and pdu["items"]:
        read, *written = pdu["items"]
        facts["read"] = (_interval(read["target"]), read["quantity"])
        facts["values"] = tuple(value for item in written for value in item["values"])
    facts |= {name: own.get(name) for name in FIELDS}
    return Message(pdu["frame"], (pdu["unit"], function), facts, pdu["flow"]["id"])


FIELDS = (
    *("subfunction", "comm_status", "event_count", "message_count", "and_mask", "or_mask"),
    *("read_code", "conformity", "object_id"),
)
IDENTIFICATION = (
    *("vendor_name", "product_code", "revision", "vendor_url", "product_name", "model_name"),
    "user_application_name",
)


def _names(pdu: Layer) -> set[str]:
    return {field.get("name", "") for field in pdu.element.iter("field")}


def _add(facts: Facts, name: str, value: Any) -> None:
    if value is not None:
        facts[name] = value


def _quantity(pdu: Layer) -> int | None:
    bits = pdu.number("modbus.bit_cnt")
    return pdu.number("modbus.word_cnt") if bits is None else bits


def _registers(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2]) for at in range(0, len(data) - 1, 2))


def _interval(target: str | None) -> int | None:
    """The first address of `hr:100-139`; records of files have none."""
    space, _, span = (target or "").partition(":")
    return int(span.partition("-")[0]) if span and space != "file" else None


def _record(item: dict[str, Any]) -> tuple[int, int]:
    """File and record of `file:4/0-9` as tshark counts them, and how many registers."""
    place = item["target"].partition(":")[2]
    file, _, record = place.partition("/")
    return int(file) << 16 | int(record.partition("-")[0]), item["quantity"]
