"""DNP3 captures: one case each."""

from __future__ import annotations

from pcaps.make import dnp3_bytes as dnp
from pcaps.make.case import case
from pcaps.make.wire import Cable, Host, Session

MASTER = Host("00:14:22:10:01:10", "10.20.1.10")
RTU = Host("00:30:a7:10:03:31", "10.20.3.31")
STRANGER = Host("3c:97:0e:10:01:66", "10.20.1.66")

MIDNIGHT_MS = 1_772_431_200_000
"""When every capture begins, in milliseconds since 1970."""


class Master:
    """A DNP3 master that counts its sequence numbers."""

    def __init__(
        self,
        cable: Cable,
        client: Host,
        server: Host,
        at: float,
        address: int = 1,
        outstation: int = 10,
    ) -> None:
        self.session = Session(cable, client, server, 20_000)
        self.session.open(at)
        self.address = address
        self.outstation = outstation
        self.sequence = -1
        self.transport = 0

    def send(self, application: bytes) -> bytes:
        """A fragment to the outstation."""
        self.transport += 1
        return dnp.frames(
            self.address, self.outstation, application, master=True, sequence=self.transport
        )

    def answer(self, application: bytes) -> bytes:
        """A fragment from the outstation."""
        return dnp.frames(
            self.outstation, self.address, application, master=False, sequence=self.transport
        )

    def ask(
        self, at: float, function: int, objects: bytes, answer: bytes | None = b"", iin: int = 0
    ) -> None:
        """One request and its response."""
        self.sequence += 1
        reply = None if answer is None else self.answer(dnp.response(self.sequence, answer, iin))
        self.session.ask(at, self.send(dnp.request(self.sequence, function, objects)), reply)

    def integrity(self, at: float, turn: int = 0) -> None:
        """All classes: states and measurements."""
        objects = dnp.binaries(0, [1, 0, 1, 1]) + dnp.analogs(0, [23_000 + turn % 90, 410, -5])
        self.ask(at, 1, dnp.CLASSES, objects)

    def events(self, at: float) -> None:
        """Classes 1 to 3, with nothing to tell."""
        self.ask(at, 1, dnp.EVENTS)

    def report(self, at: float, index: int, state: int) -> None:
        """An unsolicited report, which the master confirms."""
        objects = dnp.binary_event(index, state, MIDNIGHT_MS + int(at * 1000))
        self.session.tell(at, self.answer(dnp.response(0, objects, function=130)))
        self.session.segment(at + 0.01, True, "PA", self.send(bytes([0xD0, 0])))
        self.session.segment(at + 0.011, False, "A")


def identify(master: Master, at: float) -> None:
    """The master asks for vendor, model, firmware and serial number."""
    for place, (variation, text) in enumerate(
        [(252, "Schweitzer"), (250, "SEL-3530"), (242, "R148-V3"), (248, "1201940377")]
    ):
        request = bytes([0, variation, 0, 0, 0])
        master.ask(at + place * 0.1, 1, request, dnp.attribute(variation, text))


def select_and_operate(master: Master, at: float, index: int, code: int) -> None:
    """A two-step command."""
    block = dnp.control(index, code)
    master.ask(at, 3, block, block)
    master.ask(at + 0.5, 4, block, block)


@case("dnp3", benign=True)
def polling(cable: Cable) -> None:
    """A master polls an outstation, identifies it, and takes unsolicited reports."""
    cable.arp(0.0, MASTER, RTU)
    master = Master(cable, MASTER, RTU, 0.1)
    master.ask(0.5, 21, dnp.EVENTS)
    master.integrity(1.0)
    identify(master, 1.5)
    master.ask(2.0, 20, dnp.EVENTS)
    for turn in range(30):
        master.events(4.0 + turn * 2)
        if turn % 10 == 9:
            master.integrity(5.0 + turn * 2, turn)
            master.report(5.6 + turn * 2, 2, turn % 2)


@case("dnp3", benign=True)
def select_operate(cable: Cable) -> None:
    """A master that polls and commands from the start: select and operate of breaker 3."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(10):
        master.integrity(1.0 + turn * 2, turn)
        if turn % 4 == 1:
            select_and_operate(master, 2.0 + turn * 2, 3, 0x03)


@case("dnp3")
def restart(cable: Cable) -> None:
    """A stranger restarts the outstation, which says so in its next answer."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    master.ask(1.0, 13, b"", bytes.fromhex("340207 01 e803"))
    master.ask(12.0, 1, dnp.CLASSES, dnp.binaries(0, [0, 0, 0, 0]), iin=0x8000)
    master.ask(14.0, 14, b"", bytes.fromhex("340207 01 e803"))


