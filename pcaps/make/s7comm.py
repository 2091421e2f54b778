"""S7comm captures: one case each."""

from __future__ import annotations

from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.wire import Cable, Host, Session

HMI = Host("00:14:22:10:01:10", "10.20.1.10")
ENGINEER = Host("28:63:36:10:01:20", "10.20.1.20")
PLC = Host("00:1b:1b:10:02:21", "10.20.2.21")
STRANGER = Host("3c:97:0e:10:01:66", "10.20.1.66")

PG, OP = 0x0102, 0x0202
"""TSAPs: programming device and operator panel, rack 0, slot 2."""

ORDER = "6ES7 315-2EH14-0AB0 "
BLOCK = bytes.fromhex("70700101010800010000001c00000000") + bytes(range(60))
"""A block of 76 bytes: header and code that mean nothing."""


class Client:
    """An S7 client: connects, sets up, counts its references."""

    def __init__(self, cable: Cable, client: Host, server: Host, at: float, tsap: int = PG) -> None:
        self.session = Session(cable, client, server, 102)
        self.session.open(at)
        self.session.ask(at + 0.01, s7.connect(tsap), s7.connect(tsap, confirm=True))
        self.reference = 0
        self.ask(at + 0.03, s7.SETUP, s7.SETUP)

    def ask(
        self,
        at: float,
        parameter: bytes,
        answer: bytes | None,
        payload: bytes = b"",
        values: bytes = b"",
        error: int = 0,
    ) -> None:
        """One job and its answer."""
        self.reference += 1
        reply = None if answer is None else s7.ack(self.reference, answer, values, error)
        self.session.ask(at, s7.job(self.reference, parameter, payload), reply)

    def read(self, at: float, target: bytes, value: bytes) -> None:
        """Read one variable."""
        self.ask(at, s7.read(target), b"\x04\x01", values=s7.values(value))

    def write(self, at: float, target: bytes, value: bytes, code: int = 0xFF) -> None:
        """Write one variable."""
        parameter, payload = s7.write(target, value)
        self.ask(at, parameter, b"\x05\x01", payload, bytes([code]))

    def user(
        self, at: float, group: int, subfunction: int, payload: bytes, answer: bytes, error: int = 0
    ) -> None:
        """One userdata request and its answer."""
        self.reference += 1
        self.session.ask(
            at,
            s7.userdata(self.reference, group, subfunction, payload),
            s7.userdata(
                self.reference, group, subfunction, answer, sequence=1, answer=True, error=error
            ),
        )


def identify(client: Client, at: float) -> None:
    """The engineering tool asks what the controller is."""
    modules = [
        s7.module_identification(1, ORDER, (0x20, 0x20, 0x0001)),
        s7.module_identification(6, ORDER, (0x00, 0x03, 0x0000)),
        s7.module_identification(7, "", (0x56, 3, 0x0208)),
    ]
    client.user(at, 4, 1, s7.szl_request(0x0011, 0), s7.szl(0x0011, 0, modules))
    names = [
        s7.component(1, "SIMATIC 300(1)"),
        s7.component(2, "CPU 315-2 PN/DP"),
        s7.component(3, "Waterworks"),
        s7.component(5, "S C-X4U421302009"),
        s7.component(7, "CPU 315-2 PN/DP"),
    ]
    client.user(at + 0.1, 4, 1, s7.szl_request(0x001C, 0), s7.szl(0x001C, 0, names))


def upload_block(client: Client, at: float, block: bytes = BLOCK) -> None:
    """OB1 is taken out of the controller."""
    name = s7.block("OB", 1, "A")
    client.ask(at, s7.start_upload(name), s7.upload_started(7, len(block)))
    client.ask(at + 0.1, s7.upload(0x1E, 7), b"\x1e\x00", values=s7.part(block))
    client.ask(at + 0.2, s7.upload(0x1F, 7), b"\x1f")


def download_block(client: Client, at: float, kind: str = "OB", number: int = 1) -> None:
    """A block goes into the controller, which asks for its pieces, and is linked in."""
    name = s7.block(kind, number)
    client.ask(at, s7.request_download(name, len(BLOCK) - 36), b"\x1a")
    session = client.session
    reference = 0x0300
    session.segment(at + 0.1, False, "PA", s7.job(reference, s7.download(0x1B, name)))
    session.segment(at + 0.11, True, "PA", s7.ack(reference, b"\x1b\x00", s7.part(BLOCK)))
    session.segment(at + 0.2, False, "PA", s7.job(reference + 1, s7.download(0x1C, name)))
    session.segment(at + 0.21, True, "PA", s7.ack(reference + 1, b"\x1c"))
    session.segment(at + 0.22, False, "A")
    client.ask(at + 0.3, s7.service("_INSE", b"\x01\x00" + name[1:]), b"\x28")


