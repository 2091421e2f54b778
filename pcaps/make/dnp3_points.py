"""DNP3 captures of points that are forced, offline or out of range."""

from __future__ import annotations

import struct

from pcaps.make import dnp3_bytes as dnp
from pcaps.make.case import case
from pcaps.make.dnp3 import MASTER, RTU, Master
from pcaps.make.wire import Cable

ONLINE, RESTART, COMM_LOST, REMOTE_FORCED, LOCAL_FORCED, OVER_RANGE = 1, 2, 4, 8, 16, 32


def analogs(flags: list[int]) -> bytes:
    """g30v1: analog inputs 0 and on with these flags."""
    head = struct.pack("<BBBBB", 30, 1, 0, 0, len(flags) - 1)
    return head + b"".join(struct.pack("<Bi", own, 400 + n) for n, own in enumerate(flags))


def poll(master: Master, at: float, flags: list[int]) -> None:
    """All states."""
    master.ask(at, 1, dnp.CLASSES, dnp.binaries(0, [1, 0, 1]) + analogs(flags))


WELL = [ONLINE] * 4


@case("dnp3")
def points_forced(cable: Cable) -> None:
    """Two measurements of an outstation are forced at the device, and released after a while."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(40):
        flags = [*WELL]
        if 15 <= turn < 30:
            flags[1] = flags[2] = ONLINE | LOCAL_FORCED
        poll(master, 1.0 + turn * 10, flags)


@case("dnp3")
def points_found_forced(cable: Cable) -> None:
    """A measurement of an outstation is forced from afar, from before the capture on."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(20):
        poll(master, 1.0 + turn * 10, [ONLINE, ONLINE | REMOTE_FORCED, ONLINE, ONLINE])


@case("dnp3")
def points_lost(cable: Cable) -> None:
    """An outstation loses what it measures by: points not reached, offline, out of range."""
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(40):
        flags = [*WELL]
        if turn >= 15:
            flags[0] = ONLINE | COMM_LOST
        if turn >= 20:
            flags[1] = 0
        if turn >= 25:
            flags[2] = ONLINE | OVER_RANGE
        poll(master, 1.0 + turn * 10, flags)


@case("dnp3", benign=True)
def points_after_a_start(cable: Cable) -> None:
    """An outstation that has just started: its points are measured one after another.

    One of them was never wired: it is offline from the beginning, as it always was.
    """
    master = Master(cable, MASTER, RTU, 0.1)
    for turn in range(30):
        flags = [ONLINE if turn > n * 3 else RESTART for n in range(3)]
        poll(master, 1.0 + turn * 10, [*flags, 0])
