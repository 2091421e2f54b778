"""An event: one thing that rules judge, as a flat mapping of catalogue fields.

Most events are judged by a handful of conditions and then forgotten, so a field
is worked out when it is asked for, and never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from otmon.fields import CHANGE_CLASSES, NOTABLE_CLASSES, PROGRAM_CLASSES
from otmon.model.context import CONTEXT_FIELDS, Address, AssetFacts

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Content, Transaction, Value
    from otmon.model.context import Context
    from otmon.model.statement import Verdict

Scalar = bool | int | float | str
FieldValue = Scalar | tuple[Scalar, ...] | None
"""What a field holds: one value, several, or nothing."""

Frame = tuple[int, int]
"""A frame: the place of its file in the input, and its number as Wireshark counts."""

NEVER_NS = 2**63 - 1
"""A packet time that never comes."""

_Getter = Callable[[Any], FieldValue]
_Reader = Callable[[Any], tuple[FieldValue, ...]]


class Layout:
    """Where the fields of one kind of record are."""

    __slots__ = ("_places", "_readers", "getters")

    def __init__(self, places: Mapping[str, str | _Getter]) -> None:
        """Takes, for each field, the attribute it is in, or a function of the record."""
        self._places = places
        self._readers: dict[tuple[str, ...], _Reader | None] = {}
        self.getters: dict[str, _Getter] = {
            name: attrgetter(place) if isinstance(place, str) else place
            for name, place in places.items()
        }

    def reader(self, fields: tuple[str, ...]) -> _Reader | None:
        """What reads several fields at once; none where one of them is not in its place."""
        try:
            return self._readers[fields]
        except KeyError:
            # Rules and alerts ask for the same few groups of fields again and again.
            reader = self._readers[fields] = self._make_reader(fields)
            return reader

    def _make_reader(self, fields: tuple[str, ...]) -> _Reader | None:
        places = [self._places.get(field) for field in fields]
        if None in places:
            return None
        attributes = [place for place in places if isinstance(place, str)]
        if len(attributes) == len(places) > 1:
            reader: _Reader = attrgetter(*attributes)
            return reader
        getters = [self.getters[field] for field in fields]
        return lambda record: tuple([getter(record) for getter in getters])


class Event:
    """One thing that rules judge.

    `get` gives a field by its name in the catalogue, a tuple where the field is
    a list, and None where the event does not carry it.
    """

    __slots__ = (
        "_frames",
        "_layout",
        "_own",
        "category",
        "context",
        "operation_class",
        "record",
        "service",
        "shape",
        "time_ns",
        "verdict",
    )
    _frames: tuple[Frame, ...]

    def __init__(
        self,
        category: str,
        service: str | None,
        operation_class: str | None,
        time_ns: int,
        record: Any,
        layout: Layout,
        own: Mapping[str, FieldValue] | None = None,
        context: Context | None = None,
        shape: int | None = None,
    ) -> None:
        self.category = category
        self.service = service
        self.operation_class = operation_class
        self.time_ns = time_ns
        self.record = record
        """The engine's record, or whatever the event was made from."""
        self.shape = shape
        """Events of one shape and category have the same `SHAPE_FIELDS`; none where not known."""
        self._layout = layout
        self._own = own
        self.context = context
        """What answers the fields that the event does not carry itself."""
        self.verdict: Verdict | None = None
        """What the baseline says of it; none where none is used."""

    def __repr__(self) -> str:
        return f"Event({self.category}, {self.service}, {self.operation_class}, {self.time_ns})"

    def get(self, field: str) -> FieldValue:
        """The value of a field, or None."""
        if self._own is not None and field in self._own:
            return self._own[field]
        getter = self._layout.getters.get(field)
        if getter is not None:
            return getter(self.record)
        if field[:13] == "source.asset.":
            return self._asset("source", field[13:])
        if field[:18] == "destination.asset.":
            return self._asset("destination", field[18:])
        if field[:9] == "baseline.":
            return self._of_baseline(field[9:])
        known = CONTEXT_FIELDS.get(field)
        if known is not None:
            return None if self.context is None else known(self.context, self)
        added: Mapping[str, Value] | None = getattr(self.record, "fields", None)
        value = added.get(field) if added else None
        return None if value is None else _plain(value)

    def several(self, fields: tuple[str, ...]) -> tuple[FieldValue, ...]:
        """The values of several fields, each as `get` gives it."""
        if self._own is None:
            reader = self._layout.reader(fields)
            if reader is not None:
                return reader(self.record)
        return tuple(map(self.get, fields))

    def text(self, field: str) -> str | None:
        """A field as one piece of text, or None."""
        value = self.get(field)
        if value is None or value == ():
            return None
        if isinstance(value, tuple):
            return ", ".join(_text(part) for part in value)
        return _text(value)

    def facts(self, end: str) -> AssetFacts | None:
        """What the inventory knew of the `source` or the `destination` before.

        None where there is no inventory to ask; facts without anything in them
        where it knew nothing.
        """
        if self.context is None:
            return None
        ip, mac = self.get(f"{end}.ip"), self.get(f"{end}.mac")
        vlan = self.get("network.vlan.id")
        address = Address(
            ip if isinstance(ip, str) else None,
            mac if isinstance(mac, str) else None,
            vlan if isinstance(vlan, int) else None,
        )
        return self.context.asset(address) or AssetFacts()

    def derive(
        self, category: str, own: Mapping[str, FieldValue], frames: tuple[Frame, ...] | None = None
    ) -> Event:
        """The same thing as another kind of event, with fields of its own.

        Args:
            category: The kind of event.
            own: Fields that go before those of the record.
            frames: The frames behind it, where they are not just those of the record.
        """
        derived = Event(
            category,
            self.service,
            self.operation_class,
            self.time_ns,
            self.record,
            self._layout,
            own if self._own is None else {**self._own, **own},
            self.context,
        )
        derived.verdict = self.verdict
        if frames is not None:
            derived._frames = frames
        return derived

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames that carried it, in order."""
        own: tuple[Frame, ...] | None = getattr(self, "_frames", None)
        if own is not None:
            return own
        several: Sequence[Frame] | None = getattr(self.record, "frames", None)
        if several is not None:
            return tuple(several)
        one: Frame | None = getattr(self.record, "frame", None)
        return () if one is None else (one,)

    def _of_baseline(self, attribute: str) -> FieldValue:
        if self.verdict is None:
            return "none" if attribute == "state" else None
        if attribute == "first_seen":
            return self.verdict.first_seen_ns
        value: FieldValue = getattr(self.verdict, attribute, None)
        return value

    def _asset(self, end: str, attribute: str) -> FieldValue:
        facts = self.facts(end)
        if facts is None:
            return None
        if attribute == "role":
            return facts.roles
        value: FieldValue = getattr(facts, attribute, None)
        return value


def event_from_transaction(
    transaction: Transaction, context: Context | None = None, category: str = "ot_operation"
) -> Event:
    """The operation as an event; `ot_conformance` judges its anomalies."""
    return Event(
        category,
        transaction.protocol,
        transaction.operation_class,
        transaction.time_ns,
        transaction,
        _TRANSACTION,
        None,
        context,
        transaction.shape,
    )


def event_from_behaviour(
    behaviour: Behaviour, context: Context | None = None, category: str = "ot_operation"
) -> Event:
    """A behaviour seen for the first time as an event, `ot.first_seen` being true."""
    return Event(
        category,
        behaviour.protocol,
        behaviour.operation_class,
        behaviour.first_seen_ns,
        behaviour,
        _BEHAVIOUR,
        None,
        context,
        behaviour.shape,
    )


def event_from_content(content: Content, context: Context | None = None) -> Event:
    """A transferred program, firmware or file as an event."""
    return Event(
        "ot_file",
        content.protocol,
        None,
        content.last_seen_ns,
        content,
        _CONTENT,
        None,
        context,
    )


def stands_alone(behaviour: Behaviour) -> bool:
    """Whether a new behaviour is news that no transaction has brought.

    Notable classes, failures, requests without answer and whatever carries an
    anomaly leave the engine as transactions as well.
    """
    if behaviour.operation_class in NOTABLE_CLASSES or behaviour.anomalies:
        return False
    if behaviour.status not in (None, "ok"):
        return False
    return behaviour.answered or behaviour.role != "request"


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(value: Value) -> Scalar:
    return value.hex() if isinstance(value, bytes) else value


def _outcome(record: Any) -> str:
    status = record.status
    if status is None:
        return "unknown"
    return "success" if status == "ok" else "failure"


def _target(record: Any) -> tuple[str, ...]:
    return () if record.target is None else (record.target,)


def _types(targets: Callable[[Any], tuple[str, ...]]) -> _Getter:
    return lambda record: tuple(target.partition(":")[0] for target in targets(record))


def _bounds(targets: Callable[[Any], tuple[str, ...]], end: int) -> _Getter:
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


def _values(record: Any) -> tuple[str, ...]:
    return tuple([_text(_plain(value)) for value in record.values])


def _nothing(_record: Any) -> None:
    return None


def _value_numbers(record: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in record.values if isinstance(value, (bool, int, float)))


def _optional_text(name: str) -> _Getter:
    def text(record: Any) -> str | None:
        value = getattr(record, name)
        return None if value is None else str(value)

    return text


def _endpoint(role: str, side: str) -> dict[str, str | _Getter]:
    return {
        f"{role}.address": f"{side}_address",
        f"{role}.ip": f"{side}_ip",
        f"{role}.mac": f"{side}_mac",
        f"{role}.port": f"{side}_port",
    }


FLOW_PLACES: dict[str, str | _Getter] = {
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

_OPERATION: dict[str, str | _Getter] = {
    **FLOW_PLACES,
    "event.outcome": _outcome,
    "ot.operation.class": "operation_class",
    "ot.operation.is_write": lambda record: record.operation_class in CHANGE_CLASSES,
    "ot.operation.is_program": lambda record: record.operation_class in PROGRAM_CLASSES,
    "ot.function.code": "function_code",
    "ot.function.name": "operation",
    "ot.role": "role",
    "ot.answered": "answered",
    "ot.unit.id": _optional_text("unit"),
    "ot.status.name": "status",
    "ot.status.code": _optional_text("status_code"),
    "ot.anomaly": "anomalies",
    "file.name": _nothing,
}

_TRANSACTION = Layout(
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
        "ot.value": _values,
        "ot.value_number": _value_numbers,
        "ot.value_count": "value_count",
        "ot.first_seen": lambda record: False,
        "ot.history.read_count": "history.read_count",
        "ot.history.change_count": "history.change_count",
        "ot.history.first_seen_at": "history.first_seen_ns",
    }
)

_BEHAVIOUR = Layout(
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

_CONTENT = Layout(
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
