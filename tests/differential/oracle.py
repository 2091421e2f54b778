"""What tshark says about a capture, packet by packet, as PDML: it keeps PDUs of one frame apart."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PREFERENCES = ("tcp.desegment_tcp_streams:TRUE", "tcp.reassemble_out_of_order:FALSE")
"""With the second one, tshark reads nothing more of a flow after a gap."""


class Layer:
    """A protocol layer of a packet, and its fields in the order of the packet."""

    def __init__(self, proto: ET.Element) -> None:
        self.name: str = proto.get("name", "")
        self.element = proto
        self.malformed = False
        """Whether tshark gave it up, as it ran out of bytes."""

    def all(self, field: str) -> list[str]:
        """What every field of this name shows."""
        return [f.get("show", "") for f in self.element.iter("field") if f.get("name") == field]

    def text(self, field: str) -> str | None:
        """What the first field of this name shows."""
        found = self.element.find(f".//field[@name='{field}']")
        return None if found is None else found.get("show", "")

    def number(self, field: str) -> int | None:
        """The same as a number."""
        text = self.text(field)
        return None if text is None else int(text, 0)

    def numbers(self, field: str) -> list[int]:
        """The numbers of every field of this name."""
        return [int(text, 0) for text in self.all(field)]


@dataclass(frozen=True, slots=True)
class Packet:
    """A frame with the layers that were asked for."""

    frame: int
    layers: tuple[Layer, ...]


def packets(
    tshark: str,
    capture: Path,
    layers: tuple[str, ...],
    preferences: tuple[str, ...] = (),
    where: str | None = None,
) -> Iterator[Packet]:
    """The packets that have any of `layers`, with these and nothing else.

    Args:
        tshark: The program.
        capture: The file.
        layers: Names of tshark's protocols.
        preferences: What to set besides, such as `mbrtu.tcp.port:5020`.
        where: A display filter that says which packets; without it those with any of `layers`.
    """
    command = [tshark, "-n", "-r", str(capture), "-T", "pdml"]
    # tshark reads copies again that it takes for fast retransmissions, and no others.
    wanted = f"({where or ' or '.join(layers)}) and not tcp.analysis.fast_retransmission"
    command += ["-J", " ".join(layers), "-Y", wanted]
    for preference in (*PREFERENCES, *preferences):
        command += ["-o", preference]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for _, element in ET.iterparse(process.stdout):
            if element.tag == "packet":
                number = element.find("proto[@name='geninfo']/field[@name='num']")
                assert number is not None
                frame = int(number.get("show", ""))
                yield Packet(frame, tuple(_layers(element, layers)))
                element.clear()


def _layers(packet: ET.Element, names: tuple[str, ...]) -> list[Layer]:
    """The layers of a packet that have these names."""
    found: list[Layer] = []
    for proto in packet:
        if proto.get("name") in names:
            found.append(Layer(proto))
        elif proto.get("name") == "_ws.malformed" and found:
            # It stands behind the layer that it is about.
            found[-1].malformed = True
    return found
