"""A plant that makes two products in turn, each with set points and polls of its own."""

from __future__ import annotations

from pcaps.make import modbus
from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.wire import Cable

PRODUCT = 200
"""The holding register in which the controller says what it makes: 1 or 2."""
SET_POINT = 101
MINUTE_S = 60.0
STRETCHES = tuple((turn * 15, turn * 15 + 15, turn % 2 + 1) for turn in range(9))
"""From and to, in minutes, and what is made then."""
SET_POINTS = {1: 500, 2: 900}
PAUSE_S = {1: 20.0, 2: 40.0}


def production(cable: Cable, *extras: tuple[float, int]) -> None:
    """Polls of level and product, and set points; `extras` are others, with their minute."""
    cable.arp(0.0, modbus.HMI, modbus.PLC)
    client = modbus.Client(cable, modbus.HMI, modbus.PLC, 0.1)
    asked: list[tuple[float, bytes, bytes]] = []
    for begin, end, product in STRETCHES:
        pause_s = PAUSE_S[product]
        for turn in range(int((end - begin) * MINUTE_S / pause_s)):
            at = begin * MINUTE_S + 1.0 + turn * pause_s
            level = 500 + turn % 5
            answer = mb.registers(3, [level, 730, product, 0])
            asked.append((at, mb.read(3, PRODUCT - 2, 4), answer))
        for turn in range((end - begin) // 3):
            at = (begin + 1.5 + turn * 3) * MINUTE_S
            write = mb.write_register(SET_POINT, SET_POINTS[product])
            asked.append((at, write, write))
    for minute, value in extras:
        write = mb.write_register(SET_POINT, value)
        asked.append((minute * MINUTE_S, write, write))
    for at, request, answer in sorted(asked):
        client.ask(at, 1, request, answer)


@case("baseline", benign=True)
def batches(cable: Cable) -> None:
    """Two products are made in turn: register 200 says which, and each has its set point."""
    production(cable)


@case("baseline")
def batch_mixed(cable: Cable) -> None:
    """While the first product is made, the set point of the second one is written.

    Only who knows of the operating modes (`sites/batches.toml`) can tell that from
    what is normal: both values are written every hour.
    """
    production(cable, (125.0, 900))
