"""S7comm in the words in which tshark and otmon are compared."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from differential.compare import Facts, Message
from differential.oracle import Layer, Packet

LAYERS = ("s7comm",)
PROTOCOLS = {"s7comm"}
PREFERENCES: dict[str, tuple[str, ...]] = {}

AREAS = {
    **{0x80: "P", 0x81: "I", 0x82: "Q", 0x83: "M", 0x86: "L", 0x87: "V", 0x1C: "C", 0x1D: "T"},
    **{0x1E: "IEC_C", 0x1F: "IEC_T", 0x01: "record", 0x03: "SYS", 0x05: "SM", 0x06: "AI"},
    0x07: "AQ",
}
"""otmon's spaces by the area codes of the wire; data blocks have numbers besides."""
NUMBERED = {"C", "T", "IEC_C", "IEC_T"}
"""Spaces whose addresses are numbers, not bytes and bits."""
BLOCKS = {
    **{"08": "OB", "0A": "DB", "0B": "SDB", "0C": "FC", "0D": "SFC", "0E": "FB", "0F": "SFB"},
}
FORMS = {
    **{1: "?", 4: ">H", 5: ">h", 6: ">I", 7: ">i", 8: ">f", 10: ">I", 11: ">i", 12: ">H"},
    **{28: ">H", 29: ">H"},
}
"""How values of an element type stand on the wire; bytes where it is not here."""

NUMBERS = {
    "max_amq_calling": "s7comm.param.maxamq_calling",
    "max_amq_called": "s7comm.param.maxamq_called",
    "pdu_length": "s7comm.param.pdu_length",
    "upload_id": "s7comm.data.blockcontrol.uploadid",
}
"""otmon's fields that tshark has as numbers."""
MODES = {
    **dict.fromkeys(range(1, 5), "stop"),
    **{5: "startup", 7: "startup", 8: "run", 10: "hold", 13: "defect"},
}
"""Operating modes of a status list by their numbers."""
SWITCH = {1: "run", 2: "run_p", 3: "stop", 4: "mres"}
"""Positions of the mode switch."""
STATES: dict[str, tuple[str, dict[int, Any] | None]] = {
    "operating_mode": ("s7comm.szl.0424.0000.bzu_id.req", MODES),
    "previous_mode": ("s7comm.szl.0424.0000.bzu_id.pre", MODES),
    "protection_level": ("s7comm.szl.0132.0004.real", None),
    "mode_selector": ("s7comm.szl.0132.0004.bart_sch", SWITCH),
}
"""otmon's fields of a controller's state: tshark's field, and what its numbers are called."""
SERVICES = {"insert_block": "_INSE", "delete_block": "_DELE"}
"""Services that otmon shows by their blocks."""

JOB, USERDATA = 1, 7
READ, WRITE, START_UPLOAD = 4, 5, 0x1D


def of_tshark(packets: Iterable[Packet]) -> Iterator[Message]:
    """What tshark says."""
    for packet in packets:
        for layer in packet.layers:
            yield _message(packet.frame, layer)


def _message(frame: int, pdu: Layer) -> Message:
    kind = pdu.number("s7comm.header.rosctr")
    group = pdu.number("s7comm.param.userdata.funcgroup")
    function = pdu.number("s7comm.param.func")
    facts: Facts = {"rosctr": kind, "pdu_reference": pdu.number("s7comm.header.pduref")}
    if group is not None:
        function = group << 8 | (pdu.number("s7comm.param.userdata.subfunc") or 0)
        facts["role"] = {0: "event", 4: "request", 8: "response"}.get(
            pdu.number("s7comm.param.userdata.type") or 0
        )
        facts["error"] = pdu.number("s7comm.param.errcod") or 0
        facts["sequence"] = pdu.number("s7comm.param.userdata.seq_num")
        if group == 0:
            # A mode transition: its mode is its only subfunction.
            function = pdu.number("s7comm.param.modetrans.subfunc") or 0
            del facts["sequence"]
        szl = pdu.number("s7comm.data.userdata.szl_id")
        if szl is not None:
            facts["szl"] = (szl, pdu.number("s7comm.data.userdata.szl_index"))
            facts |= _state(pdu)
    else:
        facts["role"] = "request" if kind == JOB else "response"
        facts["error"] = (pdu.number("s7comm.header.errcls") or 0) << 8 | (
            pdu.number("s7comm.header.errcod") or 0
        )
        if facts["error"] == 0:
            facts |= _content(function, pdu)
    if function is not None:
        facts["function"] = function
    return Message(frame, (kind, facts["pdu_reference"]), facts)


def _state(pdu: Layer) -> Facts:
    """What a status list says of the controller's state, and the names that it lists."""
    facts: Facts = {}
    for fact, (field, names) in STATES.items():
        number = pdu.number(field)
        if number is not None:
            facts[fact] = number if names is None else names.get(number)
    if codes := pdu.all("s7comm.szl.xy11.0001.anz"):
        facts["order_codes"] = tuple(code.rstrip() for code in codes)
    return facts


