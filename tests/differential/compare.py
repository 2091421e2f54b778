"""Two readings of a capture, held against one another message by message.

Each side gives a list of messages; a message is a frame and facts by name. Only
what tshark says is compared: it often says less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

MISSING = "missing"
"""The name of the difference that otmon does not see a message."""
EXTRA = "extra"
"""The name of the difference that only otmon sees a message of a flow that tshark reads, too."""

Facts = dict[str, Any]


class Beginning(tuple[Any, ...]):
    """What a side reads before it gives up: equal to whatever begins like it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and other[: len(self)] == tuple(self)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


@dataclass(frozen=True, slots=True)
class Message:
    """One message as one side reads it."""

    frame: int
    kind: Hashable
    """What it takes to be the same message: function and station."""
    facts: Facts
    flow: int = 0
    """otmon's number of the flow."""
    malformed: bool = False
    """Whether otmon calls its content broken: what follows the break is a guess of either side."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one side says of a message and the other does not."""

    protocol: str
    capture: str
    frame: int
    fact: str
    tshark: Any = None
    otmon: Any = None

    def __str__(self) -> str:
        where = f"{self.protocol} {self.capture} frame {self.frame}: {self.fact}"
        return f"{where}: tshark {_short(self.tshark)}, otmon {_short(self.otmon)}"


@dataclass(slots=True)
class Agreement:
    """How far the two agree on a capture, or on several."""

    pdus: int = 0
    """Messages that tshark sees."""
    agreeing: int = 0
    """Those of which otmon says the same, in everything."""
    malformed: int = 0
    """Those that otmon calls broken, and of which the two differ."""
    only_otmon: int = 0
    """Messages of flows in which tshark sees none."""
    facts: Counter[str] = field(default_factory=Counter)
    """What was compared, by name."""
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Agreement) -> None:
        """Count another capture in."""
        self.pdus += other.pdus
        self.agreeing += other.agreeing
        self.malformed += other.malformed
        self.only_otmon += other.only_otmon
        self.facts += other.facts
        self.differences += other.differences

    @property
    def share(self) -> float:
        """The part of tshark's sound messages with which otmon agrees, from 0 to 1."""
        sound = self.pdus - self.malformed
        return self.agreeing / sound if sound else 1.0


def compare(
    protocol: str, capture: str, tshark: Iterable[Message], otmon: Iterable[Message]
) -> Agreement:
    """Hold the messages of each frame against one another, in their order."""
    result = Agreement()
    theirs, ours = _by_frame(tshark), _by_frame(otmon)
    extra: list[Message] = []
    shared: set[int] = set()
    for frame in sorted(theirs.keys() | ours.keys()):
        for their, our in _pairs(theirs.get(frame, []), ours.get(frame, [])):
            if their is None:
                assert our is not None
                extra.append(our)
                continue
            result.pdus += 1
            if our is None:
                told = Difference(protocol, capture, frame, MISSING, their.facts)
                result.differences.append(told)
                continue
            shared.add(our.flow)
            different = [
                Difference(protocol, capture, frame, name, fact, our.facts.get(name))
                for name, fact in their.facts.items()
                if fact != our.facts.get(name)
            ]
            result.facts.update(their.facts.keys())
            result.differences += different
            result.agreeing += not different
            result.malformed += bool(different) and our.malformed
    for our in extra:
        if our.flow in shared:
            told = Difference(protocol, capture, our.frame, EXTRA, None, our.facts)
            result.differences.append(told)
        else:
            result.only_otmon += 1
    return result


def _by_frame(messages: Iterable[Message]) -> dict[int, list[Message]]:
    ordered = sorted(messages, key=lambda message: message.frame)
    return {frame: list(same) for frame, same in groupby(ordered, lambda message: message.frame)}


def _pairs(
    theirs: list[Message], ours: list[Message]
) -> Iterable[tuple[Message | None, Message | None]]:
    """The messages of a frame side by side; none where one side has no such message."""
    if len(theirs) == len(ours):
        yield from zip(theirs, ours, strict=True)
        return
    kinds = [message.kind for message in theirs], [message.kind for message in ours]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, *kinds, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from zip(theirs[i1:i2], ours[j1:j2], strict=True)
            continue
        yield from ((their, None) for their in theirs[i1:i2])
        yield from ((None, our) for our in ours[j1:j2])


def _short(value: Any, longest: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
