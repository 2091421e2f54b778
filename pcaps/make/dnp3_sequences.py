"""DNP3 captures of whole attacks, and of functions that are seldom used for good."""

from __future__ import annotations

import struct

from pcaps.make import dnp3_bytes as dnp
from pcaps.make.case import case
from pcaps.make.dnp3 import (
    MASTER,
    RTU,
    STRANGER,
    Master,
    file_opened,
    file_status,
    write_file,
)
from pcaps.make.wire import Cable

TRIP = 0x81
"""Control code of a trip pulse."""


def direct(master: Master, at: float, index: int, code: int) -> None:
    """A direct operate of one output."""
    block = dnp.control(index, code)
    master.ask(at, 5, block, block)


def free_format(group: int, variation: int, content: bytes) -> bytes:
    """One object of its own size, with qualifier 0x5B."""
    return struct.pack("<BBBBH", group, variation, 0x5B, 1, len(content)) + content


@case("dnp3")
def trip_sweep(cable: Cable) -> None:
    """A stranger trips breakers 0 to 7 within eight seconds."""
    master = Master(cable, STRANGER, RTU, 0.1)
    for index in range(8):
        direct(master, 1.0 + index, index, TRIP)


@case("dnp3")
def trip_and_restart(cable: Cable) -> None:
    """A stranger trips a breaker and then restarts the outstation, three times over."""
    master = Master(cable, STRANGER, RTU, 0.1)
    for turn in range(3):
        direct(master, 1.0 + turn * 100, 3, TRIP)
        master.ask(6.0 + turn * 100, 13, b"", b"\x34\x02\x07\x01\x10\x27", iin=0x8000)


@case("dnp3")
def activate_configuration(cable: Cable) -> None:
    """A stranger activates a configuration that was written to the outstation before."""
    master = Master(cable, STRANGER, RTU, 0.1)
    name = b"/cfg/new.xml"
    master.ask(1.0, 31, free_format(110, len(name), name))


@case("dnp3")
def firmware_file(cable: Cable) -> None:
    """A stranger writes a firmware image to the outstation."""
    master = Master(cable, STRANGER, RTU, 0.1)
    name = b"/firmware/rtu_4.2.bin"
    command = struct.pack("<HH", 26, len(name)) + bytes(6) + struct.pack("<H", 0o600)
    command += struct.pack("<IIHHH", 0, 4096, 2, 1024, 1) + name
    status = struct.pack("<IIHHB", 0x11, 4096, 1024, 1, 0)
    master.ask(1.0, 25, free_format(70, 3, command), free_format(70, 4, status))
    block = struct.pack("<II", 0x11, 0x8000_0000) + b"\x7fELF" + bytes(200)
    answer = struct.pack("<IIB", 0x11, 0x8000_0000, 0)
    master.ask(2.0, 2, free_format(70, 5, block), free_format(70, 6, answer))


@case("dnp3")
def virtual_terminal(cable: Cable) -> None:
    """A stranger types into the virtual terminal of the outstation."""
    master = Master(cable, STRANGER, RTU, 0.1)
    for turn, line in enumerate((b"login admin\r", b"show config\r")):
        objects = struct.pack("<BBBBB", 112, len(line), 0x17, 1, 0) + line
        master.ask(1.0 + turn, 2, objects)


@case("dnp3")
def user_changed(cable: Cable) -> None:
    """A stranger makes itself a user of the outstation."""
    master = Master(cable, STRANGER, RTU, 0.1)
    name = b"operator"
    change = struct.pack("<BBIHHHHH", 1, 1, 7, 1, 30, len(name), 0, 4) + name + b"\x01\x02\x03\x04"
    request = master.send(dnp.request(0, 32, free_format(120, 10, change)))
    master.session.ask(1.0, request, master.answer(dnp.response(0, function=131)))


