"""Changes of what messages say: another unit, and answers that refuse what was asked."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace

from sameness.changes import renumbered
from sameness.wire import Frame

from pcaps.make import dnp3_bytes, modbus_bytes, tristation_bytes

_READS, _UMAS = (1, 2, 3, 4, 43), 0x5A
"""Functions of Modbus."""
Asked = dict[object, int]
"""What was asked last, by flow and number of the message."""


def other_units(frames: list[Frame]) -> list[Frame]:
    """Other units of Modbus and DNP3; broadcasts and gateways themselves stay what they are."""
    changed = []
    for frame in frames:
        payload = frame.payload
        if frame.ips and payload:
            payload = _dnp3_units(payload) if payload[:2] == b"\x05\x64" else _modbus_units(frame)
        changed.append(replace(frame, payload=payload))
    return changed


def _unit(unit: int) -> int:
    return (unit + 40) % 247 + 1 if 1 <= unit <= 247 else unit


def _modbus_units(frame: Frame) -> bytes:
    payload = frame.payload
    if 502 not in frame.ports:
        return payload
    if len(payload) > 4 and modbus_bytes.crc(payload[:-2]) == payload[-2:]:
        return modbus_bytes.rtu(_unit(payload[0]), payload[1:-2])
    out, at = b"", 0
    while len(payload) >= at + 7:
        end = at + 6 + int.from_bytes(payload[at + 4 : at + 6])
        out += payload[at : at + 6] + bytes([_unit(payload[at + 6])]) + payload[at + 7 : end]
        at = end
    return out + payload[at:]


def _links(payload: bytes) -> Iterator[bytes]:
    """The link frames of a payload of DNP3, and what is behind them."""
    while len(payload) >= 10 and payload[:2] == b"\x05\x64":
        data = payload[2] - 5
        size = 10 + data + 2 * -(-data // 16)
        yield payload[:size]
        payload = payload[size:]
    if payload:
        yield payload


def _dnp3_units(payload: bytes) -> bytes:
    out = b""
    for one in _links(payload):
        if len(one) < 10 or dnp3_bytes.crc(one[:8]) != one[8:10]:
            out += one
            continue
        at = 4 if one[3] & 0x80 else 6
        (address,) = struct.unpack_from("<H", one, at)
        other = address + 300 if address < 0xFFF0 else address
        head = one[:at] + struct.pack("<H", other) + one[at + 2 : 8]
        out += head + dnp3_bytes.crc(head) + one[10:]
    return out


def refused(frames: list[Frame]) -> list[Frame]:
    """Each operation but plain reads refused by the device."""
    asked: Asked = {}
    changed = [
        replace(frame, payload=_refusal(frame, asked)) if frame.ips and frame.payload else frame
        for frame in frames
    ]
    return renumbered(changed)


def _refusal(frame: Frame, asked: Asked) -> bytes:
    kinds = {502: _modbus, 4001: _modbus, 102: _s7comm, 20000: _dnp3, 1502: _tristation}
    for at, port in enumerate(frame.ports):
        if port in kinds:
            refuse: Callable[[bytes, bool, Asked, object], bytes] = kinds[port]
            return refuse(frame.payload, at == 1, asked, frame.flow)
    return frame.payload


def _modbus(payload: bytes, is_request: bool, asked: Asked, flow: object) -> bytes:
    if len(payload) < 8:
        return payload
    if modbus_bytes.crc(payload[:-2]) == payload[-2:]:
        is_read = payload[1] in _READS
        failed = modbus_bytes.rtu(payload[0], bytes([payload[1] | 0x80, 4]))
        return payload if is_request or is_read else failed
    function = payload[7] & 0x7F
    if is_request:
        asked[flow, payload[:2]] = payload[9] if function == _UMAS and len(payload) > 9 else 0
        return payload
    if function in _READS or payload[7] & 0x80:
        return payload
    pdu = bytes([function | 0x80, 4])
    if function == _UMAS:
        # UMAS refuses inside its own envelope; what only asks who a controller is, is answered.
        if asked.get((flow, payload[:2]), 0) < 0x10:
            return payload
        pdu = payload[7:9] + b"\xfd\x83"
    return payload[:4] + struct.pack(">H", len(pdu) + 1) + payload[6:7] + pdu


def _s7comm(payload: bytes, _is_request: bool, _asked: Asked, _flow: object) -> bytes:
    """An error instead of the answer: ROSCTR 3 in its header, 7 in its parameters."""
    if payload[5:6] != b"\xf0" or payload[7:8] != b"\x32":
        return payload
    kind, parameter = payload[8], payload[17:]
    if kind == 3 and payload[19] not in (0x04, 0xF0):
        return payload[:17] + b"\x81\x04" + payload[19:]
    if kind != 7 or parameter[5] & 0xF0 != 0x80 or parameter[5:7] == b"\x84\x01":
        return payload
    return payload[:27] + b"\xd4\x01\x0a" + payload[30:]


def _dnp3(payload: bytes, is_request: bool, asked: Asked, flow: object) -> bytes:
    """IIN2.0, which says that the function is not supported, and nothing behind it."""
    out = b""
    for one in _links(payload):
        if len(one) < 14 or not one[10] & 0x40:
            out += one
            continue
        number, function = one[11] & 0x0F, one[12]
        if is_request:
            asked[flow, number] = function
        elif function in (129, 131) and asked.get((flow, number)) not in (None, 0, 1):
            destination, source = struct.unpack_from("<HH", one, 4)
            body = bytes([0xC0 | one[10] & 0x3F]) + one[11:14] + bytes([one[14] | 1])
            one = dnp3_bytes.link(source, destination, body, master=False)
        out += one
    return out


_STATE = (19,)
"""TriStation commands that ask for nothing but the state."""


def _tristation(payload: bytes, is_request: bool, asked: Asked, flow: object) -> bytes:
    if payload[:1] != bytes([tristation_bytes.COMMAND]) or len(payload) < 14:
        return payload
    function, number = payload[6], payload[7]
    if is_request:
        asked[flow, number] = function
    elif asked.get((flow, number)) not in _STATE:
        return tristation_bytes.rejected(number, 212)
    return payload
