"""What a device is, from what it does: roles with a score, and the Purdue level."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from otmon.inventory.maker import makes_controllers
from otmon.inventory.vendor import vendor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otmon.inventory.activity import Activity
    from otmon.inventory.device import Device
    from otmon.model.asset import Words

SHOWN_FROM = 0.6
"""The score from which a role is shown."""
ALIKE_FROM = 0.4
"""The score from which one is shown as possible, of several that look alike."""
IDENTITY_FROM = 0.9
"""The belief from which a device's own word is its identity, and is enough for a role."""

PURDUE_LEVEL = {
    "field_device": 0.0,
    "io_device": 0.0,
    "drive": 0.0,
    "plc": 1.0,
    "rtu": 1.0,
    "ied": 1.0,
    "dcs_controller": 1.0,
    "safety_controller": 1.0,
    "gateway": 1.0,
    "hmi": 2.0,
    "scada_server": 2.0,
    "opc_server": 2.0,
    "engineering_station": 3.0,
    "historian": 3.0,
    "database_server": 3.0,
    "time_server": 3.0,
    "jump_host": 3.5,
    "it_host": 4.0,
    "public_peer": 5.0,
}
"""The level of each role; a network device is at the level of its zone, and none of its own."""

ROLES = frozenset(PURDUE_LEVEL) | {"network_device"}
"""Every role there is."""

SERVERS = frozenset(
    (
        "plc",
        "rtu",
        "ied",
        "dcs_controller",
        "safety_controller",
        "field_device",
        "io_device",
        "drive",
    )
)
"""Roles of devices that are asked, and have no reason to ask others."""

_SERVER_ROLE = {
    "dnp3": "rtu",
    "iec104": "rtu",
    "s7comm": "plc",
    "s7comm_plus": "plc",
    "modbus": "plc",
    "modbus_rtu": "plc",
    "umas": "plc",
    "cip": "plc",
    "enip": "plc",
    "fins": "plc",
    "slmp": "plc",
    "ads": "plc",
    "ge_srtp": "plc",
    "codesys": "plc",
    "pcom": "plc",
    "tristation": "safety_controller",
    "mms": "ied",
    "opcua": "opc_server",
    "bacnet": "field_device",
    "hart_ip": "field_device",
}
"""What answers requests of a protocol, where nothing else is known."""
_SELDOM_OTHERWISE = frozenset(("dnp3", "iec104", "s7comm", "tristation", "mms", "opcua"))
"""Protocols whose servers are hardly ever anything else."""

_ENGINEERING_CLASSES = ("program_upload", "browse", "lock")
_ENGINEERING_DANGERS = ("program_download", "program_delete", "firmware_update", "mode_stop")
"""What an engineering station does, and an attacker: never enough for a role."""
_CONTROL_CLASSES = ("write", "command")
_MANY_SERVERS = 5
_MANY_READS = 20
_MANY_ANSWERS = 3
"""Answers from which a server is one: fewer may be a simulator that somebody tried."""
_SHIFT_NS = 8 * 3600 * 1_000_000_000
"""A time in which somebody at an operator station would have changed something."""
_READING = frozenset(
    ("read", "subscribe", "identify", "session_open", "session_close", "keepalive", "auth_login")
)
"""Classes of who does nothing but read."""
_LOOK_ALIKE = ("hmi", "historian")
"""Who only reads is one or the other: an operator station that nobody used so far, or
something that records. How fast it reads does not tell them apart."""
_MASTER_CLASSES = ("report_enable", "report_disable")
"""What a DNP3 master does when it starts: the data link and its events are its own [S]."""
RELAYS = "says of stations that they do not answer"
"""What is noted of a server that gave an answer of gateways."""
_DIRECTORY = frozenset(f"serves {name}" for name in ("kerberos", "ldap", "smb"))
_OFFICE = frozenset(("uses kerberos", "uses ldap", "uses smb"))


class Reason(NamedTuple):
    """One line of evidence for a role."""

    role: str
    points: float
    words: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a device, and why."""

    shown: tuple[str, ...]
    """Those of a person first, then the best founded."""
    candidates: tuple[str, ...]
    """Those that rest on danger operations alone, and those of which only one can be right: a
    person must say."""
    confirmed: tuple[str, ...]
    """Those that a person settled."""
    reasons: tuple[Reason, ...]

    @property
    def purdue_level(self) -> float | None:
        """The level of the first role that has one."""
        return next((PURDUE_LEVEL[role] for role in self.shown if role in PURDUE_LEVEL), None)


def roles_of(device: Device, settled: Sequence[str] = ()) -> Roles:
    """The roles of a device, by what it did so far and by what a person settled."""
    reasons = [*_as_server(device), *_as_client(device), *_by_place(device)]
    score: dict[str, float] = {}
    for reason in reasons:
        score[reason.role] = min(1.0, score.get(reason.role, 0.0) + reason.points)
    for role, belief in _own_words(device).items():
        weight = belief if belief >= IDENTITY_FROM else belief * 0.5
        score[role] = min(1.0, score.get(role, 0.0) + weight)
    asked = device.activity.asked
    telling = (*_ENGINEERING_DANGERS, "program_upload")
    dangers = sum(count for (_, token), count in asked.items() if token in telling)
    found = sorted(
        (role for role, points in score.items() if points >= SHOWN_FROM and role not in settled),
        key=lambda role: (-score[role], role),
    )
    shown = (*settled, *found)
    candidates = []
    if dangers and "engineering_station" not in shown:
        candidates.append("engineering_station")
    if not shown:
        alike = [role for role in _LOOK_ALIKE if score.get(role, 0.0) >= ALIKE_FROM]
        candidates += sorted(alike, key=lambda role: -score[role])
    return Roles(shown, tuple(candidates), tuple(settled), tuple(reasons))


def settled_roles(words: Words) -> tuple[str, ...]:
    """The roles that a person settled, by what was said of a device."""
    settled = words.roles
    is_controller = not settled or bool(SERVERS.intersection(settled))
    if words.safety and is_controller and "safety_controller" not in settled:
        return (*settled, "safety_controller")
    return settled


def _own_words(device: Device) -> dict[str, float]:
    """Roles that the device's own words claim, with the belief in them."""
    told: dict[str, float] = {}
    for one in device.book.of("role"):
        told[one.value] = max(told.get(one.value, 0.0), one.confidence)
    return told


