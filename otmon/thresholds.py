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
    fast_port_count: int = 10
    """Ports of one host that one client tries within `fast_port_s`."""
    fast_port_s: int = 5
    """Seconds."""
    arp_count: int = 20
    """Addresses that one device asks for by ARP within a minute, and nobody has."""
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
    start_s: int = 600
    """Seconds from the beginning of a conversation within which a departure is one from the start.
    """
    habit_s: int = 3_600
    """Seconds after which a departure from the start is the habit of a device."""
    quirk_s: int = 7 * 86_400
    """Seconds after which one that came later is."""
    quirk_minutes: int = 10
    """Minutes of these in which it must have been seen."""


@dataclass(frozen=True, slots=True)
class ClockThresholds:
    """When a time that is written to a device is news."""

    enabled: bool = True
    """Whether it runs at all."""
    off_h: float = 24.0
    """Hours that it may be off: local time is up to 14, and a day's mistake is no attack."""


@dataclass(frozen=True, slots=True)
class UnauthenticatedThresholds:
    """When a change without authentication is news."""

    enabled: bool = True
    """Whether it runs at all."""
    habit_count: int = 3
    """Authenticated changes of the same kind before."""
    repeat_s: int = 3_600
    """Seconds in which the same master and outstation are told of once."""


@dataclass(frozen=True, slots=True)
class ReadbackThresholds:
    """When a value that reads back differently is news."""

    enabled: bool = True
    """Whether it runs at all."""
    habit_count: int = 5
    """Writes of an object that were read back before one that differs is news."""
    repeat_s: int = 3_600
    """Seconds in which the same object is told of once."""


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
    block_lists: int = 4_096
    """Lists of blocks, and projects, of controllers that are remembered."""


@dataclass(frozen=True, slots=True)
class PeriodicityThresholds:
    """When another pace is told."""

    enabled: bool = True
    """Whether it runs at all."""
    window_count: int = 60
    """Intervals in which the sensor must have seen well: three windows of twenty."""
    repeat_s: int = 3_600
    """Seconds until the same rhythm is told again."""


@dataclass(frozen=True, slots=True)
class WatchdogThresholds:
    """When silence is told."""

    enabled: bool = True
    """Whether it runs at all."""
    habit_s: int = 60
    """Seconds for which something must have come at its pace, so that it is missed."""
    call_count: int = 8
    """Calls in a row without an answer."""
    call_s: int = 10
    """Seconds that calls without an answer are waited with; twice, before they are told."""
    tap_share: float = 0.5
    """Share of the devices of an interface that stop together from which the tap has failed."""
    fold_s: int = 30
    """Seconds for which a silence that is certain waits for others that make one of it."""
    fleet_count: int = 3
    """Devices that fall silent together and are told as one."""
    fleet_share: float = 0.3
    """Share of the known devices for the same."""
    repeat_s: int = 3_600
    """Seconds until it is told again that silence cannot be judged."""


@dataclass(frozen=True, slots=True)
class JobsThresholds:
    """When a transfer that comes regularly is missed."""

    enabled: bool = True
    """Whether it runs at all."""
    run_count: int = 5
    """Runs from which on the next is expected."""
    period_s: int = 3_000
    """Seconds between two runs below which they are no job."""
    pause_s: int = 900
    """Seconds without a part of it from which on the next part begins another run."""
    spread: float = 0.1
    """Share of the period by which each interval may differ from it."""
    late_s: int = 900
    """Seconds that a run may be late at least."""


@dataclass(frozen=True, slots=True)
class SensorThresholds:
    """When the sensor says that it does not see well."""

    enabled: bool = True
    """Whether it runs at all."""
    silent_s: int = 30
    """Seconds without a frame below which nothing is said."""
    rhythm_count: int = 3
    """Steady rhythms that an interface must have, so that its silence means something."""
    drop_share: float = 0.001
    """Share of the frames of a minute that a mirror port lost."""
    min_dropped: int = 10
    """Frames lost within a minute below which nothing is said."""
    gap_share: float = 0.01
    """Share of the bytes of a minute that were not seen."""
    min_gap_bytes: int = 20_000
    """Bytes not seen below which nothing is said."""
    min_gap_frames: int = 500
    """Frames of a minute below which nothing is said of bytes that were not seen."""
    unread_share: float = 0.05
    """Share of the bytes of a minute that could not be read as the protocol of their flow."""
    min_unread_bytes: int = 2_000
    """Such bytes below which nothing is said."""
    one_sided_share: float = 0.8
    """Share of the frames of TCP flows without the other direction."""
    most_share: float = 0.3
    """Share of the frames of ten seconds that are copies, or cut short."""
    min_frames: int = 100
    """Frames in ten seconds below which shares are not judged."""
    captures: bool = False
    """Whether captures are judged like a live sensor: one direction, copies, cut frames, clocks."""
    repeat_s: int = 3_600
    """Seconds until the same is told again of an interface."""


