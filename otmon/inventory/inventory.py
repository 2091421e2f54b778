"""Who is on the network, at any moment: observations in, devices and what changed out.

An asset is a device. Observations are taken as they come, so that an event
knows its devices as they were when it happened; counts of an observation are
absolute, and a later one of the same thing replaces the earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from otmon.config import Config
from otmon.inventory.advisory import Advisories
from otmon.inventory.contest import Contests
from otmon.inventory.identities import Identities
from otmon.inventory.memory import Memory, Record
from otmon.inventory.news import News
from otmon.inventory.record import in_order
from otmon.inventory.roster import Roster
from otmon.inventory.segment import Segments, Vlan
from otmon.inventory.station import family
from otmon.inventory.traffic import Traffic
from otmon.inventory.view import Views
from otmon.inventory.watching import Watching
from otmon.model.event import NEVER_NS

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Claim, Conversation, Transaction
    from otmon.model.asset import Asset, Words
    from otmon.model.context import AssetFacts, Context
    from otmon.model.event import Event

SETTLED_NS = 600 * 1_000_000_000
"""How long a live run waits before it takes a device for replaced: it may only be silent."""


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
        own = config.detectors.address
        self.segments = Segments(config.segments, config.site.segment)
        self.advisories = Advisories()
        """The published weaknesses that devices are held against."""
        self._news = News()
        self._watching = Watching(watched_ns, learning_days)
        self._views = Views(self._watching, config, words or {})
        self._roster = Roster(
            config.site.name,
            self.segments,
            self._watching,
            self._views,
            self._news,
            Contests(self._news, self._watching, own.router_count if own.enabled else None),
            aliases or {},
        )
        self._find = self._roster.places.find
        self._identities = Identities(self._news, self._roster.merge)
        self._traffic = Traffic(
            config, self.segments, self._roster, self._watching, self._views, self._news
        )
        self._memory = Memory(self._roster, self._watching)
        self._memory.restore(remembered, self._identities, self._views)

    def configure(self, config: Config) -> None:
        """Takes segments, zones, conduits, networks and assets of a changed configuration.

        VLANs that are joined since wait for the next run.
        """
        for device in self._roster.everybody():
            device.changes()
        self._views.configure(config)
        self._traffic.configure(config)
        self.segments.configure(config.segments, config.site.segment)
        self._roster.sort_anew()

    # What was observed

    def address(self, address: Address) -> None:
        """Takes a pair of hardware and IP address, new, counted on, or seen for the last time.

        A device stays where the engine lets its address go: coming back it is no news.
        """
        self._roster.address(address)

    def claim(self, claim: Claim) -> None:
        """Takes something said about an asset, new or counted on."""
        device = self._find(claim.subject_ip, claim.subject_mac, self.segments.vlan(claim.vlan))
        if device is None:
            return
        if claim.unit is not None:
            device = device.nested.get((family(claim.protocol), claim.unit), device)
        device.changes()
        self._identities.claim(device, claim, self._views.words)

    def conversation(self, talk: Conversation) -> None:
        """Takes who talks to whom, new or counted on."""
        self._traffic.conversation(talk)

    def wants(self, behaviour: Behaviour) -> bool:
        """Whether a behaviour has to be shown to the inventory."""
        return self._traffic.wants(behaviour)

    def behaviour(self, behaviour: Behaviour, before: int = 0) -> None:
        """Takes what is done, new or counted on: what a station answers makes it known.

        Args:
            behaviour: What is done.
            before: How often it had been when it was shown last.
        """
        self._traffic.behaviour(behaviour, before)

    def finish(self) -> None:
        """The input has ended: judge what needed more of it, and keep all to the last second."""
        self._settle(NEVER_NS)
        self.save_again()

    def pause(self) -> None:
        """The input goes on: judge what has waited for long enough."""
        self._settle(self._watching.now_ns - SETTLED_NS)

    def _settle(self, until_ns: int) -> None:
        self._identities.settle(until_ns)
        self._roster.places.settle(until_ns)

    # What changed

    @property
    def has_news(self) -> bool:
        """Whether something changed that people may want to know."""
        return bool(self._news.waiting)

    def take_news(self) -> list[Event]:
        """What changed since the last time, oldest first."""
        return self._news.take()

    def inform(self, context: Context) -> None:
        """Gives the context that events of the inventory ask for their ends."""
        self._news.context = context

    # What is known

    def asset_id(self, ip: str | None, mac: str | None, vlan: Vlan) -> str | None:
        """The asset that has this address now, or none where it never sent a frame."""
        device = self._find(ip, mac, self.segments.vlan(vlan))
        return None if device is None else device.id

    def facts(self, ip: str | None, mac: str | None, vlan: Vlan) -> AssetFacts | None:
        """What is known of the device at an address so far; none where nobody is there."""
        device = self._find(ip, mac, self.segments.vlan(vlan))
        return None if device is None else self._views.facts(device)

    def name(self, ip: str | None, mac: str | None, vlan: Vlan) -> str | None:
        """What people call the device at an address; none where they call it nothing."""
        device = self._find(ip, mac, self.segments.vlan(vlan))
        return None if device is None else self._views.words.of(device).name

    def is_outside(self, ip: str) -> bool:
        """Whether the holder of an address is no part of the site."""
        return self._roster.is_outside(ip)

    def crosses(self, record: Behaviour | Transaction | Conversation, time_ns: int) -> bool:
        """Whether a record goes from zone to zone where no conduit of the site lets it pass."""
        return self._traffic.crosses(record, time_ns)

    @property
    def device_count(self) -> int:
        """How many devices there are so far, with those behind gateways."""
        return sum(1 for _ in self._roster.everybody())

    @property
    def forgotten_count(self) -> int:
        """Devices that went because there were too many."""
        return self._roster.forgotten_count

    def assets(self, file_name: Callable[[int], str]) -> tuple[Asset, ...]:
        """Every asset so far, ordered by address.

        Args:
            file_name: The path of an input file, by its number in frames.
        """
        devices = in_order(self._roster.everybody())
        return self.advisories.advise([self._views.asset(one, file_name) for one in devices])

    def remarks(self) -> Iterator[str]:
        """What there is to say of the configuration, now that all devices were seen."""
        if missing := self._views.words.unmatched(self._roster.everybody()):
            named = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            yield f"{len(missing)} of [[assets]] in the configuration match no device: {named}"

    # What is remembered

    def changed_records(self, file_name: Callable[[int], str]) -> Iterator[Record]:
        """What the next run has to know of the devices that changed since the last time."""
        return self._memory.changed(file_name)

    def forgotten(self) -> list[str]:
        """Ids of devices that were forgotten since the last time that all was saved."""
        return self._memory.forgotten()

    def saved(self) -> None:
        """What has changed, and who was forgotten, is known to the next run now."""
        self._memory.saved()

    def save_again(self) -> None:
        """Nothing of it was kept: all of it is what the next run has to know."""
        self._memory.save_again()

    @property
    def aliases(self) -> Mapping[str, str]:
        """Ids that were given up, each with the one that stands for it now."""
        return self._roster.aliases

    @property
    def watched_ns(self) -> int:
        """For how long the site has been watched, this run included."""
        return self._watching.total_ns
