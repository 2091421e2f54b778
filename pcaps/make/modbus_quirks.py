"""Modbus captures of devices that depart from the specification, and of what they hold back."""

from __future__ import annotations

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import GATEWAY, HMI, PLC, STRANGER, Client, poll
from pcaps.make.wire import Cable


@case("modbus")
def quirk(cable: Cable) -> None:
    """A device sends one byte too many in every answer, from its first to its last of 75 minutes.

    In the last quarter of an hour it also says that it has more registers than it sends.
    """
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(150):
        at = 1.0 + turn * 30.0
        answer = mb.registers(3, [500 + turn % 40, 7, 1]) + b"\x00"
        client.ask(at, 1, mb.read(3, 100, 3), answer)
        if turn >= 120 and turn % 5 == 0:
            client.ask(at + 10, 1, mb.read(4, 0, 2), b"\x04\x08\x01\xf4\x00\x07")


def _write(client: Client, at: float, unit: int, register: int, value: int) -> None:
    client.ask(at, unit, mb.write_register(register, value), mb.write_register(register, value))


@case("modbus")
def other_unit(cable: Cable) -> None:
    """A stranger changes the register of an operator by unit 255, of a device that ignores units.

    It has read the device before, as the operator does.
    """
    operator, stranger = Client(cable, HMI, PLC, 0.1), Client(cable, STRANGER, PLC, 0.2)
    for turn in range(60):
        at = 1.0 + turn * 4.0
        poll(operator, at, seed=turn)
        poll(stranger, at + 1.0, unit=255, seed=turn)
        if turn % 10 == 4:
            _write(operator, at + 2.0, 1, 101, 730 + turn)
    _write(stranger, 243.0, 255, 101, 1)
    _write(stranger, 245.0, 0, 101, 2)


@case("modbus", benign=True)
def gateway_itself(cable: Cable) -> None:
    """An operator works two stations behind a gateway; a tool sets registers of the gateway."""
    operator, tool = Client(cable, HMI, GATEWAY, 0.1), Client(cable, STRANGER, GATEWAY, 0.2)
    for turn in range(60):
        at = 1.0 + turn * 4.0
        for place, unit in enumerate((1, 2)):
            poll(operator, at + place * 0.3, unit=unit, seed=turn)
        poll(tool, at + 1.0, unit=255, seed=turn)
        if turn % 4 == 1:
            _write(operator, at + 2.0, 1 + turn % 8 // 4, 101, 730 + turn)
        if turn % 4 == 3:
            _write(tool, at + 2.5, 255, 7, turn)


@case("modbus")
def failing_units(cable: Cable) -> None:
    """A stranger sweeps the stations behind a gateway that says of absent ones that it failed."""
    client = Client(cable, STRANGER, GATEWAY, 0.1)
    for unit in range(1, 41):
        known = unit in (1, 17)
        client.ask(
            1.0 + unit * 0.2,
            unit,
            mb.read(3, 0, 1),
            mb.registers(3, [7]) if known else b"\x83\x04",
        )
