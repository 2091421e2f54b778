"""A device in the making: everything that was seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmon.inventory.claim_book import ClaimBook

if TYPE_CHECKING:
    from otmon._engine import Conversation
    from otmon.model.context import AssetFacts

Place = tuple[int | None, str | None, str | None]
"""A VLAN id, an IP and a hardware address."""


@dataclass(slots=True)
class Station:
    """What a station behind an address answered."""

    count: int
    first_ns: int
    last_ns: int


class Device:
    """An asset while traffic still adds to it."""

    __slots__ = (
        "answers",
        "book",
        "client_talks",
        "confirmed",
        "facts",
        "first_ns",
        "frame",
        "gateway",
        "id",
        "ips",
        "key",
        "last_ns",
        "macs",
        "merged_into",
        "nested",
        "number",
        "places",
        "protocol",
        "public",
        "routed",
        "routes",
        "segment",
        "server_talks",
        "stations",
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
        """Rises with every device of a run: of two, the older has the lower one."""
        self.segment = segment
        """Where it was seen last."""
        self.vlan = vlan
        self.key = key
        self.gateway = gateway
        self.protocol = protocol
        self.unit = unit
        self.macs: dict[str, None] = {}
        self.ips: dict[str, None] = {}
        self.places: dict[Place, None] = {}
        """Where it is found: segment (VLAN id), IP and hardware address."""
        self.routed = False
        self.routes = False
        self.public = False
        self.confirmed = False
        self.first_ns = 2**63 - 1
        self.last_ns = -(2**63)
        self.frame: tuple[int, int] | None = None
        """The frame that showed it first."""
        self.book = ClaimBook()
        self.client_talks: dict[int, Conversation] = {}
        self.server_talks: dict[int, Conversation] = {}
        """Industrial conversations by number, as client and as server."""
        self.stations: dict[tuple[str | None, str, int], Station] = {}
        """What stations behind it answered, by its own address, protocol and unit."""
        self.nested: dict[tuple[str, int], Device] = {}
        """Stations that are assets of their own, by protocol and unit."""
        self.answers = 0
        """What a nested device answered."""
        self.merged_into: Device | None = None
        self.facts: AssetFacts | None = None
        """What events are told of it, until something changes."""

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
