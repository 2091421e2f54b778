"""Modbus captures: one case each."""

from __future__ import annotations

import struct

from pcaps.make import modbus_bytes as mb
from pcaps.make.case import case
from pcaps.make.wire import Cable, Host, Session

HMI = Host("00:14:22:10:01:10", "10.20.1.10")
PLC = Host("00:80:f4:10:02:11", "10.20.2.11")
GATEWAY = Host("00:90:e8:10:02:12", "10.20.2.12")
STRANGER = Host("3c:97:0e:10:01:66", "10.20.1.66")

PARTS = {
    0: ("Schneider Electric", "BMXP342020", "v3.20"),
    3: ("http://www.se.com", "Modicon M340"),
    5: ("BMX P34 2020", "Pump station"),
}
"""Names of a device by the object that they begin with, one answer each."""


class Client:
    """A Modbus client that counts its transactions."""

    def __init__(
        self, cable: Cable, client: Host, server: Host, at: float, port: int = 502
    ) -> None:
        self.session = Session(cable, client, server, port)
        self.session.open(at)
        self.transaction = 0

    def ask(self, at: float, unit: int, request: bytes, answer: bytes | None) -> None:
        """One request and its answer."""
        self.transaction += 1
        reply = None if answer is None else mb.adu(self.transaction, unit, answer)
        self.session.ask(at, mb.adu(self.transaction, unit, request), reply)


def poll(client: Client, at: float, unit: int = 1, seed: int = 0) -> None:
    """What an operator station reads in one cycle: levels, states, set points."""
    level = 500 + (seed * 7) % 40
    client.ask(at, unit, mb.read(3, 100, 4), mb.registers(3, [level, 730, 12, 0]))
    client.ask(at + 0.05, unit, mb.read(1, 0, 10), mb.bits(1, [1, 0, 1, 1, 0, 0, 0, 1, 0, 1]))


@case("modbus", benign=True)
def functions(cable: Cable) -> None:
    """Every function of the specification once, asked and answered."""
    cable.arp(0.0, HMI, PLC)
    client = Client(cable, HMI, PLC, 0.1)
    exchanges: list[tuple[bytes, bytes]] = [
        (mb.read(1, 0, 10), mb.bits(1, [1, 0, 1, 1, 0, 0, 0, 1, 0, 1])),
        (mb.read(2, 16, 8), mb.bits(2, [0, 0, 0, 0, 1, 1, 1, 1])),
        (mb.read(3, 100, 4), mb.registers(3, [500, 730, 12, 0])),
        (mb.read(4, 0, 2), mb.registers(4, [2048, 4095])),
        (mb.write_coil(12, True), mb.write_coil(12, True)),
        (mb.write_register(101, 740), mb.write_register(101, 740)),
        (b"\x07", b"\x07\x6d"),
        (mb.diagnostics(0, 0xA537), mb.diagnostics(0, 0xA537)),
        (b"\x0b", struct.pack(">BHH", 11, 0, 264)),
        (b"\x0c", struct.pack(">BBHHHBB", 12, 8, 0, 264, 289, 0x20, 0x00)),
        (struct.pack(">BHHBH", 15, 19, 10, 2, 0xCD01), mb.written(15, 19, 10)),
        (mb.write_registers(200, [10, 258]), mb.written(16, 200, 2)),
        (b"\x11", b"\x11\x0b\x01\xffM340 v3.2"),
        (
            struct.pack(">BBBHHH", 20, 7, 6, 4, 1, 2),
            struct.pack(">BBBBHH", 20, 6, 5, 6, 0x0DFE, 0x0020),
        ),
        (
            struct.pack(">BBBHHHHHH", 21, 13, 6, 4, 7, 3, 0x06AF, 0x04BE, 0x100D),
            struct.pack(">BBBHHHHHH", 21, 13, 6, 4, 7, 3, 0x06AF, 0x04BE, 0x100D),
        ),
        (struct.pack(">BHHH", 22, 4, 0x00F2, 0x0025), struct.pack(">BHHH", 22, 4, 0x00F2, 0x0025)),
        (
            struct.pack(">BHHHHBHHH", 23, 3, 6, 14, 3, 6, 255, 255, 255),
            mb.registers(23, [254, 2765, 1, 3, 13, 255]),
        ),
        (struct.pack(">BH", 24, 1246), struct.pack(">BHHHH", 24, 6, 2, 440, 4740)),
        (
            mb.IDENTIFY,
            mb.identification({0: "Schneider Electric", 1: "BMX P34 2020", 2: "v3.20"}),
        ),
    ]
    for place, (request, answer) in enumerate(exchanges):
        client.ask(1.0 + place, 1, request, answer)
    client.session.close(25.0)


