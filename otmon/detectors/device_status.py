"""What devices say of themselves: trouble, restart, operating mode, the quality of points.

Many protocols repeat a condition in every answer until it is gone. It is told
when it begins, and again only after it was away.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector, Observer
from otmon.detectors.finding import finding
from otmon.detectors.points import Points
from otmon.model.event import Event
from otmon.thresholds import DeviceStatusThresholds

SECOND = 1_000_000_000
MAX_CONDITIONS = 20_000
"""Conditions of devices that are known; the longest unseen goes first."""

_BY_ANOMALY = {
    "restart_seen": ("device_restarted", "says that it restarted"),
    "device_trouble": ("device_trouble", "reports trouble"),
    "configuration_corrupt": ("configuration_corrupt", "reports a corrupt configuration"),
    "buffer_overflow": ("events_lost", "lost events"),
}
_OF_DNP3 = (
    ("dnp3.need_time", ("time_needed", "asks for the time")),
    ("dnp3.local_control", ("local_control", "has outputs in local control")),
)
_BY_STATUS = {
    "server_device_failure": ("device_failure", "fails to carry out an operation"),
    "memory_parity_error": ("memory_error", "reports a memory error"),
    "server_device_busy": ("device_busy", "is busy with something long"),
}
_MODES = {
    "s7comm": (
        ("s7comm.operating_mode", "mode_changed"),
        ("s7comm.mode_selector", "key_switch_turned"),
    ),
    "modbus": (("modbus.running", "mode_changed"),),
    "modbus_rtu": (("modbus_rtu.running", "mode_changed"),),
    "tristation": (
        ("tristation.run_state", "mode_changed"),
        ("tristation.key_state", "key_switch_turned"),
    ),
}
"""Of each protocol the fields that tell of the operating mode, and of the switch at the device."""
_TELLING = frozenset(("read_szl", "report_server_id", "get_cp_status"))
"""Operations whose answers tell of it."""
_MODE_CLASSES = frozenset(("mode_start", "mode_stop", "mode_other", "restart"))

_Said = tuple[tuple[str, str], ...]
"""What a device says of itself: the type of the finding, and its words."""
_Fields = tuple[tuple[str, tuple[str, str]], ...]
_Modes = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Condition:
    """Something that a device says of itself."""

    first_ns: int
    last_ns: int


class DeviceStatus(Detector):
    """Speaks when a device begins to report a condition, or changes its operating mode."""

    name = "device_status"
    version = 3
    categories = frozenset(("ot_operation", "ot_process"))
    says: ClassVar[Mapping[str, str]] = {
        "device_restarted": "A device says that it restarted.",
        "device_trouble": "A device reports trouble.",
        "configuration_corrupt": "A device reports that its configuration is corrupt.",
        "events_lost": "A device lost events before it could report them.",
        "time_needed": "A device asks for the time.",
        "local_control": "Outputs of a device are in local control: commands have no effect.",
        "device_failure": "A device failed while it carried out an operation.",
        "memory_error": "A device reports an error of its memory.",
        "device_busy": "A device is busy with something that takes long.",
        "mode_changed": "A device says that its operating mode is another than before.",
        "key_switch_turned": "The mode switch at a device is in another position than before.",
        "point_forced": "Points of a device are forced: they say what somebody gave them.",
        "point_found_forced": "Points of a device were forced when the watch began.",
        "point_released": "Points of a device are not forced any more.",
        "point_offline": "Points of a device are offline.",
        "point_comm_lost": "A device does not reach what some of its points are measured by.",
        "point_out_of_range": "Points of a device are out of range, or their reference is.",
        "point_chatters": "Points of a device change so often that it holds them still.",
    }
    watches = (
        "Internal indications of DNP3 outstations, failures that devices report, and "
        "operating mode and mode switch as S7 controllers (lists 0x0424 and 0x0232, "
        "transitions that they send), Modbus servers (function 17) and Triconex controllers "
        "say them; flags of DNP3 points when they change."
    )
    silent = (
        "While a condition lasts, and when it comes back within five minutes (`flap_s`). A "
        "mode is only compared with the one that was told before. Of points that were not "
        "well when they were seen first only those that are forced are told."
    )

    def __init__(self, settings: DeviceStatusThresholds | None = None) -> None:
        self.settings = settings or DeviceStatusThresholds()
        self._conditions: Recent[tuple[object, ...], _Condition] = Recent(MAX_CONDITIONS)
        self._modes: Recent[tuple[object, ...], tuple[str, int]] = Recent(MAX_CONDITIONS)
        self._points = Points(self.settings.flap_s * SECOND)

    def wants(self, event: Event) -> bool:
        """Answers and reports that can carry a condition, and what points are."""
        if event.category == "ot_process":
            return hasattr(event.record, "space")
        codes = event.get("ot.anomaly")
        if isinstance(codes, tuple) and not _BY_ANOMALY.keys().isdisjoint(codes):
            return True
        if event.get("ot.status.name") in _BY_STATUS:
            return True
        if event.service == "dnp3":
            # What an outstation says of itself stands in all that it sends.
            return event.get("ot.role") != "request" or event.get("ot.answered") is True
        if event.operation_class in _MODE_CLASSES:
            return True
        if event.service == "s7comm" and event.get("ot.role") == "event":
            return True
        return event.get("ot.function.name") in _TELLING

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an operation, or points whose quality is another now."""
        if event.category == "ot_process":
            return list(self._of_points(event))
        return self._take(*_likened(event), event)

    def observer(self, event: Event) -> Observer | None:
        """Takes operations that are like this one: of most only two fields can tell anything."""
        if event.category == "ot_process":
            return None
        return functools.partial(self._take, *_likened(event))

    def _take(self, said: _Said, fields: _Fields, modes: _Modes, event: Event) -> Iterable[Event]:
        record, told = event.record, said
        for field, words in fields:
            if record.field(field) is True:
                told = (*told, words)
        now: list[tuple[str, object]] = []
        if modes:
            read = [(type, record.field(field)) for field, type in modes]
            now = [(type, mode) for type, mode in read if mode not in (None, "unknown")]
        if not told and not now:
            return ()
        return list(self._judged(event, told, now))

    def _of_points(self, event: Event) -> Iterator[Event]:
        record = event.record
        device = (record.server_address, record.vlan, record.protocol, record.unit)
        for said in self._points.take(device, record):
            yield finding(
                self,
                event,
                said.type,
                category="ot_process",
                expected=said.expected,
                observed=said.observed,
                own={"ot.object.id": said.names},
            )

    def _judged(
        self,
        event: Event,
        told: Sequence[tuple[str, str]],
        modes: Sequence[tuple[str, object]],
    ) -> Iterator[Event]:
        record = event.record
        device = (record.server_address, record.vlan, record.protocol, record.unit)
        for type, words in told:
            yield from self._condition(event, device, type, words)
        for type, mode in modes:
            yield from self._mode(event, device, type, _mode_text(mode))

    def _condition(
        self, event: Event, device: tuple[object, ...], type: str, words: str
    ) -> Iterator[Event]:
        key, time_ns = (*device, type), event.time_ns
        known = self._conditions.get(key)
        if known is not None:
            away_ns = time_ns - known.last_ns
            known.last_ns = max(known.last_ns, time_ns)
            if away_ns < self.settings.flap_s * SECOND:
                return
            known.first_ns = time_ns
        else:
            self._conditions.put(key, _Condition(time_ns, time_ns))
        yield finding(
            self,
            event,
            type,
            category="ot_process",
            expected="no such report",
            observed=f"the device {words}",
            since_ns=time_ns,
        )

    def _mode(
        self, event: Event, device: tuple[object, ...], type: str, mode: str
    ) -> Iterator[Event]:
        key = (*device, type)
        known = self._modes.get(key)
        if known is not None and known[0] == mode:
            return
        self._modes.put(key, (mode, event.time_ns))
        if known is None:
            return
        what = "mode" if type == "mode_changed" else "position"
        yield finding(
            self,
            event,
            type,
            category="ot_process",
            expected=f"{what} {known[0]}",
            observed=f"{what} {mode}",
            since_ns=known[1],
        )

    def memory(self) -> Json:
        """Conditions and modes."""
        return {
            "conditions": self._conditions.written(lambda one: [one.first_ns, one.last_ns]),
            "modes": self._modes.written(list),
            "points": self._points.written(),
        }

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._conditions.read(memory["conditions"], lambda one: _Condition(*one))
        self._modes.read(memory["modes"], lambda one: (one[0], one[1]))
        self._points.read(memory["points"])


def _mode_text(mode: object) -> str:
    if isinstance(mode, bool):
        return "run" if mode else "stop"
    return str(mode)


def _likened(event: Event) -> tuple[_Said, _Fields, _Modes]:
    """What a shape alone says of a device, and the fields that may say more."""
    record = event.record
    said = [_BY_ANOMALY[code] for code in record.anomalies if code in _BY_ANOMALY]
    if record.status in _BY_STATUS:
        said.append(_BY_STATUS[record.status])
    if not hasattr(record, "field"):
        return tuple(said), (), ()
    fields = _OF_DNP3 if record.protocol == "dnp3" else ()
    return tuple(said), fields, _MODES.get(record.protocol, ())
