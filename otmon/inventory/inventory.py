"""Who is on the network, at any moment: observations in, devices out.

An asset is a device. Observations are taken as they come, so that an event
knows its devices as they were when it happened; counts of an observation are
absolute, and a later one of the same thing replaces the earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from otmon.inventory.claim_book import Told
from otmon.inventory.device import Device, Station
from otmon.inventory.identity import asset_id
from otmon.inventory.places import Places, Vlan
from otmon.inventory.record import asset_of, in_order, known_of
from otmon.model.context import AssetFacts

if TYPE_CHECKING:
    from otmon._engine import Address, Behaviour, Claim, Conversation
    from otmon.model.asset import Asset

MAX_STATIONS = 512
"""Stations kept behind one gateway."""
STATION_ANSWERS = 3
"""Answers after which a station counts as one: a sweep must not make ghosts."""
NOT_A_STATION = {"modbus": frozenset((0, 255))}
"""Of Modbus, 0 is broadcast and 255 the device itself."""


_FAMILY = {"modbus_rtu": "modbus", "umas": "modbus"}


def family(protocol: str) -> str:
    """The protocol by whose units stations are told apart: UMAS goes by those of Modbus."""
    return _FAMILY.get(protocol, protocol)


def _of_station(protocol: str, unit: int) -> Callable[[Told], bool]:
    return lambda told: told.unit == unit and family(told.protocol) == protocol


class Inventory:
    """Takes observations in the order of their time, and knows the devices so far."""

    def __init__(self, site: str = "default") -> None:
        """Takes the name of the site, on which the ids of its assets depend."""
        self._site = site
        self._devices: dict[str, Device] = {}
        """Every device but those that were merged into another, by id."""
        self._aliases: dict[str, str] = {}
        self._made = 0
        self._places = Places(self._make, self._move, self._merge)
        self._counted: dict[int, int] = {}
        """How much of the answers of a station's behaviours was counted, by behaviour."""

    # What was observed

    def address(self, address: Address) -> None:
        """Takes a pair of hardware and IP address, new or counted on."""
        self._places.note(address)

    def claim(self, claim: Claim) -> None:
        """Takes something said about an asset, new or counted on."""
        device = self._places.find(claim.subject_ip, claim.subject_mac, claim.vlan)
        if device is None:
            return
        if claim.unit is not None:
            device = device.nested.get((family(claim.protocol), claim.unit), device)
        device.book.add(claim)
        device.facts = None

    def conversation(self, talk: Conversation) -> None:
        """Takes who talks to whom, new or counted on."""
        if talk.protocol is None:
            return
        vlan, number = talk.vlan, talk.id
        client = self._places.find(talk.client_ip, talk.client_mac, vlan)
        if client is not None:
            client.client_talks[number] = talk
            client.facts = None
        server = self._places.find(talk.server_ip, talk.server_mac, vlan)
        if server is not None:
            server.server_talks[number] = talk
            server.facts = None

    def behaviour(self, behaviour: Behaviour) -> None:
        """Takes what is done, new or counted on: what a station answers makes it known."""
        unit = behaviour.unit
        if unit is None or behaviour.status != "ok":
            return
        server = self._places.find(behaviour.server_ip, behaviour.server_mac, behaviour.vlan)
        if server is None:
            return
        count = behaviour.count - self._counted.get(behaviour.behaviour, 0)
        self._counted[behaviour.behaviour] = behaviour.count
        protocol = family(behaviour.protocol)
        key = (behaviour.server_ip, protocol, unit)
        station = server.stations.get(key)
        first_ns, last_ns = behaviour.first_seen_ns, behaviour.last_seen_ns
        if station is None:
            if len(server.stations) >= MAX_STATIONS:
                return
            station = server.stations[key] = Station(0, first_ns, last_ns)
        station.count += count
        station.first_ns = min(station.first_ns, first_ns)
        station.last_ns = max(station.last_ns, last_ns)
        nested = server.nested.get((protocol, unit))
        if nested is not None:
            nested.answers += count
            nested.seen(first_ns, last_ns)
        elif station.count >= STATION_ANSWERS:
            self._nest(server, protocol)

    # What is known

    def asset_id(self, ip: str | None, mac: str | None, vlan: Vlan) -> str | None:
        """The asset that has this address now, or none where it never sent a frame."""
        device = self._places.find(ip, mac, vlan)
        return None if device is None else device.id

    def facts(self, ip: str | None, mac: str | None, vlan: Vlan) -> AssetFacts | None:
        """What is known of the device at an address so far; none where nobody is there."""
        device = self._places.find(ip, mac, vlan)
        if device is None:
            return None
        facts = device.facts
        if facts is None:
            facts = device.facts = known_of(device)
        return facts

    @property
    def device_count(self) -> int:
        """How many devices there are so far, with those behind gateways."""
        return sum(1 for _ in self._everybody())

    def assets(self, file_name: Callable[[int], str]) -> tuple[Asset, ...]:
        """Every asset so far, ordered by address.

        Args:
            file_name: The path of an input file, by its number in frames.
        """
        return tuple(asset_of(device, file_name) for device in in_order(self._everybody()))

    def _everybody(self) -> Iterator[Device]:
        for device in self._devices.values():
            yield from device.everybody()

    # Devices come, move and merge

    def _make(self, vlan: Vlan, key: str) -> Device:
        segment = "default" if vlan is None else f"vlan {vlan}"
        device = Device(asset_id(self._site, segment, key), self._made, segment, vlan, key)
        self._made += 1
        self._devices[device.id] = device
        return device

    def _nest(self, gateway: Device, protocol: str) -> None:
        """Makes assets of the stations behind a device, where there are several."""
        answers: dict[int, Station] = {}
        for (_, own, unit), station in gateway.stations.items():
            if own == protocol and station.count >= STATION_ANSWERS:
                answers.setdefault(unit, station)
        for unit in NOT_A_STATION.get(protocol, ()):
            answers.pop(unit, None)
        if len(answers) < 2:
            return
        gateway.facts = None
        for unit, station in sorted(answers.items()):
            if (protocol, unit) in gateway.nested:
                continue
            key = f"{gateway.key}/{protocol}/{unit}"
            device = Device(
                asset_id(self._site, gateway.segment, key),
                self._made,
                gateway.segment,
                gateway.vlan,
                key,
                gateway=gateway,
                protocol=protocol,
                unit=unit,
            )
            self._made += 1
            device.seen(station.first_ns, station.last_ns)
            device.answers = station.count
            gateway.nested[protocol, unit] = device
            device.book.absorb(gateway.book.take(_of_station(protocol, unit)))

    def _move(self, old: Device, new: Device, ip: str) -> None:
        """What was taken for one device is two: what an IP said and did goes with it."""
        new.book.absorb(old.book.take(lambda told: told.ip == ip))
        for number, talk in list(old.client_talks.items()):
            if talk.client_ip == ip:
                new.client_talks[number] = old.client_talks.pop(number)
        for number, talk in list(old.server_talks.items()):
            if talk.server_ip == ip:
                new.server_talks[number] = old.server_talks.pop(number)
        for key in [key for key in old.stations if key[0] == ip]:
            new.stations[key] = old.stations.pop(key)
            place = key[1:]
            nested = old.nested.pop(place, None)
            if nested is not None:
                nested.gateway = new
                new.nested[place] = nested
        old.facts = new.facts = None

    def _merge(self, first: Device, second: Device, reason: str) -> Device:
        """Two devices are one: the older keeps its id, the other's becomes an alias."""
        kept, gone = (first, second) if first.number < second.number else (second, first)
        kept.macs |= gone.macs
        kept.ips |= gone.ips
        kept.routes = kept.routes or gone.routes
        kept.routed = kept.routed and gone.routed
        kept.public = kept.public and gone.public
        kept.frame = kept.frame or gone.frame
        kept.seen(gone.first_ns, gone.last_ns)
        kept.book.absorb(gone.book.all())
        kept.client_talks |= gone.client_talks
        kept.server_talks |= gone.server_talks
        kept.stations |= gone.stations
        for place, nested in gone.nested.items():
            nested.gateway = kept
            kept.nested.setdefault(place, nested)
        gone.merged_into = kept
        self._devices.pop(gone.id, None)
        self._aliases[gone.id] = kept.id
        self._places.repoint(gone, kept)
        kept.facts = None
        return kept
