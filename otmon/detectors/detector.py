"""The contract of detectors, and the list of them.

A detector is code with memory, for what Sigma cannot say: absence, the first
time, a thing's own history. It emits events of category `ot_anomaly`, never
alerts: rules decide what people are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from otmon.detectors.first_change import FirstChange
from otmon.detectors.newcomer import Newcomer
from otmon.detectors.report_disabled import ReportDisabled
from otmon.model.event import Event


class Detector(Protocol):
    """Watches operations in the order of their time, and says what rules cannot see."""

    classes: frozenset[str]
    """The operation classes that it watches."""

    @property
    def due_ns(self) -> int:
        """The packet time from which `advance` has something to give."""
        ...

    def observe(self, event: Event) -> Iterable[Event]:
        """Takes one event of category `ot_operation`; gives what it shows.

        Those of its classes, and the first of a run whatever its class: since
        then the sensor has been watching.
        """
        ...

    def advance(self, time_ns: int) -> Iterable[Event]:
        """Learns that packet time has come this far; gives what did not happen by then."""
        ...


def detectors() -> tuple[Detector, ...]:
    """One of each, that has seen nothing yet."""
    return (FirstChange(), Newcomer(), ReportDisabled())
