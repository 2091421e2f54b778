"""`otmon monitor` on a machine whose clock is set forward after three looks at it.

Its first argument is by how many seconds, the others are those of otmon. The kernel's stamps are
left alone: the machine's own time, which nobody sets, falls behind them by as much instead.
"""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

from otmon.cli import main
from otmon.model.notice import Notice
from otmon.sensor_watch import SensorWatch

by_s, arguments = float(sys.argv[1]), sys.argv[2:]
look = SensorWatch.look
looks = itertools.count()


def behind(watch: SensorWatch, now_s: float, *rest: Any) -> Iterator[Notice]:
    """A look at a time that stays behind."""
    return look(watch, now_s - (by_s if next(looks) > 2 else 0), *rest)


SensorWatch.look = behind  # type: ignore[method-assign]  # as if the clock jumped
main(arguments)
