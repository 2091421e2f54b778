"""Frames that the sensor missed never become an alert, but one about the sensor."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import PCAPS

from otmon.ruleset.load import load_rules
from tests.detectors.losing import Keep, at_random, but_a_block, lossy, only_a_block

pytestmark = [
    pytest.mark.usefixtures("rules_are_read_once"),
    pytest.mark.skipif(
        importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
    ),
]

BENIGN = sorted(
    path.relative_to(PCAPS).as_posix()
    for path in PCAPS.glob("*/*.pcapng")
    if tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))["label"] == "benign"
)
CORPUS = ("lab/plant-normal.pcapng", "lab/dnp3-polling-unsol.pcapng", "lab/modbus-udp-rtu.pcapng")
SHARES = (0.001, 0.01, 0.1)
STARTS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
LENGTHS = (0.01, 0.1, 0.3)
BEFORE = {"First change by a client that had only read"}
"""What a client did before a capture began nobody knows; the alert says how long it was seen."""
CUTS = (0.02, 0.37, 0.64)
"""Where a capture begins that was cut out of a longer one: in the middle of something."""


def titles(capture: Path) -> set[str]:
    """The rules that raise an alert, but those about the sensor."""
    import otmon

    sensor = {one.rule.title for one in load_rules().events if one.category == "ot_sensor"}
    return {alert.rule.title for alert in otmon.analyze(capture, keep=False).alerts} - sensor


def losses() -> Iterator[Keep]:
    """What the sensor can miss: frames at random, or all for a while."""
    yield from (at_random(share, seed) for share in SHARES for seed in range(3))
    yield from (but_a_block(start, length) for start in STARTS for length in LENGTHS)


def cuts() -> Iterator[Keep]:
    """Pieces out of the middle, as captures of their own."""
    yield from (only_a_block(start, length) for start in CUTS for length in LENGTHS)


def added(capture: Path, place: Path) -> set[str]:
    """The rules that raise an alert only where frames are missing."""
    whole = titles(capture)
    return {one for keep in losses() for one in titles(lossy(capture, keep, place))} - whole


@pytest.mark.parametrize("name", BENIGN)
def test_no_loss_makes_a_benign_capture_alert(name: str, tmp_path: Path) -> None:
    assert set() == added(PCAPS / name, tmp_path / "lossy.pcapng")


@pytest.mark.parametrize("name", BENIGN)
def test_a_piece_of_a_benign_capture_is_quiet(name: str, tmp_path: Path) -> None:
    whole, place = titles(PCAPS / name), tmp_path / "cut.pcapng"
    found = {one for keep in cuts() for one in titles(lossy(PCAPS / name, keep, place))}

    assert set() == found - whole - BEFORE


@pytest.mark.parametrize("name", CORPUS)
def test_no_loss_makes_a_benign_capture_of_the_corpus_alert(
    name: str, tmp_path: Path, corpus: Path
) -> None:
    assert set() == added(corpus / name, tmp_path / "lossy.pcapng")


def test_the_losses_are_real(tmp_path: Path) -> None:
    from otmon import _engine

    capture = PCAPS / "demo" / "plant_normal.pcapng"
    counts = []
    for keep in (at_random(0, 0), at_random(0.1, 0), but_a_block(0.3, 0.3)):
        engine = _engine.Engine([lossy(capture, keep, tmp_path / "lossy.pcapng")])
        while engine.read_batch() is not None:
            pass
        counts.append(engine.counters()["frames"])
    whole, random, block = counts

    assert 0.88 * whole < random < 0.92 * whole
    assert round(0.7 * whole) - 1 <= block <= round(0.7 * whole) + 1
