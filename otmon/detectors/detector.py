"""The contract of detectors: code with memory, for what Sigma cannot say.

Absence, the first time, a thing's own history. A detector is shown events and
makes events, never alerts: rules decide what people are told. What it makes
says what would have been normal, what was seen, since when the normal held, and
in which frames both can be found.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from otmon.detectors.bounded import Json, forgotten_count
from otmon.model.event import NEVER_NS, Event
from otmon.model.kept_event import Reader, Writer

Observer = Callable[[Event], Iterable[Event]]
"""Takes an event; gives what it shows."""


class Detector(abc.ABC):
    """Watches events in the order of their time, and says what rules cannot see.

    Bounded in memory, and the same for the same events: no clock, no chance.
    """

    name: ClassVar[str]
    """Its name: `event.provider` of what it says, its section in the configuration."""
    version: ClassVar[int] = 1
    """Of its memory: rises when `restore` no longer takes what an older `memory` gave."""
    categories: ClassVar[frozenset[str]]
    """The kinds of event that it is shown."""
    says: ClassVar[Mapping[str, str]]
    """Every `anomaly.type` that it gives, with its meaning in one sentence."""
    watches: ClassVar[str]
    """What it looks at, and what it needs to have seen before it speaks."""
    silent: ClassVar[str]
    """Of what it says nothing."""
    loss_sensitive: ClassVar[bool] = False
    """Whether packets that the sensor missed could make it speak, but for its guards."""

    wanted: ClassVar[Iterable[Mapping[str, Any]]] = ()
    """What the engine is asked to tell one by one for it, in the words of `_engine.Wanted`."""

    can_be_spent: ClassVar[bool] = False
    """Whether `is_spent` is worth a question."""

    mode: Callable[[int], str] | None = None
    """Gives the operating mode at a time, where the site has several: each has values and
    order of its own."""

    left_out_count: int = 0
    """What it never took in because something was full."""

    due_ns: int = 0
    """The packet time from which `advance` has something to do.

    0 at first, so that the first `advance` tells when the watch began.
    """

    def wants(self, event: Event) -> bool:
        """Whether it is to be shown events like this one.

        May ask for category, service, class, `SHAPE_FIELDS` and whether it tells of a
        behaviour only: it is asked once for each shape. Of what is no operation it may ask
        for category, service, and the type and `kind` of the record.
        """
        return True

    @abc.abstractmethod
    def observe(self, event: Event) -> Iterable[Event]:
        """Takes an event that it wants; gives what it shows."""

    def observer(self, event: Event) -> Observer | None:
        """What takes events that are like this one instead of `observe`; none by default.

        They have its shape, conversation and unit: what is the same for all of them is
        worked out here, once. It may be made anew at any time, so it remembers no more.
        """
        return None

    def is_spent(self, event: Event) -> bool:
        """Whether it will say nothing of later events that are like the one it observed.

        They have its shape, conversation and unit. It is not shown them again
        where it is spent, so it must have no need to.
        """
        return False

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Learns that packet time has come this far; gives what did not happen by then."""
        self.due_ns = NEVER_NS
        return ()

    def finish(self) -> Iterable[Event]:
        """Learns that the input has ended; gives what waited for more of it."""
        return ()

    @property
    def forgotten_count(self) -> int:
        """What it knows no longer, or never took in, because it was full."""
        return self.left_out_count + forgotten_count(self)

    def memory(self) -> Json:
        """What it must not forget over a restart, as `json.dumps` takes it."""
        return None

    def restore(self, memory: Json) -> None:
        """Takes what `memory` of the same version gave, before the first event."""
        return None

    def pending(self, write: Writer) -> Json:
        """What waits for more, with the events that it will be told of; nothing by default."""
        return None

    def resume(self, pending: Json, read: Reader) -> None:
        """Takes what `pending` of the same version gave, after its memory."""
        return None
