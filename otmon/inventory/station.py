"""Stations behind a device: made assets of their own where several answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from otmon.inventory.device import Device, Station
from otmon.inventory.identity import asset_id

if TYPE_CHECKING:
    from otmon._engine import Behaviour
    from otmon.inventory.claim_book import Told
    from otmon.inventory.news import News
    from otmon.inventory.roster import Roster
    from otmon.inventory.watching import Watching

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


class Stations:
    """Counts what stations answer."""

    def __init__(self, site: str, news: News, roster: Roster, watching: Watching) -> None:
        """Takes what a device needs, and who is told of one.

        Args:
            site: The name of the site.
            news: Who is told of a new station.
            roster: Gives numbers to devices, and notes that a gateway is one for sure.
            watching: Whether the site is known, so that what is new is news.
        """
        self._site = site
        self._news = news
        self._roster = roster
        self._watching = watching

    def answers(self, server: Device, behaviour: Behaviour, unit: int, before: int) -> None:
        """Takes what a station answered, new or counted on.

        Args:
            server: The device that it is behind, or is.
            behaviour: What it answered.
            unit: Its number.
            before: How often it had when it was shown last.
        """
        count = behaviour.count - before
        protocol = family(behaviour.protocol)
        key = (behaviour.server_ip, protocol, unit)
        station = server.stations.get(key)
        first_ns, last_ns = behaviour.first_seen_ns, behaviour.last_seen_ns
        if station is None:
            if len(server.stations) >= MAX_STATIONS:
                return
            station = server.stations[key] = Station(0, first_ns, last_ns)
        known = station.count >= STATION_ANSWERS
        station.count += count
        station.first_ns = min(station.first_ns, first_ns)
        station.last_ns = max(station.last_ns, last_ns)
        nested = server.nested.get((protocol, unit))
        if nested is not None:
            nested.activity.answered[behaviour.protocol] += count
            nested.seen(first_ns, last_ns)
            nested.seen_now = True
        elif station.count >= STATION_ANSWERS and not known:
            self._nest(server, protocol, behaviour.protocol)

    def _nest(self, gateway: Device, protocol: str, spoken: str) -> None:
        """Makes assets of the stations behind a device, where there are several."""
        answers: dict[int, Station] = {}
        for (_, own, unit), station in gateway.stations.items():
            if own == protocol and station.count >= STATION_ANSWERS:
                answers.setdefault(unit, station)
        for unit in NOT_A_STATION.get(protocol, ()):
            answers.pop(unit, None)
        if len(answers) < 2:
            return
        gateway.changes()
        self._roster.note_confirmed(gateway)
        for unit, station in sorted(answers.items()):
            if (protocol, unit) in gateway.nested:
                continue
            key = f"{gateway.key}/{protocol}/{unit}"
            device = Device(
                asset_id(self._site, gateway.segment, key),
                self._roster.next_number(),
                gateway.segment,
                gateway.vlan,
                key,
                gateway=gateway,
                protocol=protocol,
                unit=unit,
            )
            device.new = self._watching.knows
            device.confirmed = device.seen_now = True
            device.frame = gateway.frame
            device.seen(station.first_ns, station.last_ns)
            device.activity.protocols.add(spoken)
            device.activity.answered[spoken] = station.count
            gateway.nested[protocol, unit] = device
            device.book.absorb(gateway.book.take(_of_station(protocol, unit)))
            if device.new:
                self._news.tell(
                    "asset_new",
                    device,
                    station.last_ns,
                    expected="only stations that the site knows",
                    observed=f"unit {unit} answers behind {next(iter(gateway.ips), gateway.id)}",
                    since_ns=station.first_ns,
                    frames=(gateway.frame,),
                    protocol=protocol,
                )


def _of_station(protocol: str, unit: int) -> Callable[[Told], bool]:
    return lambda told: told.unit == unit and family(told.protocol) == protocol
