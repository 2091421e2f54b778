"""Where the fields of each kind of record are, and which of them alike events share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from otmon.fields import CHANGE_CLASSES, PROGRAM_CLASSES

Scalar = bool | int | float | str
FieldValue = Scalar | tuple[Scalar, ...] | None
"""What a field holds: one value, several, or nothing."""

Getter = Callable[[Any], FieldValue]
_Reader = Callable[[Any], tuple[FieldValue, ...]]


class Layout:
    """Where the fields of one kind of record are."""

    __slots__ = ("_places", "getters", "readers")

    def __init__(self, places: Mapping[str, str | Getter]) -> None:
        """Takes, for each field, the attribute it is in, or a function of the record."""
        self._places = places
        self.readers: dict[tuple[str, ...], _Reader | None] = {}
        """What `reader` gave so far."""
        self.getters: dict[str, Getter] = {name: _getter(place) for name, place in places.items()}

    def reader(self, fields: tuple[str, ...]) -> _Reader | None:
        """What reads several fields at once; none where one of them is not in its place."""
        try:
            return self.readers[fields]
        except KeyError:
            # Rules and alerts ask for the same few groups of fields again and again.
            reader = self.readers[fields] = self._make_reader(fields)
            return reader

    def _make_reader(self, fields: tuple[str, ...]) -> _Reader | None:
        if not self._places.keys() >= set(fields):
            return None
        places = [self._places[field] for field in fields]
        attributes = [place for place in places if isinstance(place, str)]
        if len(attributes) == len(places) > 1:
            reader: _Reader = attrgetter(*attributes)
            return reader
        getters = [self.getters[field] for field in fields]
        if len(getters) == 1:
            only = getters[0]
            return lambda record: (only(record),)
        return lambda record: tuple([getter(record) for getter in getters])


def _getter(place: str | Getter) -> Getter:
    return attrgetter(place) if isinstance(place, str) else place


def _target(record: Any) -> tuple[str, ...]:
    return () if record.target is None else (record.target,)


def _types(targets: Callable[[Any], tuple[str, ...]]) -> Getter:
    return lambda record: tuple(target.partition(":")[0] for target in targets(record))


def _bounds(targets: Callable[[Any], tuple[str, ...]], end: int) -> Getter:
    """Lowest (0) or highest (1) addresses of targets such as `hr:100-139`."""

    def bounds(record: Any) -> tuple[int, ...]:
        found = []
        for target in targets(record):
            first, _, last = target.partition(":")[2].partition("-")
            number = (first, last or first)[end]
            if number.isascii() and number.isdigit():
                found.append(int(number))
        return tuple(found)

    return bounds


def _value_numbers(record: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in record.values if isinstance(value, (bool, int, float)))


def _endpoint(role: str, side: str) -> dict[str, str | Getter]:
    return {
        f"{role}.address": f"{side}_address",
        f"{role}.ip": f"{side}_ip",
        f"{role}.mac": f"{side}_mac",
        f"{role}.port": f"{side}_port",
    }


FLOW_PLACES: dict[str, str | Getter] = {
    **_endpoint("source", "client"),
    **_endpoint("client", "client"),
    **_endpoint("destination", "server"),
    **_endpoint("server", "server"),
    "network.protocol": "protocol",
    "network.transport": "transport",
    "network.vlan.id": "vlan",
    "otmon.identified_by": "identified_by",
}
"""Where records of a flow have the fields of its ends."""

_OPERATION: dict[str, str | Getter] = {
    **FLOW_PLACES,
    "event.outcome": "outcome",
    "ot.operation.class": "operation_class",
    "ot.operation.is_write": lambda record: record.operation_class in CHANGE_CLASSES,
    "ot.operation.is_program": lambda record: record.operation_class in PROGRAM_CLASSES,
    "ot.function.code": "function_code",
    "ot.function.name": "operation",
    "ot.role": "role",
    "ot.answered": "answered",
    "ot.unit.id": "unit_text",
    "ot.status.name": "status",
    "ot.status.code": "status_text",
    "ot.anomaly": "anomalies",
    "file.name": "file_name",
}

TRANSACTION = Layout(
    {
        **_OPERATION,
        "@timestamp": "time_ns",
        "event.duration": "latency_ns",
        "ot.phase": "phase",
        "ot.object.id": "targets",
        "ot.object.type": _types(attrgetter("targets")),
        "ot.object.address_low": _bounds(attrgetter("targets"), 0),
        "ot.object.address_high": _bounds(attrgetter("targets"), 1),
        "ot.object.quantity": "quantity",
        "ot.value": "value_texts",
        "ot.value_number": _value_numbers,
        "ot.value_count": "value_count",
        "ot.first_seen": "first_seen",
        "ot.history.read_count": "history_read_count",
        "ot.history.change_count": "history_change_count",
        "ot.history.first_seen_at": "history_first_seen_ns",
    }
)

BEHAVIOUR = Layout(
    {
        **_OPERATION,
        "@timestamp": "first_seen_ns",
        "ot.object.id": _target,
        "ot.object.type": _types(_target),
        "ot.object.address_low": _bounds(_target, 0),
        "ot.object.address_high": _bounds(_target, 1),
        "ot.first_seen": lambda record: True,
    }
)

CONTENT = Layout(
    {
        **FLOW_PLACES,
        "@timestamp": "last_seen_ns",
        "event.outcome": lambda record: "success" if record.complete else "unknown",
        "file.name": "name",
        "file.size": "size",
        "file.hash.sha256": "sha256",
        "ot.content.kind": "kind",
        "ot.content.to_server": "to_server",
        "ot.content.complete": "complete",
    }
)

SHAPE_FIELDS: frozenset[str] = frozenset(
    (
        "network.protocol",
        "network.transport",
        "otmon.identified_by",
        "event.outcome",
        "ot.operation.class",
        "ot.operation.is_write",
        "ot.operation.is_program",
        "ot.function.code",
        "ot.function.name",
        "ot.role",
        "ot.phase",
        "ot.answered",
        "ot.status.name",
        "ot.status.code",
        "ot.anomaly",
        "ot.first_seen",
    )
)
"""The fields of which all operations of one shape have the same values."""

RELATION_FIELDS: frozenset[str] = frozenset(
    (
        "source.address",
        "source.ip",
        "client.address",
        "client.ip",
        "destination.address",
        "destination.ip",
        "destination.port",
        "server.address",
        "server.ip",
        "server.port",
        "network.vlan.id",
        "ot.unit.id",
    )
)
"""The fields of which all transactions of one relation have the same values."""

SAID_FIELDS = ("event.provider", "anomaly.type", "ot.anomaly")
"""The fields, each of a closed list, that tell apart what detectors say."""
