"""Events of what is no operation: conversations, addresses, claims, and what several frames show.

Detectors are shown the first three as the engine gives them; the last is what a
detector says where no record of the engine is the whole story.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otmon.model.event import Event, Frame, event_of
from otmon.model.layout import FLOW_PLACES, FieldValue, Layout

if TYPE_CHECKING:
    from otmon._engine import Address, Claim, Conversation
    from otmon.model.context import Context


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
