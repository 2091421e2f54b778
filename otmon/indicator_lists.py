"""Reads a site's lists of indicators; nothing is ever downloaded.

One indicator a line: its kind, its value, and what it means. Empty lines and
those that begin with # are passed over.

```text
address 192.0.2.66        broker of the implant of 2024
name    update.example    its name
sha256  <64 digits>       its installer
bytes   7f454c46          a program for Linux at the front of a transferred file
```
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from otmon.errors import ConfigError
from otmon.model.indicator import KINDS, Indicator

MAX_LINES = 1_000_000
"""Lines that are read of one list."""


def read_indicators(paths: Iterable[Path]) -> tuple[Indicator, ...]:
    """Everything that stands on the lists, in their order.

    Raises:
        ConfigError: A list cannot be read, or a line of it not understood.
    """
    return tuple(one for path in paths for one in _of(path))


def _of(path: Path) -> Iterator[Indicator]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if number > MAX_LINES:
                    return
                words = line.split(maxsplit=2)
                if words and not words[0].startswith("#"):
                    yield _indicator(path, number, words)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(
            f"The list {path} cannot be read: {reason}. Correct [indicators] files."
        ) from error


def _indicator(path: Path, number: int, words: list[str]) -> Indicator:
    kind = words[0].lower()
    if kind not in KINDS or len(words) < 2:
        raise ConfigError(
            f"{path}:{number}: a line is a kind ({', '.join(KINDS)}), a value and a meaning. "
            "Correct it."
        )
    value = words[1].lower()
    if kind in ("bytes", "sha256"):
        try:
            size = len(bytes.fromhex(value))
        except ValueError as error:
            raise ConfigError(
                f"{path}:{number}: {value} is not hexadecimal. Correct it."
            ) from error
        if size < 4 or (kind == "sha256" and size != 32):
            raise ConfigError(f"{path}:{number}: {kind} of {size} bytes. Correct it.")
    return Indicator(kind, value, words[2].strip() if len(words) > 2 else "", path.name)
