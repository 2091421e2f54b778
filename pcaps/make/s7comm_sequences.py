"""S7comm captures of whole attacks: what follows on what, and on which controller."""

from __future__ import annotations

from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.s7comm import (
    HMI,
    OP,
    PLC,
    STRANGER,
    Client,
    download_block,
    identify,
    read_cycle,
)
from pcaps.make.wire import Cable, Host, Session

PLC_2 = Host("00:1b:1b:10:02:22", "10.20.2.22")


@case("s7comm")
def program_replaced(cable: Cable) -> None:
    """A stranger stops the controller, loads OB1 into it, and starts it again."""
    client = Client(cable, STRANGER, PLC, 0.1)
    client.ask(1.0, s7.STOP, b"\x29")
    download_block(client, 3.0)
    client.ask(8.0, s7.service("P_PROGRAM"), b"\x28")


@case("s7comm")
def download_fc(cable: Cable) -> None:
    """A stranger adds function FC 10 to a controller that runs."""
    client = Client(cable, STRANGER, PLC, 0.1)
    download_block(client, 1.0, "FC", 10)


@case("s7comm")
def stuxnet_blocks(cable: Cable) -> None:
    """A stranger loads blocks with the numbers that Stuxnet used: DB 890 and FC 1869."""
    client = Client(cable, STRANGER, PLC, 0.1)
    download_block(client, 1.0, "DB", 890)
    download_block(client, 2.0, "FC", 1869)


@case("s7comm")
def controller_to_controller(cable: Cable) -> None:
    """A controller stops another one and loads a block into it, as a worm in it would."""
    operator = Client(cable, HMI, PLC, 0.1, OP)
    identify(operator, 0.5)
    for turn in range(10):
        read_cycle(operator, 1.0 + turn, turn)
    worm = Client(cable, PLC, PLC_2, 12.0)
    worm.ask(13.0, s7.STOP, b"\x29")
    download_block(worm, 14.0, "FB", 65)
    worm.ask(16.0, s7.service("P_PROGRAM"), b"\x28")


@case("s7comm")
def slot_sweep(cable: Cable) -> None:
    """A stranger tries slots 0 to 11 of a controller; slot 2 answers."""
    for slot in range(12):
        session = Session(cable, STRANGER, PLC, 102)
        at = 1.0 + slot * 0.5
        session.open(at)
        if slot == 2:
            session.ask(at + 0.01, s7.connect(0x0100 | slot), s7.connect(0x0100 | slot, True))
        else:
            session.ask(at + 0.01, s7.connect(0x0100 | slot), s7.REFUSED)
        session.close(at + 0.1)


@case("s7comm", benign=True)
def reconnects(cable: Cable) -> None:
    """An operator station that was switched on before its controller tries one slot again."""
    for turn in range(8):
        session = Session(cable, HMI, PLC, 102)
        at = 1.0 + turn * 10
        session.open(at)
        session.ask(at + 0.01, s7.connect(OP), s7.REFUSED)
        session.close(at + 0.1)
    operator = Client(cable, HMI, PLC, 82.0, OP)
    for turn in range(10):
        read_cycle(operator, 83.0 + turn, turn)


@case("s7comm")
def stopped_often(cable: Cable) -> None:
    """A stranger stops the controller six times, as often as somebody starts it again."""
    client = Client(cable, STRANGER, PLC, 0.1)
    for turn in range(6):
        client.ask(1.0 + turn * 120, s7.STOP, b"\x29")
        client.ask(61.0 + turn * 120, s7.service("P_PROGRAM"), b"\x28")


@case("s7comm")
def info_script(cable: Cable) -> None:
    """A stranger asks a controller twice what it is, all with message number 0, and is gone.

    So does the script s7-info of nmap, whose messages are the same each time.
    """
    operator = Client(cable, HMI, PLC, 0.1, OP)
    for turn in range(20):
        read_cycle(operator, 1.0 + turn, turn)
    client = Client(cable, STRANGER, PLC, 12.0)
    for turn, list_id in enumerate((0x0011, 0x0011, 0x001C)):
        client.reference = -1
        client.user(12.1 + turn * 0.02, 4, 1, s7.szl_request(list_id, 1), szl_of(list_id))
    client.session.close(12.3)


def szl_of(list_id: int) -> bytes:
    """What the controller says of its modules, or of its names."""
    if list_id == 0x001C:
        return s7.szl(list_id, 0, [s7.component(1, "Filters"), s7.component(7, "CPU 315-2 PN/DP")])
    order = "6ES7 315-2EH14-0AB0"
    return s7.szl(list_id, 0, [s7.module_identification(1, order, (0, 4, 1))])
