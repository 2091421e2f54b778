"""The clocks of the site: local time, days of operating modes, maintenance windows."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from otmon.config import Config
from otmon.site_description import DAYS, Maintenance, Mode, spans

SECOND_NS = 1_000_000_000

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class End:
    """One end of what is done, by all that a window can name it by."""

    ip: str | None = None
    mac: str | None = None
    asset: str | None = None
    zone: str | None = None


class SiteCalendar:
    """What the configuration says of times."""

    def __init__(self, config: Config) -> None:
        self.zone = zoneinfo.ZoneInfo(config.site.time_zone)
        self._modes = {mode.name: _Days(mode) for mode in config.modes}
        names = {one.name: one.match for one in config.assets if one.name is not None}
        self._windows = [_Window(one, self.zone, names) for one in config.maintenance]
        self.has_windows = bool(self._windows)

    def site_time(self, time_ns: int) -> datetime.datetime:
        """A packet time on the clocks of the site."""
        return datetime.datetime.fromtimestamp(time_ns // SECOND_NS, self.zone)

    def hour_of_week(self, time_ns: int) -> int:
        """The hour of the week at a time: 0 is Monday's first."""
        now = self.site_time(time_ns)
        return now.weekday() * 24 + now.hour

    def holds(self, mode: str, time_ns: int) -> bool:
        """Whether days, dates and hours of an operating mode are those of a time."""
        return self._modes[mode].hold(self.site_time(time_ns))

    def window(
        self, time_ns: int, operation_class: str | None, client: End, server: End
    ) -> Maintenance | None:
        """The first maintenance window that names time, class, client and server."""
        now = None
        for one in self._windows:
            if one.names(operation_class, client, server):
                now = now or self.site_time(time_ns)
                if one.holds(time_ns, now):
                    return one.window
        return None


class _Days:
    """Days of the week, dates and hours on which something holds."""

    def __init__(self, of: Mode | Maintenance) -> None:
        self._days = frozenset(map(DAYS.index, of.days))
        self._dates = frozenset(of.dates if isinstance(of, Mode) else ())
        self._spans = tuple(spans(of.hours))

    def hold(self, now: datetime.datetime) -> bool:
        """Whether it holds at a time of the site."""
        minute = now.hour * 60 + now.minute
        if not self._spans:
            return self._has(now.date())
        return any(self._inside(now.date(), minute, *span) for span in self._spans)

    def _inside(self, day: datetime.date, minute: int, begin: int, end: int) -> bool:
        if begin < end:
            return begin <= minute < end and self._has(day)
        # Over midnight: what is after it belongs to the day on which it began.
        if minute >= begin:
            return self._has(day)
        return minute < end and self._has(day - datetime.timedelta(days=1))

    def _has(self, day: datetime.date) -> bool:
        if not self._days and not self._dates:
            return True
        return day.weekday() in self._days or day in self._dates


class _Window:
    """A maintenance window, ready to be asked."""

    def __init__(self, window: Maintenance, zone: datetime.tzinfo, names: dict[str, str]) -> None:
        self.window = window
        self._begin_ns = _nanoseconds(window.begin, zone)
        self._end_ns = _nanoseconds(window.end, zone)
        self._days = _Days(window)
        self._classes = frozenset(window.classes)
        self._clients = Ends(names.get(one, one) for one in window.clients)
        self._servers = Ends(names.get(one, one) for one in window.servers)
        self._zones = frozenset(window.zones)

    def names(self, operation_class: str | None, client: End, server: End) -> bool:
        """Whether it is about this, at whatever time."""
        return (
            (not self._classes or operation_class in self._classes)
            and (not self._zones or server.zone in self._zones)
            and self._clients.have(client)
            and self._servers.have(server)
        )

    def holds(self, time_ns: int, now: datetime.datetime) -> bool:
        """Whether it is at this time."""
        if self._begin_ns is not None and time_ns < self._begin_ns:
            return False
        if self._end_ns is not None and time_ns >= self._end_ns:
            return False
        return self._days.hold(now)


class Ends:
    """Ids, addresses and subnets that are named; none for any."""

    def __init__(self, named: Iterable[str]) -> None:
        words = [word.lower() for word in named]
        self._networks = tuple(_networks(words))
        self._words = frozenset(words)

    def have(self, end: End) -> bool:
        """Whether an end is among them."""
        if not self._words:
            return True
        if end.asset in self._words or (end.mac or "").lower() in self._words:
            return True
        return end.ip is not None and _inside(end.ip, self._networks)


@functools.lru_cache(maxsize=4_096)
def _inside(address: str, networks: Sequence[_Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


def _networks(words: Iterable[str]) -> Iterator[_Network]:
    for word in words:
        try:
            yield ipaddress.ip_network(word, strict=False)
        except ValueError:
            continue  # an id, a name or a hardware address


def _nanoseconds(moment: datetime.datetime | None, zone: datetime.tzinfo) -> int | None:
    if moment is None:
        return None
    placed = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return round(placed.timestamp()) * SECOND_NS
