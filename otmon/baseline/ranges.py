"""Address ranges of reads: merged where the hole is small, compared with what was read before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otmon.model.statement import Range

MAX_RANGES = 64
"""Ranges of one statement; past them the smallest holes close."""
SMALL_HOLE = 4
"""Addresses between two ranges that are never worth two."""
SMALL_SHARE = 20
"""The same as a part of the whole span: one in twenty."""


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The ranges in order; holes of at most 4 addresses, or 5 % of the span, are closed."""
    out: list[Range] = []
    for low, high in sorted(ranges):
        if out and low - out[-1][1] - 1 <= _small(out[-1][0], max(high, out[-1][1])):
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    while len(out) > MAX_RANGES:
        at = min(range(len(out) - 1), key=lambda place: out[place + 1][0] - out[place][1])
        out[at : at + 2] = [(out[at][0], out[at + 1][1])]
    return tuple(out)


def _small(low: int, high: int) -> int:
    return max(SMALL_HOLE, (high - low) // SMALL_SHARE)


def outside(ranges: Sequence[Range], known: Sequence[Range]) -> tuple[Range, ...]:
    """The ranges that are not wholly inside a known one."""
    return tuple(
        (low, high)
        for low, high in ranges
        if not any(start <= low and high <= end for start, end in known)
    )
