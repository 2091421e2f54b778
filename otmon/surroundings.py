"""What a run knows around an event, as it is asked for: devices, windows, quality, site time."""

from __future__ import annotations

import datetime

from otmon.inventory.inventory import Inventory
from otmon.model.context import Address, AssetFacts
from otmon.model.event import Event
from otmon.site_calendar import End, SiteCalendar


class Surroundings:
    """The context of every event of a run."""

    def __init__(self, inventory: Inventory, calendar: SiteCalendar) -> None:
        self._inventory = inventory
        self._calendar = calendar

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

    def quality(self, event: Event) -> str:
        """Good, until somebody measures it."""
        return "good"

    def site_time(self, time_ns: int) -> datetime.datetime:
        """The packet time on the clocks of the site."""
        return self._calendar.site_time(time_ns)

    def _end(self, event: Event, end: str) -> End:
        facts = event.facts(end)
        return End(
            event.text(f"{end}.ip"),
            event.text(f"{end}.mac"),
            None if facts is None else facts.id,
            None if facts is None else facts.zone,
        )
