"""Searches: for hosts, for ports, for industrial services; and floods of anything new.

A contact counts where nothing was exchanged: no answer at all, a refusal, or a
connection that was opened and closed again. A client whose contacts mostly lead
to an exchange is busy, not searching. On a tap that sees one direction only,
TCP clients go on after the answer that was not seen, so they do not count;
datagrams count only where the sensor is known to see answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Distinct, Json, Recent, Told, WindowCount, WindowSet
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding, finding_between, some_frames
from otmon.model.event import Event, Frame
from otmon.model.industrial import OT_PORTS
from otmon.model.observed import Ends
from otmon.thresholds import ScanThresholds

if TYPE_CHECKING:
    from otmon._engine import Conversation, NoReply

SECOND = 1_000_000_000
MAX_SOURCES = 4_096
"""Clients that are watched; the longest quiet goes first."""
MAX_WRITTEN, MAX_MEMBERS = 256, 512
"""Clients, and members of each of their sets, that are known over a restart."""
MAX_PAIRS = 16_384
"""Pairs of client and host of which the ports are counted."""
MIN_TWO_WAY = 3
"""Conversations with both directions from which the sensor is known to see answers."""
MIN_ATTEMPTS = 500
"""Attempts to connect to one port in a row below which they are no flood."""
MINUTE_NS = 60 * SECOND

_Target = tuple[str | None, int | None]


@dataclass(slots=True)
class _Source:
    """What one client tried lately."""

    hosts: WindowSet[str | None]
    slow_hosts: WindowSet[str | None]
    spoken: WindowSet[str | None]
    """Hosts with which something was exchanged, within the slow window."""
    services: WindowSet[str | None]
    opened: WindowCount
    total: Distinct = field(default_factory=Distinct)
    """All hosts that it tried in vain."""
    frames: tuple[Frame, ...] = ()

    def written(self) -> Json:
        """It as JSON; its latest members alone, where there are very many."""
        sets = (self.hosts, self.slow_hosts, self.spoken, self.services)
        members = [one.written()[-MAX_MEMBERS:] for one in sets]
        return [*members, self.opened.written(), self.total.written()[:MAX_MEMBERS]]

    def read(self, written: Json) -> _Source:
        """Takes what `written` gave; gives itself. Frames have other numbers then."""
        sets = (self.hosts, self.slow_hosts, self.spoken, self.services)
        for one, members in zip(sets, written, strict=False):
            one.read(members)
        self.opened.read(written[4])
        self.total.read(written[5])
        return self


class Scan(Detector):
    """Speaks when a client tries many hosts, ports or industrial services in vain."""

    name = "scan"
    version = 2
    categories = frozenset(("ot_flow", "ot_asset", "ot_anomaly"))
    says: ClassVar[Mapping[str, str]] = {
        "address_scan": "One client tries many hosts, and most do not answer.",
        "arp_scan": "One device asks by ARP for many addresses that nobody has.",
        "port_scan": "One client tries many ports of one host.",
        "service_sweep": "A client that speaks to none tries industrial ports of several hosts.",
        "novelty_flood": "More new conversations, or attempts at one, than any real client makes.",
    }
    watches = (
        "Conversations that came to nothing, ARP, and attempts to connect that nobody answers."
    )
    silent = (
        "Of clients most of whose contacts lead to an exchange, and of datagrams where one "
        "direction alone is seen."
    )

    def __init__(self, settings: ScanThresholds | None = None) -> None:
        self.settings = settings or ScanThresholds()
        self._sources: Recent[tuple[str | None, int | None], _Source] = Recent(MAX_SOURCES)
        self._two_way = 0
        self._heard: Recent[int | None, WindowCount] = Recent(MAX_SOURCES)
        """Devices that spoke by ARP for the first time, on each VLAN."""
        self._ports: Recent[tuple[str | None, str | None], WindowSet[tuple[str, int]]] = Recent(
            MAX_PAIRS
        )
        self._told: Told[tuple[str, str | None, str | None]] = Told(
            self.settings.repeat_s * SECOND, MAX_SOURCES
        )

    def wants(self, event: Event) -> bool:
        """Conversations, senders of ARP, what they do, and calls that nobody answers."""
        if event.category == "ot_anomaly":
            return hasattr(event.record, "open_count")
        return event.category == "ot_flow" or hasattr(event.record, "arp") or _is_arp(event)

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a conversation, an address, what a sender did by ARP, or calls in vain."""
        if event.category == "ot_asset":
            return self._arp(event)
        if event.category == "ot_anomaly":
            return list(self._calls(event))
        talk: Conversation = event.record
        source = self._sources.make((talk.client_address, talk.vlan), self._new)
        return self._judged(event, talk, source)

    def _judged(self, event: Event, talk: Conversation, source: _Source) -> Iterator[Event]:
        own = self.settings
        host, began_ns = talk.server_address, talk.first_seen_ns
        if talk.new and source.opened.add(began_ns) >= own.flood_count:
            yield from self._flood(event, talk, source)
        if not is_vain(talk):
            if talk.pdus or (talk.packets and not talk.one_sided):
                source.spoken.add(host, began_ns)
                self._two_way = min(self._two_way + 1, MIN_TWO_WAY)
            return
        if talk.transport != "tcp" and self._two_way < MIN_TWO_WAY:
            return
        source.frames = some_frames(source.frames, event.frames)
        if host not in source.slow_hosts:
            source.total.add(host)
        fast = source.hosts.add(host, began_ns)
        slow = source.slow_hosts.add(host, began_ns)
        if fast >= own.address_count:
            yield from self._address_scan(event, talk, source, fast, own.address_s)
        elif slow >= own.slow_address_count:
            yield from self._address_scan(event, talk, source, slow, own.slow_address_s)
        if (talk.transport, talk.server_port) in OT_PORTS:
            tried = source.services.add(host, began_ns)
            if tried >= own.service_count:
                yield from self._service_sweep(event, talk, source)
        ports = self._ports.make((talk.client_address, host), self._new_ports)
        count = ports.add((talk.transport, talk.server_port), began_ns)
        if count >= own.port_count:
            yield from self._port_scan(event, talk, source, count, own.port_s)
        elif count >= own.fast_port_count:
            since_ns = ports.at(count - own.fast_port_count)
            if began_ns - since_ns <= own.fast_port_s * SECOND:
                yield from self._port_scan(event, talk, source, count, own.fast_port_s)

    def _calls(self, event: Event) -> Iterator[Event]:
        """Attempts to connect to one port, which are one conversation however many there are."""
        call: NoReply = event.record
        lasted_s = max(call.time_ns - call.since_ns, SECOND) / SECOND
        if call.answered or call.open_count < self.settings.flood_count * lasted_s / 60:
            return
        key = ("novelty_flood", call.client_address, call.server_address)
        if call.open_count < MIN_ATTEMPTS or not self._told.may(key, event.time_ns):
            return
        yield finding(
            self,
            event,
            "novelty_flood",
            category="ot_anomaly",
            expected=f"fewer than {self.settings.flood_count} attempts to connect a minute",
            observed=f"{call.open_count} within {lasted_s:.0f} s that nobody answers",
            since_ns=call.since_ns,
        )

    def _arp(self, event: Event) -> Iterator[Event]:
        record = event.record
        if not _is_arp(event):
            if record.arp:
                self._heard.make(record.vlan, _minute).add(record.first_seen_ns)
            return
        # Who was asked for, had never spoken, and answers now, is there.
        heard = self._heard.make(record.vlan, _minute).at(event.time_ns)
        silent = record.silent_count - heard
        if silent < self.settings.arp_count:
            return
        if self._told.may(("arp_scan", record.mac, None), event.time_ns):
            yield finding(
                self,
                event,
                "arp_scan",
                category="ot_anomaly",
                expected=f"fewer than {self.settings.arp_count} addresses that nobody has",
                observed=f"{record.target_count} addresses asked for within a minute",
                since_ns=record.from_ns,
            )

    def _address_scan(
        self, event: Event, talk: Conversation, source: _Source, count: int, seconds: int
    ) -> Iterator[Event]:
        source.spoken.forget(event.time_ns)
        spoken = sum(1 for host in source.spoken.members() if host not in source.slow_hosts)
        if count < self.settings.unanswered_share * (count + spoken):
            return
        if not self._told.may(("address_scan", talk.client_address, None), talk.first_seen_ns):
            return
        yield self._found(
            event,
            talk,
            source,
            "address_scan",
            f"fewer than {self._limit(seconds)} hosts tried in vain within {seconds} s",
            f"{count} hosts within {seconds} s, {source.total.text()} in all; {spoken} answered",
        )

    def _limit(self, seconds: int) -> int:
        own = self.settings
        return own.address_count if seconds == own.address_s else own.slow_address_count

    def _service_sweep(self, event: Event, talk: Conversation, source: _Source) -> Iterator[Event]:
        source.spoken.forget(event.time_ns)
        count = sum(1 for host in source.services.members() if host not in source.spoken)
        if count < self.settings.service_count:
            return
        if not self._told.may(("service_sweep", talk.client_address, None), talk.first_seen_ns):
            return
        within = self.settings.service_s
        yield self._found(
            event,
            talk,
            source,
            "service_sweep",
            "a client of industrial devices speaks to those whose ports it opens",
            f"industrial ports of {count} hosts tried within {within} s, nothing exchanged",
        )

    def _port_scan(
        self, event: Event, talk: Conversation, source: _Source, count: int, within: int
    ) -> Iterator[Event]:
        if not self._told.may(
            ("port_scan", talk.client_address, talk.server_address), talk.first_seen_ns
        ):
            return
        yield self._found(
            event,
            talk,
            source,
            "port_scan",
            f"fewer than {count} ports of one host tried in vain",
            f"{count} ports within {within} s",
            server=True,
        )

    def _flood(self, event: Event, talk: Conversation, source: _Source) -> Iterator[Event]:
        count = source.opened.at(talk.first_seen_ns)
        if not self._told.may(("novelty_flood", talk.client_address, None), talk.first_seen_ns):
            return
        yield finding_between(
            self,
            Ends(
                client_ip=talk.client_ip,
                client_mac=talk.client_mac,
                vlan=talk.vlan,
                transport=talk.transport,
                frames=event.frames,
            ),
            talk.first_seen_ns,
            "novelty_flood",
            category="ot_anomaly",
            expected=f"fewer than {self.settings.flood_count} new conversations a minute",
            observed=f"{count} within a minute",
            near=event,
        )

    def _found(
        self,
        event: Event,
        talk: Conversation,
        source: _Source,
        type: str,
        expected: str,
        observed: str,
        *,
        server: bool = False,
    ) -> Event:
        ends = Ends(
            client_ip=talk.client_ip,
            client_mac=talk.client_mac,
            server_ip=talk.server_ip if server else None,
            server_mac=talk.server_mac if server else None,
            vlan=talk.vlan,
            transport=talk.transport,
            frames=source.frames,
        )
        time_ns = talk.first_seen_ns
        since_ns = source.slow_hosts.since_ns
        return finding_between(
            self,
            ends,
            time_ns,
            type,
            category="ot_anomaly",
            expected=expected,
            observed=observed,
            since_ns=since_ns,
            near=event,
        )

    def _new_ports(self) -> WindowSet[tuple[str, int]]:
        return WindowSet(self.settings.port_s * SECOND)

    def _new(self) -> _Source:
        own = self.settings
        return _Source(
            hosts=WindowSet(own.address_s * SECOND),
            slow_hosts=WindowSet(own.slow_address_s * SECOND),
            spoken=WindowSet(own.slow_address_s * SECOND),
            services=WindowSet(own.service_s * SECOND),
            opened=_minute(),
        )

    def memory(self) -> Json:
        """What was told, and what the latest of those who tried something in vain tried."""
        sources = [(key, one) for key, one in self._sources.items() if len(one.slow_hosts)]
        pairs = [(key, one) for key, one in self._ports.items() if len(one) > 1]
        return {
            "told": self._told.written(),
            "two_way": self._two_way,
            "sources": [[key, one.written()] for key, one in sources[-MAX_WRITTEN:]],
            "ports": [[key, one.written()[-MAX_MEMBERS:]] for key, one in pairs[-MAX_WRITTEN:]],
        }

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory["told"])
        self._two_way = memory["two_way"]
        self._sources.read(memory["sources"], lambda one: self._new().read(one))
        self._ports.read(memory["ports"], lambda one: self._new_ports().read(one))


def _is_arp(event: Event) -> bool:
    return hasattr(event.record, "silent_count")


def _minute() -> WindowCount:
    return WindowCount(MINUTE_NS)


def is_vain(talk: Conversation) -> bool:
    """Whether every flow of a conversation so far came to nothing.

    Datagrams to a group are no attempts: nobody has to answer.
    """
    if not talk.vain_count or talk.vain_count < talk.flow_count or talk.protocol is not None:
        return False
    return talk.transport == "tcp" or not _is_group(talk)


def _is_group(talk: Conversation) -> bool:
    ip, mac = talk.server_ip, talk.server_mac
    if mac is not None and int(mac[:2], 16) & 1:
        return True
    return ip is None or ip.endswith(".255") or ip.startswith("ff") or 224 <= _first(ip) <= 239


def _first(ip: str) -> int:
    head = ip.partition(".")[0]
    return int(head) if head.isdigit() else 0
