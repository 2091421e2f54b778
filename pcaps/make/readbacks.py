"""Captures of values that are written, and of what is read back."""

from __future__ import annotations

import struct

from pcaps.make import dnp3, s7comm
from pcaps.make import dnp3_bytes as dnp
from pcaps.make import modbus_bytes as mb
from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.modbus import HMI, PLC, Client
from pcaps.make.wire import Cable


class Memory:
    """Registers of a controller that a client writes and reads."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.held = [500, 700, 0, 0, 30]

    def read(self, at: float) -> None:
        """Registers 100 to 104."""
        self.client.ask(at, 1, mb.read(3, 100, 5), mb.registers(3, self.held))

    def write(self, at: float, register: int, value: int, held: int | None = None) -> None:
        """A write that is accepted; the controller then holds `held`."""
        self.held[register - 100] = value if held is None else held
        write = mb.write_register(register, value)
        self.client.ask(at, 1, write, write)


@case("modbus")
def readback(cable: Cable) -> None:
    """A set point reads back as it was written, ten times; then the controller keeps the old one.

    It answers the write of 740 as if it had taken it.
    """
    memory = Memory(Client(cable, HMI, PLC, 0.1))
    for turn in range(66):
        if turn % 6 == 1 and turn < 60:
            memory.write(1.0 + turn * 10, 101, 720 + turn // 6)
        if turn == 60:
            memory.write(1.0 + turn * 10, 101, 740, held=729)
        memory.read(3.0 + turn * 10)
        memory.read(8.0 + turn * 10)


@case("modbus", benign=True)
def readback_habits(cable: Cable) -> None:
    """What a controller does with written values every day: nothing of it is news.

    A command word that it clears, a limit that it holds set points to, a counter that
    it goes on from, a value that it takes after the next poll alone, and one that a
    second connection changes a moment later.
    """
    memory = Memory(Client(cable, HMI, PLC, 0.1))
    other = Memory(Client(cable, HMI, PLC, 0.2))
    other.held = memory.held
    for turn in range(120):
        at = 1.0 + turn * 10
        kind, round = turn % 10, turn // 10
        if kind == 1:
            memory.write(at, 102, 1 + round % 2, held=0)
        elif kind == 3:
            memory.write(at, 101, 900 + round, held=850)
        elif kind == 5:
            memory.write(at, 104, round, held=0)
        elif kind == 7:
            before = memory.held[0]
            memory.write(at, 100, 510 + round, held=before)
        elif kind == 8:
            memory.held[0] = 510 + round
            memory.write(at, 103, round)
            other.write(at + 1, 103, 99)
        memory.held[4] += 1
        memory.read(at + 3)
        memory.read(at + 7)


@case("s7comm")
def readback_hidden(cable: Cable) -> None:
    """A speed in a data block is set ten times and read within a block of bytes; then it is not.

    The controller accepts 1,410 rpm and shows 1,064, which nobody wrote: as Stuxnet did,
    what runs and what is shown are no longer the same.
    """
    client = s7comm.Client(cable, s7comm.HMI, s7comm.PLC, 0.1)
    held = 1_000.0
    for turn in range(66):
        if turn % 6 == 1:
            speed = 1_000.0 + turn if turn < 60 else 1_410.0
            held = speed if turn < 60 else 1_064.0
            client.write(1.0 + turn * 10, s7.item(0x84, 1, 4, 4), struct.pack(">f", speed))
        block = bytes(4) + struct.pack(">f", held) + bytes([turn, 0, 0, 0])
        client.read(4.0 + turn * 10, s7.item(0x84, 1, 0, 12), block)
        client.read(8.0 + turn * 10, s7.item(0x84, 1, 0, 12), block)


def set_point(index: int, value: int) -> bytes:
    """g41v1: a 32-bit analog output."""
    return struct.pack("<BBBBBiB", 41, 1, 0x17, 1, index, value, 0)


def outputs(first: int, values: list[int]) -> bytes:
    """g40v1: 32-bit analog output status with flags."""
    head = struct.pack("<BBBBB", 40, 1, 0, first, first + len(values) - 1)
    return head + b"".join(struct.pack("<Bi", 1, value) for value in values)


@case("dnp3")
def set_point_not_taken(cable: Cable) -> None:
    """A set point of an outstation takes what it is given, eight times; then it does not."""
    master = dnp3.Master(cable, dnp3.MASTER, dnp3.RTU, 0.1)
    held = 100
    for turn in range(54):
        if turn % 6 == 1:
            asked = set_point(2, 100 + turn)
            held = 100 + turn if turn < 48 else held
            master.ask(1.0 + turn * 10, 5, asked, asked)
        states = dnp.binaries(0, [1, 0]) + outputs(0, [5, 6, held])
        master.ask(4.0 + turn * 10, 1, dnp.CLASSES, states)
        master.ask(8.0 + turn * 10, 1, dnp.CLASSES, states)
