"""The two consoles: results on stdout, progress and log on stderr."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from rich.console import Console

PLAIN_WIDTH = 80
"""Width of the result where stdout is no terminal."""

_FILLING = re.compile(r" +$", re.MULTILINE)

Report = Callable[[int, int], None]
"""Takes the bytes read so far and those of all inputs (0 where not known)."""


class _Result(Console):
    """A console that leaves a broken pipe to the group, as every other writer does."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class _Trimmed:
    """Standard output without the blanks at the end of lines, with which tables fill cells."""

    def write(self, text: str) -> int:
        return sys.stdout.write(_FILLING.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


@functools.cache
def out() -> Console:
    """The console of the result."""
    if sys.stdout.isatty():
        return _Result(highlight=False, emoji=False, markup=False)
    trimmed = cast(TextIO, _Trimmed())
    return _Result(file=trimmed, width=PLAIN_WIDTH, highlight=False, emoji=False, markup=False)


@functools.cache
def err() -> Console:
    """The console of progress and log."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


@contextmanager
def progress(words: str) -> Iterator[Report]:
    """A bar on stderr while the block runs; nothing where stderr is no terminal."""
    console = err()
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    # Imported here: most runs of a script have no bar.
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn(words),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(words, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield report
