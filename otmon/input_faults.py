"""What people have to know of inputs that could not be read whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol


class _Input(Protocol):
    """The facts about an input file, of the engine or of a result."""

    @property
    def path(self) -> str: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def error(self) -> str | None: ...


def faults(inputs: Iterable[_Input]) -> Iterator[str]:
    """A sentence or two for each input that is missing, damaged or cut short."""
    for one in inputs:
        if one.error:
            yield one.error
        elif one.truncated:
            yield f"{one.path} is cut short. Everything before the cut was used."
