"""TriStation captures: one case each. No code of any malware is in them."""

from __future__ import annotations

import random

from pcaps.make import tristation_bytes as ts
from pcaps.make.case import case
from pcaps.make.wire import ROUND_TRIP_S, Cable, Host

PORT = 1502
WORKSTATION = Host("00:1b:78:30:03:30", "10.30.3.30")
CONTROLLER = Host("40:00:00:00:00:02", "10.30.3.2")
STRANGER = Host("00:0c:29:30:03:66", "10.30.3.66")
BUILT = 1_765_000_000
"""When the project in the controller was built."""
PROJECT = "KILN"
IMPLANT = bytes.fromhex("8000403c000062804000803c")
"""How the code that TRITON brought in begins; what follows here is made up."""
CLEAN_UP = bytes.fromhex("ffff603802000044 2000804e".replace(" ", ""))
"""The program that returns at once, which TRITON put over its own."""


def code(number: int, words: int) -> bytes:
    """Program code that means nothing, the same for the same number."""
    return random.Random(number).randbytes(4 * words)


PROGRAMS = {number: ts.program(code(number, 30 + 7 * number)) for number in range(3)}
FUNCTIONS = {number: ts.program(code(100 + number, 20 + number)) for number in (16, 17, 32)}
PIECE = 64
"""Words of a piece."""


class Client:
    """A client of the controller that numbers its commands."""

    def __init__(self, cable: Cable, at: float, who: Host, port: int = PORT) -> None:
        self.cable = cable
        self.who = who
        self.ports = (cable.port(), port)
        self.sequence = 0
        self.tell(at, ts.message(ts.CONNECT), ts.message(ts.CONNECTED))

    def tell(self, at: float, asked: bytes, answered: bytes | None) -> None:
        """One message and what comes back."""
        self.cable.datagram(at, self.who, CONTROLLER, self.ports, asked)
        if answered is not None:
            back = self.ports[::-1]
            self.cable.datagram(at + ROUND_TRIP_S, CONTROLLER, self.who, back, answered)

    def ask(
        self, at: float, function: int, reply: int, data: bytes = b"", back: bytes = b""
    ) -> None:
        """A command that is carried out."""
        asked = ts.request(function, self.sequence, data)
        self.tell(at, asked, ts.answer(reply, self.sequence, back))
        self.count()

    def refused(self, at: float, function: int, reason: int, data: bytes = b"") -> None:
        """A command that is rejected."""
        asked = ts.request(function, self.sequence, data)
        self.tell(at, asked, ts.rejected(self.sequence, reason))
        self.count()

    def count(self) -> None:
        """The next number: 1 comes after 255."""
        self.sequence = self.sequence + 1 if self.sequence < 255 else 1

    def status(self, at: float, *, key: int = 2, run: int = 0) -> None:
        """Asks for the state of the control program."""
        self.ask(at, 19, 108, back=ts.cp_status(PROJECT, BUILT, key=key, run=run))

    def begin(self, at: float) -> None:
        """Begins a change while the program runs."""
        self.ask(at, 1, 102, ts.project(PROJECT, 0, 2, BUILT, (33, 3)))

    def allocate(self, at: float, number: int, following: int, whole: bytes) -> None:
        """Brings a program in, in pieces, after making room behind the one before."""
        self.ask(at, 55, 153, ts.piece(number - 1, number, 0, 0, b""))
        words = len(whole) // 4
        for turn, offset in enumerate(range(0, words, PIECE)):
            part = whole[4 * offset : 4 * (offset + PIECE)]
            piece = ts.piece(number, following, words, offset, part)
            self.ask(at + 0.2 * (turn + 1), 55, 153, piece)

    def uploads(self, at: float, programs: dict[int, bytes]) -> float:
        """Takes every program and function out; gives the time at which it ends."""
        for function, reply, held in ((65, 162, programs), (66, 163, FUNCTIONS)):
            for number, whole in held.items():
                words = len(whole) // 4
                for offset in range(0, words, PIECE):
                    part = whole[4 * offset : 4 * (offset + PIECE)]
                    piece = ts.piece(number, 0, words, offset, part)
                    self.ask(at, function, reply, ts.upload(number, offset), piece)
                    at += 0.15
            self.refused(at, function, 208, ts.upload(max(held) + 1))
            at += 0.15
        return at

    def close(self, at: float) -> None:
        """Ends the connection."""
        self.tell(at, ts.message(ts.DISCONNECT), ts.message(ts.DISCONNECTED))


