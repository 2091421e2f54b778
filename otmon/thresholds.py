"""Thresholds and switches of the detectors: the tables `[detectors.<name>]` of `otmon.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ScanThresholds:
    """When many contacts are a search."""

    enabled: bool = True
    """Whether it runs at all."""
    address_count: int = 20
    """Hosts that one client tries within `address_s`."""
    address_s: int = 60
    """Seconds."""
    slow_address_count: int = 50
    """Hosts that one client tries within `slow_address_s`."""
    slow_address_s: int = 600
    """Seconds."""
    port_count: int = 15
    """Ports of one host that one client tries within `port_s`."""
    port_s: int = 60
    """Seconds."""
    arp_count: int = 20
    """Addresses that one device asks for by ARP within `arp_s`, and nobody has."""
    arp_s: int = 60
    """Seconds."""
    service_count: int = 4
    """Hosts whose industrial ports a client tries within `service_s` without speaking to one."""
    service_s: int = 120
    """Seconds."""
    unanswered_share: float = 0.6
    """Share of the contacts that came to nothing from which they are a search."""
    flood_count: int = 3_000
    """New conversations and behaviours of one client within a minute that are a flood."""
    repeat_s: int = 3_600
    """Seconds until the same search is told again."""


@dataclass(frozen=True, slots=True)
class ExceptionsThresholds:
    """When refusals are news."""

    enabled: bool = True
    """Whether it runs at all."""
    habit_count: int = 200
    """Operations of a conversation after which it has habits."""
    habit_s: int = 3_600
    """Seconds that a conversation must have been watched for the same."""
    rate_factor: float = 5.0
    """Times the highest rate so far that a rate must be above."""
    rate_count: int = 20
    """Refusals of one server within `rate_s` below which a rate is none."""
    rate_s: int = 300
    """Seconds."""


@dataclass(frozen=True, slots=True)
class ConformanceThresholds:
    """How often the same departure from a specification is told."""

    enabled: bool = True
    """Whether it runs at all."""
    every_s: int = 60
    """Seconds in which one kind of departure of one flow is one event."""


@dataclass(frozen=True, slots=True)
class DeviceStatusThresholds:
    """What devices say of themselves."""

    enabled: bool = True
    """Whether it runs at all."""
    flap_s: int = 300
    """Seconds that a condition must be away before its return is news."""


@dataclass(frozen=True, slots=True)
class ProgramThresholds:
    """Programs, firmware and files on their way."""

    enabled: bool = True
    """Whether it runs at all."""
    programs: int = 20_000
    """Transferred things of which the digest is remembered."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A detector without thresholds."""

    enabled: bool = True
    """Whether it runs at all."""


@dataclass(frozen=True, slots=True)
class Detectors:
    """One table for each detector; `enabled = false` switches it off."""

    scan: ScanThresholds = field(default_factory=ScanThresholds)
    exceptions: ExceptionsThresholds = field(default_factory=ExceptionsThresholds)
    conformance: ConformanceThresholds = field(default_factory=ConformanceThresholds)
    device_status: DeviceStatusThresholds = field(default_factory=DeviceStatusThresholds)
    program: ProgramThresholds = field(default_factory=ProgramThresholds)
    first_change: Switch = field(default_factory=Switch)
    newcomer: Switch = field(default_factory=Switch)
    report_disabled: Switch = field(default_factory=Switch)
