"""The order of changes: an operation that never followed the one before it.

For each client and server the changes (writes, commands, modes) form a chain of
symbols: operation and object. A recipe, a start-up or a batch repeats its chain;
where the next symbol is known from the last in nearly all cases the chain fits,
and a transition that it never made is told. Two of them within a few cycles make
one finding that names both. Where the chain does not fit the detector is off for
that channel, and a gap makes the position unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from otmon.detectors.bounded import Json, Recent
from otmon.detectors.detector import Detector, Observer
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
OFF_COUNT = 400
"""Transitions after which a chain that does not fit is given up."""
MAX_FOLLOWERS = 8
"""Symbols that may follow one symbol."""


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
    watches = (
        "Changes of each channel in their order: 40 transitions, of which 95 % must have "
        "been known when they came."
    )
    silent = "Where the order does not settle, and across a gap."
    can_be_spent = True

    def __init__(self, settings: SequenceThresholds | None = None) -> None:
        self.settings = settings or SequenceThresholds()
        self._chains: Recent[tuple[object, ...], _Chain] = Recent(MAX_CHANNELS)
        self._modes: Recent[tuple[object, ...], str] = Recent(MAX_CHANNELS)
        """The operating mode in which each channel was seen last."""

    def wants(self, event: Event) -> bool:
        """Changes that were asked for."""
        return event.operation_class in CHANGE_CLASSES and event.get("ot.role") == "request"

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes a change."""
        if self.mode is not None:
            return self._follow(event, self._chain_in(event, self.mode(event.time_ns)))
        return self._follow(event, self._chains.make(self._channel(event), _Chain))

    def observer(self, event: Event) -> Observer | None:
        """Takes changes of one channel: its chain is found once, as long as none was forgotten."""
        if self.mode is not None:
            return None
        channel, chains = self._channel(event), self._chains
        chain, evicted_count = chains.make(channel, _Chain), chains.evicted_count

        def observe(event: Event) -> Iterable[Event]:
            nonlocal chain, evicted_count
            if chains.evicted_count == evicted_count:
                chains.touch(channel)
            else:
                chain = chains.make(channel, _Chain)
                evicted_count = chains.evicted_count
            return self._follow(event, chain)

        return observe

    def _follow(self, event: Event, chain: _Chain) -> Iterable[Event]:
        """Takes the next change of a chain."""
        if chain.off:
            return ()
        record = event.record
        operation, targets = record.operation, record.targets
        symbol = f"{operation} {targets[0]}" if targets else operation
        last, chain.last, chain.last_ns = chain.last, symbol, event.time_ns
        if last is None:
            chain.first_ns = chain.first_ns or event.time_ns
            return ()
        return self._transition(event, chain, last, symbol)

    def _chain_in(self, event: Event, mode: str) -> _Chain:
        """The chain of a channel in an operating mode; where another one was, it begins anew."""
        channel = self._channel(event)
        chain = self._chains.make((*channel, mode), _Chain)
        before = self._modes.get(channel)
        if before != mode:
            self._modes.put(channel, mode)
            chain.last = None
        return chain

    def _transition(self, event: Event, chain: _Chain, last: str, symbol: str) -> Iterable[Event]:
        own = self.settings
        followers = chain.follows.get(last)
        known = followers is not None and symbol in followers
        chain.count += 1
        # The first transitions make the chain; those after them show whether it fits.
        judged = chain.count - own.ready_count
        found: Iterable[Event] = ()
        if judged > 0:
            ready = judged > own.near_count and chain.fitting >= own.fit * (judged - 1)
            if known and followers is not None and len(followers) <= MAX_BRANCHES:
                chain.fitting += 1
            if judged > OFF_COUNT and not ready:
                self._give_up(chain)
                return ()
            if ready and not known and not self._excused(event, chain, last, symbol):
                found = self._odd(event, chain, last, symbol)
        if followers is None:
            if len(chain.follows) >= MAX_SYMBOLS:
                self._give_up(chain)
                return found
            followers = chain.follows[last] = {}
        if not known and len(followers) >= MAX_FOLLOWERS:
            self._give_up(chain)
            return found
        followers[symbol] = followers.get(symbol, 0) + 1
        return found

    def _odd(self, event: Event, chain: _Chain, last: str, symbol: str) -> Iterable[Event]:
        """Tells of a transition that was never made, where it is the second one near by."""
        odd = f"{symbol} after {last}"
        before = chain.odd
        if before is None or chain.count - before[1] > self.settings.near_count:
            chain.odd = (odd, chain.count)
            return ()
        chain.odd = None
        followers = chain.follows.get(last, {})
        found = finding(
            self,
            event,
            "unknown_transition",
            category="ot_anomaly",
            expected=f"after {last}: {', '.join(sorted(followers)) or 'nothing'}",
            observed=f"{before[0]}, then {odd}",
            since_ns=chain.first_ns,
        )
        return (found,)

    def _give_up(self, chain: _Chain) -> None:
        chain.off = True
        chain.follows.clear()

    def _excused(self, event: Event, chain: _Chain, last: str, symbol: str) -> bool:
        """Whether the symbol between was missed: a step was left out, or a gap is near."""
        ahead = (chain.follows.get(between, {}) for between in chain.follows.get(last, {}))
        if any(symbol in followers for followers in ahead):
            return True
        return event.get("capture.quality") in ("lossy", "one_sided", "blind")

    def is_spent(self, event: Event) -> bool:
        """Whether the changes of its client and server have no order."""
        if self.mode is not None:
            return False
        chain = self._chains.get(self._channel(event))
        return chain is not None and chain.off

    def _channel(self, event: Event) -> tuple[object, ...]:
        record = event.record
        return (record.client_address, record.server_address, event.service, record.unit)

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