def _as_server(device: Device) -> list[Reason]:
    reasons = []
    activity = device.activity
    for protocol, count in sorted(activity.answered.items()):
        role = _SERVER_ROLE.get(protocol)
        if count <= 0 or role is None:
            continue
        points = 0.6 if count >= _MANY_ANSWERS else 0.5
        if protocol in _SELDOM_OTHERWISE:
            points += 0.2
        reasons.append(Reason(role, points, f"answers {protocol} requests", count))
        if any(makes_controllers(vendor(mac)) for mac in device.macs):
            reasons.append(Reason(role, 0.1, "its hardware address is of a maker of controllers"))
    if device.nested:
        most = max(Counter(protocol for protocol, _ in device.nested).values())
        reasons.append(Reason("gateway", 0.8, f"answers for {most} stations"))
    for service, role, points in (
        # Some servers say it of every station but their own.
        (RELAYS, "gateway", 0.4),
        ("serves ntp", "time_server", 0.6),
        ("serves sql", "database_server", 0.7),
        ("serves pi", "historian", 0.7),
    ):
        if service in activity.services:
            reasons.append(Reason(role, points, service))
    if "serves rdp" in activity.services and activity.asked:
        reasons.append(Reason("jump_host", 0.6, "serves rdp and asks industrial devices"))
    return reasons


def _as_client(device: Device) -> list[Reason]:
    activity = device.activity
    if not activity.asked:
        return []
    asked: Counter[str] = Counter()
    for (_, token), count in activity.asked.items():
        asked[token] += count
    reasons = []
    reads, polled = asked["read"], len(activity.polled)
    if reads >= _MANY_READS and polled:
        controls = sum(asked[token] for token in _CONTROL_CLASSES)
        if _is_controller(activity):
            # Controllers fetch values from one another, and set them.
            reasons.append(Reason("hmi", 0.2, "polls devices, and is asked as they are", reads))
        elif polled >= _MANY_SERVERS:
            reasons.append(Reason("scada_server", 0.7, f"polls {polled} devices", reads))
        elif controls:
            points = 0.7 if controls <= reads else 0.4
            reasons.append(Reason("hmi", points, "polls few devices and writes to them", reads))
        elif asked.keys() <= _READING:
            reasons += _only_reads(activity, reads)
    supervised = sum(activity.asked[protocol, "read"] for protocol in ("dnp3", "iec104"))
    starts = any(activity.asked["dnp3", token] for token in _MASTER_CLASSES)
    if supervised >= (_MANY_ANSWERS if starts else _MANY_READS):
        reasons.append(Reason("scada_server", 0.7, "supervises outstations", supervised))
    engineering = [token for token in _ENGINEERING_CLASSES if asked[token]]
    if engineering and not any(asked[token] for token in _ENGINEERING_DANGERS):
        # One kind alone may as well be somebody who looks around.
        points = 0.2 + 0.2 * len(engineering)
        words = f"does {', '.join(engineering)}"
        count = sum(asked[token] for token in engineering)
        reasons.append(Reason("engineering_station", points, words, count))
    return reasons


def _is_controller(activity: Activity) -> bool:
    """Whether it answers as controllers do, not as stations that pass values on."""
    return any(
        count >= _MANY_ANSWERS and _SERVER_ROLE.get(protocol) in SERVERS
        for protocol, count in activity.answered.items()
    )


def _only_reads(activity: Activity, reads: int) -> Iterator[Reason]:
    """What speaks for who polls few devices and never writes."""
    long = activity.span_ns >= _SHIFT_NS
    told = (
        f"polls few devices for {activity.span_ns // 3_600_000_000_000} h"
        if long
        else ("polls few devices")
    )
    yield Reason("hmi", 0.4 if long else 0.5, f"{told} and writes nothing so far", reads)
    yield Reason("historian", 0.5 if long else 0.4, f"{told} and only reads", reads)


def _by_place(device: Device) -> list[Reason]:
    activity = device.activity
    reasons = []
    if device.routes:
        reasons.append(Reason("network_device", 0.9, "forwards for other addresses"))
    if device.public:
        reasons.append(Reason("public_peer", 1.0, "public address behind a router"))
    elif not activity.protocols and not device.routes:
        office = sorted(activity.services & _DIRECTORY) or sorted(activity.services & _OFFICE)
        if office:
            words = f"{', '.join(office)}, and no industrial protocol"
            reasons.append(Reason("it_host", 0.6, words))
    return reasons
