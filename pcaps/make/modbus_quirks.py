"""Modbus captures of devices that depart from the specification, and of what they hold back."""

from __future__ import annotations

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import HMI, PLC, Client
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
