"""A plant on an ordinary day, and on one on which known devices do unknown things."""

from __future__ import annotations

from pcaps.make import modbus, s7comm
from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.wire import Cable

HMI = modbus.HMI
PLC = modbus.PLC
ENGINEER = s7comm.ENGINEER
FILTERS = s7comm.PLC

DAY_S = 300.0


Extra = tuple[float, bytes, bytes]
"""When something is asked besides the routine, what, and the answer."""


def routine(cable: Cable, *extras: Extra) -> None:
    """The operator station polls the pump controller, and sets it now and then."""
    cable.arp(0.0, HMI, PLC)
    client = modbus.Client(cable, HMI, PLC, 0.1)
    left = list(extras)
    for turn in range(int(DAY_S / 2) - 1):
        at = 1.0 + turn * 2
        modbus.poll(client, at, seed=turn)
        if turn % 15 == 7:
            value = 735 + turn % 7
            client.ask(at + 1.1, 1, mb.write_register(101, value), mb.write_register(101, value))
        if turn % 50 == 30:
            client.ask(at + 1.3, 1, mb.write_coil(4, True), mb.write_coil(4, True))
        while left and left[0][0] < at + 2:
            client.ask(left[0][0], 1, *left[0][1:])
            del left[0]


def inspection(cable: Cable) -> None:
    """The engineering station asks the filter controller what it is, and lets it be."""
    cable.arp(20.0, ENGINEER, FILTERS)
    filters = s7comm.Client(cable, ENGINEER, FILTERS, 20.1)
    s7comm.identify(filters, 21.0)
    filters.session.close(40.0)


@case("baseline", benign=True)
def habits(cable: Cable) -> None:
    """An ordinary day: polls, set points, and the engineer's inspection."""
    routine(cable)
    inspection(cable)


@case("baseline")
def departures(cable: Cable) -> None:
    """Devices that are known do what they never did.

    The operator station writes a set point that it never wrote, writes several
    registers at once, reads another area, is refused, and speaks S7comm with the
    filter controller. The engineering station, which only ever looked, loads
    a block into the filter controller.
    """
    routine(
        cable,
        (100.6, mb.write_register(102, 90), mb.write_register(102, 90)),
        (120.6, mb.write_registers(200, [1, 2]), mb.written(16, 200, 2)),
        (140.6, mb.read(3, 400, 8), mb.registers(3, [0] * 8)),
        (160.6, mb.read(3, 101, 2), mb.exception(3, 6)),
    )
    inspection(cable)
    filters = s7comm.Client(cable, HMI, FILTERS, 180.0)
    s7comm.read_cycle(filters, 181.0, 0)
    filters.session.close(190.0)
    engineer = s7comm.Client(cable, ENGINEER, FILTERS, 200.0)
    s7comm.download_block(engineer, 201.0)
    engineer.session.close(220.0)


@case("baseline")
def second_protocol(cable: Cable) -> None:
    """The engineering station reads the filter controller in Modbus as well."""
    routine(cable)
    inspection(cable)
    client = modbus.Client(cable, ENGINEER, FILTERS, 100.0)
    client.ask(101.0, 1, mb.read(3, 0, 4), mb.registers(3, [1, 2, 3, 4]))
    client.session.close(110.0)


@case("baseline", benign=True)
def seldom(cable: Cable) -> None:
    """The operator station reads input registers, which it does once in a month."""
    routine(cable, (150.6, mb.read(4, 0, 2), mb.registers(4, [2048, 4095])))
    inspection(cable)
