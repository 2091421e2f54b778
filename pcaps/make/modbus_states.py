"""Modbus captures of values, and of what stands behind a gateway."""

from __future__ import annotations

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import HMI, PLC, Client, poll
from pcaps.make.network import Poller, plant
from pcaps.make.wire import Cable


def write(client: Client, at: float, address: int, value: int) -> None:
    """A register is written."""
    client.ask(at, 1, mb.write_register(address, value), mb.write_register(address, value))


@case("modbus")
def over_limit(cable: Cable) -> None:
    """An operator sets a level of 1,200, 1,300 and then 1,500 mm; the site allows 1,400."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(60):
        poll(client, 1.0 + turn, seed=turn)
    for turn, level in enumerate((1_200, 1_300, 1_500)):
        write(client, 10.5 + turn * 20, 100, level)


@case("modbus")
def stuck(cable: Cable) -> None:
    """A set point that changes every five minutes is written unchanged for an hour."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(30):
        write(client, 1.0 + turn * 300, 100, 700 + min(turn, 16) * 7)
        poll(client, 100.0 + turn * 300, seed=turn)


@case("modbus", benign=True)
def set_points(cable: Cable) -> None:
    """An operator switches between two modes for two hours, twice to a third; set points follow."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(40):
        at = 1.0 + turn * 180
        write(client, at, 101, 3 if turn in (14, 35) else 1 + turn % 2)
        write(client, at + 5, 102, 40 + turn % 4 * 5)
        for poll_turn in range(6):
            poll(client, at + 20 + poll_turn * 25, seed=turn)


@case("modbus")
def gateway_refuses(cable: Cable) -> None:
    """A gateway says of both stations behind it that they do not respond any more."""
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(3)]
    gateway = Poller(cable, HMI, plant(40), 0.4)
    for turn in range(95):
        at = 1.0 + turn * 2
        for number, poller in enumerate(pollers):
            poller.read(at + number / 20)
        for unit in (2, 3):
            if turn < 45:
                gateway.read(at + 0.5 + unit / 10, unit=unit)
            else:
                refusal = mb.exception(3, 0x0B)
                gateway.client.ask(at + 0.5 + unit / 10, unit, mb.read(3, 100, 2), refusal)


@case("modbus", benign=True)
def gateway_station_off(cable: Cable) -> None:
    """A gateway says of one station, which never answered, that it does not respond."""
    gateway = Poller(cable, HMI, plant(40), 0.4)
    for turn in range(95):
        at = 1.0 + turn * 2
        gateway.read(at, unit=2)
        gateway.client.ask(at + 0.5, 9, mb.read(3, 100, 2), mb.exception(3, 0x0B))
