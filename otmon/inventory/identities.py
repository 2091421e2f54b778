"""What devices say of themselves, held against what they, others and people said before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from otmon.inventory.claim_book import SURE, Contradiction, Told
from otmon.inventory.device import Device
from otmon.inventory.identity import strong_key
from otmon.inventory.words import WordBook

if TYPE_CHECKING:
    from otmon._engine import Claim
    from otmon.inventory.news import News
    from otmon.model.asset import Words

MAX_TWINS = 10_000
"""Doubts about identities that wait, and findings remembered that are told once."""

_Twins = tuple[Device, Device, "Claim", tuple[str, str, str]]
"""A device, the one whose identity it claims, the claim, and in what they differ."""


class Identities:
    """Notices contradictions, clones, and cards of one device."""

    def __init__(self, news: News, merge: Callable[[Device, Device], Device]) -> None:
        """Takes who is told, and what makes one device of two."""
        self._news = news
        self._merge = merge
        self._strong: dict[str, Device] = {}
        """The device of each strong key."""
        self._twins: dict[tuple[str, str], _Twins] = {}
        """Devices that claim the identity of another, by key and id."""
        self._told: dict[tuple[str, str], None] = {}
        """What is told once."""

    def remember(self, device: Device) -> None:
        """Takes a device that the site remembers."""
        for protocol in sorted(device.activity.protocols):
            key = strong_key(protocol, device.book.said(protocol))
            if key is not None:
                self._strong.setdefault(key, device)

    def claim(self, device: Device, claim: Claim, words: WordBook) -> None:
        """Takes something that a device says of itself."""
        contradiction = device.book.add(claim)
        if contradiction is not None:
            self._contradicted(device, contradiction)
        if claim.confidence < SURE * 100:
            return
        own = words.of(device)
        if own.author:
            self._against_words(device, claim, own)
        if claim.unit is None:
            self._identify(device, claim, words)

    def _contradicted(self, device: Device, found: Contradiction) -> None:
        old, new = found.old, found.new
        if not found.replaced:
            type = "asset_attribute_conflict"
        else:
            type = "firmware_changed" if new.attribute == "firmware" else "asset_changed"
        self._news.tell(
            type,
            device,
            new.last_ns,
            expected=f"{old.attribute} {old.value}{_where(old)}",
            observed=f"{new.attribute} {new.value}",
            since_ns=old.first_ns,
            frames=(old.frame, new.frame),
            ip=new.ip,
            protocol=new.protocol,
            attribute=new.attribute,
        )

    def _against_words(self, device: Device, claim: Claim, words: Words) -> None:
        said = getattr(words, claim.attribute, None)
        if not isinstance(said, str) or _agree(said, claim.value):
            return
        key = (device.id, f"{claim.attribute} {claim.value}")
        if key in self._told or len(self._told) >= MAX_TWINS:
            return
        self._told[key] = None
        self._news.tell(
            "manual_contradicted",
            device,
            claim.last_seen_ns,
            expected=f"{claim.attribute} {said}, as {words.author} says",
            observed=f"{claim.attribute} {claim.value}",
            frames=(claim.frame,),
            ip=claim.subject_ip,
            protocol=claim.protocol,
            attribute=claim.attribute,
        )

    def _identify(self, device: Device, claim: Claim, words: WordBook) -> None:
        """Finds a device by what no second one says of itself."""
        key = strong_key(claim.protocol, device.book.said(claim.protocol))
        if key is None:
            return
        other = self._strong.setdefault(key, device)
        while other.merged_into is not None:
            other = other.merged_into
        if other is device or other.forgotten:
            self._strong[key] = device
            return
        if words.is_apart(device, other):
            return
        differs = _difference(other.book.said(claim.protocol), device.book.said(claim.protocol))
        if differs is None:
            self._unite(key, device, other, claim)
        elif len(self._twins) < MAX_TWINS:
            # Whether both are there at once shows when more of them was seen.
            self._twins.setdefault((key, device.id), (device, other, claim, differs))

    def _unite(self, key: str, device: Device, other: Device, claim: Claim) -> None:
        kept = self._merge(device, other)
        kept.book.note_merge(key, claim.last_seen_ns, claim.frame)
        self._strong[key] = kept

    def settle(self, until_ns: int) -> None:
        """Two that say they are one device, in different words: a clone, or one that moved."""
        twins, self._twins = self._twins, {}
        for (key, own), (device, other, claim, differs) in twins.items():
            if device.first_ns > until_ns:
                self._twins[key, own] = (device, other, claim, differs)
                continue
            if device.merged_into is not None or other.merged_into is not None:
                continue
            if not other.seen_now or other.last_ns < device.first_ns:
                self._unite(key, device, other, claim)
                continue
            attribute, before, now = differs
            if (key, device.id) in self._told:
                continue
            self._told[key, device.id] = None
            self._news.tell(
                "identity_conflict",
                device,
                claim.last_seen_ns,
                expected=f"{key} is {next(iter(other.ips), other.id)}, {attribute} {before}",
                observed=f"{next(iter(device.ips), device.id)} says the same, {attribute} {now}",
                since_ns=other.first_ns,
                frames=(other.frame, claim.frame),
                ip=claim.subject_ip,
                protocol=claim.protocol,
                attribute=attribute,
            )


def _where(told: Told) -> str:
    """Where an earlier run saw a claim."""
    return "" if told.origin is None else f" ({told.origin[0]}, frame {told.origin[1]})"


def _agree(said: str, told: str) -> bool:
    """Whether two wordings can mean the same: `Siemens` and `SIEMENS AG`."""
    one, other = said.casefold(), told.casefold()
    return one in other or other in one


def _difference(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The first attribute in which two answers differ."""
    return next(
        (
            (attribute, before[attribute], now[attribute])
            for attribute in sorted(before.keys() & now.keys())
            if before[attribute] != now[attribute]
        ),
        None,
    )
