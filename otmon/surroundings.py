"""What a run knows around an event, as it is asked for: devices, windows, quality, site time."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING

from otmon.inventory.inventory import Inventory
from otmon.model.context import Address, AssetFacts
from otmon.model.event import Event
from otmon.model.internet import PLAIN, Outside
from otmon.site_calendar import End, SiteCalendar

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Conversation, Transaction


class Surroundings:
    """The context of every event of a run."""

    def __init__(
        self,
        inventory: Inventory,
        calendar: SiteCalendar,
        quality: Callable[[Event], str] | None = None,
        is_outside: Outside = PLAIN,
    ) -> None:
        self._inventory = inventory
        self._quality = quality
        self._calendar = calendar
        self.is_outside = is_outside
        """Whether the holder of an address is no part of the site, by the address alone."""

    def asset(self, address: Address) -> AssetFacts | None:
        """What is known so far of the device at an address."""
        return self._inventory.facts(address.ip, address.mac, address.vlan)

    def maintenance(self, event: Event) -> str | None:
        """The name of the window that names client, server and class at the event's time."""
        if not self._calendar.has_windows:
            return None
        client, server = self._end(event, "source"), self._end(event, "destination")
        window = self._calendar.window(event.time_ns, event.operation_class, client, server)
        return None if window is None else window.name

    def forbids_learning(self, record: Behaviour | Transaction | Conversation) -> bool:
        """Whether a window names a record, and nothing is learned in it."""
        time_ns = record.time_ns if hasattr(record, "time_ns") else record.last_seen_ns
        window = self._calendar.window(
            time_ns,
            getattr(record, "operation_class", None),
            self._end_of(record.client_ip, record.client_mac, record.vlan),
            self._end_of(record.server_ip, record.server_mac, record.vlan),
        )
        return window is not None and not window.learn

    def quality(self, event: Event) -> str:
        """How well the event's flow is seen: good, lossy, one_sided or blind."""
        return "good" if self._quality is None else self._quality(event)

    def site_time(self, time_ns: int) -> datetime.datetime:
        """The packet time on the clocks of the site."""
        return self._calendar.site_time(time_ns)

    def _end_of(self, ip: str | None, mac: str | None, vlan: int | None) -> End:
        facts = self._inventory.facts(ip, mac, vlan)
        return End(
            ip, mac, None if facts is None else facts.id, None if facts is None else facts.zone
        )

    def _end(self, event: Event, end: str) -> End:
        facts = event.facts(end)
        return End(
            event.text(f"{end}.ip"),
            event.text(f"{end}.mac"),
            None if facts is None else facts.id,
            None if facts is None else facts.zone,
        )
