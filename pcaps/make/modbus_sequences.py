"""Modbus captures of whole attacks, and of streams that no client would make."""

from __future__ import annotations

import struct

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import GATEWAY, HMI, PLC, STRANGER, Client, poll
from pcaps.make.wire import Cable, Host, Session


@case("modbus")
def registers_zeroed(cable: Cable) -> None:
    """A stranger overwrites 240 registers with zeros."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for turn in range(4):
        address = 100 + turn * 60
        client.ask(
            1.0 + turn, 1, mb.write_registers(address, [0] * 60), mb.written(16, address, 60)
        )


@case("modbus", benign=True)
def recipe(cable: Cable) -> None:
    """An operator station writes a recipe: many registers at once, some of them zero."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(10):
        poll(client, 1.0 + turn, seed=turn)
    values = [0, 120, 0, 35, 0, 0, 77, 0, 0, 0, 0, 4, 0, 0, 0, 0, 900, 0, 0, 1]
    client.ask(12.0, 1, mb.write_registers(300, values), mb.written(16, 300, len(values)))


@case("modbus")
def rtu_restart(cable: Cable) -> None:
    """A stranger restarts the communications of a device behind a serial converter."""
    session = Session(cable, STRANGER, GATEWAY, 4001)
    session.open(0.1)
    for turn in range(6):
        request, answer = mb.read(3, 100, 2), mb.registers(3, [7, turn])
        session.ask(1.0 + turn, mb.rtu(5, request), mb.rtu(5, answer))
    session.ask(8.0, mb.rtu(5, mb.diagnostics(1)), mb.rtu(5, mb.diagnostics(1)))


@case("modbus")
def request_flood(cable: Cable) -> None:
    """A stranger sends 200 requests in two seconds; the device answers four, and comes back."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for turn in range(200):
        answer = mb.registers(3, [turn]) if turn < 4 else None
        client.ask(1.0 + turn * 0.01, 1, mb.read(3, 100 + turn, 1), answer)
    operator = Client(cable, HMI, PLC, 12.0)
    for turn in range(10):
        poll(operator, 13.0 + turn, seed=turn)


@case("modbus")
def stream_overwritten(cable: Cable) -> None:
    """Somebody sends the bytes of a write once more with another value in them."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(6):
        poll(client, 1.0 + turn, seed=turn)
    session = client.session
    before = session.sequence[0]
    client.ask(8.0, 1, mb.write_register(101, 740), mb.write_register(101, 740))
    after = list(session.sequence)
    session.sequence[0] = before
    session.segment(8.2, True, "PA", mb.adu(client.transaction, 1, mb.write_register(101, 9999)))
    session.sequence = after
    for turn in range(4):
        poll(client, 9.0 + turn, seed=turn)


def work_off(client: Client, at: float, values: list[int]) -> None:
    """A list of tasks on registers: two reads, one write of a single one, one of a block."""
    for turn in range(2):
        reply = mb.registers(3, [500 + turn, 730, 12, 0])
        client.ask(at + turn * 0.6, 1, mb.read(3, 100, 4), reply)
    write = mb.write_register(105, values[0])
    client.ask(at + 1.2, 1, write, write)
    block = mb.write_registers(120, values)
    client.ask(at + 1.3, 1, block, mb.written(16, 120, len(values)))
    client.session.close(at + 1.6)


@case("modbus")
def task_list(cable: Cable) -> None:
    """A stranger reads registers of a controller, writes one and then four, and is gone.

    The functions, their order and their pace are those of a recreation of FrostyGoop.
    """
    operator = Client(cable, HMI, PLC, 0.1)
    for turn in range(30):
        poll(operator, 1.0 + turn, seed=turn)
    work_off(Client(cable, STRANGER, PLC, 12.0), 12.1, [1337, 20, 30, 40])


@case("modbus")
def task_list_for_many(cable: Cable) -> None:
    """A stranger writes the same registers of four controllers, one after the other."""
    controllers = [Host(f"00:80:f4:10:02:{turn:02x}", f"10.20.2.{turn}") for turn in range(21, 25)]
    for number, controller in enumerate(controllers):
        operator = Client(cable, HMI, controller, 0.1 + number / 10)
        for turn in range(30):
            poll(operator, 1.0 + number / 5 + turn, seed=turn)
    for number, controller in enumerate(controllers):
        client = Client(cable, STRANGER, controller, 12.0 + number * 2)
        write = mb.write_register(105, 0)
        client.ask(12.1 + number * 2, 1, write, write)
        client.session.close(12.4 + number * 2)


@case("modbus")
def discover(cable: Cable) -> None:
    """A stranger asks a controller in both ways what it is, each in a connection of its own.

    So does the script modbus-discover of nmap, with transaction 0 all the time.
    """
    operator = Client(cable, HMI, PLC, 0.1)
    for turn in range(20):
        poll(operator, 1.0 + turn, seed=turn)
    names = mb.identification({0: "Schneider Electric", 1: "BMX P34 2020", 2: "v3.20"})
    exchanges = [(b"\x11", b"\x11\x0b\x01\xffM340 v3.2"), (mb.IDENTIFY, names)]
    for turn, (request, answer) in enumerate(exchanges):
        client = Client(cable, STRANGER, PLC, 12.0 + turn * 0.02)
        client.transaction = -1
        client.ask(12.005 + turn * 0.02, 1, request, answer)
        client.session.close(12.015 + turn * 0.02)


@case("modbus")
def umas_read_out(cable: Cable) -> None:
    """Over UMAS a stranger identifies the controller, reserves it and reads its program at once."""
    client = Client(cable, STRANGER, PLC, 0.1)
    ok = b"\x5a\x00\xfe"
    client.ask(1.0, 0, b"\x5a\x00\x01\x00", ok + b"\xfd\x03\x20\x03\x00\x01" + bytes(10))
    identity = mb.umas_identity("BMX P34 2020") + bytes(8)
    client.ask(1.01, 0, b"\x5a\x00\x02", ok + identity)
    name = b"LAPTOP-66"
    reserve = b"\x5a\x00\x10" + struct.pack("<IB", 0x1A2B, len(name)) + name
    client.ask(1.02, 0, reserve, b"\x5a\x00\xfe\x7b")
    client.ask(1.03, 0, b"\x5a\x7b\x33\x00\x01\xfb\x00", b"\x5a\x7b\xfe\x00\x01\x37\x30\x00\x00")
    for block in range(1, 7):
        asked = b"\x5a\x7b\x34" + struct.pack("<BBH", 0, 1, block)
        part = struct.pack("<BBH", block == 6, 0, 64) + bytes(range(block, block + 64))
        client.ask(1.03 + block * 0.01, 0, asked, b"\x5a\x7b\xfe" + part)
    client.ask(1.11, 0, b"\x5a\x7b\x35" + struct.pack("<BBH", 0, 1, 7), b"\x5a\x7b\xfe")
    client.ask(1.12, 0, b"\x5a\x7b\x11", b"\x5a\x7b\xfe")
