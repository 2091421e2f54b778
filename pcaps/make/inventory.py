"""Captures of what happens to devices: they come, change, move, and pretend to be others.

`known` is a small plant on an ordinary day. The others are the same plant later,
each with one thing that is not as it was.
"""

from __future__ import annotations

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from pcaps.make import modbus, s7comm
from pcaps.make import modbus_bytes as mb
from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.wire import Cable, Host, Session

HMI, ENGINEER, PUMPS = modbus.HMI, s7comm.ENGINEER, modbus.PLC
FILTERS = s7comm.PLC
NEIGHBOUR = Host("00:80:f4:10:02:13", "10.20.2.13")
LAPTOP = modbus.STRANGER
SPARE = Host("00:80:f4:10:02:77", PUMPS.ip)
"""The device that is put in the place of the pump controller."""
TWIN = Host("00:1b:1b:10:02:99", "10.20.2.99")
SERIAL = "S C-B1UR74125013"
DAY_S = 86_400.0


def day(cable: Cable, pumps: Host = PUMPS, firmware: str = "v3.20", seed: int = 0) -> None:
    """What the plant does every day, for a minute."""
    cable.arp(0.0, HMI, pumps)
    cable.arp(0.1, HMI, FILTERS)
    client = modbus.Client(cable, HMI, pumps, 0.2)
    neighbour = modbus.Client(cable, HMI, NEIGHBOUR, 0.3)
    filters = s7comm.Client(cable, HMI, FILTERS, 0.4, s7comm.OP)
    for turn in range(30):
        at = 1.0 + turn * 2
        modbus.poll(client, at, seed=seed + turn)
        neighbour.ask(at + 0.2, 1, mb.read(3, 0, 2), mb.registers(3, [9, turn % 5]))
        s7comm.read_cycle(filters, at + 0.5, turn)
    for visit in range(4):
        engineer = modbus.Client(cable, ENGINEER, pumps, 8.0 + visit * 12)
        objects = {0: "Schneider Electric", 1: "BMX P34 2020", 2: firmware}
        engineer.ask(9.0 + visit * 12, 1, mb.IDENTIFY, mb.identification(objects))
        engineer.session.close(10.0 + visit * 12)
    tool = s7comm.Client(cable, ENGINEER, FILTERS, 14.0)
    identify(tool, 15.0, "Filters")
    tool.session.close(17.0)


def identify(client: s7comm.Client, at: float, name: str) -> None:
    """An engineering tool asks a controller who it is."""
    names = [
        s7.component(1, name),
        s7.component(5, SERIAL),
        s7.component(7, "CPU 315-2 PN/DP"),
    ]
    client.user(at, 4, 1, s7.szl_request(0x001C, 0), s7.szl(0x001C, 0, names))


@case("inventory", benign=True)
def known(cable: Cable) -> None:
    """A small plant on an ordinary day: two stations and three controllers."""
    day(cable)


@case("inventory", benign=True)
def next_day(cable: Cable) -> None:
    """The same plant on the next day; the capture says nothing new of any device."""
    day(cable, seed=11)


@case("inventory")
def laptop(cable: Cable) -> None:
    """A laptop that nobody knows is connected, looks at a controller and takes its program."""
    day(cable)
    cable.arp(20.0, LAPTOP, FILTERS)
    client = s7comm.Client(cable, LAPTOP, FILTERS, 21.0)
    s7comm.read_cycle(client, 22.0, 1)
    s7comm.upload_block(client, 30.0)
    client.session.close(40.0)


@case("inventory")
def firmware(cable: Cable) -> None:
    """The pump controller has another firmware than on the day before."""
    day(cable, firmware="v3.21")


@case("inventory")
def replaced(cable: Cable) -> None:
    """The pump controller's address is with another device from the first minute on."""
    day(cable, pumps=SPARE)


@case("inventory")
def controller_asks(cable: Cable) -> None:
    """The pump controller, which never asked anybody, reads its neighbour's registers."""
    day(cable)
    cable.arp(20.0, PUMPS, NEIGHBOUR)
    client = modbus.Client(cable, PUMPS, NEIGHBOUR, 21.0)
    for turn in range(10):
        client.ask(22.0 + turn, 1, mb.read(3, 0, 2), mb.registers(3, [9, 1]))
    client.session.close(40.0)


@case("inventory")
def two_with_one_address(cable: Cable) -> None:
    """A second device answers for the pump controller's address while that goes on."""
    day(cable)
    liar = Host("3c:97:0e:10:01:66", PUMPS.ip)
    for at in (20.0, 30.0, 40.0):
        cable.arp(at, HMI, liar)
        cable.arp(at + 5.0, HMI, PUMPS)


@case("inventory")
def twin(cable: Cable) -> None:
    """A second device says that it is the filter controller, under another name."""
    day(cable)
    tool = s7comm.Client(cable, ENGINEER, TWIN, 20.0)
    identify(tool, 21.0, "Filters-2")
    tool.session.close(25.0)


