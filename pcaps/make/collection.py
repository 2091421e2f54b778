"""A known device that begins to collect: states, inputs and outputs, from every controller."""

from __future__ import annotations

from pcaps.make import baseline, modbus, s7comm
from pcaps.make import modbus_bytes as mb
from pcaps.make import s7comm_bytes as s7
from pcaps.make.case import case
from pcaps.make.wire import Cable, Host


@case("baseline")
def collection(cable: Cable) -> None:
    """The engineering station, which only ever identified one controller, collects.

    It asks the filter controller for its operating mode, reads its inputs and
    outputs as a whole, and reads registers of three more controllers.
    """
    baseline.routine(cable)
    baseline.inspection(cable)
    engineer = s7comm.Client(cable, baseline.ENGINEER, baseline.FILTERS, 100.0)
    state = bytes.fromhex("51 44 ff 08 00 00 00 00 00 00 00 00 14 08 20 12 05 28 34 94")
    engineer.user(101.0, 4, 1, s7.szl_request(0x0424, 0), s7.szl(0x0424, 0, [state]))
    engineer.read(102.0, s7.item(0x81, 0, 0, 16), bytes(16))
    engineer.read(103.0, s7.item(0x82, 0, 0, 16), bytes(16))
    for place in range(3):
        pump = Host(f"00:80:f4:10:02:3{place}", f"10.20.2.3{place}")
        client = modbus.Client(cable, baseline.ENGINEER, pump, 120.0 + place)
        client.ask(120.5 + place, 1, mb.read(3, 0, 4), mb.registers(3, [1, 2, 3, 4]))
        client.session.close(130.0 + place)
