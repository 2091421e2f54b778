"""Modbus captures of whole attacks, and of streams that no client would make."""

from __future__ import annotations

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import GATEWAY, HMI, PLC, STRANGER, Client, poll
from pcaps.make.wire import Cable, Session


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
