"""A device in the making: everything that was seen of it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmon.inventory.activity import Activity
from otmon.inventory.claim_book import ClaimBook

if TYPE_CHECKING:
    from otmon._engine import Conversation
    from otmon.model.context import AssetFacts

Place = tuple[int | None, str | None, str | None]
"""A VLAN id, an IP and a hardware address."""

MAX_PEERS = 1_024
"""Addresses of others that are counted: more do not change what it is."""


@dataclass(slots=True)
class Station:
    """What a station behind an address answered."""

    count: int
    first_ns: int
    last_ns: int


class Device:
    """An asset while traffic still adds to it."""

    __slots__ = (
        "activity",
        "asked_before",
        "book",
        "client_talks",
        "confirmed",
        "facts",
        "first_ns",
        "forgotten",
        "frame",
        "gateway",
        "id",
        "ips",
        "key",
        "last_ns",
        "macs",
        "mark_ns",
        "merged_into",
        "nested",
        "new",
        "number",
        "peers_before",
        "places",
        "ports_before",
        "protocol",
        "public",
        "remembered",
        "role_told",
        "routed",
        "routes",
        "saved",
        "seen_now",
        "segment",
        "server_talks",
        "stations",
        "taken_over",
        "transient_told",
        "unit",
        "vlan",
    )

    def __init__(
        self,
        asset_id: str,
        number: int,
        segment: str,
        vlan: int | None,
        key: str,
        *,
        gateway: Device | None = None,
        protocol: str | None = None,
        unit: int | None = None,
    ) -> None:
        self.id = asset_id
        self.number = number
        """Rises with every device: of two, the older has the lower one."""
        self.segment = segment
        self.vlan = vlan
        """Where it was seen last."""
        self.key = key
        """The strongest key when it was made."""
        self.gateway = gateway
        self.protocol = protocol
        self.unit = unit
        self.macs: dict[str, None] = {}
        self.ips: dict[str, None] = {}
        self.places: dict[Place, None] = {}
        """Where it is found."""
        self.routed = False
        """Whether it stands behind a router."""
        self.routes = False
        """Whether it is one."""
        self.public = False
        self.confirmed = False
        """Whether it answered, or sent 3 frames or more over 10 s."""
        self.first_ns = 2**63 - 1
        self.last_ns = -(2**63)
        self.frame: tuple[int, int] | None = None
        """The frame that showed it first in this run."""
        self.book = ClaimBook()
        self.activity = Activity()
        self.client_talks: dict[int, Conversation] = {}
        self.server_talks: dict[int, Conversation] = {}
        """Industrial conversations of this run by number, as client and as server."""
        self.peers_before: frozenset[str] = frozenset()
        self.ports_before: frozenset[int] = frozenset()
        """Addresses with which it spoke, and ports at which it answered, in runs before."""
        self.stations: dict[tuple[str | None, str, int], Station] = {}
        """What stations behind it answered, by its own address, protocol and unit."""
        self.nested: dict[tuple[str, int], Device] = {}
        """Stations that are assets of their own, by protocol and unit."""
        self.merged_into: Device | None = None
        self.forgotten = False
        """Whether it never showed to be a device, and went to make room."""
        self.facts: AssetFacts | None = None
        """What events are told of it, until something changes."""
        self.remembered: tuple[str, ...] | None = None
        """The roles that it had when the run began; none where it was not known."""
        self.asked_before = False
        """Whether it had asked others when the run began."""
        self.role_told = False
        self.new = False
        """Whether it appeared while the site was known, and nobody has accepted it."""
        self.transient_told = False
        self.mark_ns = 0
        """Of the time that the sensor watched, how much had passed when it was seen last."""
        self.seen_now = False
        """Whether this run has seen it."""
        self.taken_over = False
        """Whether another device has its address now."""

        self.saved: tuple[object, ...] = ()
        """What `stamp` gave when it was written last."""

    def peers(self) -> frozenset[str]:
        """The addresses with which it spoke industrial protocols; of very many only some."""
        found = set(self.peers_before)
        for talk in self.client_talks.values():
            found.add(talk.server_ip or talk.server_mac or "")
        for talk in self.server_talks.values():
            found.add(talk.client_ip or talk.client_mac or "")
        return frozenset(sorted(found)[:MAX_PEERS]) if len(found) > MAX_PEERS else frozenset(found)

    def ports(self) -> frozenset[int]:
        """The ports at which it answered in industrial protocols."""
        answered = (one for one in self.server_talks.values() if one.answered_count)
        now = frozenset(talk.server_port for talk in answered)
        return (now | self.ports_before) - {0}

    def stamp(self) -> tuple[object, ...]:
        """Changes when there is something new to remember, or a minute later."""
        return (
            self.last_ns // 60_000_000_000,
            self.book.change_count,
            len(self.places),
            len(self.ips),
            len(self.stations),
            len(self.activity.asked),
            len(self.activity.answered),
            len(self.client_talks),
            len(self.server_talks),
            self.routes,
            self.routed,
            self.new,
            self.taken_over,
            self.vlan,
        )

    def changes(self) -> None:
        """Something of it is about to change: what events were told of it stays as it was."""
        if self.facts is not None:
            told = weakref.ref(self.facts)
            self.facts = None
            held = told()
            if held is not None:
                held.is_past = True
                held.settle()

    def seen(self, first_ns: int, last_ns: int) -> None:
        """Widens the span in which it was there."""
        if first_ns < self.first_ns:
            self.first_ns = first_ns
        if last_ns > self.last_ns:
            self.last_ns = last_ns

    def everybody(self) -> Iterator[Device]:
        """The device, and the stations behind it in the order of their numbers."""
        yield self
        for place in sorted(self.nested):
            yield self.nested[place]
