"""The demo plant: a waterworks in normal operation, and then an intrusion.

Five minutes of routine: an operator station polls two Modbus devices and an S7
controller and supervises a DNP3 outstation; the engineering station identifies
its controllers. Then a laptop that nobody knows looks around, reads what there
is, tries what is allowed, and attacks all three.
"""

from __future__ import annotations

from pcaps.make import dnp3, modbus, s7comm
from pcaps.make import dnp3_bytes as dnp
from pcaps.make import modbus_bytes as mb
from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.wire import Cable, Session

HMI = modbus.HMI
ENGINEER = s7comm.ENGINEER
PUMPS = modbus.PLC
GATEWAY = modbus.GATEWAY
FILTERS = s7comm.PLC
SUBSTATION = dnp3.RTU
LAPTOP = modbus.STRANGER

INTRUSION_S = 300.0
"""Seconds after which the laptop appears."""
END_S = 480.0


def routine(cable: Cable) -> None:
    """Everything that happens every day."""
    for server in (PUMPS, GATEWAY, FILTERS, SUBSTATION):
        cable.arp(0.0, HMI, server)
    pumps = modbus.Client(cable, HMI, PUMPS, 0.2)
    gateway = modbus.Client(cable, HMI, GATEWAY, 0.3)
    filters = s7comm.Client(cable, HMI, FILTERS, 0.4, s7comm.OP)
    substation = dnp3.Master(cable, HMI, SUBSTATION, 0.6)
    substation.ask(0.8, 21, dnp.EVENTS)
    substation.integrity(1.0)
    dnp3.identify(substation, 1.2)
    substation.ask(1.8, 20, dnp.EVENTS)
    stopped = INTRUSION_S + 120.0
    for turn in range(int(END_S / 2) - 2):
        at = 2.0 + turn * 2
        modbus.poll(pumps, at, seed=turn)
        for unit in (1, 2, 3):
            readings = mb.registers(4, [1000 * unit + turn % 20, 44])
            gateway.ask(at + 0.1 * unit, unit, mb.read(4, 0, 2), readings)
        if at < stopped or at > stopped + 20:
            s7comm.read_cycle(filters, at + 0.5, turn)
        if turn % 5 == 0:
            substation.events(at + 0.7)
        if turn % 30 == 29:
            substation.integrity(at + 0.9, turn)
        if turn % 30 == 11:
            value = 735 + turn % 7
            pumps.ask(at + 1.1, 1, mb.write_register(101, value), mb.write_register(101, value))
        if turn % 45 == 20 and at < INTRUSION_S:
            substation.report(at + 1.3, 2, turn % 2)
        if turn % 60 == 25:
            filters.write(at + 1.4, s7.item(0x84, 10, 20, 2), bytes([0, 70 + turn % 9]))


def engineering(cable: Cable) -> None:
    """The engineering station asks its controllers what they are, and lets them be."""
    cable.arp(19.0, ENGINEER, FILTERS)
    cable.arp(19.5, ENGINEER, PUMPS)
    filters = s7comm.Client(cable, ENGINEER, FILTERS, 20.0)
    s7comm.identify(filters, 21.0)
    filters.session.close(30.0)
    pumps = modbus.Client(cable, ENGINEER, PUMPS, 24.0)
    objects = {0: "Schneider Electric", 1: "BMX P34 2020", 2: "v3.20"}
    pumps.ask(25.0, 1, mb.IDENTIFY, mb.identification(objects))
    pumps.session.close(31.0)


def intrusion(cable: Cable) -> None:
    """The laptop looks around, learns, tries, and attacks."""
    now = INTRUSION_S
    # It looks for devices on the ports of industrial protocols.
    for target in (PUMPS, GATEWAY, FILTERS, SUBSTATION):
        cable.arp(now, LAPTOP, target)
        for port in (102, 502, 20_000):
            probe = Session(cable, LAPTOP, target, port)
            listens = (target, port) in {
                (PUMPS, 502),
                (GATEWAY, 502),
                (FILTERS, 102),
                (SUBSTATION, 20_000),
            }
            if listens:
                probe.open(now + 0.1)
                probe.close(now + 0.2)
            else:
                probe.refused(now + 0.1)
            now += 0.5
    # It asks them what they are.
    pumps = modbus.Client(cable, LAPTOP, PUMPS, now + 4)
    objects = {0: "Schneider Electric", 1: "BMX P34 2020", 2: "v3.20"}
    pumps.ask(now + 5, 1, mb.IDENTIFY, mb.identification(objects))
    filters = s7comm.Client(cable, LAPTOP, FILTERS, now + 6)
    s7comm.identify(filters, now + 7)
    # It looks for stations behind the gateway, and for what the pump controller allows.
    gateway = modbus.Client(cable, LAPTOP, GATEWAY, now + 10)
    for unit in range(1, 25):
        answer = mb.registers(3, [7]) if unit <= 3 else mb.exception(3, 0x0B)
        gateway.ask(now + 10.5 + unit * 0.2, unit, mb.read(3, 0, 1), answer)
    for place, code in enumerate((7, 8, 11, 12, 17, 20, 24, 65, 66, 90, 100)):
        pumps.ask(now + 20 + place * 0.2, 1, bytes([code]), mb.exception(code, 1))
    for place in range(30):
        readings = mb.registers(3, [500 + place, 730, 12, 0])
        pumps.ask(now + 30 + place, 1, mb.read(3, 100, 4), readings)
    # It moves a set point and switches a pump off.
    pumps.ask(now + 62, 1, mb.write_register(101, 2000), mb.write_register(101, 2000))
    pumps.ask(now + 63, 1, mb.write_coil(2, False), mb.write_coil(2, False))
    # It takes the filter controller's program, stops it, puts its own in and starts it.
    s7comm.upload_block(filters, now + 80)
    filters.ask(INTRUSION_S + 120, s7.STOP, b"\x29")
    s7comm.download_block(filters, INTRUSION_S + 125)
    filters.ask(INTRUSION_S + 130, s7.service("P_PROGRAM"), b"\x28")
    # It silences the substation, trips two breakers and restarts the outstation.
    substation = dnp3.Master(cable, LAPTOP, SUBSTATION, INTRUSION_S + 140, address=77)
    substation.ask(INTRUSION_S + 141, 21, dnp.EVENTS)
    for index in (1, 2):
        block = dnp.control(index, 0x81)
        substation.ask(INTRUSION_S + 145 + index, 5, block, block)
    substation.ask(INTRUSION_S + 150, 13, b"", bytes.fromhex("340207 01 e803"))
    filters.session.close(INTRUSION_S + 160)


@case("demo")
def plant(cable: Cable) -> None:
    """A waterworks in normal operation for five minutes, and then an intrusion.

    10.20.1.10 is the operator station, 10.20.1.20 the engineering station. The
    pumps are controlled by 10.20.2.11 (Modbus), instruments stand behind the
    gateway 10.20.2.12 (Modbus units 1 to 3), the filters are controlled by
    10.20.2.21 (S7), the substation's outstation is 10.20.3.31 (DNP3).

    From 06:05 on the laptop 10.20.1.66 scans, identifies, sweeps units and
    functions, writes to the pumps, uploads, stops and reprograms the filter
    controller, and silences, trips and restarts the substation.
    """
    routine(cable)
    engineering(cable)
    intrusion(cable)


@case("demo", benign=True)
def plant_normal(cable: Cable) -> None:
    """The same waterworks, and nothing but its routine."""
    routine(cable)
    engineering(cable)
