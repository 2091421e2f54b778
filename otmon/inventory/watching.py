"""For how long a site has been watched: whether what is new is news, and which devices are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon.inventory.device import Device

DAY_NS = 86_400 * 1_000_000_000
STALE_NS = 7 * DAY_NS
"""Time of watching without a frame after which a device is stale."""
GONE_NS = 30 * DAY_NS
"""The same after which it is gone."""


class Watching:
    """Counts the time in which a sensor saw the site, this run and those before."""

    def __init__(self, before_ns: int = 0, learning_days: float | None = None) -> None:
        """Takes how long it was before this run.

        Args:
            before_ns: For how long the site has been watched before.
            learning_days: After so many days of watching what is new is news; none
                where it is as soon as something is remembered.
        """
        self._before_ns = before_ns
        self._learning_ns = None if learning_days is None else round(learning_days * DAY_NS)
        self.remembers = False
        """Whether the site has devices that were seen before this run."""
        self._began_ns: int | None = None
        self.now_ns = 0
        """The latest packet time."""

    @property
    def learns(self) -> bool:
        """Whether the site is learned for some time, before what is new is news."""
        return self._learning_ns is not None

    @property
    def knows(self) -> bool:
        """Whether the site is known, so that what is new is news."""
        if self._learning_ns is None:
            return self.remembers
        return self.total_ns >= self._learning_ns

    @property
    def total_ns(self) -> int:
        """For how long the site has been watched, this run included."""
        if self._began_ns is None:
            return self._before_ns
        return self._before_ns + max(0, self.now_ns - self._began_ns)

    def goes_on(self, first_ns: int, last_ns: int) -> None:
        """Takes the time from the first to the last frame of something seen."""
        if self._began_ns is None or first_ns < self._began_ns:
            self._began_ns = first_ns
        if last_ns > self.now_ns:
            self.now_ns = last_ns

    def mark(self, device: Device) -> None:
        """Notes in a device that this run has seen how much had passed when it was seen last."""
        device.mark_ns = self.total_ns - max(0, self.now_ns - device.last_ns)

    def absent_before_ns(self, device: Device) -> int:
        """For how long a device had not been seen when this run began."""
        return self._before_ns - device.mark_ns

    def state_of(self, device: Device) -> str:
        """`active`, `stale` or `gone`."""
        if device.taken_over:
            return "stale"
        if device.seen_now:
            absent_ns = self.now_ns - device.last_ns
        else:
            absent_ns = self.total_ns - device.mark_ns
        if absent_ns >= GONE_NS:
            return "gone"
        return "stale" if absent_ns >= STALE_NS else "active"
