"""Frames that a sensor did not see never become news about the plant."""

from __future__ import annotations

from pathlib import Path

import pytest
from lossy import frames as loss
from places import PCAPS, absent

from otmon import runs
from otmon.model.result import Result

pytestmark = pytest.mark.usefixtures("rules_are_read_once")

OWN = (
    "demo/plant_normal.pcapng",
    "baseline/habits.pcapng",
    "modbus/operator_writes.pcapng",
    "dnp3/polling.pcapng",
    "s7comm/read_write.pcapng",
)
OTHERS = (
    "lab/plant-normal.pcapng",
    "lab/dnp3-polling-unsol.pcapng",
    "public/modbus/ITI.ICS-Security-Tools__modbusBig.pcap",
    "public/modbus/apache.plc4x__tcp__manual-test-capture.pcapng",
    "public/s7comm/ITI.ICS-Security-Tools__s7comm_clean.pcap",
)
DAY = "lab/plant-normal.pcapng"
SEEDS = range(3)


def titles(result: Result) -> set[str]:
    return {alert.rule.title for alert in result.alerts}


def deviating(result: Result) -> set[str]:
    """The titles of the alerts that rest on the baseline."""
    return {alert.rule.title for alert in result.alerts if alert.statements}


def here(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        absent(f"the capture {name}", "OTMON_REQUIRE_CAPTURES")
    return folder / name


@pytest.mark.parametrize("name", OWN)
def test_frames_that_are_lost_add_no_deviation_and_no_alert(name: str, tmp_path: Path):
    assert [] == added(PCAPS / name, tmp_path)


@pytest.mark.parametrize("name", OTHERS)
def test_frames_that_are_lost_of_others_captures_add_nothing(name, corpus, tmp_path):
    assert [] == added(here(corpus, name), tmp_path)


def added(capture: Path, folder: Path) -> list[tuple[str, int, str]]:
    """What copies of a capture with frames missing show that the whole one does not."""
    frames = loss.frames_of(capture)
    found = []
    for seed in SEEDS:
        normal = runs.learn(capture)
        lossy = {
            "0.1 %": loss.at_random(frames, 0.001, seed),
            "1 %": loss.at_random(frames, 0.01, seed),
            "10 %": loss.at_random(frames, 0.1, seed),
            "a block": loss.a_block(frames, seed),
        }
        for name, left in lossy.items():
            path = loss.write(folder / "lossy.pcap", left)
            result = runs.analyze(path, baseline=normal)
            found += [(name, seed, one.observed) for one in result.deviations]
            found += [(name, seed, title) for title in sorted(deviating(result))]
    return found


def test_the_second_half_of_an_ordinary_day_raises_nothing_after_the_first(corpus, tmp_path):
    frames = loss.frames_of(here(corpus, DAY))
    middle = (frames[0][0] + frames[-1][0]) // 2
    first = loss.write(tmp_path / "first.pcap", (one for one in frames if one[0] < middle))
    second = loss.write(tmp_path / "second.pcap", (one for one in frames if one[0] >= middle))

    assert set() == titles(runs.analyze(second, baseline=first))


def test_an_ordinary_day_raises_nothing_once_it_was_learned(corpus):
    capture = here(corpus, DAY)
    result = runs.analyze(capture, baseline=capture)

    assert ((), set()) == (result.deviations, titles(result))