def _content(function: int | None, pdu: Layer) -> Facts:
    """What a job, or the answer to one, is about."""
    facts: Facts = {}
    items = [
        found for found in pdu.element.iter("field") if found.get("name") == "s7comm.data.item"
    ]
    if function in (READ, WRITE):
        addresses = [
            _address(Layer(found))
            for found in pdu.element.iter("field")
            if found.get("name") == "s7comm.param.item"
        ]
        if addresses:
            facts["addresses"] = tuple(addresses)
        if items:
            data = [Layer(item) for item in items]
            if facts.get("addresses") is None:
                facts["results"] = tuple(one.number("s7comm.data.returncode") for one in data)
            if any(one.text("s7comm.resp.data") is not None for one in data):
                facts["bytes"] = tuple(_bytes(one.text("s7comm.resp.data")) for one in data)
    if (name := pdu.text("s7comm.param.blockcontrol.filename")) is not None:
        facts["block"] = _block(name)
    elif (number := pdu.text("s7comm.data.blockcontrol.block_number")) is not None:
        facts["block"] = _block(f"_{pdu.text('s7comm.data.blockcontrol.block_type')}{number}")
    for fact, field in NUMBERS.items():
        if (value := pdu.number(field)) is not None:
            facts[fact] = value
    if function == START_UPLOAD and pdu.number("s7comm.header.rosctr") == JOB:
        del facts["upload_id"]  # The answer gives it out.
    # A name without a letter names nothing.
    if service := pdu.text("s7comm.param.pistart.servicename"):
        facts["service"] = service
    return facts


def _address(item: Layer) -> tuple[Any, ...]:
    """Space, first byte or number, bit, and count of an item; the syntax alone of others."""
    syntax = item.number("s7comm.param.item.syntaxid")
    if syntax != 0x10:
        return (syntax,)
    area = item.number("s7comm.param.item.area") or 0
    space = {0x84: "DB", 0x85: "DI"}.get(area)
    space = AREAS.get(area) if space is None else f"{space}{item.number('s7comm.param.item.db')}"
    at = item.number("s7comm.param.item.address") or 0
    count = item.number("s7comm.param.item.length")
    if space in NUMBERED:
        return (space, at, None, count)
    bit = at & 7 if item.number("s7comm.param.item.transp_size") == 1 else None
    return (space, at >> 3, bit, count)


def _block(name: str) -> str | None:
    """`_0A00001P` as `DB1`."""
    found = re.match(r".?(0[0-9A-F])(\d{5})", name)
    return f"{BLOCKS.get(found[1], found[1])}{int(found[2])}" if found else None


def _bytes(shown: str | None) -> bytes:
    return bytes.fromhex((shown or "").replace(":", ""))


def of_otmon(pdus: Iterable[dict[str, Any]]) -> Iterator[Message]:
    """What otmon says. Types of elements stand in requests, values in their answers, too."""
    types: dict[tuple[int, int, int], list[int | None]] = {}
    for pdu in pdus:
        own, function = pdu["s7comm"], pdu["function_code"]
        kind, reference = own["rosctr"], own.get("pdu_reference")
        items = pdu["items"] or [pdu]
        elements = [item.get("s7comm", {}).get("transport_size") for item in items]
        if pdu["role"] == "request":
            types[pdu["flow"]["id"], pdu["frame"], reference] = elements
        else:
            asked = (pdu["flow"]["id"], pdu["transaction"], reference)
            elements = types.get(asked, [None] * len(items))
        facts: Facts = {
            "rosctr": kind,
            "pdu_reference": reference,
            "role": pdu["role"],
            "function": function,
            "error": own.get("error_code", 0),
            "sequence": own.get("sequence"),
            "szl": _szl(pdu["target"]),
            "block": _named(pdu["target"], "block:"),
            "service": SERVICES.get(pdu["operation"]) or _named(pdu["target"], "pi:"),
        }
        if function in (READ, WRITE) and kind != USERDATA:
            if kind == JOB:
                facts["addresses"] = tuple(_place(item) for item in items)
            facts["results"] = tuple(_result(item) for item in items)
            facts["bytes"] = tuple(
                _wire(item["values"], element)
                for item, element in zip(items, elements, strict=False)
            )
        if (facts["szl"] or (0,))[0] & 0xFF == 0x11:
            facts["order_codes"] = tuple(item["values"][0] for item in pdu["items"])
        facts |= {name: own.get(name) for name in (*NUMBERS, *STATES)}
        yield Message(pdu["frame"], (kind, reference), facts, pdu["flow"]["id"])


def _szl(target: str | None) -> tuple[int, int] | None:
    """`SZL:0x0424/0` as its two numbers."""
    found = re.fullmatch(r"SZL:(0x[0-9a-f]+)/(\d+)", target or "")
    return (int(found[1], 16), int(found[2])) if found else None


def _named(target: str | None, space: str) -> str | None:
    return target[len(space) :] if target is not None and target.startswith(space) else None


def _place(item: dict[str, Any]) -> tuple[Any, ...]:
    """Space, first byte or number, bit, and count of an item; the syntax alone of others."""
    syntax = item.get("s7comm", {}).get("syntax", 0x10)
    if syntax != 0x10:
        return (syntax,)
    space, _, span = (item["target"] or "").partition(":")
    start, dot, bit = span.partition("-")[0].partition(".")
    return (space, int(start or 0), int(bit) if dot else None, item["quantity"])


def _result(item: dict[str, Any]) -> int | None:
    """The return code of an item."""
    return 0xFF if item["status"] in (None, "ok") else item["status_code"]


def _wire(values: list[Any], element: int | None) -> bytes | None:
    """Values as they stand on the wire; none where that cannot be told."""
    form = FORMS.get(element or 0, "B")
    try:
        return b"".join(
            bytes.fromhex(value) if isinstance(value, str) else struct.pack(form, value)
            for value in values
        )
    except (ValueError, struct.error):
        return None
