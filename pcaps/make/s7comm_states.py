"""S7comm captures of what a controller says of itself: mode, switch, protection, blocks."""

from __future__ import annotations

import struct

from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.s7comm import BLOCK, ENGINEER, HMI, OP, PLC, STRANGER, Client, read_cycle
from pcaps.make.wire import Cable

RUN, STOP = 8, 4
"""Operating modes in the system status list 0x0424."""


def mode(client: Client, at: float, now: int, before: int) -> None:
    """The engineering station asks for the operating mode."""
    record = struct.pack(">HBB", 0x4302, 0xFF, before << 4 | now) + bytes(16)
    client.user(at, 4, 1, s7.szl_request(0x0424, 0), s7.szl(0x0424, 0, [record]))


def protection(client: Client, at: float, level: int, switch: int) -> None:
    """The engineering station asks for protection and mode switch."""
    record = struct.pack(">HHHHHH", 4, level, 0, level, switch, 1) + bytes(28)
    client.user(at, 4, 1, s7.szl_request(0x0232, 4), s7.szl(0x0232, 4, [record]))


def blocks(client: Client, at: float, kind: bytes, numbers: list[int]) -> None:
    """The engineering station asks which blocks of a type there are."""
    answer = b"".join(struct.pack(">HBB", number, 0x22, 2) for number in numbers)
    client.user(at, 3, 2, kind, answer)


def plant(cable: Cable, cycles: int) -> Client:
    """An operator station reads all the time; the engineering station has connected."""
    cable.arp(0.0, HMI, PLC)
    station = Client(cable, HMI, PLC, 0.1, OP)
    for turn in range(cycles):
        read_cycle(station, 1.0 + turn * 2, turn)
    return Client(cable, ENGINEER, PLC, 0.5)


@case("s7comm")
def mode_changed(cable: Cable) -> None:
    """A controller that ran says that it has stopped; nobody told it to over the network."""
    engineer = plant(cable, 40)
    for turn in range(6):
        mode(engineer, 5.3 + turn * 10, RUN if turn < 4 else STOP, 5 if turn < 4 else RUN)


@case("s7comm")
def switch_turned(cable: Cable) -> None:
    """The mode switch of a controller is turned from RUN to STOP."""
    engineer = plant(cable, 40)
    for turn in range(6):
        protection(engineer, 5.3 + turn * 10, 2, 1 if turn < 4 else 3)


@case("s7comm")
def protection_lifted(cable: Cable) -> None:
    """A controller that asked for a password for everything is not protected any more."""
    engineer = plant(cable, 40)
    for turn in range(6):
        protection(engineer, 5.3 + turn * 10, 3 if turn < 4 else 1, 1)


@case("s7comm")
def blocks_changed(cable: Cable) -> None:
    """A controller lists a function that it did not have before, and one less."""
    engineer = plant(cable, 40)
    for turn in range(4):
        blocks(engineer, 5.3 + turn * 10, b"08", [1])
        functions = [1, 2, 7] if turn < 2 else [1, 2, 1869]
        blocks(engineer, 5.6 + turn * 10, b"0C", functions)


@case("s7comm", benign=True)
def states_asked(cable: Cable) -> None:
    """The engineering station asks for mode, protection and blocks again and again."""
    engineer = plant(cable, 40)
    for turn in range(6):
        mode(engineer, 5.3 + turn * 10, RUN, 5)
        protection(engineer, 5.5 + turn * 10, 1, 1)
        blocks(engineer, 5.7 + turn * 10, b"0C", [1, 2, 7])


@case("s7comm")
def uploads_begun(cable: Cable) -> None:
    """A stranger begins to read 300 blocks and ends none of it: more than a sensor keeps."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for turn in range(300):
        name = s7.block("DB", turn + 1, "A")
        at = 1.0 + turn / 50
        client.ask(at, s7.start_upload(name), s7.upload_started(turn, 400))
        more = b"\x1e\x01"
        client.ask(at + 0.01, s7.upload(0x1E, turn), more, values=s7.part(BLOCK))
