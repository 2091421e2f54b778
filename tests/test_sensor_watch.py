"""What a live sensor notices of itself, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmon.model.notice import Sight
from otmon.sensor_watch import SECOND, SensorWatch
from otmon.thresholds import SensorThresholds

WELL = Sight("eth1", True, 100, 10.0, 1e3, 0, None, 0, 0.0)


def seen(tmp_path: Path, *looks: tuple[float, float, int]) -> list[tuple[str, str]]:
    """Kinds and words of what is noticed at (seconds of the machine, of packets, left out)."""
    watch = SensorWatch(["eth1"], SensorThresholds(), tmp_path, 0)
    return [
        (notice.kind, notice.observed)
        for now_s, packet_s, left_out in looks
        for notice in watch.look(now_s, round(packet_s * SECOND), [WELL], left_out, {})
    ]


def test_a_sensor_that_is_well_notices_nothing(tmp_path: Path) -> None:
    assert [] == seen(tmp_path, *((n, 1_000 + n, 0) for n in range(100)))


def test_a_clock_that_is_set_forward_is_noticed_once(tmp_path: Path) -> None:
    looks = [(n, 1_000 + n + (60 if n > 5 else 0), 0) for n in range(10)]
    assert [("clock_jump", "the clock went forward by 60.0 s")] == seen(tmp_path, *looks)


def test_frames_that_waited_are_no_clock_that_was_set(tmp_path: Path) -> None:
    looks = [(n, 1_000 + (n if n < 3 or n > 30 else 3), 0) for n in range(40)]
    assert [] == seen(tmp_path, *looks)


def test_falling_behind_is_noticed_whenever_it_goes_on(tmp_path: Path) -> None:
    looks = [(0, 0, 0), (1, 1, 7), (2, 2, 7), (3, 3, 9)]
    assert [("falling_behind", f"{n} observations were left out") for n in (7, 9)] == seen(
        tmp_path, *looks
    )


@pytest.mark.parametrize(("free", "kinds"), [(1 << 62, ["disk_low"]), (0, [])])
def test_a_disk_with_less_room_than_wanted_is_noticed_once(
    tmp_path: Path, free: int, kinds: list[str]
) -> None:
    watch = SensorWatch(["eth1"], SensorThresholds(), tmp_path, free)
    found = [n.kind for at in range(30) for n in watch.look(at, at * SECOND, [WELL], 0, {})]
    assert kinds == found


def test_what_cannot_be_written_is_noticed_at_once_and_again_after_it_was_well(
    tmp_path: Path,
) -> None:
    watch = SensorWatch(["eth1"], SensorThresholds(), tmp_path, 0)
    complaints = [{}, {"state": "disk full"}, {"state": "disk full"}, {}, {"log": "gone"}]
    found = [
        notice.observed
        for at, all_of in enumerate(complaints)
        for notice in watch.look(at, at * SECOND, [WELL], 0, all_of)
    ]
    assert ["disk full", "gone"] == found


def test_a_table_that_is_full_is_noticed_each_time_that_it_forgets_more(tmp_path: Path) -> None:
    watch = SensorWatch(["eth1"], SensorThresholds(), tmp_path, 0)
    counts = [0, 7, 7, 9]
    noticed = [
        [
            (notice.kind, notice.observed)
            for notice in watch.look(at, at * SECOND, [WELL], 0, {}, [("scan", count), ("jobs", 0)])
        ]
        for at, count in enumerate(counts)
    ]

    full = [[("table_overflow", f"scan forgot {count} for want of room")] for count in (7, 9)]
    assert [[], full[0], [], full[1]] == noticed


def test_a_table_that_was_full_is_shown_for_half_a_minute(tmp_path: Path) -> None:
    watch = SensorWatch(["eth1"], SensorThresholds(), tmp_path, 0)
    list(watch.look(0, 0, [WELL], 0, {}, [("scan", 7)]))

    shown = [("table_overflow", "scan forgot 7 for want of room")]
    assert [shown, shown, []] == [[*watch.problems(at * SECOND)] for at in (1, 30, 31)]
