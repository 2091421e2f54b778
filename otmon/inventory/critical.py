"""Which devices most depends on: those whose loss would end the most conversations.

A conversation ends with either of its ends; of stations behind a gateway each has its
conversations through it. Which router passes what on is not known from traffic, so that
routers count for what they say themselves alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from otmon.inventory.proposal import Talk
from otmon.model.asset import Asset


@dataclass(frozen=True, slots=True)
class Loss:
    """What would end with a device."""

    asset: Asset
    conversations: int
    """Conversations of which it is an end: client, server and protocol."""
    share: float
    """Those of all conversations, from 0 to 1."""
    partners: int
    """Devices at the other ends."""
    left_alone: tuple[str, ...]
    """Ids of those that speak to nobody else."""


def losses(assets: Sequence[Asset], talks: Iterable[Talk]) -> list[Loss]:
    """What would end with each device that speaks: the most conversations first."""
    own = {asset.id: asset for asset in assets}
    ends = {asset.id: asset.gateway or asset.id for asset in assets}
    pairs = {
        (ends[talk.client], ends[talk.server], talk.protocol)
        for talk in talks
        if talk.client in ends and talk.server in ends
    }
    conversations: defaultdict[str, int] = defaultdict(int)
    partners: defaultdict[str, set[str]] = defaultdict(set)
    for client, server, _ in pairs:
        for one, other in {(client, server), (server, client)}:
            conversations[one] += 1
            partners[one].add(other)
    found = [
        Loss(
            own[one],
            count,
            count / len(pairs),
            len(partners[one] - {one}),
            tuple(sorted(other for other in partners[one] - {one} if partners[other] == {one})),
        )
        for one, count in conversations.items()
    ]
    return sorted(found, key=lambda loss: (-loss.conversations, -len(loss.left_alone), _key(loss)))


def _key(loss: Loss) -> str:
    return loss.asset.ip[0] if loss.asset.ip else loss.asset.id
