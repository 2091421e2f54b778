"""The order of changes: an operation that never followed the one before it.

For each client and server the changes (writes, commands, modes) form a chain of
symbols: operation and object. A recipe, a start-up or a batch repeats its chain;
where the next symbol is known from the last in nearly all cases the chain fits,
and a transition that it never made is told. Two of them within a few cycles make
one finding that names both. Where the chain does not fit the detector is off for
that channel, and a gap makes the position unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector
from otmon.detectors.finding import finding
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event
from otmon.thresholds import SequenceThresholds

SECOND = 1_000_000_000
MAX_CHANNELS = 4_096
"""Channels of which the order is known; the longest quiet goes first."""
MAX_SYMBOLS = 64
"""Symbols of one channel; a chain of more is none."""
MAX_BRANCHES = 2
"""Symbols that may follow one, so that the next one is known from it."""
MAX_FOLLOWERS = 8
"""Symbols that may follow one symbol."""

_ASKED = ("client.address", "server.address", "ot.unit.id", "ot.function.name", "ot.object.id")


@dataclass(slots=True)
class _Chain:
    """What followed what on one channel."""

    follows: dict[str, dict[str, int]] = field(default_factory=dict)
    last: str | None = None
    last_ns: int = 0
    count: int = 0
    fitting: int = 0
    """Transitions that the chain would have foretold, after the first that made it."""
    odd: tuple[str, int] | None = None
    """The last unknown transition and when it was, where it may be the first of two."""
    first_ns: int = 0
    off: bool = False


class Sequence(Detector):
    """Speaks when two changes follow changes that they never followed."""

    name = "sequence"
    categories = frozenset(("ot_operation",))
    says: ClassVar[Mapping[str, str]] = {
        "unknown_transition": "Changes come in an order in which they never came.",
    }
    loss_sensitive = True

    def __init__(self, settings: SequenceThresholds | None = None) -> None:
        self.settings = settings or SequenceThresholds()
        self._chains: Recent[tuple[object, ...], _Chain] = Recent(MAX_CHANNELS)

    def wants(self, event: Event) -> bool:
        """Changes that were asked for."""
        return event.operation_class in CHANGE_CLASSES and event.get("ot.role") == "request"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a change."""
        return list(self._judged(event))

    def _judged(self, event: Event) -> Iterator[Event]:
        client, server, unit, operation, objects = event.several(_ASKED)
        chain = self._chains.make((client, server, event.service, unit), _Chain)
        if chain.off:
            return
        target = objects[0] if isinstance(objects, tuple) and objects else None
        symbol = f"{operation} {target}" if target else str(operation)
        if event.get("capture.quality") in ("lossy", "one_sided", "blind"):
            chain.last = None
        last, chain.last, chain.last_ns = chain.last, symbol, event.time_ns
        if last is None:
            chain.first_ns = chain.first_ns or event.time_ns
            return
        yield from self._transition(event, chain, last, symbol)

    def _transition(self, event: Event, chain: _Chain, last: str, symbol: str) -> Iterator[Event]:
        own = self.settings
        followers = chain.follows.get(last, {})
        known = symbol in followers
        chain.count += 1
        # The first transitions make the chain; those after them show whether it fits.
        judged = chain.count - own.ready_count
        ready = judged > own.near_count and chain.fitting >= own.fit * (judged - 1)
        chain.fitting += known and judged > 0 and len(followers) <= MAX_BRANCHES
        if ready and not known and not self._ahead(chain, last, symbol):
            odd = f"{symbol} after {last}"
            if chain.odd is not None and chain.count - chain.odd[1] <= own.near_count:
                yield finding(
                    self,
                    event,
                    "unknown_transition",
                    category="ot_anomaly",
                    expected=f"after {last}: {', '.join(sorted(followers)) or 'nothing'}",
                    observed=f"{chain.odd[0]}, then {odd}",
                    since_ns=chain.first_ns,
                )
                chain.odd = None
            else:
                chain.odd = (odd, chain.count)
        if symbol not in followers:
            if len(chain.follows) >= MAX_SYMBOLS and last not in chain.follows:
                chain.off = True
                return
            followers = chain.follows.setdefault(last, {})
            if len(followers) >= MAX_FOLLOWERS:
                chain.off = True
                return
        followers[symbol] = followers.get(symbol, 0) + 1

    def _ahead(self, chain: _Chain, last: str, symbol: str) -> bool:
        """Whether `symbol` lies a step further on: then the one between was missed."""
        return any(
            symbol in chain.follows.get(between, {}) for between in chain.follows.get(last, {})
        )

    def memory(self) -> Json:
        """The chains; the position is unknown after a restart."""
        return self._chains.written(
            lambda one: [one.follows, one.count, one.fitting, one.first_ns, one.off]
        )

    def restore(self, memory: Json) -> None:
        """Takes them."""
        self._chains.read(
            memory,
            lambda one: _Chain(
                {name: dict(followers) for name, followers in one[0].items()},
                count=one[1],
                fitting=one[2],
                first_ns=one[3],
                off=one[4],
            ),
        )
