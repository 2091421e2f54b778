"""Captures of a Modbus client that polls and writes, and what an engine makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from otmon import _engine

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
START = 1_700_000_000
"""Packet time of the first frame, in seconds."""


class Poll:
    """A Modbus client and server in one TCP connection, as frames."""

    def __init__(self) -> None:
        self.frames: list[Packet] = []
        self._sent = {CLIENT: 1000, SERVER: 9000}
        self._transaction = 0

    def frame(self, source: str, payload: bytes, at_s: float, flags: str = "PA") -> None:
        """Append a segment of `source` with the next bytes of its stream."""
        client = source == CLIENT
        ports = (50_000, 502) if client else (502, 50_000)
        frame = (
            Ether(
                src=CLIENT_MAC if client else SERVER_MAC, dst=SERVER_MAC if client else CLIENT_MAC
            )
            / IP(src=source, dst=SERVER if client else CLIENT)
            / TCP(
                sport=ports[0],
                dport=ports[1],
                seq=self._sent[source],
                ack=self._sent[SERVER if client else CLIENT],
                flags=flags,
            )
            / payload
        )
        frame.time = START + at_s
        self._sent[source] += len(payload) + (1 if "S" in flags else 0)
        self.frames.append(frame)

    def open(self) -> Poll:
        """Shake hands."""
        self.frame(CLIENT, b"", 0, "S")
        self.frame(SERVER, b"", 0.001, "SA")
        self.frame(CLIENT, b"", 0.002, "A")
        return self

    def ask(self, request: bytes, answer: bytes, at_s: float) -> Poll:
        """Send a request to unit 7 and its answer 2 ms later; both from the function code on."""
        self._transaction += 1
        for source, pdu, time_s in ((CLIENT, request, at_s), (SERVER, answer, at_s + 0.002)):
            header = self._transaction.to_bytes(2) + bytes(2) + (len(pdu) + 1).to_bytes(2) + b"\7"
            self.frame(source, header + pdu, time_s)
        return self


def read_poll(registers: int, at_s: float, poll: Poll) -> None:
    """Read holding registers 100 to 101."""
    poll.ask(b"\3\0\x64\0\2", b"\3\4" + registers.to_bytes(4), at_s)


def observed(engine: _engine.Engine, limit: int = 4096) -> list[_engine.Observation]:
    """Everything to the end."""
    everything = []
    while (batch := engine.read_batch(limit)) is not None:
        everything += batch
    return everything


def last_of(kind: type, observations: Sequence[_engine.Observation]) -> list[object]:
    """The latest observation of each behaviour or conversation."""
    latest = {one.id: one for one in observations if isinstance(one, kind)}  # type: ignore[attr-defined]  # both have it
    return list(latest.values())
