"""What people know of assets: it wins over traffic, and traffic never overwrites it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from otmon.model.asset import Words

if TYPE_CHECKING:
    from otmon.inventory.device import Device
    from otmon.site_description import AssetWords

NOTHING = Words()
"""Nobody said anything."""


class WordBook:
    """The words of the configuration, by address or id, and those of the site memory, by id."""

    def __init__(
        self, configured: Iterable[AssetWords] = (), kept: Mapping[str, Words] | None = None
    ) -> None:
        """Takes both; what was said with a command goes before the configuration."""
        self._configured: dict[str | None, Words] = {}
        for own in configured:
            words = Words(
                name=own.name,
                roles=() if own.role is None else (own.role,),
                criticality=own.criticality,
                safety=own.safety,
                zone=own.zone,
                vendor=own.vendor,
                model=own.model,
                serial=own.serial,
                author="otmon.toml",
            )
            self._configured[own.key] = words
        self._kept = dict(kept or {})

    def of(self, device: Device) -> Words:
        """Everything that was said of a device."""
        kept = self._kept.get(device.id)
        if not self._configured:
            return kept or NOTHING
        configured = None
        for match in _matches(device):
            configured = self._configured.get(match)
            if configured is not None:
                break
        if kept is None or configured is None:
            return kept or configured or NOTHING
        said = {
            field.name: value
            for field in dataclasses.fields(Words)
            if (value := getattr(kept, field.name)) not in (None, (), False)
        }
        return dataclasses.replace(configured, **said)

    def unmatched(self, devices: Iterable[Device]) -> list[str]:
        """Addresses and ids of the configuration that none of the devices has."""
        if not self._configured:
            return []
        there = {match for device in devices for match in _matches(device)}
        return [match for match in self._configured if match and match not in there]

    def is_apart(self, one: Device, other: Device) -> bool:
        """Whether a person said that two devices are not one."""
        return self._splits(one, other) or self._splits(other, one)

    def _splits(self, one: Device, other: Device) -> bool:
        apart = self.of(one).apart
        return bool(apart) and (other.id in apart or not other.macs.keys().isdisjoint(apart))


def _matches(device: Device) -> tuple[str, ...]:
    """By what the configuration may name a device; a station has the addresses of another."""
    return (device.id,) if device.gateway else (device.id, *device.ips, *device.macs)
