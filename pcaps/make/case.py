"""A shipped capture: what it shows, and the function that makes it."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pcaps.make.wire import Cable

START = datetime.datetime(2026, 3, 2, 6, 0, tzinfo=datetime.UTC)
"""When every capture begins."""


Make = Callable[[Cable], None]
"""Fills a cable."""


@dataclass(frozen=True)
class Case:
    """One capture to be made."""

    protocol: str
    name: str
    benign: bool
    shows: str
    make: Make

    def write(self, folder: Path) -> None:
        """Write the capture and, beside it, what it shows."""
        cable = Cable(START)
        self.make(cable)
        path = folder / self.protocol / f"{self.name}.pcapng"
        cable.write(path)
        label = "benign" if self.benign else "attack"
        about = f'shows = """\n{self.shows}\n"""\nlabel = "{label}"\n'
        path.with_suffix(".toml").write_text(about, encoding="utf-8")


CASES: list[Case] = []
"""Every case of the modules imported so far."""


def case(
    protocol: str, *, benign: bool = False
) -> Callable[[Callable[[Cable], None]], Callable[[Cable], None]]:
    """Make a function a case: its name is the file's, its docstring what it shows."""

    def register(make: Make) -> Make:
        name = make.__name__.removeprefix("case_")
        CASES.append(Case(protocol, name, benign, inspect.cleandoc(make.__doc__ or ""), make))
        return make

    return register
