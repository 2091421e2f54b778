"""Captures of what is no single protocol: searches, silences, spoofed addresses."""

from __future__ import annotations

from scapy.layers.l2 import ARP, Ether

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.modbus import GATEWAY, HMI, PLC, STRANGER, Client, poll
from pcaps.make.wire import Cable, Host, Session

HISTORIAN = Host("00:14:22:10:01:40", "10.20.1.40")
NOBODY = "00:00:00:00:00:00"


def plant(number: int) -> Host:
    """A controller of a row of them."""
    return Host(f"00:80:f4:10:02:{number:02x}", f"10.20.2.{number}")


def who_has(cable: Cable, at: float, asker: Host, ip: str) -> None:
    """One host asks by ARP who has an address."""
    asked = ARP(op=1, hwsrc=asker.mac, psrc=asker.ip, hwdst=NOBODY, pdst=ip)
    cable.put(at, Ether(src=asker.mac, dst="ff:ff:ff:ff:ff:ff") / asked)


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


class Poller:
    """A client that reads the same registers of one controller again and again."""

    def __init__(self, cable: Cable, client: Host, server: Host, at: float, unit: int = 1) -> None:
        self.client = Client(cable, client, server, at)
        self.unit = unit
        self.turn = 0

    def read(self, at: float, answered: bool = True, unit: int | None = None) -> None:
        """One read; without an answer the gateway's TCP acknowledges it all the same."""
        self.turn += 1
        asked = self.unit if unit is None else unit
        answer = mb.registers(3, [500 + self.turn % 40, 730]) if answered else None
        self.client.ask(at, asked, mb.read(3, 100, 2), answer)


def cycle(
    cable: Cable, hosts: int, until: float, silent: dict[int, float], back: float = 1e9
) -> None:
    """The operator station reads a row of controllers every two seconds.

    Those in `silent` say nothing from then on until they are `back`; the station
    asks them all the same, and opens new connections, which nobody answers.
    """
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(hosts)]
    for number, poller in enumerate(pollers):
        at = 1.0 + number / 20
        turn = 0
        while at < until:
            if at < silent.get(number, until) or at >= back:
                poller.read(at)
            elif turn % 3:
                session = Session(cable, HMI, plant(11 + number), 502)
                session.segment(at, True, "S")
            else:
                poller.client.transaction += 1
                request = mb.adu(poller.client.transaction, 1, mb.read(3, 100, 2))
                poller.client.session.segment(at, True, "PA", request)
            at += 2.0
            turn += 1


@case("network")
def device_silent(cable: Cable) -> None:
    """One of five controllers no longer answers anybody after a minute and a half."""
    cycle(cable, 5, 190.0, {2: 90.0})


@case("network")
def device_returns(cable: Cable) -> None:
    """One of five controllers answers nobody for a minute and a half, and then again."""
    cycle(cable, 5, 240.0, {2: 90.0}, back=190.0)


@case("network")
def no_reply(cable: Cable) -> None:
    """A controller no longer answers the operator station, but still a historian."""
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(4)]
    other = Poller(cable, HISTORIAN, plant(11), 0.3)
    for turn in range(95):
        at = 1.0 + turn * 2
        other.read(at + 0.5)
        for number, poller in enumerate(pollers):
            poller.read(at + number / 20, answered=bool(number) or turn < 45)


@case("network")
def channel_silent(cable: Cable) -> None:
    """A historian and the controller that it reads both fall silent; others go on."""
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(4)]
    other = Poller(cable, HISTORIAN, plant(31), 0.3)
    for turn in range(95):
        at = 1.0 + turn * 2
        if turn < 45:
            other.read(at + 0.5)
        for number, poller in enumerate(pollers):
            poller.read(at + number / 20)


@case("network")
def arp_scan(cable: Cable) -> None:
    """A stranger asks by ARP who has each of 60 addresses; two answer."""
    normal(cable, 90)
    there = {host.ip: host for host in (PLC, GATEWAY)}
    for turn in range(60):
        ip = plant(1 + turn).ip
        if ip in there:
            cable.arp(20.0 + turn / 2, STRANGER, there[ip])
        else:
            who_has(cable, 20.0 + turn / 2, STRANGER, ip)


@case("network")
def fleet_silent(cable: Cable) -> None:
    """Four of nine controllers fall silent within a few seconds."""
    cycle(cable, 9, 190.0, {turn: 90.0 + turn for turn in (1, 3, 5, 7)})


@case("network")
def tap_fails(cable: Cable) -> None:
    """The sensor sees nothing at all for a minute; the plant goes on."""
    cycle(cable, 5, 190.0, {})
    cable.frames = [one for one in cable.frames if not 90.0 <= one[0] < 150.0]


