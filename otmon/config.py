"""`otmon.toml` as frozen dataclasses, with every default.

A key that is not known is an error that names the file, the line and the
nearest key that is: a misspelt threshold would otherwise never be noticed.
Durations say their unit in their name.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otmon.errors import ConfigError
from otmon.site_description import AssetWords, Conduit, Maintenance, Mode, Segment, Site, Zone
from otmon.thresholds import Detectors
from otmon.toml_tables import TableReader


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
    tags: tuple[str, ...] = ()
    """Words of your own that stand on every document of this sensor: `["hall-2", "batch"]`."""
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
    take up to twice as much."""
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
    pdu_log_days: float = 0
    """Days of packet time after which a file of it goes; 0 for as long as there is room."""
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
