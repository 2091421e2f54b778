"""S7comm messages as bytes, inside TPKT (RFC 1006) and COTP (ISO 8073, class 0)."""

from __future__ import annotations

import struct

JOB, ACK_DATA, USERDATA = 1, 3, 7


def tpkt(cotp: bytes) -> bytes:
    """A COTP message behind its TPKT header."""
    return struct.pack(">BBH", 3, 0, len(cotp) + 4) + cotp


def connect(destination_tsap: int, source_tsap: int = 0x0100, confirm: bool = False) -> bytes:
    """COTP connection request, or its confirmation."""
    body = struct.pack(
        ">BHHB", 0xD0 if confirm else 0xE0, 0x0001 if confirm else 0, 0x0002 if confirm else 1, 0
    )
    body += b"\xc0\x01\x0a" + struct.pack(
        ">BBHBBH", 0xC1, 2, source_tsap, 0xC2, 2, destination_tsap
    )
    return tpkt(bytes([len(body)]) + body)


REFUSED = tpkt(bytes([6, 0x80, 0, 1, 0, 0, 3]))
"""COTP disconnect request, reason 3: no such selector is attached."""


def _message(
    rosctr: int, reference: int, parameter: bytes, payload: bytes, error: int = 0
) -> bytes:
    head = struct.pack(">BBHHHH", 0x32, rosctr, 0, reference, len(parameter), len(payload))
    if rosctr == ACK_DATA:
        head += struct.pack(">H", error)
    return tpkt(b"\x02\xf0\x80" + head + parameter + payload)


def job(reference: int, parameter: bytes, payload: bytes = b"") -> bytes:
    """A request."""
    return _message(JOB, reference, parameter, payload)


def ack(reference: int, parameter: bytes, payload: bytes = b"", error: int = 0) -> bytes:
    """An answer; `error` is error class and code."""
    return _message(ACK_DATA, reference, parameter, payload, error)


SETUP = struct.pack(">BBHHH", 0xF0, 0, 1, 1, 480)
"""Parameters of setup communication, request and answer."""


def item(area: int, db: int, byte: int, count: int, size: int = 2, bit: int = 0) -> bytes:
    """A variable: `size` 1 bit, 2 byte, 4 word; area 0x84 data block, 0x83 memory."""
    address = (byte * 8 + bit).to_bytes(3, "big")
    return struct.pack(">BBBBHHB", 0x12, 10, 0x10, size, count, db, area) + address


def read(*items: bytes) -> bytes:
    """Parameters of read variable."""
    return bytes([4, len(items)]) + b"".join(items)


def values(*parts: bytes) -> bytes:
    """Data of an answer to a read: bytes per item, padded to an even length."""
    out = b""
    for place, part in enumerate(parts):
        out += struct.pack(">BBH", 0xFF, 4, len(part) * 8) + part
        if len(part) % 2 and place + 1 < len(parts):
            out += b"\0"
    return out


def write(target: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Parameters and data of a write of bytes."""
    return bytes([5, 1]) + target, struct.pack(">BBH", 0, 4, len(value) * 8) + value


def service(name: str, argument: bytes = b"") -> bytes:
    """Parameters of a PI service."""
    block = struct.pack(">H", len(argument)) + argument
    return b"\x28\0\0\0\0\0\0\xfd" + block + bytes([len(name)]) + name.encode()


STOP = b"\x29\0\0\0\0\0\x09P_PROGRAM"
"""Parameters of PLC stop."""


def block(kind: str, number: int, filesystem: str = "P") -> bytes:
    """The file name of a block: OB 08, DB 0A, FC 0C, FB 0E."""
    code = {"OB": "08", "DB": "0A", "SDB": "0B", "FC": "0C", "FB": "0E"}[kind]
    return f"_{code}{number:05d}{filesystem}".encode()


def request_download(name: bytes, size: int) -> bytes:
    """Parameters of request download."""
    lengths = f"1{size + 36:06d}{size:06d}".encode()
    return b"\x1a\0\x01\0\0\0\0\0" + bytes([len(name)]) + name + bytes([len(lengths)]) + lengths


def download(function: int, name: bytes) -> bytes:
    """Parameters of download block (0x1b) and download ended (0x1c)."""
    middle = b"\0\x01" if function == 0x1B else b"\0\0"
    return bytes([function]) + middle + bytes(5) + bytes([len(name)]) + name


def part(payload: bytes) -> bytes:
    """Data of a piece of a block."""
    return struct.pack(">HH", len(payload), 0x00FB) + payload


def start_upload(name: bytes) -> bytes:
    """Parameters of start upload."""
    return b"\x1d\0\0\0\0\0\0\0" + bytes([len(name)]) + name


def upload_started(identifier: int, size: int) -> bytes:
    """Parameters of the answer to start upload."""
    length = f"{size:07d}".encode()
    return b"\x1d\0\x01\0" + struct.pack(">I", identifier) + bytes([len(length)]) + length


def upload(function: int, identifier: int) -> bytes:
    """Parameters of upload (0x1e) and end upload (0x1f)."""
    return bytes([function]) + b"\0\0\0" + struct.pack(">I", identifier)


def userdata(
    reference: int,
    group: int,
    subfunction: int,
    payload: bytes,
    *,
    sequence: int = 0,
    answer: bool = False,
    error: int = 0,
) -> bytes:
    """A userdata message: group 3 blocks, 4 CPU, 5 security, 7 clock."""
    kind = 8 if answer else 4
    parameter = bytes([0, 1, 0x12, 8 if answer else 4, 0x12 if answer else 0x11])
    parameter += bytes([kind << 4 | group, subfunction, sequence])
    if answer:
        parameter += struct.pack(">BBH", 0, 0, error)
    code, size = (0xFF, 9) if payload else (0x0A, 0)
    return _message(
        USERDATA, reference, parameter, struct.pack(">BBH", code, size, len(payload)) + payload
    )


def szl_request(list_id: int, index: int) -> bytes:
    """Data of a read of the system status list."""
    return struct.pack(">HH", list_id, index)


def szl(list_id: int, index: int, records: list[bytes]) -> bytes:
    """Data of its answer."""
    head = struct.pack(">HHHH", list_id, index, len(records[0]), len(records))
    return head + b"".join(records)


def module_identification(index: int, order: str, version: tuple[int, int, int]) -> bytes:
    """A record of list 0x0011: order number and version."""
    tail = struct.pack(">HHH", 0x00C0, version[0] << 8 | version[1], version[2])
    return struct.pack(">H", index) + order.ljust(20).encode() + tail


def component(index: int, text: str) -> bytes:
    """A record of list 0x001c: a name."""
    return struct.pack(">H", index) + text.encode().ljust(32, b"\0")


def clock(year: int, month: int, day: int, hour: int, minute: int, second: int) -> bytes:
    """Data of set clock: binary-coded decimal."""

    def bcd(number: int) -> int:
        return number // 10 << 4 | number % 10

    digits = [year // 100, year % 100, month, day, hour, minute, second, 0]
    return b"\0" + bytes(map(bcd, digits)) + b"\x01"
