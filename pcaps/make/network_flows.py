"""Captures of floods, odd ports, outside peers, hijacked flows and what a sensor missed."""

from __future__ import annotations

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import HMI, PLC, STRANGER
from pcaps.make.network import HISTORIAN, Poller, normal, plant
from pcaps.make.wire import Cable, Host, Session

BROKER = Host("00:00:0c:10:01:01", "203.0.114.40")
"""A service of the Internet, behind the router of the site."""
LISTED = Host("00:00:0c:10:01:01", "192.0.2.66")
"""An address that stands on the list of `sites/indicators.txt`."""


@case("network")
def flood(cable: Cable) -> None:
    """A stranger opens 3,200 conversations with eight controllers within 40 seconds."""
    normal(cable, 70)
    for turn in range(3_200):
        session = Session(cable, STRANGER, plant(20 + turn % 8), 1_000 + turn // 8)
        session.segment(20.0 + turn / 80, True, "S")


@case("network")
def connection_flood(cable: Cable) -> None:
    """A stranger tries 900 connections to one controller within 15 seconds; none is accepted."""
    normal(cable, 70)
    for turn in range(900):
        session = Session(cable, STRANGER, plant(20), 502)
        session.segment(20.0 + turn / 60, True, "S")


def routed(cable: Cable, host: Host) -> None:
    """What a host sends has passed routers before it gets here."""
    for place, (at, number, frame) in enumerate(cable.frames):
        packet = Ether(frame)
        if IP in packet and packet[IP].src == host.ip:
            packet[IP].ttl = 51
            del packet[IP].chksum
            cable.frames[place] = (at, number, bytes(packet))


@case("network")
def cloud(cable: Cable) -> None:
    """A controller that an operator station reads keeps a connection to a broker outside."""
    normal(cable, 60)
    session = Session(cable, PLC, BROKER, 8883)
    session.open(5.0)
    for turn in range(12):
        session.ask(
            6.0 + turn * 4, b"\x17\x03\x03\x00\x20" + bytes(32), b"\x17\x03\x03\x00\x04ping"
        )
    routed(cable, BROKER)


@case("network")
def proxy(cable: Cable) -> None:
    """A controller that an operator station reads reaches out through a proxy of the office."""
    normal(cable, 60)
    session = Session(cable, PLC, Host("00:14:22:10:01:80", "10.20.1.80"), 3128)
    session.open(5.0)
    session.ask(5.5, b"CONNECT 203.0.114.40:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n")
    for turn in range(12):
        session.ask(
            6.0 + turn * 4, b"\x17\x03\x03\x00\x20" + bytes(32), b"\x17\x03\x03\x00\x04ping"
        )
    session.close(58.0)


@case("network")
def multicast_search(cable: Cable) -> None:
    """A stranger looks for controllers of a maker by multicast, as INCONTROLLER does."""
    normal(cable, 60)
    everybody = Host("01:00:5e:7f:ff:fa", "239.255.255.250")
    for turn in range(3):
        cable.datagram(
            5.0 + turn * 2, STRANGER, everybody, (40_000, 27127), b"\x00\x01" + bytes(18)
        )


@case("network")
def other_protocol(cable: Cable) -> None:
    """A stranger has a shell on port 502 of a host, where Modbus should be."""
    normal(cable, 60)
    session = Session(cable, STRANGER, plant(31), 502)
    session.open(5.0)
    for turn in range(10):
        session.ask(6.0 + turn * 3, b"ls -l /var/tmp\n", b"total 0\n$ ")


def as_of(cable: Cable, ttl: int, identification: int) -> None:
    """The last frame passes as another machine would have sent it."""
    at, place, frame = cable.frames.pop()
    packet = Ether(frame)
    packet[IP].ttl = ttl
    packet[IP].id = identification
    del packet[IP].chksum
    cable.frames.append((at, place, bytes(packet)))


@case("network")
def hijack(cable: Cable) -> None:
    """Another machine sends eight requests in the flow of the operator station."""
    one, two = Poller(cable, HMI, PLC, 0.2), Poller(cable, HISTORIAN, plant(31), 0.3)
    for turn in range(60):
        at = 1.0 + turn
        one.read(at)
        two.read(at + 0.5)
        if turn >= 20 and turn % 5 == 0:
            session = one.client.session
            one.client.transaction += 1
            number = one.client.transaction
            session.segment(at + 0.2, True, "PA", mb.adu(number, 1, mb.read(3, 100, 2)))
            as_of(cable, 128, 0x4000 + turn)
            session.segment(at + 0.204, False, "PA", mb.adu(number, 1, mb.registers(3, [500, 730])))


@case("network")
def capture_loss(cable: Cable) -> None:
    """A file passes of which the sensor misses 40 of 240 segments; the receiver has all of them."""
    normal(cable, 60)
    session = Session(cable, HISTORIAN, plant(31), 80)
    session.open(5.0)
    session.ask(5.1, b"GET /backup.zip HTTP/1.1\r\n\r\n", None)
    for turn in range(240):
        session.segment(5.2 + turn / 20, False, "PA", bytes([turn % 251]) * 1_000)
        if turn % 6 == 3:
            cable.frames.pop()
        session.segment(5.21 + turn / 20, True, "A")


@case("network")
def unreadable(cable: Cable) -> None:
    """A controller sends bytes between its answers that are no Modbus at all."""
    normal(cable, 60)
    one = Poller(cable, HISTORIAN, plant(31), 0.3)
    for turn in range(50):
        one.read(1.0 + turn)
        if turn % 2:
            one.client.session.tell(1.5 + turn, bytes([0xA5 ^ turn]) * 400)


@case("network")
def indicator(cable: Cable) -> None:
    """A controller reaches an address that stands on the list of the site."""
    normal(cable, 60)
    session = Session(cable, PLC, LISTED, 443)
    session.open(5.0)
    session.ask(5.1, b"\x16\x03\x01\x00\x20" + bytes(32), b"\x16\x03\x03\x00\x20" + bytes(32))
    session.close(9.0)
    routed(cable, LISTED)


@case("network")
def illegal_addresses(cable: Cable) -> None:
    """Calls to a controller from addresses that no device may have."""
    normal(cable, 60)
    for turn, ip in enumerate(("239.1.2.3", "240.0.0.9", "127.0.0.1", "0.1.2.3")):
        session = Session(cable, Host(STRANGER.mac, ip), PLC, 502)
        session.segment(20.0 + turn, True, "S")
