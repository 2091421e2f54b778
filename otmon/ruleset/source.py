"""A rule file as it was read, and errors that name a line in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


class Source:
    """A rule file as it was read."""

    __slots__ = ("_document", "folder", "path", "text")

    def __init__(
        self, path: Path, folder: Path, text: str, document: Mapping[str, Any] | None = None
    ) -> None:
        """A file of which nobody has to know that it is one document.

        Args:
            path: Where it is.
            folder: The rule folder that it was found in.
            text: All of it.
            document: What it says; without it, read once somebody asks.
        """
        self.path, self.folder, self.text, self._document = path, folder, text, document

    @property
    def document(self) -> Mapping[str, Any]:
        """What the file says."""
        if self._document is None:
            (self._document,) = documents(self.text)
        return self._document

    @property
    def inner_path(self) -> str:
        """The path inside its folder."""
        if self.folder.is_dir():
            return self.path.relative_to(self.folder).as_posix()
        return self.path.name

    def line(self, where: KeyPath) -> int:
        """The line, counted from 1, of what stands at `where`, or of what should hold it."""
        return _line(self.text, where)


def documents(text: str) -> list[Any]:
    """What YAML says, read as Sigma means it: a key given twice is an error."""
    # Imported here: rules that were read when otmon was made need neither.
    import yaml
    from sigma.rule.base import SigmaYAMLLoader

    return list(yaml.load_all(text, Loader=SigmaYAMLLoader))


class UnusableError(Exception):
    """A rule cannot be used; `where` says what in its file is to blame."""

    def __init__(self, message: str, *where: str | int) -> None:
        super().__init__(message)
        self.where = where


@contextlib.contextmanager
def unusable() -> Iterator[None]:
    """Makes whatever a library stumbles over in a file an error of that file.

    Rules are written by people and read by libraries that expect less of them
    than people write: one bad file must never stop a sensor.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UnusableError(f"cannot be read: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UnusableError("is nested too deeply") from error


def _line(text: str, where: KeyPath) -> int:
    import yaml

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
