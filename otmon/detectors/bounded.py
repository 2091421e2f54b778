"""Memory of bounded size that detectors share: recent things, windows, distinct counts.

Whatever traffic can fill has a bound here. What falls out is counted, and a
count that is no longer exact says so. Everything can be written down as JSON
and read back, so that a detector goes on after a restart where it was.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Json = Any
"""What `json.dumps` takes and `json.loads` gives: lists for tuples."""

MAX_EXACT = 4_096
"""Members up to which a set is exact; beyond, its size is estimated."""
_BUCKETS = 32
"""Parts of a window that are forgotten one by one."""
_HASH_SPAN = 2**64


def key_of(written: Json) -> Any:
    """A key as it was before it was written down: its lists are tuples again."""
    return tuple(map(key_of, written)) if isinstance(written, list) else written


class Recent(Generic[K, V]):
    """A mapping of at most `most` keys: the one that was used longest ago goes first."""

    __slots__ = ("_held", "evicted_count", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.evicted_count = 0
        """Keys that had to go to make room."""
        self._held: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def get(self, key: K) -> V | None:
        """The value of a key, which is now the most recent; none where it is not held."""
        value = self._held.get(key)
        if value is not None:
            self._held.move_to_end(key)
        return value

    def peek(self, key: K) -> V | None:
        """The value of a key, which does not become more recent by it."""
        return self._held.get(key)

    def touch(self, key: K) -> None:
        """Makes a key that is held the most recent."""
        self._held.move_to_end(key)

    def put(self, key: K, value: V) -> None:
        """Holds a value; the key is now the most recent."""
        held = self._held
        held[key] = value
        held.move_to_end(key)
        if len(held) > self.most:
            held.popitem(last=False)
            self.evicted_count += 1

    def make(self, key: K, new: Callable[[], V]) -> V:
        """The value of a key, made where it is not held."""
        value = self.get(key)
        if value is None:
            value = new()
            self.put(key, value)
        return value

    def drop(self, key: K) -> V | None:
        """Forgets a key; gives what it had."""
        return self._held.pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """Every key with its value, the one used longest ago first."""
        return iter(self._held.items())

    def first(self) -> tuple[K, V] | None:
        """The key that was used longest ago."""
        return next(iter(self._held.items()), None)

    def written(self, write: Callable[[V], Json]) -> Json:
        """Keys and values as JSON, in their order."""
        return [[key, write(value)] for key, value in self._held.items()]

    def read(self, written: Json, read: Callable[[Json], V]) -> None:
        """Takes what `written` gave."""
        for key, value in written:
            self.put(key_of(key), read(value))


def forgotten_count(owner: object) -> int:
    """What had to go, because a table was full, of all that somebody keeps itself.

    Whatever has an `evicted_count` counts: everything of this module that is bounded as a
    whole, and what is made of it.
    """
    return sum(getattr(held, "evicted_count", 0) for held in vars(owner).values())


class Told(Generic[K]):
    """Remembers what was said, so that it is not said again too soon."""

    __slots__ = ("_last", "every_ns")

    def __init__(self, every_ns: int, most: int) -> None:
        self.every_ns = every_ns
        self._last: Recent[K, int] = Recent(most)

    @property
    def evicted_count(self) -> int:
        """What it no longer knows to have said because it was full."""
        return self._last.evicted_count

    def may(self, key: K, time_ns: int) -> bool:
        """Whether it may be said now; if so, it counts as said."""
        last_ns = self._last.get(key)
        if last_ns is not None and time_ns - last_ns < self.every_ns:
            return False
        self._last.put(key, time_ns)
        return True

    def written(self) -> Json:
        """It as JSON."""
        return self._last.written(lambda time_ns: time_ns)

    def read(self, written: Json) -> None:
        """Takes what `written` gave."""
        self._last.read(written, int)


class WindowCount:
    """How many things happened within the last `window_ns`, to a part of the window exactly."""

    __slots__ = ("_parts", "_step_ns", "_total", "window_ns")

    def __init__(self, window_ns: int) -> None:
        self.window_ns = window_ns
        self._step_ns = max(window_ns // _BUCKETS, 1)
        self._parts: deque[list[int]] = deque()
        self._total = 0

    def add(self, time_ns: int, count: int = 1) -> int:
        """Counts something; gives how many there are in the window now."""
        start_ns = time_ns - time_ns % self._step_ns
        parts = self._parts
        if parts and start_ns <= parts[-1][0]:
            parts[-1][1] += count
        else:
            parts.append([start_ns, count])
        self._total += count
        return self.at(time_ns)

    def at(self, time_ns: int) -> int:
        """How many there are in the window that ends at `time_ns`."""
        parts, oldest_ns = self._parts, time_ns - self.window_ns
        while parts and parts[0][0] < oldest_ns:
            self._total -= parts.popleft()[1]
        return self._total

    def clear(self) -> None:
        """Forgets everything."""
        self._parts.clear()
        self._total = 0

    def written(self) -> Json:
        """It as JSON."""
        return [list(part) for part in self._parts]

    def read(self, written: Json) -> WindowCount:
        """Takes what `written` gave; gives itself."""
        self._parts = deque([int(start), int(count)] for start, count in written)
        self._total = sum(count for _, count in self._parts)
        return self


_EMPTY: OrderedDict[Any, int] = OrderedDict()
"""What every empty window has seen: most are empty most of the time, and one takes 500 bytes."""


class WindowSet(Generic[K]):
    """The distinct things seen within the last `window_ns`.

    Past `MAX_EXACT` members the oldest leaves early: the size is then a lower
    bound, and `full` says so.
    """

    __slots__ = ("_seen", "full", "window_ns")

    def __init__(self, window_ns: int) -> None:
        self.window_ns = window_ns
        self.full = False
        self._seen: OrderedDict[K, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, member: K) -> bool:
        return member in self._seen

    def add(self, member: K, time_ns: int) -> int:
        """Notes a member; gives how many there are in the window now."""
        seen = self._seen
        if seen is _EMPTY:
            seen = self._seen = OrderedDict()
        seen[member] = time_ns
        seen.move_to_end(member)
        self.forget(time_ns)
        if len(seen) > MAX_EXACT:
            seen.popitem(last=False)
            self.full = True
        return len(seen)

    def forget(self, time_ns: int) -> int:
        """Leaves out what is older than the window; gives how many there are."""
        seen, oldest_ns = self._seen, time_ns - self.window_ns
        while seen:
            member = next(iter(seen))
            if seen[member] >= oldest_ns:
                break
            del seen[member]
        if not seen:
            self.full = False
            self._seen = _EMPTY
        return len(seen)

    def members(self) -> Iterator[K]:
        """The members, the one seen longest ago first."""
        return iter(self._seen)

    def at(self, place: int) -> int:
        """When the member at a place was seen last; the one seen longest ago is at 0."""
        return next(itertools.islice(self._seen.values(), place, None))

    @property
    def since_ns(self) -> int | None:
        """When the member seen longest ago was seen last."""
        return next(iter(self._seen.values()), None)

    def written(self) -> Json:
        """It as JSON."""
        return [list(item) for item in self._seen.items()]

    def read(self, written: Json) -> WindowSet[K]:
        """Takes what `written` gave; gives itself."""
        self._seen = OrderedDict((key_of(member), int(time_ns)) for member, time_ns in written)
        return self


class Distinct:
    """How many different things there were: exact up to `MAX_EXACT`, then estimated.

    Keeps the smallest hashes: of n hashes spread evenly over a span, the kth
    smallest lies near k / n of it. The error is then about 1.6 %.
    """

    __slots__ = ("_heap", "_held")

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._heap: list[int] = []
        """The same hashes, negative: the largest first."""

    def add(self, member: object) -> bool:
        """Notes a member; gives whether it is new as far as can be told."""
        digest = hashlib.blake2b(repr(member).encode(), digest_size=8).digest()
        number = int.from_bytes(digest)
        if number in self._held:
            return False
        if len(self._held) < MAX_EXACT:
            heapq.heappush(self._heap, -number)
        elif number < -self._heap[0]:
            self._held.discard(-heapq.heapreplace(self._heap, -number))
        else:
            return False
        self._held.add(number)
        return True

    @property
    def estimated(self) -> bool:
        """Whether `count` is an estimate."""
        return len(self._held) >= MAX_EXACT

    @property
    def count(self) -> int:
        """How many different members there were."""
        if not self.estimated:
            return len(self._held)
        return (MAX_EXACT - 1) * _HASH_SPAN // max(-self._heap[0], 1)

    def text(self) -> str:
        """The count for people: `about 60000` where it is an estimate."""
        return f"about {self.count}" if self.estimated else str(self.count)

    def written(self) -> Json:
        """It as JSON."""
        return sorted(self._held)

    def read(self, written: Json) -> Distinct:
        """Takes what `written` gave; gives itself."""
        self._held = set(map(int, written))
        self._heap = [-number for number in self._held]
        heapq.heapify(self._heap)
        return self
