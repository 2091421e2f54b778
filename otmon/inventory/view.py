"""How devices are seen: by what they did, what people said of them, and where they are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from otmon.inventory.record import asset_of, facts_of, standing_of
from otmon.inventory.role import Roles, roles_of, settled_roles
from otmon.inventory.words import WordBook
from otmon.inventory.zone import Zones

if TYPE_CHECKING:
    from otmon.config import Config
    from otmon.inventory.device import Device
    from otmon.inventory.watching import Watching
    from otmon.model.asset import Asset, Words
    from otmon.model.context import AssetFacts, Standing


class Views:
    """Puts together what is known of a device, for events and as document."""

    def __init__(self, watching: Watching, config: Config, kept: Mapping[str, Words]) -> None:
        """Takes what says which devices are gone, and what people say.

        Args:
            watching: For how long the site has been watched.
            config: What the site says of zones, networks and assets.
            kept: What people said of assets, by id.
        """
        self._watching = watching
        self._kept = dict(kept)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes zones, networks and assets of a configuration, the first or a changed one."""
        self.zones = Zones(config.zones, config.site.networks)
        self.words = WordBook(config.assets, self._kept)

    def is_outside(self, ip: str) -> bool:
        """Whether the holder of an address is no part of the site."""
        return self.zones.is_outside(ip)

    def facts(self, device: Device) -> AssetFacts:
        """What events are told of a device, as long as nothing of it changes."""
        facts = device.facts
        if facts is None:
            words = self.words.of(device)
            later = functools.partial(self._standing, device)
            roles = functools.partial(self._shown_roles, device)
            facts = device.facts = facts_of(device, words, settled_roles(words), later, roles)
        return facts

    def roles(self, device: Device) -> Roles:
        """The roles of a device; those that a person settled go before those it seems to have."""
        return roles_of(device, settled_roles(self.words.of(device)))

    def state(self, device: Device) -> str:
        """`active`, `stale`, `gone`, or `archived` by a person's word."""
        return "archived" if self.words.of(device).archived else self._watching.state_of(device)

    def asset(self, device: Device, file_name: Callable[[int], str]) -> Asset:
        """The document of a device.

        Args:
            device: Of which.
            file_name: The path of an input file, by its number in frames.
        """
        words = self.words.of(device)
        state = self.state(device)
        return asset_of(device, words, self.roles(device), self.zones, state, file_name)

    def _shown_roles(self, device: Device) -> tuple[str, ...]:
        return self.roles(device).shown

    def _standing(self, device: Device) -> Standing:
        return standing_of(device, self.words.of(device), self.roles(device), self.zones)
