"""The list of detectors, as a site wants them."""

from __future__ import annotations

from otmon.detectors.conformance import Conformance
from otmon.detectors.detector import Detector
from otmon.detectors.device_status import DeviceStatus
from otmon.detectors.exceptions import Exceptions
from otmon.detectors.first_change import FirstChange
from otmon.detectors.newcomer import Newcomer
from otmon.detectors.program import Program
from otmon.detectors.report_disabled import ReportDisabled
from otmon.detectors.scan import Scan
from otmon.thresholds import Detectors


def detectors(settings: Detectors | None = None) -> tuple[Detector, ...]:
    """One of each that is not switched off, that has seen nothing yet."""
    own = settings or Detectors()
    every = (
        (own.first_change, FirstChange()),
        (own.newcomer, Newcomer()),
        (own.report_disabled, ReportDisabled()),
        (own.scan, Scan(own.scan)),
        (own.exceptions, Exceptions(own.exceptions)),
        (own.conformance, Conformance(own.conformance)),
        (own.device_status, DeviceStatus(own.device_status)),
        (own.program, Program(own.program)),
    )
    return tuple(detector for one, detector in every if one.enabled)
