"""What a live sensor knows of how it is: its interfaces, its disk, its speed, its clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that is not well with the sensor."""

    kind: str
    """One of what the detector `sensor` says."""
    file: int
    """The interface, in the order in which they were named; 0 where it is about none."""
    from_ns: int
    """Since when."""
    until_ns: int
    """Packet time at which it was noticed."""
    expected: str
    """What would be well."""
    observed: str
    """What is so."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What an interface showed lately, and since the run began."""

    name: str
    running: bool
    packets: int
    packet_rate: float
    """Frames per second, over the last second."""
    bit_rate: float
    """Bits per second on the wire, over the last second."""
    dropped: int
    """Frames that the kernel or the driver lost."""
    lost_ns: int | None
    """Packet time of the last loss."""
    sent: int
    """Frames that this machine sent through it."""
    quiet_s: float | None
    """Seconds since its last frame; none before the first."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was not well with the sensor for a time."""

    key: str
    """What it is, the same for as long as it lasts."""
    words: str
    """The same for people, as it was said last."""
    began_ns: int
    """Packet time."""
    ended_ns: int | None = None
    """Packet time; none while it lasts."""
