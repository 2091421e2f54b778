"""The list of detectors, and those that a site wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from otmon.detectors.address import AddressMoves
from otmon.detectors.auth import Auth
from otmon.detectors.boundary import Boundary
from otmon.detectors.clock import Clock
from otmon.detectors.conformance import Conformance
from otmon.detectors.detector import Detector
from otmon.detectors.device_status import DeviceStatus
from otmon.detectors.exceptions import Exceptions
from otmon.detectors.first_change import FirstChange
from otmon.detectors.indicator import IndicatorMatch
from otmon.detectors.jobs import Jobs
from otmon.detectors.newcomer import Newcomer
from otmon.detectors.periodicity import Periodicity
from otmon.detectors.program import Program
from otmon.detectors.quality import Quality
from otmon.detectors.readback import Readback
from otmon.detectors.report_disabled import ReportDisabled
from otmon.detectors.scan import Scan
from otmon.detectors.second_master import SecondMaster
from otmon.detectors.sensor import Sensor
from otmon.detectors.sequence import Sequence as OrderOfChanges
from otmon.detectors.unauthenticated import Unauthenticated
from otmon.detectors.value import Value
from otmon.detectors.watchdog import Watchdog
from otmon.detectors.watchers import Watchers
from otmon.model.indicator import Indicator
from otmon.thresholds import Detectors


def watchers(
    thresholds: Detectors | None = None,
    *,
    ports: Mapping[str, frozenset[tuple[str, int]]] | None = None,
    indicators: Sequence[Indicator] = (),
    interfaces: Sequence[str] = (),
    quality: Quality | None = None,
    file_name: Callable[[int], str] = "file {}".format,
) -> Watchers:
    """One of each that is not switched off, that has seen nothing yet.

    Args:
        thresholds: What the site says of them.
        ports: Transports and ports of each dissected protocol.
        indicators: What stands on the site's lists.
        interfaces: Those that are watched live.
        quality: What is known of how well they were seen; nothing yet, if left out.
        file_name: The path of an input file, by its number.
    """
    own, quality = thresholds or Detectors(), quality or Quality()
    every: tuple[tuple[bool, Detector], ...] = (
        (own.sensor.enabled, Sensor(own.sensor, interfaces, file_name)),
        (own.first_change.enabled, FirstChange()),
        (own.newcomer.enabled, Newcomer()),
        (own.second_master.enabled, SecondMaster()),
        (own.clock.enabled, Clock(own.clock)),
        (own.report_disabled.enabled, ReportDisabled(quality)),
        (own.scan.enabled, Scan(own.scan)),
        (own.exceptions.enabled, Exceptions(own.exceptions)),
        (own.conformance.enabled, Conformance(own.conformance)),
        (own.device_status.enabled, DeviceStatus(own.device_status)),
        (own.program.enabled, Program(own.program)),
        (own.periodicity.enabled, Periodicity(own.periodicity, quality)),
        (own.watchdog.enabled, Watchdog(own.watchdog, quality)),
        (own.jobs.enabled, Jobs(own.jobs, quality)),
        (own.boundary.enabled, Boundary(own.boundary, ports)),
        (own.auth.enabled, Auth(own.auth)),
        (own.unauthenticated.enabled, Unauthenticated(own.unauthenticated, quality)),
        (own.address.enabled, AddressMoves(own.address)),
        (own.value.enabled, Value(own.value, quality)),
        (own.readback.enabled, Readback(own.readback, quality)),
        (own.sequence.enabled, OrderOfChanges(own.sequence)),
        (own.indicator.enabled and bool(indicators), IndicatorMatch(own.indicator, indicators)),
    )
    return Watchers([detector for enabled, detector in every if enabled], quality)