@case("modbus", benign=True)
def identify_in_parts(cable: Cable) -> None:
    """A device tells its seven names in three answers, each saying that more follows; twice."""
    for visit, at in enumerate((0.1, 60.1)):
        client = Client(cable, HMI, PLC, at)
        for turn in range(10):
            poll(client, at + 1.0 + turn, seed=visit * 10 + turn)
        for first, names in PARTS.items():
            after = first + len(names)
            more = None if after > 6 else after
            answer = mb.identification(dict(enumerate(names, first)), level=2, more=more)
            client.ask(at + 12.0 + first, 1, mb.identify(2, first), answer)
        client.session.close(at + 30.0)


@case("modbus", benign=True)
def exceptions(cable: Cable) -> None:
    """A few refusals in normal polling: an address that does not exist, a busy device."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(30):
        poll(client, 1.0 + turn, seed=turn)
    client.ask(31.2, 1, mb.read(3, 9000, 1), mb.exception(3, 2))
    client.ask(32.2, 1, mb.read(4, 0, 1), mb.exception(4, 1))
    client.ask(33.2, 1, mb.write_register(101, 741), mb.exception(6, 6))


@case("modbus")
def exception_storm(cable: Cable) -> None:
    """A client reads 40 addresses that do not exist, and is refused each time."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for turn in range(40):
        client.ask(1.0 + turn * 0.2, 1, mb.read(3, 9000 + turn, 1), mb.exception(3, 2))


@case("modbus")
def exception_after_hours(cable: Cable) -> None:
    """After more than an hour without one, a device refuses the same read 30 times."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(220):
        at = 1.0 + turn * 17.5
        client.ask(at, 1, mb.read(3, 100, 1), mb.registers(3, [500 + turn % 40]))
    for turn in range(30):
        client.ask(3900.0 + turn * 3.5, 1, mb.read(3, 100, 1), mb.exception(3, 4))


@case("modbus")
def odd_values(cable: Cable) -> None:
    """A mode of 1 or 2 and a pump are switched for two hours; then comes a mode of 7."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(60):
        at = 1.0 + turn * 120.0
        mode = 1 + turn % 2
        client.ask(at, 1, mb.write_register(101, mode), mb.write_register(101, mode))
        client.ask(at + 5, 1, mb.write_coil(12, bool(turn % 2)), mb.write_coil(12, bool(turn % 2)))
    client.ask(7250.0, 1, mb.write_register(101, 7), mb.write_register(101, 7))


@case("modbus")
def odd_order(cable: Cable) -> None:
    """A batch opens, fills and closes thirty times in this order; then in none."""
    client = Client(cable, HMI, PLC, 0.1)
    at = 1.0
    for _ in range(30):
        for coil, on in ((1, True), (2, True), (3, True), (3, False), (2, False), (1, False)):
            client.ask(at, 1, mb.write_coil(coil, on), mb.write_coil(coil, on))
            at += 2.0
    for coil in (1, 5, 2, 6, 3, 1):
        client.ask(at, 1, mb.write_coil(coil, True), mb.write_coil(coil, True))
        at += 2.0


@case("modbus")
def unit_sweep(cable: Cable) -> None:
    """A stranger asks units 1 to 32 behind a gateway; three of them exist."""
    cable.arp(0.0, STRANGER, GATEWAY)
    client = Client(cable, STRANGER, GATEWAY, 0.1)
    for unit in range(1, 33):
        known = unit in (1, 2, 3)
        answer = mb.registers(3, [7]) if known else mb.exception(3, 0x0B)
        client.ask(1.0 + unit * 0.3, unit, mb.read(3, 0, 1), answer)


@case("modbus")
def function_sweep(cable: Cable) -> None:
    """A stranger tries function codes 1 to 100; the device refuses nearly all."""
    cable.arp(0.0, STRANGER, PLC)
    client = Client(cable, STRANGER, PLC, 0.1)
    for code in range(1, 101):
        if code in (3, 4):
            client.ask(1.0 + code * 0.2, 1, mb.read(code, 0, 1), mb.registers(code, [1]))
        else:
            client.ask(1.0 + code * 0.2, 1, bytes([code]), mb.exception(code, 1))


