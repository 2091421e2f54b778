"""Who the ends of a record are, and what they speak, by the names that statements know them by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from otmon.baseline.book import Address as Place
from otmon.baseline.book import EdgeKey
from otmon.baseline.compare import Baseline
from otmon.model.service import CARRIERS, EPHEMERAL_PORT, spoken_at
from otmon.model.statement import Party

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Conversation, Transaction

Who = Callable[[str | None, str | None, int | None], str | None]
"""Gives the asset id of IP, MAC and VLAN; none where it is no asset."""

HIGH_PORTS = frozenset((34_962, 34_963, 34_964, 44_818, 47_808, 48_898, 55_000, 62_900))
"""Those among the ephemeral that say it: of PROFINET, EtherNet/IP, BACnet, ADS, FL-net, CC-Link."""
MAX_PAIRS = 65_536
"""Pairs of hardware and IP address of a run that are remembered."""


class Parties:
    """Names the ends of one run's records."""

    def __init__(self, baseline: Baseline, who: Who, name: Who) -> None:
        """Takes what is known, and what names an address.

        Args:
            baseline: What is known.
            who: Gives the id of an address.
            name: Gives what people call the device at an address.
        """
        self._baseline = baseline
        self._who = who
        self._name = name
        self._pairs: dict[Place, None] = {}

    def ends(self, record: Behaviour | Transaction | Conversation) -> tuple[str, str]:
        """The ids of client and server."""
        vlan = record.vlan
        return (
            self._party((record.client_ip, record.client_mac, vlan)),
            self._party((record.server_ip, record.server_mac, vlan)),
        )

    def edge(self, record: Conversation) -> EdgeKey:
        """Client, server and what they speak: of what is not dissected its transport and port."""
        protocol = record.protocol
        if protocol is None:
            port = record.server_port
            if record.transport not in ("tcp", "udp"):
                protocol = record.transport
            elif port >= EPHEMERAL_PORT and port not in HIGH_PORTS:
                protocol = f"{record.transport}/dynamic"
            else:
                protocol = f"{record.transport}/{port}"
        return *self.ends(record), protocol

    def is_a_rest(self, record: Conversation, edge: EdgeKey) -> bool:
        """Whether a flow that nobody could dissect is the rest of something known.

        Of one whose beginning was not seen nobody knows who asked; and on the
        port of a protocol that the two speak it is that, with its messages lost.
        """
        client, server, name = edge
        book = self._baseline.book
        if record.protocol is not None:
            carried = CARRIERS.get(record.protocol, ())
        elif name.endswith("/dynamic") and book.knows_peer(server, client):
            return True
        else:
            carried = spoken_at(record.transport, record.server_port)
        return any(book.edge((client, server, protocol)) is not None for protocol in carried)

    def names_before(self, record: Conversation) -> Iterator[str]:
        """What a conversation may have been called until its protocol was known."""
        if record.protocol is not None:
            spoken = spoken_at(record.transport, record.server_port)
            if record.protocol in spoken or not CARRIERS.keys().isdisjoint(spoken):
                yield f"{record.transport}/{record.server_port}"
            yield from (outer for outer, inner in CARRIERS.items() if record.protocol in inner)

    def address(self, record: Address) -> None:
        """Takes a pair of hardware and IP address: where a known device is seen as well."""
        if record.ip is not None and self._baseline.learns and len(self._pairs) < MAX_PAIRS:
            self._pairs[record.ip, record.mac, record.vlan] = None

    def finish(self) -> None:
        """The run has ended: devices get the ids that the inventory has for them now."""
        book = self._baseline.book
        for pair in self._pairs:
            identity = book.at(pair[0], pair[2])
            if identity is not None and book.who(pair) is None:
                book.add_address(pair, identity)
        now: dict[str, set[str]] = {}
        for address, identity in book.addresses():
            now.setdefault(identity, set()).add(self._who(*address) or identity)
        # What turned out to be several devices keeps its name: what it did cannot be told apart.
        ids = {old: min(new) for old, new in now.items() if len(new) == 1 and old not in new}
        if ids:
            self._baseline.rename(ids)

    def _party(self, address: Place) -> str:
        """The id that statements know an address by.

        An address keeps its id through a run, even if the inventory learns more
        about who has it: what was learned under one id is not news under another.
        """
        book = self._baseline.book
        known = book.who(address)
        if known is not None:
            return known
        ip, mac, vlan = address
        known = book.at(ip, vlan)
        if known is not None and self._baseline.learns:
            # Seen on both sides of a router, or through either of two cards.
            book.add_address(address, known)
            return known
        place = ip or mac or "unknown"
        identity = self._who(ip, mac, vlan) or (place if vlan is None else f"{place} vlan {vlan}")
        name = self._name(ip, mac, vlan) or place
        return book.add_party(Party(identity, name, ip, mac, vlan)).id
