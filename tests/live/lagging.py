"""`otmon monitor` whose rules take no event until the engine had to leave some out.

Its first argument is how many have to be left out first, the others are those of otmon.
"""

import sys
import time

from otmon.cli import main
from otmon.model.event import Event
from otmon.pipeline import Analysis

PATIENCE_S = 120
"""After so long rules go on, so that a test fails instead of waiting for ever."""

left_out, arguments = int(sys.argv[1]), sys.argv[2:]
judge = Analysis._judge_event
ends_s = time.monotonic() + PATIENCE_S


def slowly(analysis: Analysis, event: Event) -> None:
    """Holds an event against the rules, once Python is far enough behind."""
    while (
        analysis._engine.counters()["suppressed_backlog"] < left_out and time.monotonic() < ends_s
    ):
        time.sleep(0.05)
    judge(analysis, event)


Analysis._judge_event = slowly  # type: ignore[method-assign]  # what slow rules do
main(arguments)
