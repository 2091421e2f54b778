"""Every PDU of captures, as `otmon pdus` prints them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from otmon import _engine
from otmon.input_faults import faults

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Progress = Callable[[int, int], None]
"""Takes the bytes read so far and those of all inputs (0 where not known)."""


def pdus(paths: Paths, *, keep_duplicates: bool = False) -> Iterator[dict[str, Any]]:
    """Every industrial message of capture files in capture order, as `otmon pdus` prints it.

    Raises:
        CaptureError: No input is usable.
    """
    for lines in pdu_lines(paths, keep_duplicates=keep_duplicates):
        yield from map(json.loads, lines.splitlines())


def pdu_lines(
    paths: Paths,
    *,
    keep_duplicates: bool = False,
    progress: Progress | None = None,
    complain: Callable[[Iterator[str]], None] | None = None,
) -> Iterator[bytes]:
    """The same as whole JSON lines, many at a time.

    Args:
        paths: The input.
        keep_duplicates: Count frames that a mirror port delivered twice.
        progress: Called now and then with the bytes read so far and in all.
        complain: Gets, at the end, what could not be read whole.
    """
    engine = _engine.Engine(listed(paths), keep_duplicates=keep_duplicates, pdu_log=True)
    while lines := engine.read_pdus():
        yield lines
        if progress is not None:
            progress(*engine.progress())
    if complain is not None:
        complain(faults(engine.files()))


def listed(paths: Paths) -> Sequence[str | os.PathLike[str]]:
    """Inputs as a list, where there may be one alone."""
    return [paths] if isinstance(paths, str | os.PathLike) else paths
