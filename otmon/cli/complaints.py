"""What an operator must know even if the result goes into a pipe."""

from __future__ import annotations

from collections.abc import Iterable

from otmon.cli import console
from otmon.input_faults import faults
from otmon.model.result import Capture

INTERRUPTED = "stopped before the end; the result covers the part that was read."


def complain(lines: Iterable[str]) -> None:
    """Say each of them on stderr."""
    for line in lines:
        console.err().print(f"otmon: {line}", soft_wrap=True)


def complain_of(capture: Capture) -> None:
    """Say what could not be read, loaded or kept, and that somebody stopped the run."""
    complain(faults(capture.files))
    complain(capture.rule_errors)
    complain(capture.remarks)
    if capture.interrupted:
        complain([INTERRUPTED])
