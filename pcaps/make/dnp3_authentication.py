"""DNP3 captures with secure authentication: who is challenged, and who is not any more."""

from __future__ import annotations

import struct

from pcaps.make import dnp3_bytes as dnp
from pcaps.make.case import case
from pcaps.make.dnp3 import MASTER, RTU, Master
from pcaps.make.dnp3_sequences import free_format
from pcaps.make.wire import Cable

USER = 1


class Authenticated(Master):
    """A master whose commands the outstation challenges."""

    number = 0

    def challenged(self, at: float, function: int, objects: bytes) -> None:
        """A request, the challenge to it, the reply to that, and the answer."""
        self.sequence += 1
        self.number += 1
        head = struct.pack("<IH", self.number, USER)
        challenge = free_format(120, 1, head + bytes([4, 1]) + bytes(range(20)))
        reply = free_format(120, 2, head + bytes(range(16)))
        request = self.send(dnp.request(self.sequence, function, objects))
        asked = self.answer(dnp.response(self.sequence, challenge, function=131))
        self.session.ask(at, request, asked)
        answer = self.answer(dnp.response(self.sequence, objects))
        self.session.ask(at + 0.1, self.send(dnp.request(self.sequence, 32, reply)), answer)

    def aggressive(self, at: float, function: int, objects: bytes) -> None:
        """A request that carries its proof with it."""
        self.number += 1
        proof = b"\x78\x03\x07\x01" + struct.pack("<IH", self.number, USER)
        code = free_format(120, 9, bytes(range(16)))
        self.sequence += 1
        request = self.send(dnp.request(self.sequence, function, proof + objects + code))
        self.session.ask(at, request, self.answer(dnp.response(self.sequence, objects)))


def breaker(master: Authenticated, at: float, index: int, code: int) -> None:
    """Select and operate, both challenged."""
    master.challenged(at, 3, dnp.control(index, code))
    master.challenged(at + 0.5, 4, dnp.control(index, code))


@case("dnp3")
def authentication_left_out(cable: Cable) -> None:
    """An outstation challenges each command of its master; then it obeys one without a word."""
    master = Authenticated(cable, MASTER, RTU, 0.1)
    for turn in range(6):
        master.integrity(1.0 + turn * 20, turn)
        breaker(master, 5.0 + turn * 20, turn % 2, 3 + turn % 2)
    block = dnp.control(0, 4)
    master.ask(125.0, 5, block, block)
    for turn in range(6):
        master.integrity(130.0 + turn * 20, turn)


@case("dnp3", benign=True)
def authenticated(cable: Cable) -> None:
    """A master whose commands are challenged, or carry their proof with them."""
    master = Authenticated(cable, MASTER, RTU, 0.1)
    for turn in range(8):
        master.integrity(1.0 + turn * 20, turn)
        if turn % 2:
            master.aggressive(5.0 + turn * 20, 5, dnp.control(1, 3 + turn // 2 % 2))
        else:
            breaker(master, 5.0 + turn * 20, 1, 3 + turn // 2 % 2)
