"""`otmon.toml` as frozen dataclasses, with every default.

A key that is not known is an error that names the file, the line and the
nearest key that is: a misspelt threshold would otherwise never be noticed.
Durations say their unit in their name.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import ipaddress
import math
import os
import re
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from otmon import _engine
from otmon.dataclass import dataclass
from otmon.errors import ConfigError
from otmon.fields import OPERATION_CLASSES
from otmon.thresholds import Detectors
from otmon.toml_tables import TableReader

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week, as they are written in `days`."""

Moment = datetime.datetime
"""A date with a time; without an offset it is on the clocks of the site."""


@dataclass(frozen=True, slots=True)
class Site:
    """The plant as a whole."""

    name: str = "site"
    """What the site is called; part of the ids of its assets, so settle it before learning."""
    segment: str = "default"
    """The segment of frames without a VLAN id, or with one that no segment names; give each cell
    that uses the same addresses its own."""
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
    """Sensor interfaces, or capture files, that see it; empty for any."""
    vlans: tuple[int, ...] = ()
    """Outermost VLAN ids of it; empty for any."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Assets that belong together (IEC 62443); the first zone that fits holds."""

    name: str
    """What it is called."""
    level: float | None = None
    """Purdue level: 0, 1, 2, 3, 3.5, 4 or 5."""
    assets: tuple[str, ...] = ()
    """Ids, names, IP or MAC addresses of its members."""
    roles: tuple[str, ...] = ()
    """Roles of its members: `plc`, `hmi`."""
    subnets: tuple[str, ...] = ()
    """Address ranges of its members: `10.20.2.0/24`."""
    segments: tuple[str, ...] = ()
    """Segments of which everything belongs to it."""

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
    """What people call it."""
    role: str | None = None
    """What it is: `plc`, `engineering_station`; confirmed by being said here."""
    criticality: str | None = None
    """How much its loss would hurt: high, normal or low."""
    safety: bool | None = None
    """Whether it is part of a safety function."""
    zone: str | None = None
    """The zone that it belongs to, whatever its address."""
    vendor: str | None = None
    """Who made it."""
    model: str | None = None
    """What it is."""
    serial: str | None = None
    """The serial number on its type plate."""

    def __post_init__(self) -> None:
        if self.criticality not in (None, "high", "normal", "low"):
            raise ValueError(f"criticality {self.criticality!r} is none of high, normal, low")


_MEASURED = {"signed": True}


