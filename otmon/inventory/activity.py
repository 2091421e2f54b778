"""What a device did: its industrial conversations, counted as they grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon._engine import Conversation

POLLED_FROM = 100
"""Reads of one server from which a client polls it."""
STEADY_FROM = 40
STEADY_NS = 20 * 1_000_000_000
"""Fewer are enough where they come over such a time."""
MAX_POLLED = 256
"""Servers remembered that a client polls: more do not change what it is."""


@dataclass(slots=True)
class Activity:
    """What one asset did, counted over its conversations."""

    answered: Counter[str] = field(default_factory=Counter)
    """Requests it answered, by protocol."""
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Operations it asked for, by protocol and class."""
    polled: dict[str, None] = field(default_factory=dict)
    """Whom it asked for values again and again."""
    protocols: set[str] = field(default_factory=set)
    """Industrial protocols it speaks."""
    first_ns: int = 2**63 - 1
    last_ns: int = -(2**63)
    """From when to when it asked others."""
    services: set[str] = field(default_factory=set)
    """Services of other networks, such as `serves smb` and `uses rdp`."""

    @property
    def span_ns(self) -> int:
        """For how long it has asked others, from the first to the last time."""
        return max(0, self.last_ns - self.first_ns)

    def asks(self, talk: Conversation, before: Conversation | None) -> None:
        """Counts a conversation in which it is the client, in place of what it was before."""
        protocol = talk.protocol or ""
        self.protocols.add(protocol)
        known = {} if before is None else before.classes
        classes = talk.classes
        for token, count in classes.items():
            self.asked[protocol, token] += count - known.get(token, 0)
        self.first_ns = min(self.first_ns, talk.first_seen_ns)
        self.last_ns = max(self.last_ns, talk.last_seen_ns)
        enough = STEADY_FROM if talk.last_seen_ns - talk.first_seen_ns >= STEADY_NS else POLLED_FROM
        if classes.get("read", 0) >= enough and len(self.polled) < MAX_POLLED:
            self.polled[talk.server_ip or talk.server_mac or ""] = None

    def answers(self, talk: Conversation, before: Conversation | None) -> None:
        """The same where it is the server."""
        protocol = talk.protocol or ""
        self.protocols.add(protocol)
        known = 0 if before is None else before.answered_count
        self.answered[protocol] += talk.answered_count - known

    def takes_back_asked(self, talk: Conversation) -> None:
        """Counts a conversation out that was another device's, as client."""
        for token, count in talk.classes.items():
            self.asked[talk.protocol or "", token] -= count
        self.polled.pop(talk.server_ip or talk.server_mac or "", None)

    def takes_back_answered(self, talk: Conversation) -> None:
        """The same as server."""
        self.answered[talk.protocol or ""] -= talk.answered_count

    def add(self, other: Activity) -> None:
        """Counts what another device did that turned out to be this one."""
        self.answered.update(other.answered)
        self.asked.update(other.asked)
        self.polled |= other.polled
        self.first_ns = min(self.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)
        self.protocols |= other.protocols
        self.services |= other.services
