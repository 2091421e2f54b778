"""What changed between two inventories: matched by identity, never by id or IP alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from otmon.inventory.identity import is_local, is_serial, is_virtual
from otmon.model.asset import IDENTITY, Asset, Evidence

COMPARED = ("name", *IDENTITY, "criticality")
"""Attributes whose change is told."""
_Gateway = Callable[["str | None"], "str | None"]
"""Gives the id of a gateway in the other inventory."""
SURE = 0.90
"""Belief from which an attribute that is there in one inventory only is a change."""


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute that differs, and where each value was seen."""

    attribute: str
    before: str | None
    after: str | None
    before_seen: str | None
    """File and frame."""
    after_seen: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A device that is in both inventories, and is not the same."""

    before: Asset
    after: Asset
    changes: tuple[Change, ...]
    moved: tuple[Change, ...]
    """Addresses, segment and gateway that differ."""
    roles: Change | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Two inventories against each other, each list in the order of addresses."""

    added: tuple[Asset, ...]
    gone: tuple[Asset, ...]
    changed: tuple[Changed, ...]
    same_count: int


def difference(before: Sequence[Asset], after: Sequence[Asset]) -> Difference:
    """What is added, gone, changed and moved from one inventory to another."""
    pairs = dict(_pairs(before, after))
    matched = set(pairs.values())
    changed = []
    for place, other in pairs.items():
        found = _changed(before[place], after[other])
        if found is not None:
            changed.append((other, found))
    return Difference(
        added=tuple(asset for place, asset in enumerate(after) if place not in matched),
        gone=tuple(asset for place, asset in enumerate(before) if place not in pairs),
        changed=tuple(found for _, found in sorted(changed, key=lambda item: item[0])),
        same_count=len(pairs) - len(changed),
    )


def _pairs(before: Sequence[Asset], after: Sequence[Asset]) -> Iterator[tuple[int, int]]:
    """Places of the same device, by its strongest key that both have."""
    taken_before: set[int] = set()
    taken_after: set[int] = set()
    gateways: dict[str | None, str | None] = {}
    for strength in range(len(_KEYS)):
        known: dict[str, int] = {}
        for place, asset in enumerate(after):
            for key in _keys(asset, strength, lambda own: own):
                known.setdefault(key, place)
        for place, asset in enumerate(before):
            if place in taken_before:
                continue
            for key in _keys(asset, strength, lambda own: gateways.get(own, own)):
                other = known.get(key)
                if other is not None and other not in taken_after:
                    taken_before.add(place)
                    taken_after.add(other)
                    gateways[asset.id] = after[other].id
                    yield place, other
                    break


def _keys(asset: Asset, strength: int, gateway_of: _Gateway) -> Iterable[str]:
    return _KEYS[strength](asset, gateway_of)


def _by_serial(asset: Asset, _: _Gateway) -> Iterator[str]:
    if asset.gateway is None and asset.serial is not None and is_serial(asset.serial):
        yield f"{asset.model}/{asset.serial}"


def _by_mac(asset: Asset, _: _Gateway) -> Iterator[str]:
    if asset.gateway is None:
        yield from (mac for mac in asset.mac if not (is_local(mac) or is_virtual(mac)))


def _by_made_up_mac(asset: Asset, _: _Gateway) -> Iterator[str]:
    if asset.gateway is None:
        yield from (f"{asset.vlan}/{mac}" for mac in asset.mac)


def _by_ip(asset: Asset, _: _Gateway) -> Iterator[str]:
    """Of devices that have no hardware address of their own: an IP is no key otherwise."""
    if asset.gateway is None and not asset.mac:
        yield from (f"{asset.vlan}/{ip}" for ip in asset.ip)


def _by_station(asset: Asset, gateway_of: _Gateway) -> Iterator[str]:
    if asset.gateway is not None:
        yield f"{gateway_of(asset.gateway)}/{'/'.join(asset.protocols)}/{asset.unit}"


_KEYS = (_by_serial, _by_mac, _by_made_up_mac, _by_ip, _by_station)
"""The strongest first; stations last, when their gateways are matched."""


def _changed(before: Asset, after: Asset) -> Changed | None:
    changes = tuple(_changes(before, after))
    moved = tuple(_moves(before, after))
    roles = None
    if before.roles != after.roles and before.roles and after.roles:
        roles = Change("roles", ", ".join(before.roles), ", ".join(after.roles), None, None)
    if not changes and not moved and roles is None:
        return None
    return Changed(before, after, changes, moved, roles)


def _changes(before: Asset, after: Asset) -> Iterator[Change]:
    for attribute in COMPARED:
        old, new = getattr(before, attribute), getattr(after, attribute)
        if old == new:
            continue
        was, now = _evidence(before, attribute, old), _evidence(after, attribute, new)
        # That nobody asked in one of the two is no change of the device.
        if old is None or new is None:
            continue
        # A better source words it differently: the device is the same.
        if (
            was is not None
            and now is not None
            and (was.confidence < SURE) != (now.confidence < SURE)
        ):
            continue
        yield Change(attribute, old, new, _seen(was), _seen(now))


def _moves(before: Asset, after: Asset) -> Iterator[Change]:
    if after.gateway is not None:
        return
    for attribute, old, new in (
        ("ip", before.ip, after.ip),
        ("mac", before.mac, after.mac),
    ):
        if old and new and old != new and not (set(old) <= set(new) or set(new) <= set(old)):
            yield Change(attribute, ", ".join(old), ", ".join(new), None, None)
    if before.vlan != after.vlan:
        yield Change("vlan", _text(before.vlan), _text(after.vlan), None, None)
    if before.zone != after.zone and before.ip == after.ip and before.vlan == after.vlan:
        yield Change("zone", before.zone, after.zone, None, None)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _evidence(asset: Asset, attribute: str, value: str | None) -> Evidence | None:
    return next(
        (
            row
            for row in asset.evidence
            if row.attribute == attribute and value is not None and row.value == value
        ),
        None,
    )


def _seen(row: Evidence | None) -> str | None:
    if row is None:
        return None
    if row.frame is None:
        return row.source
    return f"{row.file} frame {row.frame}" if row.file else f"frame {row.frame}"