@case("tristation", benign=True)
def workstation(cable: Cable) -> None:
    """The workstation attaches, asks for modules and versions, and watches the program run."""
    cable.arp(0.0, WORKSTATION, CONTROLLER)
    client = Client(cable, 0.1, WORKSTATION)
    client.ask(0.2, 13, 106, back=b"\0\0\0\x0a\x03")
    chassis = bytearray(166 + 16 * 32)
    chassis[3:5] = b"\0\2"
    chassis[32:36] = PROJECT.encode()
    for slot, kind in ((0, 255), (1, 255), (2, 255), (3, 85), (5, 71), (6, 104)):
        chassis[166 + 32 * slot : 166 + 32 * slot + 3] = bytes([4, 0, kind])
    client.ask(0.4, 24, 119, back=bytes(chassis))
    versions = bytearray(480)
    versions[1] = 255
    for slot, (kind, firmware) in enumerate([(255, 6236)] * 3 + [(85, 6276)]):
        place = 2 + 8 * slot
        versions[place : place + 4] = kind.to_bytes(2, "little") + firmware.to_bytes(2, "little")
    versions[450:467] = b"770010A0100123456"
    client.ask(0.6, 54, 151, b"\0", bytes(versions))
    for turn in range(60):
        client.status(1.0 + turn)
        if turn % 10 == 9:
            client.ask(1.5 + turn, 28, 121, b"\1\0\2\0", turn.to_bytes(4, "little"))
    client.close(62.0)


@case("tristation")
def change(cable: Cable) -> None:
    """The workstation reads a program out, then loads a changed one while the plant runs."""
    client = Client(cable, 0.1, WORKSTATION)
    client.status(0.3)
    at = client.uploads(1.0, PROGRAMS)
    client.begin(at + 1)
    client.allocate(at + 2, 3, 1, ts.program(code(9, 150)))
    client.ask(at + 4, 11, 103)
    for turn in range(10):
        client.status(at + 5 + turn)
    client.close(at + 16)


@case("tristation")
def triton_like(cable: Cable) -> None:
    """What TRITON does, with code that does nothing.

    It reads programs out, appends a signed one to the running project, watches for
    minutes, writes over its own and tries to run it.
    """
    signed = ts.signed(IMPLANT + code(7, 24))
    cable.arp(0.0, STRANGER, CONTROLLER)
    client = Client(cable, 0.1, STRANGER)
    client.status(0.2, key=1)
    at = client.uploads(0.4, PROGRAMS)
    client.status(at, key=1)
    client.begin(at + 0.2)
    client.allocate(at + 0.4, 3, 1, signed)
    client.ask(at + 1.2, 11, 103)
    at = client.uploads(at + 2, PROGRAMS | {3: signed})
    for turn in range(140):
        client.status(at + 1.3 * turn, key=1)
    at = client.uploads(at + 185, PROGRAMS | {3: signed})
    client.begin(at)
    client.allocate(at + 0.2, 3, 1, ts.signed(CLEAN_UP))
    client.ask(at + 1.0, 11, 103)
    client.refused(at + 1.2, 20, 203)
    client.status(at + 1.4, key=1)
    client.close(at + 1.6)


@case("tristation")
def halt(cable: Cable) -> None:
    """A stranger forces points and halts the program; what the key forbids is refused."""
    client = Client(cable, 0.1, STRANGER)
    client.status(0.5, key=3)
    client.ask(1.0, 38, 134, b"\5\0")
    client.ask(2.0, 27, 103, b"\1\0\2\0\1\0\0\0")
    client.ask(3.0, 21, 110)
    client.status(4.0, key=3, run=1)
    client.refused(5.0, 57, 212)
    client.refused(6.0, 0, 212)
    client.close(7.0)


@case("tristation")
def run_refused(cable: Cable) -> None:
    """A stranger tries to start the program, and is refused."""
    client = Client(cable, 0.1, STRANGER)
    client.refused(1.0, 20, 203)
    client.close(2.0)


@case("tristation")
def broadcast(cable: Cable) -> None:
    """A stranger pings every address of the subnet, and everybody; a controller answers."""
    subnet = Host("ff:ff:ff:ff:ff:ff", "10.30.3.255")
    everybody = Host("ff:ff:ff:ff:ff:ff", "255.255.255.255")
    ports = (cable.port(), PORT)
    for turn, group in enumerate((subnet, everybody)):
        cable.datagram(1.0 + turn, STRANGER, group, ports, ts.message(ts.PING))
        back = ports[::-1]
        cable.datagram(1.01 + turn, CONTROLLER, STRANGER, back, ts.message(ts.PING))


@case("tristation", benign=True)
def odd_port(cable: Cable) -> None:
    """The workstation watches a controller that listens on another port."""
    client = Client(cable, 0.1, WORKSTATION, 15_020)
    for turn in range(10):
        client.status(1.0 + turn)
    client.close(12.0)


@case("tristation")
def malformed(cable: Cable) -> None:
    """Messages with wrong checksums and lengths, cut short, left over, of types that are none."""
    client = Client(cable, 0.1, STRANGER)
    whole = ts.request(19, 1)
    wrong_sum = whole[:10] + b"\xff\xff" + whole[12:-2]
    broken = [
        whole[:-1] + bytes([whole[-1] ^ 0x55]),
        wrong_sum + ts.crc(wrong_sum),
        whole[:9],
        ts.message(ts.COMMAND, b"\0\0\x15"),
        ts.message(ts.CONNECT, b"\1\2"),
        ts.message(12),
        whole + whole,
        ts.request(55, 2, ts.piece(3, 1, 4, 0, bytes(16))[:20]),
        ts.request(79, 3),
        bytes(3),
    ]
    for turn, message in enumerate(broken):
        client.tell(1.0 + turn, message, None)
    client.close(20.0)