def busy(cable: Cable, seconds: int) -> None:
    """The operator station reads five controllers, each twice a second."""
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(5)]
    for turn in range(seconds * 2):
        for number, poller in enumerate(pollers):
            poller.read(1.0 + turn / 2 + number / 20)


@case("network")
def mirror_one_sided(cable: Cable) -> None:
    """The switch mirrors what stations send to controllers, and no answer."""
    busy(cable, 35)
    cable.frames = [
        one for one in cable.frames if one[2][6:12] == bytes.fromhex(HMI.mac.replace(":", ""))
    ]


@case("network")
def mirror_doubled(cable: Cable) -> None:
    """The switch mirrors each frame where it comes in and where it goes out."""
    busy(cable, 35)
    cable.frames += [(at + 0.00002, number, frame) for at, number, frame in cable.frames]


@case("network")
def clock_back(cable: Cable) -> None:
    """The clock of the sensor is set back by half a minute."""
    normal(cable, 90)
    cable.step = (60.0, -30.0)


@case("network")
def recorder_drops(cable: Cable) -> None:
    """The program that recorded says that it lost 120 frames."""
    normal(cable, 60)
    cable.lost_count = 120


@case("network")
def poll_stopped(cable: Cable) -> None:
    """The operator station stops reading one of four controllers, which others still read."""
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(4)]
    other = Poller(cable, HISTORIAN, plant(11), 0.3)
    for turn in range(95):
        at = 1.0 + turn * 2
        other.read(at + 0.5)
        for number, poller in enumerate(pollers):
            if number or turn < 45:
                poller.read(at + number / 20)


@case("network")
def gateway_silent(cable: Cable) -> None:
    """A gateway still acknowledges, but none of the stations behind it answers."""
    pollers = [Poller(cable, HMI, plant(11 + turn), 0.2 + turn / 50) for turn in range(3)]
    gateway = Poller(cable, HMI, plant(40), 0.4)
    for turn in range(95):
        at = 1.0 + turn * 2
        for number, poller in enumerate(pollers):
            poller.read(at + number / 20)
        for unit in (2, 3):
            gateway.read(at + 0.5 + unit / 10, answered=turn < 45, unit=unit)
            if turn >= 45:
                gateway.client.session.segment(at + 0.52 + unit / 10, False, "A")


@case("network")
def period_change(cable: Cable) -> None:
    """A station reads one controller every second, then only every three; another as before."""
    one, two = Poller(cable, HMI, PLC, 0.2), Poller(cable, HMI, GATEWAY, 0.3)
    at = 1.0
    for turn in range(180):
        one.read(at)
        at += 1.0 if turn < 100 else 3.0
    for turn in range(round(at) // 2):
        two.read(1.5 + turn * 2.0)


@case("network")
def burst(cable: Cable) -> None:
    """A station that reads every three seconds asks 50 times within five seconds."""
    one, two = Poller(cable, HMI, PLC, 0.2), Poller(cable, HMI, GATEWAY, 0.3)
    for turn in range(120):
        one.read(1.0 + turn * 3.0)
        two.read(1.5 + turn * 3.0)
    for turn in range(50):
        one.read(361.05 + turn * 0.1)


@case("network")
def remote_access(cable: Cable) -> None:
    """Somebody opens a terminal on a controller that an operator station reads."""
    normal(cable, 60)
    session = Session(cable, STRANGER, PLC, 23)
    session.open(20.0)
    session.tell(20.1, b"\xff\xfd\x18\xff\xfd\x20login: ")
    session.ask(22.0, b"admin\r\n", b"password: ")
    session.ask(24.0, b"********\r\n", b"-> ")
    session.close(40.0)


@case("network")
def arp_rebind(cable: Cable) -> None:
    """A host with an address of its own says by ARP that it is the controller, again and again."""
    normal(cable, 60)
    cable.arp(5.0, STRANGER, HMI)
    for turn in range(80):
        lie = ARP(op=2, hwsrc=STRANGER.mac, psrc=PLC.ip, hwdst=HMI.mac, pdst=HMI.ip)
        cable.put(10.0 + turn * 0.6, Ether(src=STRANGER.mac, dst=HMI.mac) / lie)


@case("network", benign=True)
def address_handed_over(cable: Cable) -> None:
    """A controller is exchanged for another with the same address; a router speaks for many."""
    normal(cable, 40)
    spare = Host("00:80:f4:10:02:99", PLC.ip)
    cable.arp(50.0, HMI, spare)
    client = Client(cable, HMI, spare, 51.0)
    for turn in range(30):
        poll(client, 52.0 + turn, seed=turn)
    router = "00:00:0c:10:01:01"
    for turn in range(6):
        answer = ARP(op=2, hwsrc=router, psrc=f"10.30.1.{turn + 1}", hwdst=HMI.mac, pdst=HMI.ip)
        cable.put(60.0 + turn, Ether(src=router, dst=HMI.mac) / answer)