@case("modbus")
def diagnostics(cable: Cable) -> None:
    """Counters are cleared, communication is restarted, the device is forced to listen only."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.ask(1.0, 1, mb.diagnostics(10), mb.diagnostics(10))
    client.ask(2.0, 1, mb.diagnostics(1, 0xFF00), mb.diagnostics(1, 0xFF00))
    client.ask(3.0, 1, mb.diagnostics(4), None)
    client.ask(4.0, 1, mb.read(3, 0, 1), None)


@case("modbus")
def write_after_reads(cable: Cable) -> None:
    """A client that only read for a minute writes a set point and switches a pump off."""
    cable.arp(0.0, HMI, PLC)
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(60):
        poll(client, 1.0 + turn, seed=turn)
    client.ask(61.5, 1, mb.write_register(101, 2000), mb.write_register(101, 2000))
    client.ask(62.5, 1, mb.write_coil(2, False), mb.write_coil(2, False))


@case("modbus", benign=True)
def operator_writes(cable: Cable) -> None:
    """An operator station that writes a set point from the first minute on, as it always does."""
    client = Client(cable, HMI, PLC, 0.1)
    for turn in range(60):
        poll(client, 1.0 + turn, seed=turn)
        if turn % 10 == 5:
            value = 720 + turn
            client.ask(1.5 + turn, 1, mb.write_register(101, value), mb.write_register(101, value))


@case("modbus")
def umas_reserve_stop(cable: Cable) -> None:
    """Over UMAS a stranger identifies the controller, reserves it, stops it and starts it again."""
    client = Client(cable, STRANGER, PLC, 0.1)
    ok = b"\x5a\x00\xfe"
    identity = mb.umas_identity("BMX P34 2020") + bytes(8)
    client.ask(1.0, 0, b"\x5a\x00\x01\x00", ok + b"\xfd\x03\x20\x03\x00\x01" + bytes(10))
    client.ask(2.0, 0, b"\x5a\x00\x02", ok + identity)
    name = b"LAPTOP-66"
    reserve = b"\x5a\x00\x10" + struct.pack("<IB", 0x1A2B, len(name)) + name
    client.ask(3.0, 0, reserve, b"\x5a\x00\xfe\x7b")
    client.ask(4.0, 0, b"\x5a\x7b\x04", b"\x5a\x7b\xfe" + bytes(12))
    client.ask(5.0, 0, b"\x5a\x7b\x41\xff\x00", b"\x5a\x7b\xfe")
    client.ask(9.0, 0, b"\x5a\x7b\x40\xff\x00", b"\x5a\x7b\xfe")
    client.ask(10.0, 0, b"\x5a\x7b\x11", b"\x5a\x7b\xfe")


@case("modbus", benign=True)
def rtu_over_tcp(cable: Cable) -> None:
    """A serial server carries Modbus RTU frames over TCP port 4001 to two units."""
    session = Session(cable, HMI, GATEWAY, 4001)
    session.open(0.1)
    for turn in range(30):
        unit = 1 + turn % 2
        session.ask(
            1.0 + turn,
            mb.rtu(unit, mb.read(3, 0, 4)),
            mb.rtu(unit, mb.registers(3, [turn, 2 * turn, 7, 0])),
        )
    session.ask(32.0, mb.rtu(1, mb.write_register(4, 99)), mb.rtu(1, mb.write_register(4, 99)))


@case("modbus", benign=True)
def odd_port(cable: Cable) -> None:
    """Modbus/TCP on port 10502, which is registered for nothing."""
    client = Client(cable, HMI, PLC, 0.1, port=10_502)
    for turn in range(20):
        poll(client, 1.0 + turn, seed=turn)


@case("modbus")
def malformed(cable: Cable) -> None:
    """Lengths and quantities that the specification forbids, and answers sent by the client."""
    client = Client(cable, STRANGER, PLC, 0.1)
    poll(client, 1.0)
    poll(client, 2.0)
    client.ask(3.0, 1, mb.read(3, 0, 2000), mb.exception(3, 3))
    client.ask(4.0, 1, mb.read(3, 65_530, 100), mb.exception(3, 2))
    client.ask(5.0, 1, struct.pack(">BHHB", 16, 0, 2, 9) + bytes(4), mb.exception(16, 3))
    client.ask(6.0, 1, b"\x00\x00\x01", mb.exception(0, 1))
    client.session.segment(7.0, True, "PA", mb.adu(99, 1, mb.exception(3, 2)))
    poll(client, 8.0)


@case("modbus")
def umas_download_force(cable: Cable) -> None:
    """Over UMAS a stranger without a reservation loads program and forces an output."""
    client = Client(cable, STRANGER, PLC, 0.1)
    done = b"\x5a\x00\xfe"
    client.ask(1.0, 0, b"\x5a\x00\x01\x00", done + b"\xfd\x03\x20\x03\x00\x01" + bytes(10))
    client.ask(2.0, 0, b"\x5a\x00\x30\x00\x01", done + b"\xf4\x03")
    block = struct.pack("<BBHH", 0, 1, 1, 64) + bytes(range(64))
    client.ask(3.0, 0, b"\x5a\x00\x31" + block, done)
    client.ask(4.0, 0, b"\x5a\x00\x32\x00\x01\x00\x00\x00", done)
    client.ask(6.0, 0, b"\x5a\x00\x71\x01\x00\x02\x01", done)


def umas_project(version: int, day: int) -> bytes:
    """What UMAS function 3 answers: when the project was made and changed, its version and name."""
    times = b"".join(struct.pack("<BBBBBBH", 2, 12, 59, 12, one, 1, 2026) for one in (14, day))
    name = b"Pumps\x00"
    return b"\x5a\x00\xfe" + bytes(18) + times + struct.pack("<IB", version, len(name)) + name


@case("modbus")
def umas_other_project(cable: Cable) -> None:
    """A controller says that its project is another; the panel then takes variables from that."""
    engineer, panel = Client(cable, STRANGER, PLC, 0.1), Client(cable, HMI, PLC, 0.2)

    def variables(time: float, checksum: int, value: int) -> None:
        asked = b"\x5a\x00\x22" + struct.pack("<IBBHBHB", checksum, 1, 2, 10, 1, 0, 16)
        panel.ask(time, 0, asked, b"\x5a\x00\xfe" + struct.pack("<H", value))

    engineer.ask(1.0, 0, b"\x5a\x00\x03\x00", umas_project(8, 14))
    engineer.ask(1.1, 0, b"\x5a\x00\x03\x00", umas_project(8, 14))
    for turn in range(20):
        variables(2.0 + turn, 0x1A2B3C4D, 100 + turn)
    engineer.ask(30.0, 0, b"\x5a\x00\x03\x00", umas_project(9, 20))
    for turn in range(20):
        variables(32.0 + turn, 0x5E6F7081, 200 + turn)


@case("modbus")
def many_writes(cable: Cable) -> None:
    """A stranger writes to one register after the other, to see what moves."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for place in range(30):
        register = 100 + place
        write = mb.write_register(register, 9999)
        client.ask(1.0 + place * 0.5, 1, write, write)