@dataclass(frozen=True, slots=True)
class BoundaryThresholds:
    """What crosses into and out of control."""

    enabled: bool = True
    """Whether it runs at all."""
    min_pdus: int = 10
    """Messages on a port that is not theirs below which nothing is said."""
    min_packets: int = 20
    """Packets of something else on an industrial port below which nothing is said."""
    repeat_s: int = 86_400
    """Seconds until the same conversation is told again."""


@dataclass(frozen=True, slots=True)
class AuthThresholds:
    """Log-ins."""

    enabled: bool = True
    """Whether it runs at all."""
    repeat_s: int = 86_400
    """Seconds until the same weakness is told again."""


@dataclass(frozen=True, slots=True)
class AddressThresholds:
    """Addresses that move."""

    enabled: bool = True
    """Whether it runs at all."""
    unasked_count: int = 60
    """ARP messages of one device within a minute that nobody asked for."""
    shift_count: int = 4
    """Packets in one direction of a flow that look like another machine's."""
    router_count: int = 4
    """IP addresses of a device from which it answers for others."""
    held_s: int = 86_400
    """Seconds for which somebody who holds an address is taken to be there."""
    repeat_s: int = 3_600
    """Seconds until the same move is told again."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Hard limits of an object, set by a person."""

    server: str
    """IP or MAC address of the device."""
    object: str
    """The object, as alerts name it: `hr:100`."""
    low: float = field(default=float("-inf"), metadata={"signed": True})
    """The lowest value that is right."""
    high: float = field(default=float("inf"), metadata={"signed": True})
    """The highest value that is right."""


@dataclass(frozen=True, slots=True)
class ValueThresholds:
    """When a written value is not like those before."""

    enabled: bool = True
    """Whether it runs at all."""
    ready_count: int = 10
    """Writes of an object after which its values are known."""
    ready_s: int = 3_600
    """Seconds over which they must be spread."""
    set_count: int = 16
    """Distinct values up to which they are a set."""
    repeats: int = 3
    """How often each value must have been written on average, so that they are a set."""
    widen: float = 0.1
    """Share of its span by which a range is widened."""
    step_factor: float = 1.5
    """Times the largest change so far that a change must be above."""
    stuck_changes: int = 10
    """Changes after which it is known how long a value rests."""
    stuck_factor: float = 5.0
    """Times its longest rest that a value rests."""
    limits: tuple[Limit, ...] = ()
    """Hard limits of single objects."""


@dataclass(frozen=True, slots=True)
class SequenceThresholds:
    """When changes come in an order in which they never came."""

    enabled: bool = True
    """Whether it runs at all."""
    ready_count: int = 40
    """Transitions of a channel after which its order is known."""
    fit: float = 0.95
    """Share of the transitions that were known when they came."""
    near_count: int = 20
    """Transitions within which two unknown ones make one finding."""


@dataclass(frozen=True, slots=True)
class IndicatorThresholds:
    """Sightings of what stands on the site's lists."""

    enabled: bool = True
    """Whether it runs at all."""
    repeat_s: int = 3_600
    """Seconds until the same sighting is told again."""


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
    second_master: Switch = field(default_factory=Switch)
    clock: ClockThresholds = field(default_factory=ClockThresholds)
    report_disabled: Switch = field(default_factory=Switch)
    sensor: SensorThresholds = field(default_factory=SensorThresholds)
    periodicity: PeriodicityThresholds = field(default_factory=PeriodicityThresholds)
    watchdog: WatchdogThresholds = field(default_factory=WatchdogThresholds)
    jobs: JobsThresholds = field(default_factory=JobsThresholds)
    boundary: BoundaryThresholds = field(default_factory=BoundaryThresholds)
    auth: AuthThresholds = field(default_factory=AuthThresholds)
    address: AddressThresholds = field(default_factory=AddressThresholds)
    value: ValueThresholds = field(default_factory=ValueThresholds)
    unauthenticated: UnauthenticatedThresholds = field(default_factory=UnauthenticatedThresholds)
    readback: ReadbackThresholds = field(default_factory=ReadbackThresholds)
    sequence: SequenceThresholds = field(default_factory=SequenceThresholds)
    indicator: IndicatorThresholds = field(default_factory=IndicatorThresholds)

    @property
    def looks_at_points(self) -> bool:
        """Whether somebody wants to know what becomes of single points."""
        return self.readback.enabled or self.device_status.enabled