@case("inventory")
def identity_changes(cable: Cable) -> None:
    """The filter controller says another serial number, once, and then the old one again."""
    day(cable)
    for visit, serial in enumerate(("S C-A0000000777", SERIAL)):
        tool = s7comm.Client(cable, ENGINEER, FILTERS, 20.0 + visit * 10)
        names = [s7.component(1, "Filters"), s7.component(5, serial)]
        tool.user(21.0 + visit * 10, 4, 1, s7.szl_request(0x001C, 0), s7.szl(0x001C, 0, names))
        tool.session.close(23.0 + visit * 10)


@case("inventory")
def card_exchanged(cable: Cable) -> None:
    """The filter controller says another serial number from now on."""
    day(cable)
    for visit in range(4):
        tool = s7comm.Client(cable, ENGINEER, FILTERS, 20.0 + visit * 10)
        names = [s7.component(1, "Filters"), s7.component(5, "S C-A0000000777")]
        tool.user(21.0 + visit * 10, 4, 1, s7.szl_request(0x001C, 0), s7.szl(0x001C, 0, names))
        tool.session.close(23.0 + visit * 10)


@case("inventory")
def public_peer(cable: Cable) -> None:
    """Somebody on the Internet reads the pump controller through the plant's router."""
    day(cable)
    router = "00:00:0c:10:02:01"
    cable.arp(19.0, Host(router, "10.20.2.1"), PUMPS)
    peer = Host(router, "203.0.114.9")
    start = len(cable.frames)
    client = modbus.Client(cable, peer, PUMPS, 20.0)
    for turn in range(5):
        client.ask(21.0 + turn, 1, mb.read(3, 100, 4), mb.registers(3, [500, 730, 12, 0]))
    client.session.close(30.0)
    for place in range(start, len(cable.frames)):
        at, order, raw = cable.frames[place]
        frame = Ether(raw)
        if frame[IP].src == peer.ip:
            frame[IP].ttl = 49
            del frame[IP].chksum, frame[TCP].chksum
            cable.frames[place] = (at, order, bytes(frame))


@case("inventory")
def recorder_writes(cable: Cable) -> None:
    """A database server that records what the pumps do sets a value of theirs."""
    day(cable)
    recorder = Host("00:50:56:10:01:50", "10.20.1.50")
    desk = Host("00:14:22:10:01:71", "10.20.1.71")
    cable.arp(0.2, desk, recorder)
    client = modbus.Client(cable, recorder, PUMPS, 1.0)
    for turn in range(25):
        client.ask(2.0 + turn * 2, 1, mb.read(3, 100, 4), mb.registers(3, [500, 730, 12, turn]))
    for visit in range(3):
        query = Session(cable, desk, recorder, 1433)
        query.open(3.0 + visit * 10)
        query.ask(
            3.5 + visit * 10, b"\x12\x01\x00\x2f" + bytes(43), b"\x04\x01\x00\x2b" + bytes(39)
        )
        query.close(4.0 + visit * 10)
    change = mb.write_register(101, 2000)
    client.ask(55.0, 1, change, change)


@case("inventory", benign=True)
def away(cable: Cable) -> None:
    """Forty days, of which an old panel was there on the first only."""
    panel = Host("00:a0:45:10:02:50", "10.20.2.50")
    client = modbus.Client(cable, panel, PUMPS, 1.0)
    for turn in range(5):
        client.ask(2.0 + turn, 1, mb.read(3, 100, 4), mb.registers(3, [500, 730, 12, 0]))
    client.session.close(10.0)
    for date in range(41):
        cable.arp(date * DAY_S + 60.0, HMI, PUMPS)


@case("inventory")
def back(cable: Cable) -> None:
    """The old panel is there again."""
    panel = Host("00:a0:45:10:02:50", "10.20.2.50")
    cable.arp(0.0, HMI, PUMPS)
    client = modbus.Client(cable, panel, PUMPS, 1.0)
    for turn in range(5):
        client.ask(2.0 + turn, 1, mb.read(3, 100, 4), mb.registers(3, [500, 730, 12, 0]))
    client.session.close(10.0)


@case("inventory", benign=True)
def segment(cable: Cable) -> None:
    """A controller speaks in VLAN 20, where it belongs."""
    _in_vlan(cable, 20)


@case("inventory")
def other_segment(cable: Cable) -> None:
    """The same controller speaks in VLAN 30."""
    _in_vlan(cable, 30)


def _in_vlan(cable: Cable, vlan: int) -> None:
    for second in range(20):
        for own, peer in ((PUMPS, HMI), (HMI, PUMPS)):
            if own is HMI and vlan != 20:
                continue
            arp = ARP(op=2, hwsrc=own.mac, psrc=own.ip, hwdst=peer.mac, pdst=peer.ip)
            cable.put(float(second), Ether(src=own.mac, dst=peer.mac) / Dot1Q(vlan=vlan) / arp)