@case("modbus")
def answered_units(cable: Cable) -> None:
    """A stranger sweeps the units of a device that answers for all of them."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for unit in range(1, 61):
        client.ask(1.0 + unit * 0.2, unit, mb.read(3, 0, 1), mb.registers(3, [7]))


@case("modbus")
def identify_many(cable: Cable) -> None:
    """A stranger asks six devices what they are, one after the other."""
    objects = {0: "Schneider Electric", 1: "BMX P34 2020", 2: "v3.20"}
    for place in range(6):
        device = Host(f"00:80:f4:10:02:{0x30 + place:02x}", f"10.20.2.{0x30 + place}")
        cable.arp(place * 3.0, STRANGER, device)
        client = Client(cable, STRANGER, device, place * 3.0 + 0.1)
        client.ask(place * 3.0 + 1.0, 1, mb.IDENTIFY, mb.identification(objects))
        client.session.close(place * 3.0 + 2.0)


@case("modbus")
def newcomer(cable: Cable) -> None:
    """A stranger who appears after a minute and a half reads twice, then switches a pump off."""
    operator = Client(cable, HMI, PLC, 0.1)
    for turn in range(120):
        poll(operator, 1.0 + turn, seed=turn)
    cable.arp(90.0, STRANGER, PLC)
    stranger = Client(cable, STRANGER, PLC, 90.1)
    poll(stranger, 91.0)
    poll(stranger, 93.0)
    stranger.ask(95.0, 1, mb.write_coil(2, False), mb.write_coil(2, False))
