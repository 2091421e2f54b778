"""Targets of operations taken apart: which value belongs to which object."""

from __future__ import annotations

from collections.abc import Sequence


def elements(targets: tuple[str, ...], count: int) -> Sequence[str]:
    """The single objects of an operation, in the order of its values: `hr:4-6` is three.

    Empty where it cannot be said which value is whose.
    """
    if len(targets) != 1:
        return targets if len(targets) == count else ()
    space, _, place = targets[0].partition(":")
    first, _, last = place.partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        return targets
    start = int(first)
    return [f"{space}:{start + turn}" for turn in range(count)]
