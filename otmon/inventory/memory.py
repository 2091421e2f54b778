"""What one run leaves for the next: devices as JSON, those of them that changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from otmon.inventory.activity import Activity
from otmon.inventory.claim_book import ClaimBook, Told
from otmon.inventory.device import Device, Station

if TYPE_CHECKING:
    from otmon.inventory.identities import Identities
    from otmon.inventory.roster import Roster
    from otmon.inventory.view import Views
    from otmon.inventory.watching import Watching

Record = dict[str, Any]
"""A device, without those behind it."""

FileName = Callable[[int], str]
"""The path of an input file, by its number in frames."""


class Memory:
    """Gives devices what the site remembers, and says what of them has to be remembered."""

    def __init__(self, roster: Roster, watching: Watching) -> None:
        """Takes the devices, and for how long the site has been watched."""
        self._roster = roster
        self._watching = watching

    def restore(self, records: Iterable[Record], identities: Identities, views: Views) -> None:
        """Takes the devices of earlier runs.

        Args:
            records: The devices.
            identities: Who has to know what they said of themselves.
            views: Which of them a person called one, and which roles they had.
        """
        roster = self._roster
        # Gateways first: a station may have come before what it stands behind now.
        for record in sorted(records, key=lambda record: record["gateway"] is not None):
            gateway = None if record["gateway"] is None else roster.get(record["gateway"])
            roster.restore(device_of(record, gateway), record["places"])
            self._watching.remembers = True
        for device in roster.everybody():
            device.remembered = views.roles(device).shown
            device.asked_before = bool(device.activity.asked)
            if device.gateway is None:
                identities.remember(device)
        for device in [one for one in roster.everybody() if one.gateway is None]:
            for other in views.words.of(device).merge:
                own, same = roster.get(roster.current(device.id)), roster.get(other)
                if own is not None and same is not None and own is not same:
                    roster.merge(own, same)

    def changed(self, file_name: FileName) -> Iterator[Record]:
        """What the next run has to know of the devices that changed since the last time."""
        for device in self._roster.everybody():
            if not device.seen_now:
                continue
            self._watching.mark(device)
            stamp = device.stamp()
            if stamp != device.saved:
                device.saved = stamp
                yield record_of(device, file_name)

    def forgotten(self) -> list[str]:
        """Ids of devices that were forgotten since the last time that all was saved."""
        return [*self._roster.forgotten]

    def saved(self) -> None:
        """What has changed, and who was forgotten, is known to the next run now."""
        self._roster.forgotten.clear()

    def save_again(self) -> None:
        """Nothing of it was kept: all of it is what the next run has to know."""
        for device in self._roster.everybody():
            # What was kept before may be there all the same.
            device.saved = device.saved and (0,)


def record_of(device: Device, file_name: FileName) -> Record:
    """Everything that the next run has to know of a device."""
    activity = device.activity
    return {
        "id": device.id,
        "number": device.number,
        "segment": device.segment,
        "vlan": device.vlan,
        "key": device.key,
        "gateway": device.gateway.id if device.gateway else None,
        "protocol": device.protocol,
        "unit": device.unit,
        "macs": [*device.macs],
        "ips": [*device.ips],
        "places": [list(place) for place in device.places],
        "routed": device.routed,
        "routes": device.routes,
        "public": device.public,
        "confirmed": device.confirmed,
        "new": device.new,
        "taken_over": device.taken_over,
        "first_ns": device.first_ns,
        "last_ns": device.last_ns,
        "mark_ns": device.mark_ns,
        "claims": [_claim(told, device.book, file_name) for told in device.book.all()],
        "answered": dict(activity.answered),
        "asked": [[*key, count] for key, count in sorted(activity.asked.items())],
        "polled": [*activity.polled],
        "asked_ns": [activity.first_ns, activity.last_ns] if activity.asked else None,
        "protocols": sorted(activity.protocols),
        "services": sorted(activity.services),
        "peers": sorted(device.peers()),
        "ports": sorted(device.ports()),
        "stations": [
            [*key, own.count, own.first_ns, own.last_ns] for key, own in device.stations.items()
        ],
    }


def device_of(record: Record, gateway: Device | None) -> Device:
    """The device of a record; its addresses have still to be given to it."""
    device = Device(
        record["id"],
        record["number"],
        record["segment"],
        record["vlan"],
        record["key"],
        gateway=gateway,
        protocol=record["protocol"],
        unit=record["unit"],
    )
    device.macs = dict.fromkeys(record["macs"])
    device.ips = dict.fromkeys(record["ips"])
    device.routed = record["routed"]
    device.routes = record["routes"]
    device.public = record["public"]
    device.confirmed = record["confirmed"]
    device.new = record["new"]
    device.taken_over = record["taken_over"]
    device.first_ns = record["first_ns"]
    device.last_ns = record["last_ns"]
    device.mark_ns = record["mark_ns"]
    asked_ns = record.get("asked_ns")
    device.activity = Activity(
        answered=Counter(record["answered"]),
        asked=Counter({(protocol, token): count for protocol, token, count in record["asked"]}),
        polled=dict.fromkeys(record["polled"]),
        protocols=set(record["protocols"]),
        **({} if asked_ns is None else {"first_ns": asked_ns[0], "last_ns": asked_ns[1]}),
        services=set(record["services"]),
    )
    device.peers_before = frozenset(record.get("peers", ()))
    device.ports_before = frozenset(record.get("ports", ()))
    for ip, protocol, unit, *own in record["stations"]:
        device.stations[ip, protocol, unit] = Station(*own)
    # What stands comes first, so that it stands again.
    for claim in sorted(record["claims"], key=lambda claim: not claim["stands"]):
        device.book.keep(_told(claim))
    return device


def _claim(told: Told, book: ClaimBook, file_name: FileName) -> Record:
    origin = told.origin
    if origin is None and told.frame is not None:
        origin = (file_name(told.frame[0]), told.frame[1])
    return {
        "attribute": told.attribute,
        "value": told.value,
        "source": told.source,
        "confidence": told.confidence,
        "ip": told.ip,
        "unit": told.unit,
        "first_ns": told.first_ns,
        "last_ns": told.last_ns,
        "origin": origin,
        "count": told.past_count + told.count,
        "flow_count": told.past_flow_count + told.flow_count,
        "stands": book.stands(told),
    }


def _told(claim: Record) -> Told:
    return Told(
        attribute=claim["attribute"],
        value=claim["value"],
        source=claim["source"],
        confidence=claim["confidence"],
        ip=claim["ip"],
        unit=claim["unit"],
        first_ns=claim["first_ns"],
        last_ns=claim["last_ns"],
        frame=None,
        last_frame=None,
        count=0,
        flow_count=0,
        past_count=claim["count"],
        past_flow_count=claim["flow_count"],
        origin=None if claim["origin"] is None else (claim["origin"][0], claim["origin"][1]),
    )
