"""The paths of captures by their place in the input, with those that earlier runs read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_FIRST = -(1 << 20)
"""The place of the first file of earlier runs: before all of this one."""


class FileNames:
    """Gives the path of a capture by its place."""

    def __init__(self, paths: Callable[[], Sequence[str]]) -> None:
        """Takes what gives the paths of this run, which may become more."""
        self._paths = paths
        self._earlier: dict[str, int] = {}

    def __call__(self, place: int) -> str:
        """The path of the file at a place."""
        if place >= 0:
            return self._paths()[place]
        return [*self._earlier][place - _FIRST]

    def earlier(self, path: str) -> int:
        """The place of a file that an earlier run read."""
        return self._earlier.setdefault(path, _FIRST + len(self._earlier))
