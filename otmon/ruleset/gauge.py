"""What a window holds, measured as it comes and goes: counts, different values, sums, ranks.

Each gauge takes the values of an event and gives a part; parts can be joined
and taken away again. Nothing is worked out anew for each event, and sums are
exact: a window that empties is zero again.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Protocol

from otmon.model.event import FieldValue
from otmon.model.kept_event import Json, values

MAX_VALUES = 10_000
"""Values that a window remembers one by one; those after them are left out."""


class Gauge(Protocol):
    """Measures what was taken in and not taken away."""

    def take(self, values: Sequence[FieldValue]) -> Any:
        """Takes the values of an event; gives what `drop` needs to take them away."""
        ...

    def join(self, one: Any, other: Any) -> Any:
        """The part of two events that from now on are taken away together."""
        ...

    def drop(self, part: Any) -> None:
        """Takes a part away."""
        ...

    def written(self, part: Any) -> Json:
        """A part as JSON."""
        ...

    def read(self, written: Json) -> Any:
        """Takes a part that was written down; gives it."""
        ...

    def measure(self) -> float:
        """What there is now; not a number where there is nothing to measure."""
        ...


class Events:
    """How many events there are."""

    def __init__(self) -> None:
        self._count = 0

    def take(self, values: Sequence[FieldValue]) -> int:
        """Counts one."""
        self._count += 1
        return 1

    def join(self, one: int, other: int) -> int:
        """Both counts."""
        return one + other

    def drop(self, part: int) -> None:
        """Counts so many less."""
        self._count -= part

    def written(self, part: int) -> Json:
        """The number."""
        return part

    def read(self, written: Json) -> int:
        """Counts as many."""
        self._count += written
        return int(written)

    def measure(self) -> float:
        """The count."""
        return self._count


class Different:
    """How many different values there are."""

    def __init__(self) -> None:
        self._counts: Counter[FieldValue] = Counter()

    def take(self, values: Sequence[FieldValue]) -> list[FieldValue]:
        """Counts values, new ones as long as there is room."""
        taken = [one for one in values if one in self._counts or len(self._counts) < MAX_VALUES]
        self._counts.update(taken)
        return taken

    def join(self, one: list[FieldValue], other: list[FieldValue]) -> list[FieldValue]:
        """Each value once."""
        both = list(dict.fromkeys(one + other))
        self._counts.subtract(one)
        self._counts.subtract(other)
        self._counts.update(both)
        return both

    def drop(self, part: list[FieldValue]) -> None:
        """Forgets values that were taken no more than this once."""
        for one in part:
            self._counts[one] -= 1
            if self._counts[one] <= 0:
                del self._counts[one]

    def written(self, part: list[FieldValue]) -> Json:
        """The values."""
        return part

    def read(self, written: Json) -> list[FieldValue]:
        """Takes the values."""
        return self.take([values(one) for one in written])

    def measure(self) -> float:
        """The number of different values."""
        return len(self._counts)


class Total:
    """The sum of the values, or their average."""

    def __init__(self, average: bool) -> None:
        self._average = average
        self._sum = Fraction(0)
        self._count = 0

    def take(self, values: Sequence[FieldValue]) -> tuple[Fraction, int]:
        """Adds the numbers among the values."""
        numbers = _numbers(values)
        part = (sum(map(Fraction, numbers), Fraction(0)), len(numbers))
        self._sum += part[0]
        self._count += part[1]
        return part

    def join(self, one: tuple[Fraction, int], other: tuple[Fraction, int]) -> tuple[Fraction, int]:
        """The sum of both."""
        return one[0] + other[0], one[1] + other[1]

    def drop(self, part: tuple[Fraction, int]) -> None:
        """Takes a sum away."""
        self._sum -= part[0]
        self._count -= part[1]

    def written(self, part: tuple[Fraction, int]) -> Json:
        """The sum as a fraction, and of how many."""
        return [part[0].numerator, part[0].denominator, part[1]]

    def read(self, written: Json) -> tuple[Fraction, int]:
        """Adds the sum."""
        part = Fraction(written[0], written[1]), written[2]
        self._sum += part[0]
        self._count += part[1]
        return part

    def measure(self) -> float:
        """The sum or average of what is left."""
        if not self._count:
            return math.nan
        return float(self._sum / self._count if self._average else self._sum)


class Rank:
    """The value that so many per cent of the values do not exceed."""

    def __init__(self, percentile: int) -> None:
        self._percentile = percentile
        self._ordered: list[float] = []

    def take(self, values: Sequence[FieldValue]) -> list[float]:
        """Puts numbers in their order, as long as there is room."""
        taken = _numbers(values)[: MAX_VALUES - len(self._ordered)]
        for one in taken:
            bisect.insort(self._ordered, one)
        return taken

    def join(self, one: list[float], other: list[float]) -> list[float]:
        """All of both."""
        return one + other

    def drop(self, part: list[float]) -> None:
        """Takes numbers out again."""
        for one in part:
            del self._ordered[bisect.bisect_left(self._ordered, one)]

    def written(self, part: list[float]) -> Json:
        """The numbers."""
        return part

    def read(self, written: Json) -> list[float]:
        """Puts the numbers in their order."""
        return self.take(written)

    def measure(self) -> float:
        """The percentile, by nearest rank."""
        if not self._ordered:
            return math.nan
        rank = math.ceil(self._percentile / 100 * len(self._ordered))
        return self._ordered[max(rank, 1) - 1]


def _numbers(values: Sequence[FieldValue]) -> list[float]:
    """The finite numbers among values."""
    return [
        float(one)
        for one in values
        if isinstance(one, (int, float)) and not isinstance(one, bool) and math.isfinite(one)
    ]
