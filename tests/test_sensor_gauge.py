"""What a sensor costs, and what its clock is worth."""

from __future__ import annotations

import pytest

from otmon.sensor_gauge import STA_NANO, STA_UNSYNC, Clock, Gauge, Timex, clock_of, read_clock


@pytest.mark.parametrize(
    ("status", "offset", "expected"),
    [
        (STA_NANO, -250_000, Clock(True, -0.25, 12.5)),
        (0, 1_500, Clock(True, 1.5, 12.5)),
        (STA_UNSYNC | STA_NANO, 0, Clock(False)),
    ],
)
def test_a_clock_is_as_the_service_that_sets_it_told_the_kernel(status, offset, expected):
    timex = Timex()
    timex.status, timex.offset, timex.maxerror = status, offset, 12_500

    assert expected == clock_of(timex)


def test_a_clock_that_nobody_sets_has_no_offset():
    clock = read_clock()

    assert clock is None or clock.is_synchronised is (clock.offset_ms is not None)


def test_the_processor_is_measured_from_one_reading_to_the_next(monkeypatch):
    used = iter([10.0, 10.5, 10.5])
    passed = iter([100.0, 101.0, 103.0])
    monkeypatch.setattr("otmon.sensor_gauge._cpu_s", lambda: next(used))
    monkeypatch.setattr("otmon.sensor_gauge.time.monotonic", lambda: next(passed))
    gauge = Gauge()

    assert [50.0, 0.0] == [gauge.figures()["cpu_pct"] for _ in range(2)]


def test_memory_is_what_there_is_now():
    before = Gauge().figures()["rss_bytes"]
    held = bytearray(b"x") * (64 << 20)
    during = Gauge().figures()["rss_bytes"]
    del held

    assert before + (32 << 20) < during
    assert Gauge().figures()["rss_bytes"] < during
