"""The operating modes of a site: which one it is in, by its calendar and by values that it shows.

A value is known from when it was seen until another one is seen at the same place.
A restart goes on with the last one.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from otmon import _engine
from otmon.config import Config
from otmon.model.statement import ANY_MODE
from otmon.model.target import elements
from otmon.site_calendar import End, Ends, SiteCalendar
from otmon.site_description import Watched

if TYPE_CHECKING:
    from otmon._engine import Transaction

MEMORY = "operating_modes"
"""The name under which a state keeps the values that were seen last."""
MAX_CHANGES = 256
"""Changes of a value that are remembered: who asks for a time before them gets the oldest."""
_SPACE = re.compile(r"[a-z][a-z0-9_]*|DB[0-9]+")
"""Spaces that the engine spells as people do."""
_ADDRESS = re.compile(r"(\d+)(?:-(\d+))?")

Asset = Callable[[str | None, str | None, int | None], str | None]
"""Gives the asset id of IP, MAC and VLAN."""


class OperatingModes:
    """Which mode a site is in, at any time up to what was seen last."""

    def __init__(self, config: Config, calendar: SiteCalendar, asset: Asset) -> None:
        """Takes the modes of a configuration, the first that fits going before the others."""
        names = {one.name: one.match for one in config.assets if one.name is not None}
        self._calendar = calendar
        self._modes = [
            (mode, None if mode.when is None else _Point(mode.when, names, asset))
            for mode in config.modes
        ]
        self._points = [point for _, point in self._modes if point is not None]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._modes)

    @property
    def watches(self) -> bool:
        """Whether one of them depends on a value."""
        return bool(self._points)

    def take(self, operation: Transaction) -> None:
        """Takes an operation: it may show a value that is watched."""
        for point in self._points:
            point.take(operation)

    def at(self, time_ns: int) -> str:
        """The mode at a time: the first that fits, else `any`."""
        for mode, point in self._modes:
            if (point is None or point.holds(time_ns)) and self._calendar.holds(mode.name, time_ns):
                return mode.name
        return ANY_MODE

    def inherit(self, before: OperatingModes) -> None:
        """Goes on with what others have seen of the same places."""
        for point in self._points:
            for other in before._points:
                if point.place == other.place:
                    point.times, point.values = other.times, other.values

    def memory(self) -> Any:
        """The value that was seen last at each place."""
        return [[*point.place, point.times[-1], point.values[-1]] for point in self._seen()]

    def restore(self, memory: Any) -> None:
        """Takes what `memory` gave."""
        for *place, time_ns, value in memory:
            for point in self._points:
                if [*point.place] == place:
                    point.times, point.values = [time_ns], [value]

    def _seen(self) -> Iterator[_Point]:
        seen: set[tuple[Any, ...]] = set()
        for point in self._points:
            if point.times and point.place not in seen:
                seen.add(point.place)
                yield point


class _Point:
    """A place that shows in which mode the site is."""

    def __init__(self, when: Watched, names: dict[str, str], asset: Asset) -> None:
        self._when = when
        self._server = Ends([names.get(when.server, when.server)])
        self._asset = asset
        self._low, self._high = when.bounds
        self.place = (when.server, when.protocol, when.unit, when.target)
        self.times: list[int] = []
        self.values: list[float] = []

    def take(self, operation: Transaction) -> None:
        when = self._when
        if operation.protocol != when.protocol or operation.status != "ok":
            return
        if when.unit is not None and operation.unit != when.unit:
            return
        values = operation.values
        names = elements(operation.targets, len(values))
        if when.target not in names:
            return
        ip, mac, vlan = operation.server_ip, operation.server_mac, operation.vlan
        if not self._server.have(End(ip, mac, self._asset(ip, mac, vlan), None)):
            return
        value = values[names.index(when.target)]
        if isinstance(value, (bool, int, float)):
            self._note(operation.time_ns, float(value))

    def _note(self, time_ns: int, value: float) -> None:
        if self.values and (value == self.values[-1] or time_ns < self.times[-1]):
            return
        self.times.append(time_ns)
        self.values.append(value)
        if len(self.times) > MAX_CHANGES:
            del self.times[0], self.values[0]

    def holds(self, time_ns: int) -> bool:
        """Whether the value at a time is the one of the mode."""
        at = bisect.bisect_right(self.times, time_ns) - 1
        return bool(self.times) and self._low <= self.values[max(at, 0)] <= self._high


def wanted_of_modes(config: Config) -> list[_engine.Wanted]:
    """What has to be seen each time that it changes, for the modes of a site."""
    return [_wanted(mode.when) for mode in config.modes if mode.when is not None]


def _wanted(when: Watched) -> _engine.Wanted:
    space, _, place = when.target.partition(":")
    address = _ADDRESS.fullmatch(place.partition(".")[0])
    addresses = None
    if address is not None:
        first = int(address[1])
        addresses = (first, int(address[2] or first))
    return _engine.Wanted(
        when.protocol,
        unit=when.unit,
        space=space if _SPACE.fullmatch(space) else None,
        addresses=addresses,
        changes=True,
    )
