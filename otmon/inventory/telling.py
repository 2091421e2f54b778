"""What is told of devices that come, go, or do what they never did."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Conversation
    from otmon.inventory.device import Device
    from otmon.inventory.news import News


def appeared(news: News, device: Device, vendor: str | None, time_ns: int) -> None:
    """A device is there that the site does not know."""
    news.tell(
        "asset_new",
        device,
        time_ns,
        expected="only devices that the site knows",
        observed=f"a device of {vendor or 'an unknown vendor'}",
        since_ns=device.first_ns,
        frames=(device.frame,),
    )


def returned(news: News, device: Device, away: str, time_ns: int) -> None:
    """A device sends again that was away, in these words."""
    news.tell(
        "asset_returned",
        device,
        time_ns,
        expected=away,
        observed="it sends again",
        since_ns=device.last_ns,
        frames=(device.frame,),
    )


def moved(news: News, device: Device, before: str, seen: Address) -> None:
    """A device is no longer in the segment in which it was before."""
    news.tell(
        "asset_moved",
        device,
        seen.first_seen_ns,
        expected=f"in {before}",
        observed=f"in {device.segment}",
        since_ns=device.first_ns,
        frames=(device.frame, seen.frame),
        ip=seen.ip,
    )


def transient(news: News, client: Device, behaviour: Behaviour) -> None:
    """A device that is new does what only engineering tools do."""
    news.tell(
        "transient_asset",
        client,
        behaviour.first_seen_ns,
        expected="engineering by stations that the site knows",
        observed=f"{behaviour.operation} of {behaviour.server_address}",
        since_ns=client.first_ns,
        frames=(client.frame, behaviour.frame),
        ip=behaviour.client_ip,
        protocol=behaviour.protocol,
    )


def asks(news: News, client: Device, known: tuple[str, ...], talk: Conversation) -> None:
    """A device asks others that only was asked, by the roles that it had."""
    news.tell(
        "role_changed",
        client,
        talk.last_seen_ns,
        expected=f"{', '.join(known)}, which is asked and never asks",
        observed=f"asks {talk.server_address} by {talk.protocol}",
        since_ns=client.first_ns,
        frames=(client.frame,),
        ip=talk.client_ip,
        protocol=talk.protocol,
    )