@case("dnp3")
def disable_unsolicited(cable: Cable) -> None:
    """A stranger silences the outstation's reports and does not switch them on again."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    master.ask(1.0, 21, dnp.EVENTS)
    for turn in range(9):
        master.integrity(2.0 + turn * 5, turn)


def file_opened(name: bytes, mode: int, size: int) -> bytes:
    """A file command: 0 deletes, 1 opens to read, 2 opens to write."""
    body = (26).to_bytes(2, "little") + len(name).to_bytes(2, "little")
    body += MIDNIGHT_MS.to_bytes(6, "little") + (0o644).to_bytes(2, "little") + bytes(4)
    body += size.to_bytes(4, "little") + mode.to_bytes(2, "little") + (512).to_bytes(2, "little")
    body += (1).to_bytes(2, "little") + name
    return b"\x46\x03\x5b\x01" + len(body).to_bytes(2, "little") + body


def file_status(handle: int, size: int) -> bytes:
    """What became of a file command."""
    body = handle.to_bytes(4, "little") + size.to_bytes(4, "little")
    body += (512).to_bytes(2, "little") + (1).to_bytes(2, "little") + b"\0"
    return b"\x46\x04\x5b\x01" + len(body).to_bytes(2, "little") + body


def write_file(master: Master, at: float, name: bytes, content: bytes) -> None:
    """A file of one block is opened, written and closed."""
    block = (1).to_bytes(4, "little") + (0x80000000).to_bytes(4, "little") + content
    written = (1).to_bytes(4, "little") + (0x80000000).to_bytes(4, "little") + b"\0"
    master.ask(at, 25, file_opened(name, 2, len(content)), file_status(1, len(content)))
    master.ask(
        at + 1,
        2,
        b"\x46\x05\x5b\x01" + len(block).to_bytes(2, "little") + block,
        b"\x46\x06\x5b\x01" + len(written).to_bytes(2, "little") + written,
    )
    master.ask(at + 2, 26, file_status(1, 0), file_status(1, 0))


@case("dnp3")
def file_transfer(cable: Cable) -> None:
    """A stranger opens a configuration file, writes and closes it, and deletes another."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    write_file(master, 1.0, b"/config.ini", b"set BREAKER_3 trip_delay=0\n")
    master.ask(4.0, 27, file_opened(b"/events.log", 0, 0), file_status(0, 0))


@case("dnp3")
def executable(cable: Cable) -> None:
    """A stranger writes a file to an outstation that begins as a Linux program does."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    write_file(master, 1.0, b"/tmp/helper", b"\x7fELF\x01\x01\x01" + bytes(9) + bytes(range(100)))


@case("dnp3")
def master_moved(cable: Cable) -> None:
    """A stranger commands with the link address of the master."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(10):
        at = 1.0 + turn * 3
        master.integrity(at, turn)
    master.ask(35.0, 5, dnp.control(3, 3), dnp.control(3, 3))
    stranger = Master(cable, STRANGER, RTU, 40.0)
    stranger.ask(41.0, 5, dnp.control(3, 4), dnp.control(3, 4))


@case("dnp3")
def local_control(cable: Cable) -> None:
    """Somebody at the station takes its outputs over: IIN1.5 is set from then on."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(20):
        iin = 0x2000 if turn >= 10 else 0
        master.ask(1.0 + turn, 5, dnp.control(3, 3), dnp.control(3, 3), iin=iin)


@case("dnp3")
def write_time(cable: Cable) -> None:
    """A stranger sets the outstation's clock to 1970."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    master.ask(1.0, 23, b"", bytes.fromhex("340207 01 0500"))
    master.ask(2.0, 2, dnp.set_time(86_400_000))


@case("dnp3")
def clock_ahead(cable: Cable) -> None:
    """A master sets the clock of an outstation right, and then ten years ahead."""
    master = Master(cable, MASTER, RTU, 0.1)
    master.ask(1.0, 2, dnp.set_time(MIDNIGHT_MS + 1_000))
    master.ask(61.0, 2, dnp.set_time(MIDNIGHT_MS + 3_653 * 86_400_000))


@case("dnp3", benign=True)
def local_time(cable: Cable) -> None:
    """A master sets the clock of an outstation by the time of New Zealand, 13 hours ahead."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(5):
        at = 1.0 + turn * 60.0
        master.ask(at, 2, dnp.set_time(MIDNIGHT_MS + (13 * 3_600 + 1 + turn * 60) * 1_000))


@case("dnp3")
def direct_operate(cable: Cable) -> None:
    """A stranger trips three breakers without selecting them."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    for index in (1, 2, 3):
        block = dnp.control(index, 0x81)
        master.ask(float(index), 5, block, block)


@case("dnp3")
def broadcast(cable: Cable) -> None:
    """A stranger restarts every outstation that listens: a broadcast without an answer."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77, outstation=0xFFFF)
    master.ask(1.0, 13, b"", None)


@case("dnp3")
def malformed(cable: Cable) -> None:
    """Bad checksums, an object that does not exist, an operate that was never selected."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    master.integrity(1.0)
    good = master.send(dnp.request(5, 1, dnp.CLASSES))
    master.session.segment(2.0, True, "PA", good[:-1] + bytes([good[-1] ^ 0xFF]))
    master.sequence = 5
    master.ask(3.0, 1, b"\xfa\x09\x06", b"", iin=0x0002)
    master.ask(4.0, 4, dnp.control(9, 0x03), dnp.control(9, 0x03, status=2))
    master.integrity(5.0)


@case("dnp3")
def stop_application(cable: Cable) -> None:
    """A stranger stops an application of the outstation and starts another."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    name = b"LOGIC"
    identifier = bytes([90, 1, 0x5B, 1]) + len(name).to_bytes(2, "little") + name
    master.ask(1.0, 18, identifier)
    master.ask(5.0, 17, identifier)


@case("dnp3")
def trouble(cable: Cable) -> None:
    """An outstation reports trouble for a while, then that it lost events."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(40):
        iin = 0x4000 if 10 <= turn < 25 else 0x0008 if turn == 35 else 0
        at = 1.0 + turn
        master.ask(at, 1, dnp.CLASSES, dnp.binaries(0, [1, 0, 1, 1]), iin=iin)


@case("dnp3")
def configuration(cable: Cable) -> None:
    """A stranger writes a dead band, saves it, and sees what the outstation makes of it."""
    master = Master(cable, STRANGER, RTU, 0.1, address=77)
    dead_band = bytes.fromhex("22 01 17 01 00 ffff")
    master.ask(1.0, 2, dead_band)
    master.ask(2.0, 19, b"", bytes.fromhex("340207 01 e803"))
    master.ask(4.0, 1, dnp.CLASSES, dnp.binaries(0, [1, 0, 1, 1]), iin=0x0020)
