"""`otmon.toml` as frozen dataclasses, with every default.

A key that is not known is an error that names the file, the line and the
nearest key that is: a misspelt threshold would otherwise never be noticed.
Durations say their unit in their name.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import functools
import ipaddress
import os
import re
import tomllib
import types
import typing
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from otmon.errors import ConfigError
from otmon.fields import OPERATION_CLASSES
from otmon.thresholds import Detectors

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week, as they are written in `days`."""

Moment = datetime.datetime
"""A date with a time; without an offset it is on the clocks of the site."""


@dataclass(frozen=True, slots=True)
class Site:
    """The plant as a whole."""

    name: str = "site"
    """What the site is called; part of the ids of its assets, so settle it before learning."""
    time_zone: str = "UTC"
    """IANA name of the time zone on the site's clocks: `Europe/Vienna`."""
    networks: tuple[str, ...] = ()
    """Public address ranges that are the site's own: they are no public peers."""

    def __post_init__(self) -> None:
        try:
            zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time_zone {self.time_zone!r} is no time zone known here") from error
        for network in self.networks:
            ipaddress.ip_network(network, strict=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the network in which addresses are unique."""

    name: str
    """What it is called; two entries with one name are joined."""
    interfaces: tuple[str, ...] = ()
    """Sensor interfaces that see it; empty for any."""
    vlans: tuple[int, ...] = ()
    """Outermost VLAN ids of it; empty for any."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Assets that belong together (IEC 62443); the first zone that fits holds."""

    name: str
    level: float | None = None
    """Purdue level: 0, 1, 2, 3, 3.5, 4 or 5."""
    assets: tuple[str, ...] = ()
    """Ids, names, IP or MAC addresses of its members."""
    roles: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in (None, 0, 1, 2, 3, 3.5, 4, 5):
            raise ValueError(f"level {self.level:g} is none of 0, 1, 2, 3, 3.5, 4, 5")
        for subnet in self.subnets:
            ipaddress.ip_network(subnet, strict=False)


@dataclass(frozen=True, slots=True)
class Conduit:
    """A path between two zones that is allowed (IEC 62443)."""

    source: str = field(metadata={"key": "from"})
    """The zone of the clients."""
    destination: str = field(metadata={"key": "to"})
    """The zone of the servers."""
    protocols: tuple[str, ...] = ()
    """Protocols that may pass; empty for any."""
    classes: tuple[str, ...] = ()
    """Operation classes that may pass; empty for any."""
    days: tuple[str, ...] = ()
    """Days on which it is open: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it is open: `06:00-14:00`; empty for all day."""

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        _check_calendar(self.days, self.hours)


@dataclass(frozen=True, slots=True)
class AssetWords:
    """What a person knows of an asset; it wins over whatever traffic says."""

    match: str
    """Its id, IP or MAC address."""
    name: str | None = None
    role: str | None = None
    criticality: str | None = None
    """How much its loss would hurt: high, normal or low."""
    safety: bool | None = None
    """Whether it is part of a safety function."""
    zone: str | None = None

    def __post_init__(self) -> None:
        if self.criticality not in (None, "high", "normal", "low"):
            raise ValueError(f"criticality {self.criticality!r} is none of high, normal, low")


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which the plant runs, with timing, hours and values of its own."""

    name: str
    days: tuple[str, ...] = ()
    """Days on which it runs: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it runs: `22:00-06:00`; empty for all day."""
    dates: tuple[datetime.date, ...] = ()
    """Single dates on which it runs, besides `days`."""

    def __post_init__(self) -> None:
        _check_calendar(self.days, self.hours)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which somebody works on what it names.

    It hides nothing: it lowers the severity of exactly what it names, and
    nothing is learned inside it unless it says so.
    """

    name: str
    begin: Moment | None = field(default=None, metadata={"key": "from"})
    """When it begins; always, if left out."""
    end: Moment | None = field(default=None, metadata={"key": "to"})
    """When it ends; never, if left out."""
    days: tuple[str, ...] = ()
    """Days on which it comes back: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it comes back: `02:00-04:00`; empty for all day."""
    clients: tuple[str, ...] = ()
    """Ids or IP addresses of those who work, or subnets; empty for any."""
    servers: tuple[str, ...] = ()
    """Ids or IP addresses of what they work on, or subnets; empty for any."""
    zones: tuple[str, ...] = ()
    """Zones of what they work on; empty for any."""
    classes: tuple[str, ...] = ()
    """Operation classes of the work; empty for any."""
    learn: bool = False
    """Whether what happens inside is learned as normal."""

    def __post_init__(self) -> None:
        _check_classes(self.classes)
        _check_calendar(self.days, self.hours)
        if self.begin is None and self.end is None and not (self.days or self.hours):
            raise ValueError("a window needs from and to, or days or hours on which it comes back")
        if not (self.clients or self.servers or self.zones):
            raise ValueError("a window names clients, servers or zones: it is not for everything")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site says about rules, in data alone."""

    directories: tuple[str, ...] = ()
    """Folders with rules of the site."""
    filters: tuple[str, ...] = ()
    """Sigma filter files: exceptions with reason, author and expiry."""
    disabled: tuple[str, ...] = ()
    """Ids or titles of rules that are off."""
    experimental: bool = False
    """Whether rules of status `experimental` are used."""
    severities: Mapping[str, str] = field(default_factory=dict)
    """Level by id or title of a rule: critical, high, medium, low, informational."""


@dataclass(frozen=True, slots=True)
class Indicators:
    """Local lists of addresses, names, hashes and byte marks; nothing is ever downloaded."""

    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """How what is normal is learned."""

    learning_days: float = 14.0
    """After so many days an edge is enforced even if it is not saturated."""
    asset_learning_days: float = 7.0
    """So long an asset that was accepted later learns on its own."""
    quiet_hours: float = 24.0
    """An edge is saturated when nothing new was seen on it for so long."""
    expire_days: float = 90.0
    """What was not seen for so long is novel when it comes again."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """When matches are one alert, and when an alert is told again."""

    idle_minutes: float = 60.0
    """A match this long after the last one of its alert is a new sighting."""
    span_hours: float = 24.0
    """A match this long after the first one of its sighting is a new one."""
    storm_keys: int = 50
    """More alerts of one rule than this within `storm_minutes` are one storm."""
    storm_minutes: float = 10.0
    related_minutes: float = 30.0
    """Alerts that share a client or a server within this time are related."""
    mute_days: float = 30.0
    """How long a mute lasts unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class State:
    """The file in which the site is remembered, and for how long."""

    path: str | None = None
    """Where it is; `--state` goes before it."""
    closed_alert_days: float = 365.0
    """How long closed alerts are kept, in days of packet time."""
    max_alerts: int = 100_000
    """Alerts kept at most; the closed ones that were quiet longest go first."""
    checkpoint_seconds: float = 5.0
    """How often a live run writes what has changed."""


@dataclass(frozen=True, slots=True)
class Elastic:
    """The Elasticsearch to which records are sent."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """The sensor that watches a network."""

    interfaces: tuple[str, ...] = ()
    """What is captured; `--interface` goes before it."""
    filter: str | None = None
    """What of it, in the words of tcpdump: `not port 22`. Everything, if left out."""
    ring_mib: int = 64
    """Room for frames that wait, for each interface, in MiB."""
    evidence_ring_mib: int = 64
    """Room in memory for the latest frames, of which those behind an alert are saved, in MiB."""
    pdu_log: str | None = None
    """A folder for every PDU as JSON lines, in gzip; none are kept, if left out."""
    pdu_log_file_mib: int = 64
    """Size at which a file of it is full, in MiB."""
    pdu_log_mib: int = 4096
    """Room for all of them, in MiB; the oldest go first."""
    evidence_mib: int = 512
    """Room on disk for the frames behind alerts, in MiB; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that `otmon.toml` can say."""

    site: Site = field(default_factory=Site)
    segments: tuple[Segment, ...] = ()
    zones: tuple[Zone, ...] = ()
    conduits: tuple[Conduit, ...] = ()
    assets: tuple[AssetWords, ...] = ()
    modes: tuple[Mode, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    detectors: Detectors = field(default_factory=Detectors)
    rules: Rules = field(default_factory=Rules)
    indicators: Indicators = field(default_factory=Indicators)
    baseline: Baseline = field(default_factory=Baseline)
    alerts: Alerts = field(default_factory=Alerts)
    state: State = field(default_factory=State)
    elastic: Elastic = field(default_factory=Elastic)
    monitor: Monitor = field(default_factory=Monitor)
    path: Path | None = field(default=None, metadata={"key": None})
    """The file that was read; relative paths in it start at its folder."""

    def __post_init__(self) -> None:
        names = {zone.name for zone in self.zones}
        for conduit in self.conduits:
            for name in (conduit.source, conduit.destination):
                if name not in names:
                    raise ValueError(f"conduits: {name!r} is no zone of this file")

    def place(self, path: str) -> Path:
        """A path as the configuration file means it."""
        folder = Path() if self.path is None else self.path.parent
        return folder / Path(path).expanduser()


def load(path: str | os.PathLike[str] | None) -> Config:
    """What a configuration file says; the defaults where there is none.

    Raises:
        ConfigError: The file cannot be read, is no TOML, or has a key or a
            value that cannot be used.
    """
    if path is None:
        return Config()
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(
            f"The configuration {place} cannot be read: {reason}. Name another with --config."
        ) from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{place} is no TOML: {error}. Correct that line, then try again."
        ) from error
    reader = _Reader(place, text)
    config = reader.build(Config, table, ())
    return dataclasses.replace(config, path=place)


Built = TypeVar("Built")
_Where = tuple[str | int, ...]
"""The keys that lead to a value, with the place in a list of tables."""


class _Reader:
    """Turns tables into dataclasses, and says where something is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def build(self, kind: type[Built], table: Mapping[str, Any], where: _Where) -> Built:
        """A dataclass from its table; `where` are the keys that lead to it."""
        known = dict(_keys(typing.cast(Any, kind)))
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                advice = f"Did you mean {near[0]!r}?" if near else f"Known: {_listed(known)}."
                raise self._error((*where, key), f"{key!r} is not known here. {advice}")
        values = {
            known[key][0]: self._value(known[key][1], value, (*where, key))
            for key, value in table.items()
        }
        for key, (name, _, required) in known.items():
            if required and name not in values:
                raise self._error(where, f"{key!r} is missing. Add it.")
        try:
            return kind(**values)
        except ValueError as error:
            raise self._error(where, f"{error}. Correct it.") from error

    def _value(self, kind: Any, value: Any, where: _Where) -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            (kind,) = (arg for arg in args if arg is not type(None))
            return self._value(kind, value, where)
        if origin is tuple:
            if not isinstance(value, list):
                raise self._error(where, f"{_name(where)!r} is a list. Put it in brackets.")
            return tuple(
                self._value(args[0], item, (*where, place) if isinstance(item, dict) else where)
                for place, item in enumerate(value)
            )
        if origin is not None:
            self._expect(isinstance(value, dict), "a table", where)
            return types.MappingProxyType(
                {key: self._value(args[1], item, (*where, key)) for key, item in value.items()}
            )
        if dataclasses.is_dataclass(kind):
            self._expect(isinstance(value, dict), "a table", where)
            return self.build(typing.cast("type[Any]", kind), value, where)
        if kind is float and type(value) is int:
            value = float(value)
        if kind is datetime.date:
            self._expect(type(value) is datetime.date, "a date such as 2026-12-24", where)
            return value
        self._expect(type(value) is kind, _KINDS[kind], where)
        if isinstance(value, int | float) and value < 0:
            raise self._error(where, f"{_name(where)!r} is below zero. Give it a size.")
        return value

    def _expect(self, right: bool, what: str, where: _Where) -> None:
        if not right:
            raise self._error(where, f"{_name(where)!r} has to be {what}. Correct it.")

    def _error(self, where: _Where, what: str) -> ConfigError:
        line = self._line(where)
        place = f"{self._path}:{line}" if line else f"{self._path}"
        inside = ".".join(part for part in where[:-1] if isinstance(part, str))
        return ConfigError(f"{place}: {f'[{inside}] ' if inside else ''}{what}")

    def _line(self, where: _Where) -> int | None:
        """The line of a key, or of the table it is in, as far as that can be found."""
        names = [part for part in where if isinstance(part, str)]
        nth = next((part for part in reversed(where) if isinstance(part, int)), 0)
        table, key = ".".join(names[:-1]), names[-1] if names else ""
        current, headings, found = "", 0, None
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
                current = re.sub(r"[\"' ]", "", header[1])
                if current in (table, ".".join(names)) and current:
                    headings += 1
                    if headings == nth + 1:
                        found = number
            elif (
                current == table
                and headings in (0, nth + 1)
                and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line)
            ):
                return number
        return found