def read_cycle(client: Client, at: float, turn: int) -> None:
    """What an operator station reads in one cycle."""
    flow = (400 + turn * 3 % 50).to_bytes(2, "big")
    client.read(at, s7.item(0x84, 10, 0, 8), flow + bytes(6))
    client.read(at + 0.05, s7.item(0x83, 0, 10, 1, size=1, bit=3), b"\x01")


@case("s7comm", benign=True)
def read_write(cable: Cable) -> None:
    """An operator station reads data blocks and flags, and writes a set point as it always does."""
    cable.arp(0.0, HMI, PLC)
    client = Client(cable, HMI, PLC, 0.1, OP)
    for turn in range(40):
        read_cycle(client, 1.0 + turn, turn)
        if turn % 10 == 4:
            client.write(1.5 + turn, s7.item(0x84, 10, 20, 2), bytes([0, 70 + turn]))
    client.write(42.0, s7.item(0x84, 99, 0, 2), b"\0\1", code=0x0A)


@case("s7comm")
def stop_start(cable: Cable) -> None:
    """A stranger stops the controller and starts it again."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.ask(1.0, s7.STOP, b"\x29")
    client.ask(8.0, s7.service("P_PROGRAM"), b"\x28")


@case("s7comm")
def download_ob1(cable: Cable) -> None:
    """A stranger downloads OB1 and links it in."""
    client = Client(cable, STRANGER, PLC, 0.1)
    download_block(client, 1.0)


@case("s7comm")
def upload_ob1(cable: Cable) -> None:
    """A stranger takes OB1 out of the controller."""
    client = Client(cable, STRANGER, PLC, 0.1)
    upload_block(client, 1.0)


@case("s7comm")
def program_changed(cable: Cable) -> None:
    """A stranger takes OB1 out of the controller twice; in between somebody has changed it."""
    client = Client(cable, STRANGER, PLC, 0.1)
    upload_block(client, 1.0)
    upload_block(client, 61.0, BLOCK[:-4] + b"\xde\xad\xbe\xef")


@case("s7comm")
def delete_block(cable: Cable) -> None:
    """A stranger deletes DB 10."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.ask(1.0, s7.service("_DELE", b"\x01\x00" + s7.block("DB", 10, "B")[1:]), b"\x28")


@case("s7comm")
def clock_set(cable: Cable) -> None:
    """A stranger sets the controller's clock back by eleven years."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.user(1.0, 7, 1, b"", s7.clock(2026, 3, 2, 6, 0, 1))
    client.user(2.0, 7, 2, s7.clock(2015, 1, 1, 0, 0, 0), b"")


@case("s7comm")
def password(cable: Cable) -> None:
    """Seven passwords are tried; the last is right."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for turn in range(7):
        error = 0 if turn == 6 else 0xD602
        client.user(1.0 + turn, 5, 1, bytes([0x64, turn] * 4), b"", error=error)


@case("s7comm", benign=True)
def szl(cable: Cable) -> None:
    """The engineering station asks what the controller is, and lists its blocks."""
    cable.arp(0.0, ENGINEER, PLC)
    client = Client(cable, ENGINEER, PLC, 0.1)
    identify(client, 1.0)
    counts = bytes.fromhex("3038000130450000304300013041000230420000304400403046001f")
    client.user(2.0, 3, 1, b"", counts)


@case("s7comm")
def memory_reset(cable: Cable) -> None:
    """A stranger resets the controller's memory."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.ask(1.0, s7.STOP, b"\x29")
    client.user(3.0, 1, 0x0C, bytes(4), bytes(4))


@case("s7comm")
def force(cable: Cable) -> None:
    """A stranger forces output byte 0 to 255, then lets the program leave its hold."""
    client = Client(cable, STRANGER, PLC, 0.1)
    parameters = bytes(20)
    variables = bytes.fromhex("0001 21 01 0000 0000 ff 04 0008 ff")
    head = len(parameters).to_bytes(2, "big") + len(variables).to_bytes(2, "big")
    client.user(1.0, 1, 0x09, head + parameters + variables, b"")
    client.user(3.0, 1, 0x0B, b"", b"")


@case("s7comm")
def configuration(cable: Cable) -> None:
    """A stranger copies the work memory to the load memory, so that it outlives a restart."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.ask(1.0, s7.service("_MODU", b"EP"), b"\x28")


@case("s7comm")
def output_write(cable: Cable) -> None:
    """A stranger writes an output byte past the program."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.read(1.0, s7.item(0x82, 0, 0, 1), b"\x05")
    client.write(2.0, s7.item(0x82, 0, 0, 1), b"\xff")


@case("s7comm")
def lock_alarm(cable: Cable) -> None:
    """A stranger locks an alarm, so that operators do not see it."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.user(1.0, 4, 7, bytes.fromhex("00 01 12 08 15 00 60000004"), bytes.fromhex("00 01 ff"))
