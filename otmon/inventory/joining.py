"""What was taken for one device is two, or what was taken for two is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otmon.inventory.device import Device


def take_along(old: Device, new: Device, ip: str) -> None:
    """What an IP said and did goes with it to another device."""
    new.new = old.new
    new.book.absorb(old.book.take(lambda told: told.ip == ip))
    for number, talk in list(old.client_talks.items()):
        if talk.client_ip == ip:
            new.client_talks[number] = old.client_talks.pop(number)
            new.activity.asks(talk, None)
            old.activity.takes_back_asked(talk)
    for number, talk in list(old.server_talks.items()):
        if talk.server_ip == ip:
            new.server_talks[number] = old.server_talks.pop(number)
            new.activity.answers(talk, None)
            old.activity.takes_back_answered(talk)
    for key in [key for key in old.stations if key[0] == ip]:
        new.stations[key] = old.stations.pop(key)
        place = key[1:]
        nested = old.nested.pop(place, None)
        if nested is not None:
            nested.gateway = new
            new.nested[place] = nested


def join(kept: Device, gone: Device) -> None:
    """Gives a device all that is known of another one, which it is."""
    kept.macs |= gone.macs
    kept.ips |= gone.ips
    kept.routes = kept.routes or gone.routes
    kept.routed = kept.routed and gone.routed
    kept.public = kept.public and gone.public
    kept.confirmed = kept.confirmed or gone.confirmed
    kept.frame = kept.frame or gone.frame
    kept.seen_now = kept.seen_now or gone.seen_now
    kept.seen(gone.first_ns, gone.last_ns)
    kept.book.absorb(gone.book.all())
    kept.activity.add(gone.activity)
    kept.client_talks |= gone.client_talks
    kept.server_talks |= gone.server_talks
    kept.stations |= gone.stations
    kept.peers_before |= gone.peers_before
    kept.ports_before |= gone.ports_before
    for place, nested in gone.nested.items():
        nested.gateway = kept
        kept.nested.setdefault(place, nested)
