"""What a device is, from what it does: roles with a score, and the Purdue level."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon.inventory.device import Device

SHOWN_FROM = 0.6
"""The score from which a role is shown."""

PURDUE_LEVEL = {
    "plc": 1.0,
    "safety_controller": 1.0,
    "rtu": 1.0,
    "gateway": 1.0,
    "field_device": 0.0,
    "hmi": 2.0,
    "scada_server": 2.0,
    "engineering_station": 3.0,
    "public_peer": 5.0,
}
"""The level of each role; a network device is at the level of its zone, and none of its own."""

_ENGINEERING_CLASSES = ("program_upload", "browse", "lock")
_ENGINEERING_DANGERS = ("program_download", "program_delete", "firmware_update", "mode_stop")
"""What an engineering station does, and an attacker: never enough for a role."""
_CONTROL_CLASSES = ("write", "command")
_SERVER_ROLE = {
    "dnp3": "rtu",
    "s7comm": "plc",
    "modbus": "plc",
    "modbus_rtu": "plc",
    "umas": "plc",
    "tristation": "safety_controller",
}
_MANY_SERVERS = 5
POLLED_FROM = 100
"""Reads of one server from which a client polls it."""
_MANY_READS = 20


@dataclass(slots=True)
class Activity:
    """What one asset did, counted over its conversations."""

    answered: Counter[str] = field(default_factory=Counter)
    """Requests it answered, by protocol."""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Operations it asked for, by protocol and class."""
    polled: set[str] = field(default_factory=set)
    """Whom it asked for values again and again."""
    protocols: set[str] = field(default_factory=set)
    """Industrial protocols it speaks."""
    answering_units: int = 0
    """Stations behind it that answered."""
    routes: bool = False
    public: bool = False
    told: dict[str, float] = field(default_factory=dict)
    """Roles that its own words claim, with the belief in them."""


def activity_of(device: Device) -> Activity:
    """What a device did so far."""
    activity = Activity(routes=device.routes, public=device.public)
    if device.gateway is not None and device.protocol is not None:
        activity.protocols.add(device.protocol)
        activity.answered[device.protocol] = device.answers
    for talk in device.client_talks.values():
        protocol = talk.protocol or ""
        activity.protocols.add(protocol)
        classes = talk.classes
        for token, count in classes.items():
            activity.asked[protocol, token] += count
        if classes.get("read", 0) >= POLLED_FROM:
            activity.polled.add(talk.server_ip or talk.server_mac or "")
    for talk in device.server_talks.values():
        protocol = talk.protocol or ""
        activity.protocols.add(protocol)
        activity.answered[protocol] += talk.answered_count
    stations = Counter(protocol for protocol, _ in device.nested)
    activity.answering_units = max(stations.values(), default=0)
    for told in device.book.all():
        if told.attribute == "role":
            activity.told[told.value] = max(activity.told.get(told.value, 0.0), told.confidence)
    return activity


def roles(activity: Activity) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The roles of an asset, best first, and those that a person must confirm."""
    score: dict[str, float] = {}

    def give(role: str, points: float) -> None:
        score[role] = min(1.0, score.get(role, 0.0) + points)

    for protocol, count in sorted(activity.answered.items()):
        if count > 0 and protocol in _SERVER_ROLE:
            give(_SERVER_ROLE[protocol], 0.6 if count >= _MANY_READS else 0.5)
            if protocol in ("dnp3", "s7comm"):
                give(_SERVER_ROLE[protocol], 0.2)
    if activity.answering_units > 1:
        give("gateway", 0.8)
    asked: Counter[str] = Counter()
    for (_, token), count in activity.asked.items():
        asked[token] += count
    if asked["read"] >= _MANY_READS and activity.polled:
        controls = sum(asked[token] for token in _CONTROL_CLASSES)
        if len(activity.polled) >= _MANY_SERVERS:
            give("scada_server", 0.7)
        elif controls:
            give("hmi", 0.7 if controls <= asked["read"] else 0.4)
        else:
            give("hmi", 0.5)
    if activity.asked["dnp3", "read"] >= _MANY_READS:
        give("scada_server", 0.7)
    engineering = [token for token in _ENGINEERING_CLASSES if asked[token]]
    dangers = sum(asked[token] for token in _ENGINEERING_DANGERS)
    if engineering and not dangers:
        give("engineering_station", 0.4 + 0.2 * len(engineering))
    for role, belief in activity.told.items():
        give(role, belief * 0.5)
    if activity.routes:
        give("network_device", 0.9)
    if activity.public:
        give("public_peer", 1.0)
    candidates = ("engineering_station",) if dangers else ()
    shown = sorted(
        (role for role, points in score.items() if points >= SHOWN_FROM),
        key=lambda role: (-score[role], role),
    )
    return tuple(shown), tuple(role for role in candidates if role not in shown)


def purdue_level(shown: tuple[str, ...]) -> float | None:
    """The Purdue level of the first role that has one."""
    return next((PURDUE_LEVEL[role] for role in shown if role in PURDUE_LEVEL), None)