@case("dnp3", benign=True)
def breaker_work(cable: Cable) -> None:
    """A master that works two breakers again and again, and restarts the outstation never."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(12):
        master.events(1.0 + turn * 20)
        block = dnp.control(turn % 2, 0x41 if turn % 4 < 2 else TRIP)
        master.ask(5.0 + turn * 20, 3, block, block)
        master.ask(5.5 + turn * 20, 4, block, block)


@case("dnp3")
def reserved_bits(cable: Cable) -> None:
    """An outstation sets two internal indications that are reserved, in each response."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(10):
        master.ask(1.0 + turn * 2, 1, dnp.EVENTS, iin=0x00C0)


@case("dnp3")
def test_file(cable: Cable) -> None:
    """A stranger writes the harmless test file of virus scanners to an outstation."""
    master = Master(cable, STRANGER, RTU, 0.1)
    head, tail = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    write_file(master, 1.0, b"/tmp/test.com", head + tail)


@case("dnp3")
def file_without_password(cable: Cable) -> None:
    """A stranger names a user, gives no password, and is let in to the files all the same."""
    master = Master(cable, STRANGER, RTU, 0.1)
    name = b"admin"
    asked = struct.pack("<HHHHI", 12, len(name), 12 + len(name), 0, 0) + name
    given = struct.pack("<HHHHI", 12, 0, 12, 0, 0x5EED)
    master.ask(1.0, 29, free_format(70, 2, asked), free_format(70, 2, given))


@case("dnp3")
def backup_missed(cable: Cable) -> None:
    """A master reads the event file of an outstation every hour, six times, and then no more."""
    backups(cable, 6)


@case("dnp3", benign=True)
def backup_made(cable: Cable) -> None:
    """A master reads the event file of an outstation every hour, all day long."""
    backups(cable, 8)


def backups(cable: Cable, count: int) -> None:
    """Polls for eight hours, and so many times an hour a file that is read."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(480):
        master.events(1.0 + turn * 60)
    for turn in range(count):
        at = 300.0 + turn * 3_600
        name, size = b"/events.log", 40
        master.ask(at, 25, file_opened(name, 1, size), file_status(1, size))
        block = struct.pack("<II", 1, 0x8000_0000)
        part = free_format(70, 5, block + bytes([65 + turn]) * size)
        master.ask(at + 1, 1, free_format(70, 5, block), part)
        master.ask(at + 2, 26, file_status(1, 0), file_status(1, 0))


@case("dnp3")
def outputs_at_once(cable: Cable) -> None:
    """A stranger trips breakers 0 to 7 with one message."""
    master = Master(cable, STRANGER, RTU, 0.1)
    blocks = b"".join(dnp.control(index, TRIP)[4:] for index in range(8))
    block = bytes((12, 1, 0x17, 8)) + blocks
    master.ask(1.0, 5, block, block)


@case("dnp3")
def outputs_written(cable: Cable) -> None:
    """A stranger writes the states of outputs 0 to 7, without any command."""
    master = Master(cable, STRANGER, RTU, 0.1)
    master.ask(1.0, 2, bytes((10, 1, 0x00, 0, 7, 0x00)))


@case("dnp3")
def events_taken_away(cable: Cable) -> None:
    """A stranger puts all inputs into class 0: they report no events any more."""
    master = Master(cable, STRANGER, RTU, 0.1)
    master.ask(1.0, 22, bytes((60, 1, 0x06, 1, 0, 0x06, 30, 0, 0x06)))


@case("dnp3", benign=True)
def classes_assigned(cable: Cable) -> None:
    """A master that starts puts inputs into the classes that it asks for."""
    master = Master(cable, MASTER, RTU, 0.1)
    master.integrity(1.0)
    master.ask(2.0, 22, bytes((60, 2, 0x06, 1, 0, 0x06, 60, 3, 0x06, 30, 0, 0x06)))
    master.events(3.0)


@case("dnp3")
def confirmation_asked(cable: Cable) -> None:
    """A stranger asks the outstation to confirm its requests, which only outstations may ask."""
    master = Master(cable, STRANGER, RTU, 0.1)
    for turn in range(3):
        asked = bytearray(dnp.request(turn, 1, dnp.CLASSES))
        asked[0] |= 0x20
        answer = master.answer(dnp.response(turn, dnp.binaries(0, [1, 0, 1, 1])))
        master.session.ask(1.0 + turn, master.send(bytes(asked)), answer)
