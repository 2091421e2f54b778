"""Captures of what is no single protocol: searches, silences, spoofed addresses."""

from __future__ import annotations

from scapy.layers.l2 import ARP, Ether

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import GATEWAY, HMI, PLC, STRANGER, Client, poll
from pcaps.make.wire import Cable, Host, Session

NOBODY = "00:00:00:00:00:00"


def plant(number: int) -> Host:
    """A controller of a row of them."""
    return Host(f"00:80:f4:10:02:{number:02x}", f"10.20.2.{number}")


def normal(cable: Cable, seconds: int, start: float = 0.5) -> None:
    """The operator station polls a controller and a gateway, all the time."""
    cable.arp(start - 0.4, HMI, PLC)
    one, two = Client(cable, HMI, PLC, start), Client(cable, HMI, GATEWAY, start + 0.1)
    for turn in range(seconds):
        poll(one, start + 0.5 + turn, seed=turn)
        poll(two, start + 0.7 + turn, unit=2, seed=turn)


@case("network")
def address_scan(cable: Cable) -> None:
    """A stranger tries SSH on 40 addresses within 20 seconds; one refuses, none answers."""
    normal(cable, 90)
    for turn in range(40):
        host = plant(11 + turn)
        session = Session(cable, STRANGER, host, 22)
        if host.ip == PLC.ip:
            session.refused(20.0 + turn * 0.5)
        else:
            session.segment(20.0 + turn * 0.5, True, "S")


@case("network")
def port_scan(cable: Cable) -> None:
    """A stranger tries 30 ports of one controller within 6 seconds; two are open."""
    normal(cable, 90)
    for turn in range(30):
        at = 20.0 + turn * 0.2
        port = (502, 80)[turn] if turn < 2 else 1000 + turn * 7
        session = Session(cable, STRANGER, PLC, port)
        if turn < 2:
            session.open(at)
            session.segment(at + 0.01, True, "RA")
        else:
            session.refused(at)


@case("network")
def service_sweep(cable: Cable) -> None:
    """A stranger opens Modbus ports of seven hosts and closes them again at once."""
    normal(cable, 90)
    for turn in range(7):
        at = 20.0 + turn * 3
        session = Session(cable, STRANGER, plant(11 + turn), 502)
        if turn in (0, 1):
            session.open(at)
            session.segment(at + 0.01, True, "RA")
        else:
            session.segment(at, True, "S")
            session.segment(at + 1, True, "S")


@case("network", benign=True)
def busy_clients(cable: Cable) -> None:
    """A station opens 30 controllers at once, three of which are off, and looks names up."""
    cable.arp(0.0, HMI, PLC)
    hosts = [plant(11 + turn) for turn in range(30)]
    for turn, host in enumerate(hosts):
        at = 1.0 + turn * 0.2
        if turn % 10 == 9:
            session = Session(cable, HMI, host, 502)
            for retry in (0, 1, 3, 7):
                session.segment(at + retry, True, "S")
            continue
        client = Client(cable, HMI, host, at)
        for cycle in range(10):
            client.ask(at + 0.5 + cycle * 2, 1, mb.read(3, 0, 4), mb.registers(3, [1, 2, 3, cycle]))
    server = Host("00:14:22:10:01:35", "10.20.1.35")
    for turn in range(60):
        port = cable.port()
        cable.datagram(1.0 + turn * 0.5, HMI, server, (port, 53), b"\x00\x01\x01\x00" + bytes(20))
        if turn % 3:
            answer = b"\x00\x01\x81\x80" + bytes(20)
            cable.datagram(1.01 + turn * 0.5, server, HMI, (53, port), answer)


def who_has(cable: Cable, at: float, asker: Host, ip: str) -> None:
    """One host asks by ARP who has an address."""
    asked = ARP(op=1, hwsrc=asker.mac, psrc=asker.ip, hwdst=NOBODY, pdst=ip)
    cable.put(at, Ether(src=asker.mac, dst="ff:ff:ff:ff:ff:ff") / asked)
