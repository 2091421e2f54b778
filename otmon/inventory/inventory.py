"""Who is on the network, at any moment: observations in, devices and what changed out.

An asset is a device. Observations are taken as they come, so that an event
knows its devices as they were when it happened; counts of an observation are
absolute, and a later one of the same thing replaces the earlier.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from otmon.config import Config
from otmon.inventory import joining, telling
from otmon.inventory.advisory import Advisories
from otmon.inventory.contest import Contests
from otmon.inventory.crossing import Crossings
from otmon.inventory.device import Device
from otmon.inventory.identities import Identities
from otmon.inventory.identity import asset_id
from otmon.inventory.memory import Record, device_of, record_of
from otmon.inventory.news import News
from otmon.inventory.places import Places
from otmon.inventory.record import asset_of, facts_of, in_order, standing_of
from otmon.inventory.role import RELAYS, SERVERS, Roles, roles_of
from otmon.inventory.segment import Frame, Segments, Vlan
from otmon.inventory.station import Stations, family
from otmon.inventory.words import WordBook
from otmon.inventory.zone import Zones
from otmon.model.event import NEVER_NS
from otmon.model.service import service_of

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Claim, Conversation, Transaction
    from otmon.model.asset import Asset, Words
    from otmon.model.context import AssetFacts, Context, Standing
    from otmon.model.event import Event

MAX_DEVICES = 65_536
"""Devices kept though the engine has let their addresses go."""
MAX_ADDRESSES = 64
"""The same of the addresses of one device."""
MAX_UNCONFIRMED = 10_000
"""Devices kept that never answered; the one seen first goes first."""
CONFIRMED_FRAMES = 3
CONFIRMED_NS = 10 * 1_000_000_000
"""Frames, and the time between the first and the last, that confirm a device without an answer."""
DAY_NS = 86_400 * 1_000_000_000
STALE_NS = 7 * DAY_NS
"""Time of watching without a frame after which a device is stale."""
GONE_NS = 30 * DAY_NS
"""The same after which it is gone."""
SETTLED_NS = 600 * 1_000_000_000
"""How long a live run waits before it takes a device for replaced: it may only be silent."""
SERVICE_PACKETS = 4
"""Packets of a conversation from which it was more than an attempt."""

AWAY = frozenset(("gateway_path_unavailable", "gateway_target_failed_to_respond"))
"""What only gateways answer: Modbus exceptions 10 and 11 [S]."""

ENGINEERING = frozenset(
    (
        "program_download",
        "program_upload",
        "program_delete",
        "firmware_update",
        "mode_start",
        "mode_stop",
        "mode_other",
        "config_write",
        "file_write",
        "lock",
    )
)
"""What only engineering tools do."""


class Inventory:
    """Takes observations in the order of their time, and knows the devices so far."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        remembered: Iterable[Record] = (),
        aliases: Mapping[str, str] | None = None,
        words: Mapping[str, Words] | None = None,
        watched_ns: int = 0,
        learning_days: float | None = None,
    ) -> None:
        """Takes what the site says, and what it remembers.

        Args:
            config: Site, segments, zones, conduits and assets.
            remembered: The devices of earlier runs.
            aliases: Ids of devices that turned out to be another.
            words: What people said of assets, by id.
            watched_ns: For how long the site has been watched before.
            learning_days: After so many days of watching what is new is news; none
                where it is as soon as something is remembered.
        """
        config = config or Config()
        self._site = config.site.name
        self.segments = Segments(config.segments, config.site.segment)
        self.advisories = Advisories()
        """The published weaknesses that devices are held against."""
        self._devices: dict[str, Device] = {}
        """Every device but those that were merged into another, by id."""
        self._news = News()
        self._kept_words = dict(words or {})
        self._learning_ns = None if learning_days is None else round(learning_days * DAY_NS)
        self._watches = False
        self.configure(config)
        self._watched_ns = watched_ns
        self._began_ns: int | None = None
        self._now_ns = 0
        self._aliases = dict(aliases or {})
        self._unconfirmed: OrderedDict[str, Device] = OrderedDict()
        self._identities = Identities(self._news, self.merge)
        self._stations = Stations(
            self._site, self._news, self._next_number, lambda: self.knows, self._note_confirmed
        )
        self._forgotten: list[str] = []
        self.forgotten_count = 0
        """Devices that went because there were too many."""
        self._places = Places(
            self,
            Contests(
                self._news,
                lambda: self.knows,
                config.detectors.address.router_count if config.detectors.address.enabled else None,
            ),
            lambda ip: self._zones.is_outside(ip),
        )
        self._made = 0
        self._remembers = False
        self._remember(remembered)

    def configure(self, config: Config) -> None:
        """Takes segments, zones, conduits, networks and assets of a configuration.

        The first or a changed one; of a changed one VLANs that are joined since wait for
        the next run.
        """
        for device in self._everybody():
            device.changes()
        self._zones = Zones(config.zones, config.site.networks)
        zone = ZoneInfo(config.site.time_zone)
        self._crossings = Crossings(self._zones, config.conduits, self._news, zone)
        self._words = WordBook(config.assets, self._kept_words)
        self._watches = self._watches or bool(self._zones) or self._learning_ns is not None
        self.segments.configure(config.segments, config.site.segment)
        for device in self._everybody():
            owner = device.gateway or device
            if not self.segments.may_be(owner.vlan, device.segment):
                device.segment = self.segments.of(owner.vlan, owner.frame)
            if device.routed:
                device.public = any(map(self.is_outside, device.ips))

    # What was observed

    def address(self, address: Address) -> None:
        """Takes a pair of hardware and IP address, new, counted on, or seen for the last time.

        A device stays where the engine lets its address go: coming back it is no news.
        """
        vlan = self.segments.vlan(address.vlan)
        if address.left and not self._places.knows(address, vlan):
            return
        self._pass(address.first_seen_ns, address.last_seen_ns)
        device = self._places.note(address, vlan)
        if device is None:
            return
        if not device.seen_now:
            self._seen_again(device, address.first_seen_ns)
        span_ns = address.last_seen_ns - address.first_seen_ns
        if not device.confirmed and address.packets >= CONFIRMED_FRAMES and span_ns >= CONFIRMED_NS:
            self._confirm(device, address.last_seen_ns)
        if address.left and device.confirmed:
            self._let_go(device, address, vlan)

    def claim(self, claim: Claim) -> None:
        """Takes something said about an asset, new or counted on."""
        vlan = self.segments.vlan(claim.vlan)
        device = self._places.find(claim.subject_ip, claim.subject_mac, vlan)
        if device is None:
            return
        if claim.unit is not None:
            device = device.nested.get((family(claim.protocol), claim.unit), device)
        device.changes()
        self._identities.claim(device, claim, self._words)

    def conversation(self, talk: Conversation) -> None:
        """Takes who talks to whom, new or counted on."""
        vlan, number = self.segments.vlan(talk.vlan), talk.id
        client = self._places.find(talk.client_ip, talk.client_mac, vlan)
        server = self._places.find(talk.server_ip, talk.server_mac, vlan)
        if talk.answered_count or (talk.packets and not talk.one_sided):
            for device in (client, server):
                if device is not None and not device.confirmed:
                    self._confirm(device, talk.last_seen_ns)
        if talk.protocol is None:
            self._other_traffic(talk, client, server)
            return
        if client is not None:
            client.changes()
            client.activity.asks(talk, client.client_talks.get(number))
            _keep(talk, client.client_talks)
            if client.remembered is not None:
                self._role_changed(client, talk)
        if server is not None:
            server.changes()
            server.activity.answers(talk, server.server_talks.get(number))
            _keep(talk, server.server_talks)

    def wants(self, behaviour: Behaviour) -> bool:
        """Whether a behaviour has to be shown to the inventory."""
        return behaviour.unit is not None or (self._watches and behaviour.new)

    def behaviour(self, behaviour: Behaviour, before: int = 0) -> None:
        """Takes what is done, new or counted on: what a station answers makes it known.

        Args:
            behaviour: What is done.
            before: How often it had been when it was shown last.
        """
        vlan = self.segments.vlan(behaviour.vlan)
        server = self._places.find(behaviour.server_ip, behaviour.server_mac, vlan)
        if self._watches and behaviour.new:
            self._watch(behaviour, server, vlan)
        unit = behaviour.unit
        if unit is None or server is None:
            return
        if behaviour.status in AWAY and RELAYS not in server.activity.services:
            server.changes()
            server.activity.services.add(RELAYS)
        if behaviour.status != "ok":
            return
        self._stations.answers(server, behaviour, unit, before)

    def finish(self) -> None:
        """The input has ended: judge what needed more of it, and keep all to the last second."""
        self._settle(NEVER_NS)
        self.save_again()

    def pause(self) -> None:
        """The input goes on: judge what has waited for long enough."""
        self._settle(self._now_ns - SETTLED_NS)

    def _settle(self, until_ns: int) -> None:
        self._identities.settle(until_ns)
        self._places.settle(until_ns)

    # What is known

    @property
    def knows(self) -> bool:
        """Whether the site is known, so that what is new is news."""
        if self._learning_ns is None:
            return self._remembers
        return self.watched_ns >= self._learning_ns

    @property
    def has_news(self) -> bool:
        """Whether something changed that people may want to know."""
        return bool(self._news)

    def take_news(self) -> list[Event]:
        """What changed since the last time, oldest first."""
        return self._news.take()

    def inform(self, context: Context) -> None:
        """Gives the context that events of the inventory ask for their ends."""
        self._news.context = context

    def crosses(self, record: Behaviour | Transaction | Conversation, time_ns: int) -> bool:
        """Whether a record goes from zone to zone where no conduit of the site lets it pass."""
        if not self._crossings.has_conduits:
            return False
        vlan = record.vlan
        client = self.facts(record.client_ip, record.client_mac, vlan)
        server = self.facts(record.server_ip, record.server_mac, vlan)
        if client is None or server is None:
            return False
        return self._crossings.is_forbidden(record, client.zone, server.zone, time_ns)

    def asset_id(self, ip: str | None, mac: str | None, vlan: Vlan) -> str | None:
        """The asset that has this address now, or none where it never sent a frame."""
        device = self._places.find(ip, mac, self.segments.vlan(vlan))
        return None if device is None else device.id

    def facts(self, ip: str | None, mac: str | None, vlan: Vlan) -> AssetFacts | None:
        """What is known of the device at an address so far; none where nobody is there."""
        device = self._places.find(ip, mac, self.segments.vlan(vlan))
        return None if device is None else self._facts(device)

    def name(self, ip: str | None, mac: str | None, vlan: Vlan) -> str | None:
        """What people call the device at an address; none where they call it nothing."""
        device = self._places.find(ip, mac, self.segments.vlan(vlan))
        return None if device is None else self._words.of(device).name

    @property
    def device_count(self) -> int:
        """How many devices there are so far, with those behind gateways."""
        return sum(1 for _ in self._everybody())

    def assets(self, file_name: Callable[[int], str]) -> tuple[Asset, ...]:
        """Every asset so far, ordered by address.

        Args:
            file_name: The path of an input file, by its number in frames.
        """
        return self.advisories.advise(
            [
                asset_of(
                    device,
                    self._words.of(device),
                    self._roles(device),
                    self._zones,
                    self.state_of(device),
                    file_name,
                )
                for device in in_order(self._everybody())
            ]
        )

    def remarks(self) -> Iterator[str]:
        """What there is to say of the configuration, now that all devices were seen."""
        if missing := self._words.unmatched(self._everybody()):
            named = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            yield f"{len(missing)} of [[assets]] in the configuration match no device: {named}"

    def state_of(self, device: Device) -> str:
        """`active`, `stale`, `gone`, or `archived` by a person's word."""
        if self._words.of(device).archived:
            return "archived"
        if device.taken_over:
            return "stale"
        if device.seen_now:
            absent_ns = self._now_ns - device.last_ns
        else:
            absent_ns = self._watched_ns + self._span_ns() - device.mark_ns
        if absent_ns >= GONE_NS:
            return "gone"
        return "stale" if absent_ns >= STALE_NS else "active"

    # What is remembered

    def changed_records(self, file_name: Callable[[int], str]) -> Iterator[Record]:
        """What the next run has to know of the devices that changed since the last time."""
        total = self.watched_ns
        for device in self._everybody():
            if not device.seen_now:
                continue
            device.mark_ns = total - max(0, self._now_ns - device.last_ns)
            stamp = device.stamp()
            if stamp != device.saved:
                device.saved = stamp
                yield record_of(device, file_name)

    def forgotten(self) -> list[str]:
        """Ids of devices that were forgotten since the last time that all was saved."""
        return [*self._forgotten]

    def saved(self) -> None:
        """What has changed, and who was forgotten, is known to the next run now."""
        self._forgotten.clear()

    def save_again(self) -> None:
        """Nothing of it was kept: all of it is what the next run has to know."""
        for device in self._everybody():
            # What was kept before may be there all the same.
            device.saved = device.saved and (0,)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Ids that were given up, each with the one that stands for it now."""
        return {old: self._current(new) for old, new in self._aliases.items()}

    @property
    def watched_ns(self) -> int:
        """For how long the site has been watched, this run included."""
        return self._watched_ns + self._span_ns()

    def _remember(self, records: Iterable[Record]) -> None:
        # Gateways first: a station may have come before what it stands behind now.
        for record in sorted(records, key=lambda record: record["gateway"] is not None):
            gateway = None if record["gateway"] is None else self._devices.get(record["gateway"])
            device = device_of(record, gateway)
            self._made = max(self._made, device.number + 1)
            self._remembers = True
            if not device.confirmed and gateway is None:
                # Nobody knew it for a device: when it shows to be one, that is news.
                device.new = True
                self._unconfirmed[device.id] = device
            if gateway is not None and device.protocol is not None and device.unit is not None:
                gateway.nested[device.protocol, device.unit] = device
            else:
                self._devices[device.id] = device
                for vlan, ip, mac in record["places"]:
                    # Another cell may have the same addresses.
                    if self.segments.may_be(vlan, device.segment):
                        self._places.restore(device, (vlan, ip, mac))
            self._watches = True
        for device in self._everybody():
            device.remembered = self._roles(device).shown
            device.asked_before = bool(device.activity.asked)
            if device.gateway is None:
                self._identities.remember(device)
        for device in list(self._devices.values()):
            for other in self._words.of(device).merge:
                own, same = self._devices.get(self._current(device.id)), self._devices.get(other)
                if own is not None and same is not None and own is not same:
                    self.merge(own, same)

    def _everybody(self) -> Iterator[Device]:
        for device in self._devices.values():
            yield from device.everybody()

    def _facts(self, device: Device) -> AssetFacts:
        facts = device.facts
        if facts is None:
            words = self._words.of(device)
            later = functools.partial(self._standing, device)
            facts = device.facts = facts_of(device, words, _settled(words), later)
        return facts

    def _standing(self, device: Device) -> Standing:
        return standing_of(device, self._words.of(device), self._roles(device), self._zones)

    def _roles(self, device: Device) -> Roles:
        return roles_of(device, _settled(self._words.of(device)))

    def _current(self, asset: str) -> str:
        seen = 0
        while asset in self._aliases and seen < len(self._aliases):
            asset, seen = self._aliases[asset], seen + 1
        return asset

    def _pass(self, first_ns: int, last_ns: int) -> None:
        if self._began_ns is None or first_ns < self._began_ns:
            self._began_ns = first_ns
        if last_ns > self._now_ns:
            self._now_ns = last_ns

    def _span_ns(self) -> int:
        return 0 if self._began_ns is None else max(0, self._now_ns - self._began_ns)

    # Devices come, move and merge

    def make(self, vlan: Vlan, key: str, frame: Frame | None) -> Device:
        """A device that was not there before, seen in a frame."""
        segment = self.segments.of(vlan, frame)
        number = self._next_number()
        device = Device(asset_id(self._site, segment, key), number, segment, vlan, key)
        device.seen_now = True
        device.new = self.knows
        self._devices[device.id] = device
        self._unconfirmed[device.id] = device
        if len(self._unconfirmed) > MAX_UNCONFIRMED:
            _, oldest = self._unconfirmed.popitem(last=False)
            self._forget(oldest)
        return device

    def _forget(self, device: Device) -> None:
        self._places.forget(device)
        self._devices.pop(device.id, None)
        device.forgotten = True
        if device.saved or device.remembered is not None:
            self._forgotten.append(device.id)
        self.forgotten_count += 1

    def _let_go(self, device: Device, address: Address, vlan: Vlan) -> None:
        """Keeps memory bounded where the addresses of devices are more than the engine keeps."""
        passes_by = device.public and not (device.peers() or device.stations)
        if len(device.ips) > MAX_ADDRESSES:
            self._places.let_go(device, address, vlan)
        elif passes_by or len(self._devices) > MAX_DEVICES:
            self._forget(device)

    def move(self, old: Device, new: Device, ip: str) -> None:
        """What was taken for one device is two: what an IP said and did goes with it."""
        old.changes()
        new.changes()
        joining.take_along(old, new, ip)
        if old.confirmed and not new.confirmed:
            new.confirmed = True
            self._unconfirmed.pop(new.id, None)

    def merge(self, first: Device, second: Device) -> Device:
        """Two devices are one: the older keeps its id, the other's becomes an alias."""
        kept, gone = (first, second) if first.number < second.number else (second, first)
        kept.changes()
        gone.changes()
        joining.join(kept, gone)
        gone.merged_into = kept
        self._devices.pop(gone.id, None)
        self._unconfirmed.pop(gone.id, None)
        self._aliases[gone.id] = kept.id
        self._places.repoint(gone, kept)
        return kept

    def moved(self, device: Device, vlan: Vlan, seen: Address) -> None:
        """A device is in another segment now, and no longer in the one before."""
        before = device.segment
        device.changes()
        device.vlan = vlan
        device.segment = self.segments.of(vlan, seen.frame)
        if self.knows:
            telling.moved(self._news, device, before, seen)

    def is_outside(self, ip: str) -> bool:
        """Whether the holder of an address is no part of the site."""
        outside = self._zones.is_outside(ip)
        self._watches = self._watches or outside
        return outside

    def forwards(self, router: Device, seen: Address) -> None:
        """A router sent what somebody behind it had to say."""
        router.seen(seen.first_seen_ns, seen.last_seen_ns)
        if not router.confirmed and seen.packets >= CONFIRMED_FRAMES:
            self._confirm(router, seen.last_seen_ns)

    def _next_number(self) -> int:
        self._made += 1
        return self._made - 1

    def _note_confirmed(self, device: Device) -> None:
        device.confirmed = True
        self._unconfirmed.pop(device.id, None)

    def _confirm(self, device: Device, time_ns: int) -> None:
        self._note_confirmed(device)
        if not device.new or device.gateway is not None or device.public:
            return
        telling.appeared(self._news, device, self._facts(device).vendor, time_ns)

    def _seen_again(self, device: Device, time_ns: int) -> None:
        state = self.state_of(device)
        absent_ns = self._watched_ns - device.mark_ns
        device.seen_now = True
        device.taken_over = False
        if state in ("gone", "archived"):
            days = absent_ns // DAY_NS
            away = "taken out of service" if state == "archived" else f"not seen for {days} days"
            telling.returned(self._news, device, away, time_ns)

    # What devices do

    def _other_traffic(
        self, talk: Conversation, client: Device | None, server: Device | None
    ) -> None:
        if talk.packets < SERVICE_PACKETS or talk.one_sided:
            return
        service = service_of(talk.transport, talk.server_port)
        if service is not None:
            if client is not None and f"uses {service}" not in client.activity.services:
                client.changes()
                client.activity.services.add(f"uses {service}")
            if server is not None and f"serves {service}" not in server.activity.services:
                server.changes()
                server.activity.services.add(f"serves {service}")
        if self._zones and client is not None and server is not None:
            ends = ((client, self._facts(client)), (server, self._facts(server)))
            self._crossings.conversation(talk, *ends)

    def _watch(self, behaviour: Behaviour, server: Device | None, vlan: Vlan) -> None:
        """Looks at what is done for the first time: by whom, and across which border."""
        client = self._places.find(behaviour.client_ip, behaviour.client_mac, vlan)
        if client is None or server is None:
            return
        if behaviour.answered:
            for device in (client, server):
                if not device.confirmed:
                    self._confirm(device, behaviour.first_seen_ns)
        if client.new and behaviour.operation_class in ENGINEERING and not client.transient_told:
            self._transient(client, behaviour)
        if self._zones or client.public or server.public:
            ends = ((client, self._facts(client)), (server, self._facts(server)))
            self._crossings.behaviour(behaviour, *ends)

    def _transient(self, client: Device, behaviour: Behaviour) -> None:
        if self._words.of(client).accepted:
            return
        client.transient_told = True
        telling.transient(self._news, client, behaviour)

    def _role_changed(self, client: Device, talk: Conversation) -> None:
        """A known device asks others for the first time, though it was one that is asked."""
        known = client.remembered or ()
        if client.role_told or client.asked_before or not SERVERS.intersection(known):
            return
        if any(role not in SERVERS and role != "gateway" for role in known):
            return
        client.role_told = True
        telling.asks(self._news, client, known, talk)


def _settled(words: Words) -> tuple[str, ...]:
    """The roles that a person settled."""
    settled = words.roles
    if words.safety and "safety_controller" not in settled and _is_controller(settled):
        return (*settled, "safety_controller")
    return settled


def _keep(talk: Conversation, talks: dict[int, Conversation]) -> None:
    """Keeps the latest of a conversation until the engine lets it go."""
    if talk.left:
        talks.pop(talk.id, None)
    else:
        talks[talk.id] = talk


def _is_controller(roles: tuple[str, ...]) -> bool:
    return not roles or bool(SERVERS.intersection(roles))
