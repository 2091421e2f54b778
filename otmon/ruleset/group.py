"""Groups of events that share the values of `group-by`, as many as there is room for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from otmon.model.event import NEVER_NS, Event, FieldValue
from otmon.model.kept_event import Json, Reader, Writer, values
from otmon.model.rule import Match
from otmon.ruleset.condition import CorrelationRule

MAX_GROUPS = 10_000
"""Groups of one correlation; the longest untouched goes first."""

Key = tuple[FieldValue, ...]
"""The values of `group-by` that the events of a group share."""

Group = TypeVar("Group")

Counter = Callable[[Event], Sequence[Match]]
"""Takes an event of one likeness on which a member rule held; gives what holds since then."""


class Correlator(Protocol):
    """Correlations that are counted together."""

    @property
    def correlations(self) -> Sequence[CorrelationRule]:
        """What it counts."""
        ...

    @property
    def evicted_count(self) -> int:
        """Groups that were forgotten because there was too much to remember."""
        ...

    @property
    def merged_count(self) -> int:
        """Events that share a place with others because there was too much to remember."""
        ...

    @property
    def due_ns(self) -> int:
        """The packet time from which `advance` has something to give."""
        ...

    def observe(self, member: str, event: Event) -> Sequence[Match]:
        """Takes an event on which a member rule held; gives what holds since then."""
        ...

    def counter(self, member: str, event: Event) -> Counter:
        """What observes events of the likeness of `event` on which a member rule held."""
        ...

    def advance(self, time_ns: int) -> Sequence[Match]:
        """Learns that packet time has come this far; gives what held in windows that ended."""
        ...

    def memory(self, write: Writer, now_ns: int) -> Json:
        """What it counted that can still matter, as JSON."""
        ...

    def restore(self, memory: Json, read: Reader) -> None:
        """Goes on with what `memory` gave in an earlier run; called before the first event."""
        ...


class Untimed:
    """A part of correlations that say nothing but when an event comes."""

    __slots__ = ()

    @property
    def due_ns(self) -> int:
        """Never."""
        return NEVER_NS

    @property
    def merged_count(self) -> int:
        """None: nothing is joined to make room."""
        return 0

    def advance(self, time_ns: int) -> Sequence[Match]:
        """Nothing: time alone changes nothing."""
        return ()


class Groups(Generic[Group]):
    """The groups of one correlation, the longest untouched first."""

    __slots__ = ("_fields", "_groups", "_make", "evicted_count")

    def __init__(self, fields: Mapping[str, tuple[str, ...]], make: Callable[[], Group]) -> None:
        """Begins with no group.

        Args:
            fields: Of each member rule, the fields that its events are grouped by.
            make: Gives a group that has seen nothing yet.
        """
        self.evicted_count = 0
        """Groups that were forgotten because there were too many."""
        self._fields = fields
        self._make = make
        self._groups: OrderedDict[Key, Group] = OrderedDict()

    def of(self, member: str, event: Event) -> tuple[Key, Group]:
        """The group of an event on which a member rule held, with its key."""
        return self.at(event.several(self._fields[member]))

    def key_of(self, member: str, event: Event) -> Key | None:
        """The key of all events of the likeness of `event`; none where they differ in it."""
        fields = self._fields[member]
        return event.several(fields) if event.likeness.decided.issuperset(fields) else None

    def at(self, key: Key) -> tuple[Key, Group]:
        """The group of a key, with the key."""
        group = self._groups.get(key)
        if group is not None:
            self._groups.move_to_end(key)
            return key, group
        group = self._groups[key] = self._make()
        if len(self._groups) > MAX_GROUPS:
            self._groups.popitem(last=False)
            self.evicted_count += 1
        return key, group

    def items(self) -> Iterable[tuple[Key, Group]]:
        """Every group with its key, the longest untouched first."""
        return self._groups.items()

    def known(self, key: Key) -> Group | None:
        """The group of a key, unless it was forgotten."""
        return self._groups.get(key)

    def written(self, write: Callable[[Group], Json]) -> Json:
        """Every group with its key, the longest untouched first; those that are nothing not."""
        pairs = ((key, write(group)) for key, group in self._groups.items())
        return [[key, written] for key, written in pairs if written is not None]

    def read(self, written: Json, read: Callable[[Json, Group], None]) -> None:
        """Takes what `written` gave; `read` fills a group that has seen nothing yet."""
        for key, held in written:
            read(held, self.at(values(key))[1])

    def drop(self, key: Key) -> None:
        """Forgets a group that has nothing more to say."""
        self._groups.pop(key, None)


def member_fields(correlation: CorrelationRule) -> dict[str, tuple[str, ...]]:
    """Of each member rule, the fields that its events are grouped by, aliases resolved."""
    return {
        member: tuple(
            correlation.aliases.get(name, {}).get(member, name) for name in correlation.group_by
        )
        for member in sorted(set(correlation.members))
    }


def shared(group_by: Sequence[str], key: Key) -> tuple[tuple[str, str], ...]:
    """What the events of a group share, in words; what they lack is left out."""
    told = zip(group_by, key, strict=True)
    return tuple((name, _text(value)) for name, value in told if value not in (None, ()))


def _text(value: FieldValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