@dataclass(frozen=True, slots=True)
class Watched:
    """A value by which a controller shows in which mode the plant runs."""

    server: str
    """Id, name or address of the device that has it."""
    protocol: str
    """By which it is read or written: `modbus`, `s7comm`."""
    target: str
    """Where it is, as `otmon pdus` names single elements: `hr:200`, `coil:7`, `DB10:4`."""
    unit: int | None = None
    """The station behind the device; any, if left out."""
    value: float | None = field(default=None, metadata=_MEASURED)
    """What it is while the plant is in the mode; 1 and 0 for on and off."""
    low: float | None = field(default=None, metadata=_MEASURED)
    """The lowest such value, where there are several; none, if left out."""
    high: float | None = field(default=None, metadata=_MEASURED)
    """The highest one; none, if left out."""

    def __post_init__(self) -> None:
        known = [one.name for one in _engine.protocols()]
        if self.protocol not in known:
            near = difflib.get_close_matches(self.protocol, known, n=1)
            advice = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{self.protocol!r} is no protocol that is dissected{advice}")
        if (self.value is None) == (self.low is None and self.high is None):
            raise ValueError("it needs a value, or else low or high")
        if self.bounds[0] > self.bounds[1]:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value that it has in the mode."""
        if self.value is not None:
            return self.value, self.value
        return (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which the plant runs, with timing, values and order of its own.

    It is on while the calendar and the value that it names both say so; the first
    one in the file that is on holds.
    """

    name: str
    """What it is called."""
    days: tuple[str, ...] = ()
    """Days on which it runs: `mon` to `sun`; empty for all."""
    hours: tuple[str, ...] = ()
    """Spans in which it runs: `22:00-06:00`; empty for all day."""
    dates: tuple[datetime.date, ...] = ()
    """Single dates on which it runs, besides `days`."""
    when: Watched | None = None
    """A value that has to be seen: `{server = "10.0.0.7", protocol = "modbus",
    target = "hr:200", value = 3}`."""

    def __post_init__(self) -> None:
        _check_calendar(self.days, self.hours)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which somebody works on what it names.

    It hides nothing: it lowers the severity of exactly what it names, and
    nothing is learned inside it unless it says so.
    """

    name: str
    """What it is called; `maintenance.name` of events."""
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
    """The lists."""


@dataclass(frozen=True, slots=True)
class Advisories:
    """Published weaknesses that devices are held against; nothing is ever downloaded."""

    files: tuple[str, ...] = ()
    """CSAF 2.0 documents, tables, or folders of them."""


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
    """The time in which they begin."""
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
    """The Elasticsearch to which records are sent; nothing is, without `hosts`."""

    hosts: tuple[str, ...] = ()
    """Where it is: `https://es.example:9200`; with several, another is used when one is down."""
    ca_file: str | None = None
    """The certificate of its CA, in PEM; that of the system, if left out."""
    api_key_file: str | None = None
    """A file with the encoded API key, which only its owner can read. Without it the
    environment variable OTMON_ELASTIC_API_KEY is used."""
    allow_plaintext: bool = False
    """Whether `http://` is allowed to another machine: the key can be read on the way then."""
    namespace: str = "default"
    """The last part of the names of data streams: lower case, without a hyphen."""
    sensor: str | None = None
    """What this sensor is called; the name of the machine, if left out."""
    interval_seconds: float = 60.0
    """Over how much packet time operations and conversations are counted together."""
    operations: str = "summary"
    """`summary` sends operations as counts of each interval; `notable` also sends each one that
    changes something, was refused, had no answer or is odd, as far as the engine tells of it."""
    evidence_excerpt: bool = False
    """Whether an alert carries bytes of its first frames: of 10 at most, 512 of each, 4096 in all.
    Only then payload leaves the sensor."""
    outbox_mib: int = 2048
    """Room for what waits to be sent; alerts are never dropped for lack of it. On disk documents
    take up to half as much again."""
    outbox_max_age_hours: float = 720.0
    """After so long what could not be sent is dropped, and counted."""
    max_document_kib: int = 256
    """Larger documents lose what matters least, and are then refused."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_.]{1,100}", self.namespace):
            raise ValueError(
                f"namespace {self.namespace!r} has to be lower case letters, digits, _ and ."
            )
        if self.operations not in ("summary", "notable"):
            raise ValueError(f"operations {self.operations!r} has to be summary or notable")
        if not 1 <= self.interval_seconds <= 86_400:
            raise ValueError("interval_seconds has to be from 1 to 86400")


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
    backlog: int = 100_000
    """Observations that wait at most while rules are busy; more are left out and counted. Each
    takes about 1 kB of memory while it waits."""
    pdu_log: str | None = None
    """A folder for every PDU as JSON lines, in gzip; none are kept, if left out."""
    pdu_log_file_mib: int = 64
    """Size at which a file of it is full, in MiB."""
    pdu_log_mib: int = 4096
    """Room for all of them, in MiB; the oldest go first."""
    evidence_mib: int = 512
    """Room on disk for the frames behind alerts, in MiB; the oldest go first."""
    disk_free_mib: int = 1024
    """Free room beside the state below which its disk counts as nearly full, in MiB."""


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
    advisories: Advisories = field(default_factory=Advisories)
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
    # Imported here: most runs have no file.
    import tomllib

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
    reader = TableReader(place, text)
    config = reader.build(Config, table, ())
    return dataclasses.replace(config, path=place)


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
