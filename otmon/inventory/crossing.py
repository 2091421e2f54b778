"""Conversations between zones: those that no conduit allows, and those with the outside."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from otmon.inventory.zone import Zones
from otmon.model.internet import INTERNET
from otmon.model.observed import Ends
from otmon.model.service import spoken_at

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Conversation, Transaction
    from otmon.inventory.device import Device
    from otmon.inventory.news import News
    from otmon.model.context import AssetFacts
    from otmon.site_description import Conduit

MAX_TOLD = 10_000
"""Crossings remembered that were told of; the first go first."""
SKIPPED_LEVELS = 2.0
"""Purdue levels between two zones from which a conversation skips one."""
CARRIERS = frozenset(("tpkt", "cotp", "enip"))
"""Protocols that do nothing but carry others: what is inside is looked at."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Crossings:
    """Holds conversations against the conduits of the site."""

    def __init__(
        self,
        zones: Zones,
        conduits: Sequence[Conduit],
        news: News,
        time_zone: datetime.tzinfo = datetime.UTC,
    ) -> None:
        """Takes the conduits; without any, none is missing."""
        self._zones = zones
        self._conduits = conduits
        self._news = news
        self._time_zone = time_zone
        self._told: dict[tuple[str, ...], None] = {}

    @property
    def has_conduits(self) -> bool:
        """Whether the site says which paths between zones are allowed."""
        return bool(self._conduits)

    def is_forbidden(
        self,
        record: Behaviour | Transaction | Conversation,
        source: str | None,
        destination: str | None,
        time_ns: int,
    ) -> bool:
        """Whether a record goes between two zones where no conduit lets it pass."""
        protocol = record.protocol
        if protocol in CARRIERS or source is None or destination is None or source == destination:
            return False
        doing = getattr(record, "operation_class", None)
        classes = () if doing is None else (doing,)
        names = (protocol,) if protocol else _names(record.transport, record.server_port)
        return not self._is_allowed(source, destination, names, classes, time_ns)

    def behaviour(
        self,
        done: Behaviour,
        client: tuple[Device, AssetFacts],
        server: tuple[Device, AssetFacts],
    ) -> None:
        """Takes a new behaviour: its class and its frame are known."""
        ends = Ends(
            client_ip=done.client_ip,
            client_mac=done.client_mac,
            server_ip=done.server_ip,
            server_mac=done.server_mac,
            server_port=done.server_port,
            vlan=done.vlan,
            transport=done.transport,
            protocol=done.protocol,
            identified_by=done.identified_by,
            frames=(done.frame,),
        )
        if done.protocol in CARRIERS:
            return
        time_ns = done.first_seen_ns
        if client[0].public or server[0].public:
            self._outside(ends, time_ns, client, server)
        self._cross(ends, time_ns, client[1], server[1], (done.protocol,), (done.operation_class,))

    def conversation(
        self,
        talk: Conversation,
        client: tuple[Device, AssetFacts],
        server: tuple[Device, AssetFacts],
    ) -> None:
        """Takes a conversation of another protocol, when its flow has ended."""
        ends = Ends(
            client_ip=talk.client_ip,
            client_mac=talk.client_mac,
            server_ip=talk.server_ip,
            server_mac=talk.server_mac,
            server_port=talk.server_port,
            vlan=talk.vlan,
            transport=talk.transport,
        )
        names = _names(talk.transport, talk.server_port)
        self._cross(ends, talk.last_seen_ns, client[1], server[1], names, ())

    def _outside(
        self,
        ends: Ends,
        time_ns: int,
        client: tuple[Device, AssetFacts],
        server: tuple[Device, AssetFacts],
    ) -> None:
        """An industrial protocol is spoken with somebody outside."""
        if not self._first("public_peer", client[0].id, server[0].id, ends.protocol or ""):
            return
        self._news.add(
            "ot_flow",
            "public_peer",
            ends,
            time_ns,
            "industrial protocols stay inside the site",
            self._publicly(ends, client[0], server[0]),
            None,
            {},
        )

    def _publicly(self, ends: Ends, client: Device, server: Device) -> str:
        """Which of two ends have public addresses, and which of these is here all the same."""
        if client.public and server.public:
            return "both addresses are public"
        peer, other = ends.client_ip, ends.server_ip
        if server.public:
            peer, other = other, peer
        if other is None or not self._zones.is_outside(other):
            return f"{peer} is a public address"
        return f"{peer} is a public address, and so is {other}, whose device is here"

    def _cross(
        self,
        ends: Ends,
        time_ns: int,
        client: AssetFacts,
        server: AssetFacts,
        names: tuple[str, ...],
        classes: tuple[str, ...],
    ) -> None:
        protocol = names[0]
        source, destination = client.zone, server.zone
        if source is None or destination is None or source == destination:
            return
        if self._conduits:
            if self._is_allowed(source, destination, names, classes, time_ns):
                return
            self._violation(ends, time_ns, source, destination, protocol, classes)
        first, second = self._zones.level(source), self._zones.level(destination)
        if first is None or second is None or abs(first - second) < SKIPPED_LEVELS:
            return
        if INTERNET not in (source, destination) and self._first(
            "purdue_skip", source, destination, protocol, ends.client_address, ends.server_address
        ):
            self._news.add(
                "ot_flow",
                "purdue_skip",
                ends,
                time_ns,
                "zones speak with those of the next level",
                f"{protocol} from {source} (level {first:g}) to {destination} (level {second:g})",
                None,
                {},
            )

    def _violation(
        self,
        ends: Ends,
        time_ns: int,
        source: str,
        destination: str,
        protocol: str,
        classes: tuple[str, ...],
    ) -> None:
        key = (source, destination, protocol, *classes, ends.client_address, ends.server_address)
        if not self._first("zone_violation", *key):
            return
        what = " ".join((protocol, *classes))
        self._news.add(
            "ot_flow",
            "zone_violation",
            ends,
            time_ns,
            f"no conduit from {source} to {destination} lets {what} pass",
            f"{what} from {source} to {destination}",
            None,
            {},
        )

    def _is_allowed(
        self,
        source: str,
        destination: str,
        names: tuple[str, ...],
        classes: tuple[str, ...],
        time_ns: int,
    ) -> bool:
        return any(
            conduit.source == source
            and conduit.destination == destination
            and (not conduit.protocols or not set(names).isdisjoint(conduit.protocols))
            and (not conduit.classes or not classes or set(classes) <= set(conduit.classes))
            and self._is_open(conduit, time_ns)
            for conduit in self._conduits
        )

    def _is_open(self, conduit: Conduit, time_ns: int) -> bool:
        if not conduit.days and not conduit.hours:
            return True
        moment = datetime.datetime.fromtimestamp(time_ns / 1e9, self._time_zone)
        if conduit.days and _DAYS[moment.weekday()] not in conduit.days:
            return False
        clock = f"{moment:%H:%M}"
        return not conduit.hours or any(_is_within(clock, span) for span in conduit.hours)

    def _first(self, *key: str | None) -> bool:
        told = tuple(part or "" for part in key)
        if told in self._told:
            return False
        if len(self._told) >= MAX_TOLD:
            del self._told[next(iter(self._told))]
        self._told[told] = None
        return True


def _names(transport: str, port: int) -> tuple[str, ...]:
    """What a conduit can call a flow that nobody dissects: by its port, or by whose port it is."""
    return (f"{transport}/{port}", *spoken_at(transport, port))


def _is_within(clock: str, span: str) -> bool:
    """Whether a clock is in `22:00-06:00`, which may go over midnight."""
    begin, _, end = span.partition("-")
    if begin <= end:
        return begin <= clock < end
    return clock >= begin or clock < end
