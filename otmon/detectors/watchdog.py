"""Channels, devices, gateways and fleets that fell silent; packet loss is no silence.

What the engine calls overdue or unanswered is only a suspicion. It waits for one
more deadline and is told then if nothing came back, if the interface and the
conversation were seen well from a deadline before the silence until now, and if
somebody else on the same interface kept talking meanwhile (the control). If half
of the devices of an interface stop together it is the tap that failed first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from otmon.detectors.bounded import Json, Recent, Told, key_of
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding, finding_between
from otmon.detectors.quality import Quality
from otmon.model.event import NEVER_NS, Event
from otmon.model.kept_event import Reader, Writer
from otmon.model.observed import Ends
from otmon.thresholds import WatchdogThresholds

if TYPE_CHECKING:
    from otmon._engine import NoReply, Rhythm

SECOND = 1_000_000_000
MAX_CHANNELS = 20_000
"""Channels with a rhythm that are known; the longest unheard goes first."""
MAX_WAITING = 4_096
"""Suspicions that can wait at a time; past that the oldest is given up."""
MAX_OF_CHANNEL = 1_024
"""Rhythms, and stations, of one channel; more make no difference."""
MAX_CERTAIN = 4_096
"""Silences that wait to be told together; past that they are told at once."""
MAX_TOLD = 10_000
"""Channels that were told to be silent, and have not come back."""
_Channel = tuple[str | None, str | None, str | None, int | None]
"""Client, server, protocol, VLAN."""
_Key = tuple[str, _Channel]
"""What kind of silence, and where."""


@dataclass(slots=True)
class _Known:
    """A channel that has a rhythm."""

    interface: int
    units: set[int | None] = field(default_factory=set)
    overdue: set[str] = field(default_factory=set)
    """Its rhythms that are overdue."""
    rhythms: set[str] = field(default_factory=set)
    stopped_ns: int = 0
    """Since when all of it is overdue; 0 while it is not."""


@dataclass(slots=True)
class _Waiting:
    """A suspicion that waits for one more deadline."""

    event: Event
    due_ns: int
    since_ns: int
    deadline_ns: int
    units: set[int | None] = field(default_factory=set)
    """Stations that do not answer."""


@dataclass(slots=True)
class _Certain:
    """A silence that waits for others to be told with them."""

    key: _Key
    time_ns: int
    server: str | None
    vlan: int | None
    units: set[int | None]
    event: Event


class Watchdog(Detector):
    """Speaks when something that was regular, or used to answer, is silent; and when it returns.

    Suspicions are given up over a restart, which is blind time; silences that are
    certain are told after it.
    """

    name = "watchdog"
    version = 2
    categories = frozenset(("ot_anomaly",))
    says: ClassVar[Mapping[str, str]] = {
        "poll_stopped": "A client no longer asks what it asked regularly; both ends are alive.",
        "no_reply": "A server no longer answers a client that goes on asking.",
        "channel_silent": "Both ends of a regular conversation are silent.",
        "device_silent": "A device is not heard by anybody, though clients ask for it.",
        "gateway_silent": "No station behind a gateway answers, though the gateway does.",
        "fleet_silent": "Many devices fell silent within a short time.",
        "returned": "What was silent is there again.",
        "watchdog_suspended": "Silence cannot be judged: the sensor did not see well enough.",
    }
    loss_sensitive = True
    watches = (
        "Rhythms that stay away and calls that nobody answers, also where a gateway answers "
        "for the station behind it. What is missed must have come at its pace for a minute, "
        "or have answered before."
    )
    silent = (
        "Where the sensor did not see well around the silence, where nobody else went on "
        "talking, and past the end of a capture."
    )

    def __init__(
        self, settings: WatchdogThresholds | None = None, quality: Quality | None = None
    ) -> None:
        self.settings = settings or WatchdogThresholds()
        self._quality = quality or Quality()
        self._channels: Recent[_Channel, _Known] = Recent(MAX_CHANNELS)
        self._waiting: Recent[_Key, _Waiting] = Recent(MAX_WAITING)
        self._certain: list[_Certain] = []
        self._told: Recent[_Key, int] = Recent(MAX_TOLD)
        self._suspended: Told[int] = Told(self.settings.repeat_s * SECOND, 1_024)

    def wants(self, event: Event) -> bool:
        """What happens to rhythms, and calls that nobody answers."""
        return hasattr(event.record, "deadline_ns") or hasattr(event.record, "request_count")

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes what happened to a rhythm, or calls in vain."""
        record = event.record
        if hasattr(record, "request_count"):
            return list(self._no_reply(event, record))
        return list(self._rhythm(event, record))

    def _rhythm(self, event: Event, rhythm: Rhythm) -> Iterator[Event]:
        channel = channel_of(rhythm)
        known = self._channels.make(channel, lambda: _Known(rhythm.interface))
        if len(known.rhythms) >= MAX_OF_CHANNEL and rhythm.id not in known.rhythms:
            self.left_out_count += 1
            return
        match rhythm.kind:
            case "periodic":
                known.rhythms.add(rhythm.id)
                known.units.add(rhythm.unit)
                # Told before a restart: nobody knows here any more that it was overdue.
                yield from self._returned(event, ("overdue", channel))
            case "overdue":
                known.rhythms.add(rhythm.id)
                known.overdue.add(rhythm.id)
                if not known.stopped_ns:
                    known.stopped_ns = rhythm.last_seen_ns
                habit_ns = rhythm.count * (rhythm.period_ns or 0)
                if habit_ns < self.settings.habit_s * SECOND:
                    return
                deadline_ns = rhythm.deadline_ns or 10 * SECOND
                key = ("overdue", channel)
                self._wait(key, rhythm.unit, event, rhythm.last_seen_ns, deadline_ns)
            case "returned":
                known.overdue.discard(rhythm.id)
                known.stopped_ns = 0
                if not known.overdue:
                    yield from self._returned(event, ("overdue", channel))

    def _no_reply(self, event: Event, call: NoReply) -> Iterator[Event]:
        # Whatever a device is asked in: it is silent once.
        channel = (call.client_address, call.server_address, None, call.vlan)
        key = ("no_reply", channel)
        if call.answered:
            waiting = self._waiting.get(key)
            if waiting is not None:
                waiting.units.discard(call.unit)
            if waiting is None or not waiting.units:
                yield from self._returned(event, key)
            return
        if call.last_answer_ns is None:
            return  # who never answered has not fallen silent
        calls = call.request_count + call.open_count
        if calls >= self.settings.call_count:
            deadline_ns = self.settings.call_s * SECOND
            self._wait(key, call.unit, event, call.since_ns, deadline_ns)

    def _wait(
        self, key: _Key, unit: int | None, event: Event, since_ns: int, deadline_ns: int
    ) -> None:
        told_ns = self._told.peek(key)
        if told_ns is not None:
            if since_ns <= told_ns:
                return
            # It came back while nobody looked.
            self._told.drop(key)
        known = self._waiting.get(key)
        if known is not None:
            known.event = event  # the latest knows most
            if len(known.units) < MAX_OF_CHANNEL:
                known.units.add(unit)
            elif unit not in known.units:
                self.left_out_count += 1
            return
        due_ns = event.time_ns + deadline_ns
        self._waiting.put(key, _Waiting(event, due_ns, since_ns, deadline_ns, {unit}))
        self.due_ns = min(self.due_ns, due_ns)

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Tells the suspicions whose second deadline has passed as well."""
        due = [item for item in self._waiting.items() if item[1].due_ns <= time_ns]
        found = list(self._judge(due, time_ns)) if due else []
        fold_ns = self.settings.fold_s * SECOND
        many = len(self._certain) >= MAX_CERTAIN
        if many or (self._certain and self._certain[0].time_ns + fold_ns <= time_ns):
            found += self._folded()
        self.due_ns = min((one.due_ns for _, one in self._waiting.items()), default=NEVER_NS)
        if self._certain:
            self.due_ns = min(self.due_ns, self._certain[0].time_ns + fold_ns)
        return found

    def finish(self) -> Iterable[Event]:
        """Tells what is certain and only waited for others; suspicions stay suspicions."""
        return list(self._folded())

    def _judge(self, due: list[tuple[_Key, _Waiting]], time_ns: int) -> Iterator[Event]:
        for key, waiting in due:
            self._waiting.drop(key)
            interface = getattr(waiting.event.record, "interface", 0)
            from_ns = waiting.since_ns - waiting.deadline_ns
            good = self._quality.good(waiting.event.record, from_ns, waiting.due_ns)
            if good and self._controlled(key[1], interface, waiting):
                self._told.put(key, time_ns)
                record = waiting.event.record
                self._certain.append(
                    _Certain(
                        key,
                        time_ns,
                        record.server_address,
                        record.vlan,
                        waiting.units,
                        self._named(key[0], waiting, time_ns),
                    )
                )
            else:
                yield from self._suspend(waiting.event, interface, waiting, time_ns)

    def _controlled(self, channel: _Channel, interface: int, waiting: _Waiting) -> bool:
        """Whether another device of the interface kept talking, and fewer than half stopped."""
        ends = {channel[0], channel[1]}
        talking: set[str | None] = set()
        stopped: set[str | None] = set()
        for other, known in self._channels.items():
            if known.interface != interface:
                continue
            if known.overdue and known.overdue >= known.rhythms:
                near = abs(known.stopped_ns - waiting.since_ns) <= waiting.deadline_ns
                if near:
                    stopped.add(other[1])
            elif known.rhythms:
                talking.update((other[0], other[1]))
        stopped -= talking
        if not talking - ends:
            return False
        return len(stopped) < self.settings.tap_share * (len(talking) + len(stopped))

    def _suspend(
        self, event: Event, interface: int, waiting: _Waiting, time_ns: int
    ) -> Iterator[Event]:
        if not self._suspended.may(interface, time_ns):
            return
        yield finding_between(
            self,
            Ends(frames=event.frames),
            time_ns,
            "watchdog_suspended",
            category="ot_sensor",
            expected="an interface that is seen well, and on which others go on talking",
            observed=f"interface {interface}: {self._why(event, waiting)}",
            since_ns=waiting.since_ns,
            near=event,
        )

    def _why(self, event: Event, waiting: _Waiting) -> str:
        from_ns = waiting.since_ns - waiting.deadline_ns
        if self._quality.good(event.record, from_ns, waiting.due_ns):
            return "nobody else was heard meanwhile"
        return "frames were missing meanwhile"

    def _named(self, kind: str, waiting: _Waiting, time_ns: int) -> Event:
        record, since_ns = waiting.event.record, waiting.since_ns
        seconds = (time_ns - since_ns) // SECOND
        heard_ns = record.server_last_seen_ns
        server_alive = heard_ns is not None and heard_ns > since_ns + SECOND
        if kind == "no_reply":
            calls = record.request_count + record.open_count
            refused = f", {record.refused_count} refused" if record.refused_count else ""
            observed = f"{calls} calls in {seconds} s without an answer{refused}"
            answering = server_alive or record.refused_count
            type = "no_reply" if answering or record.unit is not None else "device_silent"
            expected = "an answer to each call"
        else:
            client_ns = record.client_last_seen_ns
            client_alive = client_ns is not None and client_ns > since_ns + SECOND
            asked = record.unanswered_count > 0
            type = (
                "device_silent"
                if asked and not server_alive
                else "poll_stopped"
                if client_alive and server_alive
                else "channel_silent"
            )
            period = record.period_ns
            expected = f"every {period / SECOND:.3g} s" if period else "again soon"
            observed = f"nothing for {seconds} s"
        return finding(
            self,
            waiting.event,
            type,
            category="ot_anomaly",
            expected=expected,
            observed=observed,
            since_ns=since_ns,
            own={"@timestamp": time_ns},
        )

    def _folded(self) -> Iterator[Event]:
        """Single silences, or one that stands for all of them."""
        certain, self._certain = self._certain, []
        silent = ("no_reply", "device_silent", "channel_silent")
        servers: dict[str | None, _Certain] = {}
        for one in certain:
            if one.event.get("anomaly.type") in silent:
                servers.setdefault(one.server, one)
        known = {channel[1] for channel, _ in self._channels.items()} | set(servers)
        many = len(servers) >= self.settings.fleet_count
        # Nobody asks for them any more: then it may be the tap, and the fleet is well.
        asked = any(one.event.get("anomaly.type") != "channel_silent" for one in servers.values())
        if many and asked and len(servers) >= self.settings.fleet_share * len(known):
            yield self._fleet(servers, len(known), certain[-1].time_ns)
            certain = [one for one in certain if one.event.get("anomaly.type") not in silent]
        for one in certain:
            all_units = self._units_of(one.server)
            # Without a unit it is all of them.
            units = {unit for unit in one.units if unit is not None}
            units = all_units if None in one.units else units
            several = len(units) > 1 and units >= all_units
            if several and one.event.get("anomaly.type") == "no_reply":
                yield self._gateway(one.event, units)
            else:
                yield one.event

    def _units_of(self, server: str | None) -> set[int]:
        return {
            unit
            for channel, known in self._channels.items()
            if channel[1] == server
            for unit in known.units
            if unit is not None
        }

    def _gateway(self, event: Event, units: set[int]) -> Event:
        return event.derive(
            "ot_anomaly",
            {
                "anomaly.type": "gateway_silent",
                "anomaly.expected": f"answers of {len(units)} stations behind the gateway",
                "anomaly.observed": f"none of stations {', '.join(map(str, sorted(units)))}",
            },
        )

    def _fleet(self, servers: Mapping[str | None, _Certain], known: int, time_ns: int) -> Event:
        names = sorted(str(server) for server in servers)
        shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
        first = next(iter(servers.values()))
        events = [one.event for one in servers.values()]
        frames = tuple(frame for event in events for frame in event.frames)
        return finding_between(
            self,
            Ends(frames=frames[:16], vlan=first.vlan),
            time_ns,
            "fleet_silent",
            category="ot_anomaly",
            expected=f"answers of {known} devices",
            observed=f"{len(names)} of them silent: {shown}",
            since_ns=min(
                since for event in events if isinstance(since := event.get("anomaly.since"), int)
            ),
            near=first.event,
        )

    def _returned(self, event: Event, key: _Key) -> Iterator[Event]:
        self._waiting.drop(key)
        told_ns = self._told.drop(key)
        waiting = len(self._certain)
        self._certain = [one for one in self._certain if one.key != key]
        if told_ns is None or len(self._certain) < waiting:
            return  # it was away for so short that nobody has heard of it
        yield finding(
            self,
            event,
            "returned",
            category="ot_anomaly",
            expected="silence, as told before",
            observed="it is there again",
            since_ns=told_ns,
        )

    def memory(self) -> Json:
        """What was told to be silent: its return is told after a restart, too."""
        return {
            "told": self._told.written(lambda time_ns: time_ns),
            "suspended": self._suspended.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes it."""
        self._told.read(memory["told"], int)
        self._suspended.read(memory["suspended"])

    def pending(self, write: Writer) -> Json:
        """Silences that are certain, and waited for others only."""
        held = [
            [
                one.key,
                one.time_ns,
                one.server,
                one.vlan,
                sorted(one.units, key=str),
                write.place(one.event),
            ]
            for one in self._certain
        ]
        return [one for one in held if one[-1] is not None]

    def resume(self, pending: Json, read: Reader) -> None:
        """Takes them."""
        for key, time_ns, server, vlan, units, place in pending:
            event = read.event(place)
            self._certain.append(_Certain(key_of(key), time_ns, server, vlan, set(units), event))
        if self._certain:
            fold_ns = self.settings.fold_s * SECOND
            self.due_ns = min(self.due_ns, self._certain[0].time_ns + fold_ns)


def channel_of(record: Rhythm | NoReply) -> _Channel:
    """Who asks whom, in what protocol."""
    return (record.client_address, record.server_address, record.protocol, record.vlan)
