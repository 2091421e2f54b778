"""Events of what is no operation: conversations, addresses, claims, rhythms, the sensor's view.

Detectors are shown them as the engine gives them. What a detector says where no
record of the engine is the whole story is made here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmon.model.event import Event, Frame, event_of
from otmon.model.layout import FLOW_PLACES, FieldValue, Getter, Layout

if TYPE_CHECKING:
    from otmon._engine import (
        Address,
        Arp,
        Claim,
        Conversation,
        HeaderShift,
        Health,
        Loss,
        NoReply,
        PointQuality,
        Readback,
        Rhythm,
    )
    from otmon.model.context import Context
    from otmon.model.notice import Notice


@dataclass(frozen=True, slots=True)
class Ends:
    """Who and whom a finding is about, as far as it is about one of each."""

    client_ip: str | None = None
    client_mac: str | None = None
    server_ip: str | None = None
    server_mac: str | None = None
    server_port: int | None = None
    vlan: int | None = None
    transport: str | None = None
    protocol: str | None = None
    identified_by: str | None = None
    frames: tuple[Frame, ...] = ()
    """Frames in which it can be seen, oldest first."""
    client_port: int | None = None

    @property
    def client_address(self) -> str | None:
        """The client's IP address, or its hardware address where it has none."""
        return self.client_ip or self.client_mac

    @property
    def server_address(self) -> str | None:
        """The server's IP address, or its hardware address where it has none."""
        return self.server_ip or self.server_mac


def event_from_conversation(conversation: Conversation, context: Context | None = None) -> Event:
    """Somebody who talks to somebody; at the time of its last packet so far."""
    return event_of(
        "ot_flow",
        conversation.protocol,
        conversation.last_seen_ns,
        conversation,
        _CONVERSATION,
        context=context,
    )


def event_from_address(address: Address, context: Context | None = None) -> Event:
    """A hardware and an IP address that send together; the sender is the source."""
    return event_of("ot_asset", None, address.last_seen_ns, address, _ADDRESS, context=context)


def event_from_claim(claim: Claim, context: Context | None = None) -> Event:
    """Something said about a device, which is the destination."""
    return event_of("ot_asset", claim.protocol, claim.time_ns, claim, _CLAIM, context=context)


def event_from_rhythm(rhythm: Rhythm, context: Context | None = None) -> Event:
    """What happened to something that comes again and again."""
    return event_of("ot_anomaly", rhythm.protocol, rhythm.time_ns, rhythm, _RHYTHM, context=context)


def event_from_no_reply(call: NoReply, context: Context | None = None) -> Event:
    """Calls that nobody answers, or the answer that ended them."""
    return event_of("ot_anomaly", call.protocol, call.time_ns, call, _NO_REPLY, context=context)


def event_from_readback(readback: Readback, context: Context | None = None) -> Event:
    """What an object held after it was written to; at the read."""
    return event_of(
        "ot_process", readback.protocol, readback.time_ns, readback, _READBACK, context=context
    )


def event_from_quality(quality: PointQuality, context: Context | None = None) -> Event:
    """Points whose quality is now another."""
    return event_of(
        "ot_process", quality.protocol, quality.time_ns, quality, _QUALITY, context=context
    )


def event_from_health(health: Health, context: Context | None = None) -> Event:
    """How well an interface was seen for a time; at the end of it."""
    time_ns = max(health.from_ns, health.until_ns)
    return event_of("ot_sensor", None, time_ns, health, _SENSOR, context=context)


def event_from_notice(notice: Notice, context: Context | None = None) -> Event:
    """What the sensor says of itself; when it noticed it."""
    return event_of("ot_sensor", None, notice.until_ns, notice, _SENSOR, context=context)


def event_from_loss(loss: Loss, context: Context | None = None) -> Event:
    """What was not seen of a conversation within a time; at the end of it."""
    return event_of("ot_sensor", loss.protocol, loss.until_ns, loss, _LOSS, context=context)


def event_from_arp(arp: Arp, context: Context | None = None) -> Event:
    """What one sender did by ARP within a minute; at its last message so far."""
    return event_of("ot_asset", None, arp.until_ns, arp, _ARP, context=context)


def event_from_shift(shift: HeaderShift, context: Context | None = None) -> Event:
    """Something in a flow that another machine may have sent."""
    return event_of("ot_anomaly", None, shift.time_ns, shift, _SHIFT, context=context)


def event_from_ends(
    category: str,
    time_ns: int,
    ends: Ends,
    own: Mapping[str, FieldValue],
    context: Context | None = None,
) -> Event:
    """What a detector found between `ends`, with the fields that it gives."""
    return event_of(category, ends.protocol, time_ns, ends, _ENDS, own, context)


_CONVERSATION = Layout(
    {
        **FLOW_PLACES,
        "@timestamp": "last_seen_ns",
    }
)

_OF_RHYTHM: dict[str, str | Getter] = {
    **FLOW_PLACES,
    "@timestamp": "time_ns",
    "ot.unit.id": lambda record: None if record.unit is None else str(record.unit),
}
_RHYTHM = Layout(
    {
        **_OF_RHYTHM,
        "ot.function.name": "operation",
        "ot.operation.class": "operation_class",
        "ot.role": "role",
        "ot.object.id": lambda record: () if record.target is None else (_target(record),),
    }
)
_NO_REPLY = Layout(_OF_RHYTHM)
_QUALITY = Layout(_OF_RHYTHM)
_READBACK = Layout({**_OF_RHYTHM, "ot.object.id": lambda record: (record.target,)})
_SENSOR = Layout({"@timestamp": lambda record: max(record.from_ns, record.until_ns)})
_SHIFT = Layout({**FLOW_PLACES, "network.protocol": lambda record: None, "@timestamp": "time_ns"})
_ARP = Layout(
    {
        "@timestamp": "until_ns",
        "source.ip": "ip",
        "source.mac": "mac",
        "source.address": "ip",
        "client.ip": "ip",
        "client.mac": "mac",
        "client.address": "ip",
        "network.vlan.id": "vlan",
    }
)
_LOSS = Layout({**FLOW_PLACES, "@timestamp": "until_ns"})


def _target(record: Rhythm) -> str:
    """The place of a rhythm, as transactions name it: `hr:100-139`."""
    if record.interval is None:
        return str(record.target)
    first, last = record.interval
    place = str(first) if first == last else f"{first}-{last}"
    return f"{record.target}:{place}"


_ADDRESS = Layout(
    {
        "@timestamp": "last_seen_ns",
        "source.ip": "ip",
        "source.mac": "mac",
        "source.address": lambda record: record.ip or record.mac,
        "client.ip": "ip",
        "client.mac": "mac",
        "client.address": lambda record: record.ip or record.mac,
        "network.vlan.id": "vlan",
    }
)

_CLAIM = Layout(
    {
        "@timestamp": "time_ns",
        "destination.ip": "subject_ip",
        "destination.mac": "subject_mac",
        "destination.address": lambda record: record.subject_ip or record.subject_mac,
        "server.ip": "subject_ip",
        "server.mac": "subject_mac",
        "server.address": lambda record: record.subject_ip or record.subject_mac,
        "network.vlan.id": "vlan",
        "network.protocol": "protocol",
    }
)

_ENDS = Layout(FLOW_PLACES)