def _name(where: _Where) -> str:
    return next((part for part in reversed(where) if isinstance(part, str)), "")


_KINDS: Mapping[Any, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    datetime.datetime: "a date with a time such as 2026-12-24T06:00:00",
}


@functools.cache
def _keys(kind: Any) -> Mapping[str, tuple[str, Any, bool]]:
    """Of each key of a table the attribute, its type, and whether it must be there."""
    hints = get_type_hints(kind)
    keys = {}
    for part in dataclasses.fields(kind):
        key = part.metadata.get("key", part.name)
        if key is not None:
            required = (
                part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING
            )
            keys[key] = (part.name, hints[part.name], required)
    return keys


def _listed(keys: Mapping[str, Any]) -> str:
    return ", ".join(keys) or "nothing yet"


def _check_classes(classes: tuple[str, ...]) -> None:
    for name in classes:
        if name not in OPERATION_CLASSES:
            near = difflib.get_close_matches(name, OPERATION_CLASSES, n=1)
            advice = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{name!r} is no operation class{advice}")


def _check_calendar(days: tuple[str, ...], hours: tuple[str, ...]) -> None:
    for day in days:
        if day not in DAYS:
            raise ValueError(f"{day!r} is none of {', '.join(DAYS)}")
    for _ in spans(hours):
        pass


def spans(hours: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Each span of hours as minutes of the day; one over midnight ends before it begins.

    Raises:
        ValueError: One is not written as `06:00-14:00`.
    """
    for span in hours:
        found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", span)
        if found is None:
            raise ValueError(f"{span!r} is no span of hours such as 06:00-14:00")
        first_h, first_m, last_h, last_m = map(int, found.groups())
        if (
            first_h > 23
            or last_h > 24
            or first_m > 59
            or last_m > 59
            or last_h * 60 + last_m > 1440
        ):
            raise ValueError(f"{span!r} is no span of hours such as 06:00-14:00")
        yield first_h * 60 + first_m, last_h * 60 + last_m
