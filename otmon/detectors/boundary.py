"""Remote access, cloud services, and ports on which something else runs than they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Told
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.detectors.ports import (
    CLOUD_PORTS,
    PROXY_PORTS,
    REMOTE_ACCESS_PORTS,
    SEARCH_PORTS,
)
from otmon.model.event import Event
from otmon.model.industrial import OT_PORTS
from otmon.thresholds import BoundaryThresholds

if TYPE_CHECKING:
    from otmon._engine import Conversation

SECOND = 1_000_000_000
_ON_ANY_PORT = frozenset(("modbus_rtu",))
"""Protocols of serial lines: each terminal server has them on another port."""
HANDSHAKES = 6
"""Packets that open and close a flow."""
MAX_TOLD = 20_000
"""Conversations that were told of; the longest quiet goes first."""


class Boundary(Detector):
    """Speaks once of each conversation that is remote access, cloud, or not what its port says."""

    name = "boundary"
    categories = frozenset(("ot_flow",))
    says: ClassVar[Mapping[str, str]] = {
        "remote_access": "Somebody uses a remote access service.",
        "cloud_service": "A device speaks to a broker or a service at a public address.",
        "proxy": "A device has its connections passed on by a proxy.",
        "multicast_search": "Somebody looks for devices of a maker by multicast.",
        "protocol_port_mismatch": "Something else than its protocol runs on an industrial port.",
        "ot_on_unusual_port": "An industrial protocol runs on a port that is not its own.",
        "guess": "A protocol that is not dissected, guessed by its port.",
    }
    watches = "Each conversation, with its ports and peers, once both sides have sent something."
    silent = (
        "Of attempts that came to nothing, of a few messages, of conversations with holes, "
        "and of peers inside the site."
    )

    def __init__(
        self,
        settings: BoundaryThresholds | None = None,
        ports: Mapping[str, frozenset[tuple[str, int]]] | None = None,
    ) -> None:
        """Takes thresholds, and the ports of each dissected protocol."""
        self.settings = settings or BoundaryThresholds()
        self._ports = ports or {}
        self._dissected = frozenset(port for some in self._ports.values() for port in some)
        self._told: Told[tuple[object, ...]] = Told(self.settings.repeat_s * SECOND, MAX_TOLD)

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a conversation."""
        return list(self._judged(event, event.record))

    def _judged(self, event: Event, talk: Conversation) -> Iterator[Event]:
        port = (talk.transport, talk.server_port)
        if talk.protocol is not None:
            own = self._ports.get(talk.protocol)
            if talk.protocol in _ON_ANY_PORT:
                return
            if own and port not in own and talk.pdus >= self.settings.min_pdus:
                usual = ", ".join(map(str, sorted({number for _, number in own})))
                yield from self._tell(
                    event, talk, "ot_on_unusual_port", f"port {usual}", f"port {talk.server_port}"
                )
            return
        if port in SEARCH_PORTS and _is_multicast(talk.server_ip):
            yield from self._tell(
                event, talk, "multicast_search", "devices that are known", SEARCH_PORTS[port]
            )
            return
        if not _exchanged(talk):
            return
        if port in REMOTE_ACCESS_PORTS:
            yield from self._tell(
                event, talk, "remote_access", "no remote access", REMOTE_ACCESS_PORTS[port]
            )
        elif port in CLOUD_PORTS and event.is_outside("destination"):
            yield from self._tell(
                event, talk, "cloud_service", "peers of the site alone", CLOUD_PORTS[port]
            )
        elif port in PROXY_PORTS:
            yield from self._tell(event, talk, "proxy", "connections of its own", PROXY_PORTS[port])
        elif port in self._dissected and _is_much(talk, self.settings.min_packets):
            yield from self._tell(
                event,
                talk,
                "protocol_port_mismatch",
                OT_PORTS.get(port, "the protocol of the port"),
                f"{talk.packets} packets of something else",
            )
        elif port in OT_PORTS:
            yield from self._tell(event, talk, "guess", "a known protocol", f"{OT_PORTS[port]}?")

    def _tell(
        self, event: Event, talk: Conversation, type: str, expected: str, observed: str
    ) -> Iterator[Event]:
        key = (type, talk.client_address, talk.server_address, talk.transport, talk.server_port)
        if self._told.may(key, event.time_ns):
            yield finding(
                self, event, type, category="ot_flow", expected=expected, observed=observed
            )

    def memory(self) -> Json:
        """What was told."""
        return self._told.written()

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory)


def _is_multicast(ip: str | None) -> bool:
    if ip is None:
        return False
    first = ip.partition(".")[0]
    return ip.startswith("ff") or (first.isdecimal() and 224 <= int(first) <= 239)


def _exchanged(talk: Conversation) -> bool:
    """Whether both sides of a conversation sent something, in flows that ended."""
    return bool(talk.packets) and not talk.one_sided and talk.vain_count < talk.flow_count


def _is_much(talk: Conversation, packets: int) -> bool:
    """Whether there is enough of it, and all of it was seen, to say what it is not."""
    carrying = talk.packets - HANDSHAKES * talk.flow_count
    return carrying >= packets and not talk.gap_bytes
