"""Zones and conduits as a site could have them, as text for `otmon.toml`.

IEC 62443 wants assets together that need the same protection, and safety functions
apart. Of the traffic otmon knows subnets, roles and who talks to whom: that makes a
first draft, which people correct.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from otmon.fields import DANGER_CLASSES
from otmon.inventory.zone import ip_order, subnet
from otmon.model.asset import Asset
from otmon.model.internet import INTERNET

MAX_NAMED = 8
"""Devices named in a remark; the rest are counted."""
_BANDS = (
    (0.0, 1.0, "control"),
    (2.0, 2.0, "supervision"),
    (3.0, 3.0, "operations"),
    (3.5, 3.5, "dmz"),
    (4.0, 4.0, "office"),
)
"""From which Purdue level to which, and what such a zone is called."""


class Talk(NamedTuple):
    """What two devices do in one protocol."""

    client: str
    server: str
    protocol: str
    """`modbus`; `tcp/443` of what is not dissected."""
    classes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Zone:
    """A zone in the making."""

    name: str
    level: float | None
    subnet: str
    assets: list[Asset] = field(default_factory=list)
    whole: bool = False
    """Whether it takes all of its subnet that no zone before it names."""


@dataclass(slots=True)
class _Conduit:
    """A conduit in the making."""

    protocols: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)


def proposed(assets: Sequence[Asset], talks: Iterable[Talk]) -> str:
    """Zones, their Purdue levels, and the conduits between them, as TOML.

    Args:
        assets: The devices.
        talks: Who does what to whom.
    """
    zones = _zones([asset for asset in assets if asset.gateway is None and _is_inside(asset)])
    at = {asset.id: zone for zone in zones for asset in zone.assets}
    at |= {one.id: at[one.gateway] for one in assets if one.gateway in at}
    known = {asset.id: asset for asset in assets}
    conduits: dict[tuple[str, str], _Conduit] = {}
    waiting: list[tuple[str, str, str]] = []
    outside: dict[tuple[str, str, str], None] = {}
    for talk in talks:
        client, server = known.get(talk.client), known.get(talk.server)
        if client is None or server is None:
            continue
        if talk.client not in at or talk.server not in at:
            if not (_is_inside(client) and _is_inside(server)):
                outside[_name(client), _name(server), talk.protocol] = None
            continue
        source, destination = at[talk.client].name, at[talk.server].name
        if source == destination:
            continue
        safe = {name for name in talk.classes if name not in DANGER_CLASSES}
        waiting += [
            (_name(client), _name(server), f"{talk.protocol} {name}")
            for name in talk.classes
            if name not in safe
        ]
        if talk.classes and not safe:
            continue
        conduit = conduits.setdefault((source, destination), _Conduit())
        conduit.protocols.add(talk.protocol)
        conduit.classes |= safe
    lines = [
        "# Proposed by otmon from what it has seen: a draft. Correct names, levels and members,",
        "# and strike the conduits that should not be.",
        *(line for zone in zones for line in _zone_lines(zone)),
        *(line for ends in sorted(conduits) for line in _conduit_lines(ends, conduits[ends])),
        *_remarks("Not proposed, since they change a controller: say so, or leave it.", waiting),
        *_remarks("Seen with addresses outside the site: no conduit is for that.", outside),
    ]
    return "\n".join(lines) + "\n"


def _is_inside(asset: Asset) -> bool:
    return asset.zone != INTERNET and asset.state != "archived" and bool(asset.ip)


def _zones(assets: Sequence[Asset]) -> list[_Zone]:
    """One zone of each subnet, or of each level in it; those that name their members first."""
    by_net: dict[str, list[Asset]] = {}
    for asset in assets:
        by_net.setdefault(_net(asset), []).append(asset)
    named: list[_Zone] = []
    whole: list[_Zone] = []
    for net in sorted(by_net, key=lambda one: ip_order(one.partition("/")[0])):
        zones = _split(net, by_net[net])
        zones[-1].whole = True
        named += zones[:-1]
        whole.append(zones[-1])
    return named + whole


def _split(net: str, assets: Sequence[Asset]) -> list[_Zone]:
    """The zones of a subnet; the last takes what no level is known of."""
    bands: dict[str, _Zone] = {}
    rest = []
    for asset in assets:
        word = "safety" if asset.safety else _band(asset.purdue_level)
        if word is None:
            rest.append(asset)
            continue
        zone = bands.setdefault(word, _Zone(f"{word} {net}", None, net))
        zone.assets.append(asset)
        level = asset.purdue_level
        zone.level = level if zone.level is None else max(zone.level, level or 0.0)
    # Whatever else turns up in the subnet belongs to its largest zone.
    zones = sorted(bands.values(), key=lambda zone: (len(zone.assets), zone.name))
    if not zones:
        zones = [_Zone(net, None, net)]
    zones[-1].assets += rest
    return zones


def _band(level: float | None) -> str | None:
    if level is None:
        return None
    return next((word for low, high, word in _BANDS if low <= level <= high), None)


def _net(asset: Asset) -> str:
    return subnet(min(asset.ip, key=ip_order))


def _zone_lines(zone: _Zone) -> Iterator[str]:
    yield ""
    roles = sorted({role for asset in zone.assets for role in asset.roles})
    count = f"{len(zone.assets)} {'device' if len(zone.assets) == 1 else 'devices'}"
    yield f"# {count}: {', '.join(roles) or 'no role known'}"
    yield "[[zones]]"
    yield f"name = {_text(zone.name)}"
    if zone.level is not None:
        yield f"level = {zone.level:g}"
    if zone.whole:
        yield f"subnets = [{_text(zone.subnet)}]"
        return
    members = sorted(
        ((ip, asset) for asset in zone.assets for ip in asset.ip), key=lambda one: ip_order(one[0])
    )
    yield "assets = ["
    for ip, asset in members:
        remark = asset.name or ", ".join(asset.roles)
        yield f"  {_text(ip)}," + (f"  # {_plain(remark)}" if remark else "")
    yield "]"


def _conduit_lines(ends: tuple[str, str], conduit: _Conduit) -> Iterator[str]:
    yield ""
    yield "[[conduits]]"
    yield f"from = {_text(ends[0])}"
    yield f"to = {_text(ends[1])}"
    yield f"protocols = [{', '.join(map(_text, sorted(conduit.protocols)))}]"
    if conduit.classes:
        yield f"classes = [{', '.join(map(_text, sorted(conduit.classes)))}]"


def _remarks(head: str, rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    listed = sorted(set(rows))
    if listed:
        yield ""
        yield f"# {head}"
    for client, server, what in listed[:MAX_NAMED]:
        yield f"#   {_plain(client)} to {_plain(server)}: {_plain(what)}"
    if len(listed) > MAX_NAMED:
        yield f"#   and {len(listed) - MAX_NAMED:,} more"


def _name(asset: Asset) -> str:
    return asset.name or next(iter(asset.ip), asset.id)


def _text(text: str) -> str:
    """A TOML string: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(text: str) -> str:
    """Text that stays in the line of a remark."""
    return "".join(char if char.isprintable() else " " for char in text)
