"""A rule file as it was read, and errors that name a line in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KeyPath = tuple[str | int, ...]
"""Where in a rule file something stands, as keys and places in lists."""


@dataclass(frozen=True, slots=True)
class LoadError:
    """Why a rule could not be used, and where that stands."""

    path: Path
    line: int
    """Counted from 1."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Source:
    """A rule file as it was read."""

    path: Path
    folder: Path
    """The rule folder that it was found in."""
    text: str
    document: Mapping[str, Any]

    def line(self, where: KeyPath) -> int:
        """The line, counted from 1, of what stands at `where`, or of what should hold it."""
        return _line(self.text, where)


class UnusableError(Exception):
    """A rule cannot be used; `where` says what in its file is to blame."""

    def __init__(self, message: str, *where: str | int) -> None:
        super().__init__(message)
        self.where = where


def _line(text: str, where: KeyPath) -> int:
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    line = 1
    for step in where:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if pair[0].value == str(step)]
            if not pairs:
                break
            key, node = pairs[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                break
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)
