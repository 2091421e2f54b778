"""What a report is made of, the same for page and workbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from otmon.fields import CHANGE_CLASSES
from otmon.model.alert import LEVELS, Alert

Document = Mapping[str, Any]
"""A part of the result document, with times as nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A frame of an alert, with what otmon reads in it."""

    number: int
    file: str
    kind: str
    ends: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownEvidence:
    """The frames of an alert, as far as they could be had."""

    frames: tuple[ShownFrame, ...]
    capture: bytes | None
    """All of it as pcapng; none where there was no room for it."""
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Content:
    """Everything that a report shows."""

    title: str
    version: str
    capture: Document
    protocols: Sequence[Document]
    assets: Sequence[Document]
    conversations: Sequence[Document]
    contents: Sequence[Document]
    alerts: Sequence[Alert]
    """The most severe first."""
    quality: Sequence[str]
    """What the capture cannot show, in words."""
    evidence: Mapping[int, ShownEvidence]
    """Of alerts by their number."""

    @cached_property
    def addresses(self) -> Mapping[str, str]:
        """Of each device, by its id, the address by which people know it."""
        own = {
            asset["id"]: str(next(iter((*asset["ip"], *asset["mac"])), asset["id"]))
            for asset in self.assets
        }
        nested = {
            asset["id"]: f"unit {asset['unit']} behind {own.get(asset['gateway'], 'a gateway')}"
            for asset in self.assets
            if asset["gateway"] is not None
        }
        return own | nested

    @cached_property
    def _own_addresses(self) -> Mapping[str, Sequence[str]]:
        """Of each device that is no unit behind a gateway, by its id, its IP addresses."""
        return {asset["id"]: asset["ip"] for asset in self.assets if asset["gateway"] is None}

    @cached_property
    def _alerts_of_ends(self) -> Mapping[str, list[Alert]]:
        found: dict[str, list[Alert]] = {}
        for alert in self.alerts:
            for end in {alert.client, alert.server} - {None}:
                found.setdefault(str(end), []).append(alert)
        return found

    def name_of(self, asset: str | None, address: str | None) -> str:
        """What people call an end of a conversation."""
        if asset is None or address in self._own_addresses.get(asset, ()):
            return address or "nobody known"
        return self.addresses.get(asset, address or "nobody known")

    def level_counts(self) -> list[tuple[str, int]]:
        """How many alerts there are of each level, the worst first."""
        counts = Counter(alert.level for alert in self.alerts)
        return [(level, counts[level]) for level in reversed(LEVELS) if counts[level]]

    def industrial(self) -> list[Document]:
        """Conversations in industrial protocols, those that changed something first.

        Those that no dissector reads come last.
        """
        talks = [one for one in self.conversations if one["protocol"] or one.get("not_read")]
        return sorted(talks, key=lambda talk: (-changes_of(talk), -talk["pdus"]))

    def alerts_of(self, asset: Document) -> list[Alert]:
        """The alerts in which a device is client or server; those of a gateway are its own."""
        if asset["gateway"] is not None:
            return []
        ends = self._alerts_of_ends
        own = {one.id: one for end in (*asset["ip"], *asset["mac"]) for one in ends.get(end, ())}
        return [*own.values()]


def changes_of(talk: Document) -> int:
    """Operations of a conversation that changed something."""
    return sum(count for token, count in talk["classes"].items() if token in CHANGE_CLASSES)


def spoken(talk: Document) -> str:
    """The protocol of a conversation; with a question mark where it is guessed and not read."""
    return str(talk["protocol"] or f"{talk['not_read']}?")


def described(asset: Document) -> str:
    """What a device is, in one line."""
    facts = (asset["vendor"], asset["model"] or asset["order_code"], asset["firmware"])
    return ", ".join(str(fact) for fact in facts if fact)


def roles_of(asset: Document) -> str:
    """The roles of a device; those with a question mark must be confirmed."""
    candidates = [f"{role}?" for role in asset["role_candidates"]]
    return ", ".join([*asset["roles"], *candidates])
