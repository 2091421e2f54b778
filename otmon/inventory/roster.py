"""The devices there are: they come, are confirmed, move, merge, and are forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from otmon.inventory import joining, telling
from otmon.inventory.device import Device
from otmon.inventory.identity import asset_id
from otmon.inventory.places import Places
from otmon.inventory.watching import DAY_NS

if TYPE_CHECKING:
    from otmon._engine import Address
    from otmon.inventory.contest import Contests
    from otmon.inventory.device import Place
    from otmon.inventory.news import News
    from otmon.inventory.segment import Frame, Segments, Vlan
    from otmon.inventory.view import Views
    from otmon.inventory.watching import Watching

MAX_DEVICES = 65_536
"""Devices kept though the engine has let their addresses go."""
MAX_ADDRESSES = 64
"""The same of the addresses of one device."""
MAX_UNCONFIRMED = 10_000
"""Devices kept that never answered; the one seen first goes first."""
CONFIRMED_FRAMES = 3
CONFIRMED_NS = 10 * 1_000_000_000
"""Frames, and the time between the first and the last, that confirm a device without an answer."""


class Roster:
    """Keeps every device by its id, and by the addresses at which it is found."""

    def __init__(
        self,
        site: str,
        segments: Segments,
        watching: Watching,
        views: Views,
        news: News,
        contests: Contests,
        aliases: Mapping[str, str],
    ) -> None:
        """Takes what a device is made of, and who is told of one.

        Args:
            site: The name of the site.
            segments: In which addresses are unique.
            watching: Whether the site is known, so that what is new is news.
            views: What people and the site say of devices.
            news: Who is told of what devices do.
            contests: Who is told of addresses that two have.
            aliases: Ids of devices that turned out to be another.
        """
        self._site = site
        self._segments = segments
        self._watching = watching
        self._views = views
        self._news = news
        self._aliases = dict(aliases)
        self._devices: dict[str, Device] = {}
        """Every device but those that were merged into another, by id."""
        self._unconfirmed: OrderedDict[str, Device] = OrderedDict()
        self._made = 0
        self.forgotten: list[str] = []
        """Ids of devices that were forgotten, though the site memory may have them."""
        self.forgotten_count = 0
        """Devices that went because there were too many."""
        self.meets_outside = False
        """Whether somebody is no part of the site."""
        self.places = Places(self, contests, views.is_outside)

    # Who there is

    def everybody(self) -> Iterator[Device]:
        """Every device, each followed by the stations behind it."""
        for device in self._devices.values():
            yield from device.everybody()

    def get(self, id: str) -> Device | None:
        """The device of an id; none where there is none, or it goes by another id now."""
        return self._devices.get(id)

    def current(self, id: str) -> str:
        """The id that stands for one that may have been given up."""
        seen = 0
        while id in self._aliases and seen < len(self._aliases):
            id, seen = self._aliases[id], seen + 1
        return id

    @property
    def aliases(self) -> Mapping[str, str]:
        """Ids that were given up, each with the one that stands for it now."""
        return {old: self.current(new) for old, new in self._aliases.items()}

    def next_number(self) -> int:
        """The number of the device that is made next."""
        self._made += 1
        return self._made - 1

    def restore(self, device: Device, places: Iterable[Place]) -> None:
        """Takes a device that the site remembers, and where it was found."""
        self._made = max(self._made, device.number + 1)
        gateway = device.gateway
        if not device.confirmed and gateway is None:
            # Nobody knew it for a device: when it shows to be one, that is news.
            device.new = True
            self._unconfirmed[device.id] = device
        if gateway is not None and device.protocol is not None and device.unit is not None:
            gateway.nested[device.protocol, device.unit] = device
            return
        self._devices[device.id] = device
        for vlan, ip, mac in places:
            # Another cell may have the same addresses.
            if self._segments.may_be(vlan, device.segment):
                self.places.restore(device, (vlan, ip, mac))

    def sort_anew(self) -> None:
        """Segments and networks have changed: gives each device its segment, and who is outside."""
        for device in self.everybody():
            owner = device.gateway or device
            if not self._segments.may_be(owner.vlan, device.segment):
                device.segment = self._segments.of(owner.vlan, owner.frame)
            if device.routed:
                device.public = any(map(self.is_outside, device.ips))

    # What is seen of them

    def address(self, seen: Address) -> None:
        """Takes a pair of hardware and IP address, new, counted on, or seen for the last time."""
        vlan = self._segments.vlan(seen.vlan)
        if seen.left and not self.places.knows(seen, vlan):
            return
        self._watching.goes_on(seen.first_seen_ns, seen.last_seen_ns)
        device = self.places.note(seen, vlan)
        if device is None:
            return
        if not device.seen_now:
            self._seen_again(device, seen.first_seen_ns)
        span_ns = seen.last_seen_ns - seen.first_seen_ns
        if not device.confirmed and seen.packets >= CONFIRMED_FRAMES and span_ns >= CONFIRMED_NS:
            self.confirm(device, seen.last_seen_ns)
        if seen.left and device.confirmed:
            self._let_go(device, seen, vlan)

    def confirm(self, device: Device, time_ns: int) -> None:
        """It is a device for sure; that is news where nobody knows it."""
        self.note_confirmed(device)
        if not device.new or device.gateway is not None or device.public:
            return
        telling.appeared(self._news, device, self._views.facts(device).vendor, time_ns)

    def note_confirmed(self, device: Device) -> None:
        """It is a device for sure, and no news."""
        device.confirmed = True
        self._unconfirmed.pop(device.id, None)

    def _seen_again(self, device: Device, time_ns: int) -> None:
        state = self._views.state(device)
        absent_ns = self._watching.absent_before_ns(device)
        device.seen_now = True
        device.taken_over = False
        if state in ("gone", "archived"):
            days = absent_ns // DAY_NS
            away = "taken out of service" if state == "archived" else f"not seen for {days} days"
            telling.returned(self._news, device, away, time_ns)

    def _let_go(self, device: Device, seen: Address, vlan: Vlan) -> None:
        """Keeps memory bounded where the addresses of devices are more than the engine keeps."""
        passes_by = device.public and not (device.peers() or device.stations)
        if len(device.ips) > MAX_ADDRESSES:
            self.places.let_go(device, seen, vlan)
        elif passes_by or len(self._devices) > MAX_DEVICES:
            self._forget(device)

    def _forget(self, device: Device) -> None:
        self.places.forget(device)
        self._devices.pop(device.id, None)
        device.forgotten = True
        if device.saved or device.remembered is not None:
            self.forgotten.append(device.id)
        self.forgotten_count += 1

    # What placing an address makes of them

    def make(self, vlan: Vlan, key: str, frame: Frame | None) -> Device:
        """A device that was not there before, seen in a frame."""
        segment = self._segments.of(vlan, frame)
        number = self.next_number()
        device = Device(asset_id(self._site, segment, key), number, segment, vlan, key)
        device.seen_now = True
        device.new = self._watching.knows
        self._devices[device.id] = device
        self._unconfirmed[device.id] = device
        if len(self._unconfirmed) > MAX_UNCONFIRMED:
            _, oldest = self._unconfirmed.popitem(last=False)
            self._forget(oldest)
        return device

    def move(self, old: Device, new: Device, ip: str) -> None:
        """What was taken for one device is two: what an IP said and did goes with it."""
        old.changes()
        new.changes()
        joining.take_along(old, new, ip)
        if old.confirmed and not new.confirmed:
            self.note_confirmed(new)

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
        self.places.repoint(gone, kept)
        return kept

    def moved(self, device: Device, vlan: Vlan, seen: Address) -> None:
        """A device is in another segment now, and no longer in the one before."""
        before = device.segment
        device.changes()
        device.vlan = vlan
        device.segment = self._segments.of(vlan, seen.frame)
        if self._watching.knows:
            telling.moved(self._news, device, before, seen)

    def is_outside(self, ip: str) -> bool:
        """Whether the holder of an address is no part of the site."""
        outside = self._views.is_outside(ip)
        self.meets_outside = self.meets_outside or outside
        return outside

    def forwards(self, router: Device, seen: Address) -> None:
        """A router sent what somebody behind it had to say."""
        router.seen(seen.first_seen_ns, seen.last_seen_ns)
        if not router.confirmed and seen.packets >= CONFIRMED_FRAMES:
            self.confirm(router, seen.last_seen_ns)
