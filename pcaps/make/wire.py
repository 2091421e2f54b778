"""Hosts that talk over a cable that is only a list of frames.

Scapy builds the frames; nothing is sent. Times, ports and sequence numbers
depend on the script alone, so that the same script gives the same bytes.
"""

from __future__ import annotations

import datetime
import struct
from dataclasses import dataclass, field
from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw
from scapy.utils import PcapNgWriter

ROUND_TRIP_S = 0.004
"""Time from a request to its answer, in seconds."""


@dataclass(frozen=True)
class Host:
    """A device on the cable."""

    mac: str
    ip: str


@dataclass
class Cable:
    """Everything that passed, in the order of its times."""

    start: datetime.datetime
    frames: list[tuple[float, int, bytes]] = field(default_factory=list)
    step: tuple[float, float] | None = None
    """When the clock of who records is set, and by how many seconds."""
    lost_count: int = 0
    """Frames that who records says it lost."""
    _ids: dict[str, int] = field(default_factory=dict)
    _next_port: int = 49_152

    def put(self, at: float, frame: Packet) -> None:
        """Let a frame pass `at` seconds after the start."""
        self.frames.append((at, len(self.frames), bytes(frame)))

    def ip(self, source: Host, destination: Host) -> Packet:
        """Ethernet and IP headers; the identification counts up per sender."""
        count = self._ids.get(source.ip, sum(source.ip.encode()) * 37 % 50_000)
        self._ids[source.ip] = count + 1
        ether = Ether(src=source.mac, dst=destination.mac)
        return ether / IP(src=source.ip, dst=destination.ip, id=count & 0xFFFF, flags="DF", ttl=64)

    def port(self) -> int:
        """The next ephemeral port."""
        self._next_port += 1
        return self._next_port

    def arp(self, at: float, asker: Host, asked: Host) -> None:
        """One host asks for another's hardware address and is told."""
        nobody = "00:00:00:00:00:00"
        broadcast = Ether(src=asker.mac, dst="ff:ff:ff:ff:ff:ff")
        self.put(
            at, broadcast / ARP(op=1, hwsrc=asker.mac, psrc=asker.ip, hwdst=nobody, pdst=asked.ip)
        )
        answer = Ether(src=asked.mac, dst=asker.mac)
        self.put(
            at + ROUND_TRIP_S / 4,
            answer / ARP(op=2, hwsrc=asked.mac, psrc=asked.ip, hwdst=asker.mac, pdst=asker.ip),
        )

    def datagram(
        self, at: float, source: Host, destination: Host, ports: tuple[int, int], payload: bytes
    ) -> None:
        """A UDP datagram."""
        udp = UDP(sport=ports[0], dport=ports[1])
        self.put(at, self.ip(source, destination) / udp / Raw(payload))

    def write(self, path: Path) -> None:
        """Write everything that passed as pcapng, in order of time."""
        path.parent.mkdir(parents=True, exist_ok=True)
        origin = self.start.timestamp()
        writer = PcapNgWriter(str(path))
        try:
            for at, _, frame in sorted(self.frames):
                packet = Ether(frame)
                packet.time = origin + round(self._clock(at), 6)
                writer.write(packet)
        finally:
            writer.close()
        if self.lost_count:
            with path.open("ab") as file:
                file.write(_statistics(self.lost_count))

    def _clock(self, at: float) -> float:
        """What the clock of who records says."""
        return at + self.step[1] if self.step is not None and at >= self.step[0] else at


def _statistics(lost_count: int) -> bytes:
    """An interface statistics block of pcapng that says how many frames were lost."""
    option = struct.pack("<HHQHH", 5, 8, lost_count, 0, 0)
    length = 24 + len(option)
    return struct.pack("<IIIII", 5, length, 0, 0, 0) + option + struct.pack("<I", length)


class Session:
    """A TCP connection between two hosts."""

    def __init__(self, cable: Cable, client: Host, server: Host, port: int) -> None:
        self.cable = cable
        self.client = client
        self.server = server
        self.ports = (cable.port(), port)
        self.sequence = [1_000_000 + 7_919 * self.ports[0] % 900_000, 5_000_000]

    def segment(self, at: float, from_client: bool, flags: str, payload: bytes = b"") -> None:
        """One segment, as the side that sends it numbers it."""
        source, destination = (
            (self.client, self.server) if from_client else (self.server, self.client)
        )
        ports = self.ports if from_client else self.ports[::-1]
        own, peer = (0, 1) if from_client else (1, 0)
        tcp = TCP(
            sport=ports[0],
            dport=ports[1],
            flags=flags,
            seq=self.sequence[own],
            ack=self.sequence[peer] if "A" in flags else 0,
            window=8192,
        )
        frame = self.cable.ip(source, destination) / tcp
        self.cable.put(at, frame / Raw(payload) if payload else frame)
        self.sequence[own] += len(payload) + ("S" in flags) + ("F" in flags)

    def open(self, at: float) -> None:
        """The three-way handshake."""
        self.segment(at, True, "S")
        self.segment(at + 0.0003, False, "SA")
        self.segment(at + 0.0005, True, "A")

    def refused(self, at: float) -> None:
        """A SYN that is answered by a reset."""
        self.segment(at, True, "S")
        self.segment(at + 0.0003, False, "RA")

    def ask(self, at: float, request: bytes, answer: bytes | None) -> None:
        """A request, its answer a round trip later, and the acknowledgement."""
        self.segment(at, True, "PA", request)
        if answer is not None:
            self.segment(at + ROUND_TRIP_S, False, "PA", answer)
            self.segment(at + ROUND_TRIP_S + 0.0004, True, "A")

    def tell(self, at: float, payload: bytes) -> None:
        """The server speaks unasked, and the client acknowledges."""
        self.segment(at, False, "PA", payload)
        self.segment(at + 0.0004, True, "A")

    def close(self, at: float) -> None:
        """Both sides finish."""
        self.segment(at, True, "FA")
        self.segment(at + 0.0003, False, "FA")
        self.segment(at + 0.0005, True, "A")
