"""A second client that changes a device by another unit number than the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent, Told
from otmon.detectors.detector import Detector, Observer
from otmon.detectors.finding import finding
from otmon.model.event import Event

ITSELF = frozenset((0, 255))
"""Units that mean the device that has the IP address: 255 has to be used for it, 0 is
accepted [S: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 4.4.2.1]."""
RELAYING = frozenset(("gateway_path_unavailable", "gateway_target_failed_to_respond"))
"""What only gateways answer: exceptions 10 and 11 [S: MODBUS Application Protocol V1.1b3, 7]."""
TOGETHER_NS = 3_600 * 1_000_000_000
"""How far apart the changes of two clients may be: as of one unit."""
MAX_DEVICES = 10_000
"""Devices that are known; the one that showed nothing new for longest goes first."""
MAX_CLIENTS = 16
"""Clients of one device."""

_Key = tuple[str | None, int | None, str | None]
"""Server, VLAN and protocol."""
_NEVER_NS = -(1 << 63)


@dataclass(slots=True)
class _Client:
    """What a client does with a device."""

    stations: list[int] = field(default_factory=list)
    """Units but those of `ITSELF` that answered it, up to two."""
    changed: list[int] = field(default_factory=lambda: [_NEVER_NS, _NEVER_NS])
    """When it changed something by `ITSELF`, and by a station, last."""


@dataclass(slots=True)
class _Device:
    """What is known of a device."""

    relays: bool = False
    """Whether it said of a station that it is not there."""
    clients: dict[str, _Client] = field(default_factory=dict)
    ways: set[bool] = field(default_factory=set)
    """Whether it was changed by `ITSELF`: true, false, or both."""

    def is_gateway(self, client: str) -> bool:
        """Whether others than a client know several stations behind it.

        A device that takes no notice of the unit answers for all that the client asks.
        """
        known = {
            unit for other, one in self.clients.items() if other != client for unit in one.stations
        }
        return self.relays or len(known) > 1


class SecondMaster(Detector):
    """Speaks when one client changes the only station of a device, another the device itself.

    Many devices take no notice of the unit: whoever writes to unit 255 or 0 writes to the
    same registers as those who write to unit 1, and yet to another unit.
    """

    name = "second_master"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "second_master": "A second client changes a device by another unit number.",
    }
    watches = (
        "Answers of Modbus and UMAS: which units of a device answer, and which clients changed "
        "something by units 0 or 255 and by another one, within an hour."
    )
    silent = (
        "Of gateways: others know more than one unit there, or a station is said not to be there. "
        "Of changes that were not answered. Twice an hour of the same client."
    )

    def __init__(self) -> None:
        self._devices: Recent[_Key, _Device] = Recent(MAX_DEVICES)
        self._told: Told[tuple[object, ...]] = Told(TOGETHER_NS, MAX_DEVICES)

    def wants(self, event: Event) -> bool:
        """What Modbus devices answer."""
        if event.service not in ("modbus", "umas") or event.get("ot.role") != "request":
            return False
        return event.get("ot.answered") is True

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an answer."""
        return self.observer(event)(event)

    def observer(self, event: Event) -> Observer:
        """Takes answers of one conversation and unit, and of one kind."""
        record = event.record
        key, unit, name = _key_of(event), record.unit, record.client_address
        device = self._devices.make(key, _Device)
        if record.status in RELAYING:
            device.relays = True
            return _nothing
        if unit is None or name is None:
            return _nothing
        client = device.clients.get(name)
        if client is None:
            if len(device.clients) >= MAX_CLIENTS:
                self.left_out_count += 1
                return _nothing
            client = device.clients[name] = _Client()
        own = unit in ITSELF
        if not own and unit not in client.stations and len(client.stations) < 2:
            client.stations.append(unit)
        if not _changes(event):
            return _nothing
        times, place, ways = client.changed, int(not own), device.ways
        ways.add(own)
        devices, evicted_count = self._devices, self._devices.evicted_count

        def take(event: Event) -> Iterable[Event]:
            if devices.evicted_count != evicted_count:
                # What was found may be nobody's any more.
                return self.observe(event)
            times[place] = event.time_ns
            if len(ways) < 2:
                return ()
            return self._others(key, device, name, own, event)

        return take

    def _others(
        self, key: _Key, device: _Device, client: str, own: bool, event: Event
    ) -> Iterable[Event]:
        """Gives `second_master` where another client changes the same by another unit."""
        since_ns = event.time_ns - TOGETHER_NS
        others = [
            (one.changed[own], other)
            for other, one in device.clients.items()
            if one.changed[own] >= since_ns and other != client
        ]
        if not others:
            return ()
        last_ns, other = max(others)
        if device.is_gateway(client if own else other):
            return ()
        if not self._told.may((*key, client), event.time_ns):
            return ()
        by = f"unit {device.clients[other].stations[0]}" if own else "the device itself"
        found = finding(
            self,
            event,
            "second_master",
            category="ot_anomaly",
            expected=f"{other} as {by}",
            observed=f"{client} as unit {event.record.unit}",
            since_ns=last_ns,
        )
        return (found,)

    def memory(self) -> Json:
        """What is known of devices, and what was told."""
        return {
            "devices": self._devices.written(_written),
            "told": self._told.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._devices.read(memory["devices"], _read)
        self._told.read(memory["told"])


def _written(device: _Device) -> Json:
    clients = [[name, one.stations, one.changed] for name, one in device.clients.items()]
    return [device.relays, clients, sorted(device.ways)]


def _read(written: Json) -> _Device:
    relays, clients, ways = written
    return _Device(relays, {name: _Client(*known) for name, *known in clients}, set(ways))


def _nothing(_event: Event) -> Iterable[Event]:
    return ()


def _changes(event: Event) -> bool:
    return event.operation_class in ("write", "command")


def _key_of(event: Event) -> _Key:
    record = event.record
    return record.server_address, record.vlan, event.service
