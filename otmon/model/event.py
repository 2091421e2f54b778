"""An event: one thing that rules judge, as a flat mapping of catalogue fields.

Most events are judged by a handful of conditions and then forgotten, so a field
is worked out when it is asked for, and never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otmon.fields import NOTABLE_CLASSES
from otmon.model.context import CONTEXT_FIELDS, Address, AssetFacts
from otmon.model.internet import PLAIN
from otmon.model.layout import BEHAVIOUR, CONTENT, Layout
from otmon.model.layout import FieldValue as FieldValue
from otmon.model.layout import Scalar as Scalar
from otmon.model.likeness import Likeness, likeness_of_behaviour, likeness_of_transaction

if TYPE_CHECKING:
    from otmon._engine import Behaviour, Content, Transaction, Value
    from otmon.model.context import Context
    from otmon.model.statement import Verdict

Frame = tuple[int, int]
"""A frame: the place of its file in the input, and its number as Wireshark counts."""

NEVER_NS = 2**63 - 1
"""A packet time that never comes."""


class Event:
    """One thing that rules judge.

    `get` gives a field by its name in the catalogue, a tuple where the field is
    a list, and None where the event does not carry it.
    """

    __slots__ = ("_frames", "_own", "likeness", "record", "time_ns", "verdict")

    def __init__(
        self,
        likeness: Likeness,
        record: Any,
        time_ns: int,
        own: Mapping[str, FieldValue] | None = None,
    ) -> None:
        self.likeness = likeness
        self.record = record
        """The engine's record, or whatever the event was made from."""
        self.time_ns = time_ns
        self._own = own
        self._frames: tuple[Frame, ...] | None = None
        self.verdict: Verdict | None = None
        """What the baseline says of it; none where none is used."""

    @property
    def category(self) -> str:
        """The kind of event."""
        return self.likeness.category

    @property
    def service(self) -> str | None:
        """The protocol."""
        return self.likeness.service

    @property
    def operation_class(self) -> str | None:
        """What the operation does, where it is one."""
        return self.likeness.operation_class

    @property
    def shape(self) -> int | None:
        """Events of one shape and category have the same `SHAPE_FIELDS`; none where not known."""
        return self.likeness.shape

    @property
    def is_behaviour(self) -> bool:
        """Whether it tells of what is done, and not of one operation."""
        return self.likeness.layout is BEHAVIOUR

    @property
    def is_bare(self) -> bool:
        """Whether all of its fields are those of its record."""
        return self._own is None

    @property
    def has_failed(self) -> bool:
        """Whether what it tells of was refused, or failed otherwise."""
        failed = self.likeness.failed
        return self.get("event.outcome") == "failure" if failed is None else failed

    @property
    def context(self) -> Context | None:
        """What answers the fields that the event does not carry itself."""
        return self.likeness.context

    def __repr__(self) -> str:
        return f"Event({self.category}, {self.service}, {self.operation_class}, {self.time_ns})"

    def get(self, field: str) -> FieldValue:
        """The value of a field, or None."""
        if self._own is not None and field in self._own:
            return self._own[field]
        getter = self.likeness.layout.getters.get(field)
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
        added = getattr(self.record, "field", None)
        value: Value | None = None if added is None else added(field)
        return None if value is None else _plain(value)

    def own(self, field: str) -> FieldValue:
        """The value of a field that goes before those of the record, or None."""
        return None if self._own is None else self._own.get(field)

    @property
    def own_fields(self) -> Iterable[str]:
        """The fields that go before those of the record."""
        return () if self._own is None else self._own

    def with_frames(self, frames: tuple[Frame, ...]) -> Event:
        """Itself, with the frames behind it where no record has them."""
        self._frames = frames
        return self

    def several(self, fields: tuple[str, ...]) -> tuple[FieldValue, ...]:
        """The values of several fields, each as `get` gives it."""
        if self._own is None or self._own.keys().isdisjoint(fields):
            layout = self.likeness.layout
            reader = layout.readers.get(fields) or layout.reader(fields)
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
        context = self.likeness.context
        if context is None:
            return None
        ip, mac, vlan = self.several(_PLACES[end])
        address = Address(
            ip if isinstance(ip, str) else None,
            mac if isinstance(mac, str) else None,
            vlan if isinstance(vlan, int) else None,
        )
        return context.asset(address) or _NOBODY

    def is_outside(self, end: str) -> bool:
        """Whether the `source` or the `destination` is outside the site."""
        return self.tells_outside(end, self.facts(end))

    def tells_outside(self, end: str, facts: AssetFacts | None) -> bool:
        """The same, by the facts of that end.

        A public address may be the site's own: what the inventory knew decides.
        Of who was not known, the address and the networks of the site tell.
        """
        if facts is not None and facts.id is not None:
            return facts.public
        ip = self.get(f"{end}.ip")
        is_outside = PLAIN if self.context is None else self.context.is_outside
        return isinstance(ip, str) and is_outside(ip)

    def derive(
        self, category: str, own: Mapping[str, FieldValue], frames: tuple[Frame, ...] | None = None
    ) -> Event:
        """The same thing as another kind of event, with fields of its own.

        Args:
            category: The kind of event.
            own: Fields that go before those of the record.
            frames: The frames behind it, where they are not just those of the record.
        """
        own = own if self._own is None else {**self._own, **own}
        like = self.likeness.derive(category, own)
        derived = Event(like, self.record, self.time_ns, own)
        derived.verdict = self.verdict
        if frames is not None:
            derived._frames = frames
        return derived

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames that carried it, in order."""
        own = self._frames
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


def event_of(
    category: str,
    service: str | None,
    time_ns: int,
    record: Any,
    layout: Layout,
    own: Mapping[str, FieldValue] | None = None,
    context: Context | None = None,
) -> Event:
    """A record that is no operation as an event."""
    return Event(Likeness(category, service, None, layout, context), record, time_ns, own)


def event_from_transaction(
    transaction: Transaction, context: Context | None = None, category: str = "ot_operation"
) -> Event:
    """The operation as an event; `ot_conformance` judges its anomalies."""
    likeness = likeness_of_transaction(transaction, context, category)
    return Event(likeness, transaction, transaction.time_ns)


def event_from_behaviour(
    behaviour: Behaviour, context: Context | None = None, category: str = "ot_operation"
) -> Event:
    """A behaviour seen for the first time as an event, `ot.first_seen` being true."""
    likeness = likeness_of_behaviour(behaviour, context, category)
    return Event(likeness, behaviour, behaviour.first_seen_ns)


def event_from_content(content: Content, context: Context | None = None) -> Event:
    """A transferred program, firmware or file as an event."""
    return event_of(
        "ot_file", content.protocol, content.last_seen_ns, content, CONTENT, context=context
    )


_PLACES = {end: (f"{end}.ip", f"{end}.mac", "network.vlan.id") for end in ("source", "destination")}
"""The fields that say where an end is."""
_NOBODY = AssetFacts()
_NOBODY.is_past = True
"""Somebody may come any time, and nothing tells those who ask of an address without anybody."""


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


def listed(values: Sequence[Scalar], most: int) -> str:
    """Values as people read them: equal ones once, with how many; of others the first `most`."""
    if len(values) > 2 and all(value == values[0] for value in values):
        return f"{_text(values[0])} ({len(values)} times)"
    shown = ", ".join(map(_text, values[:most]))
    return f"{shown} ..." if len(values) > most else shown


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(value: Value) -> Scalar:
    return value.hex() if isinstance(value, bytes) else value
