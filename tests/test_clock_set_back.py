"""A sensor whose clock is set back an hour, in the middle of the traffic."""

from __future__ import annotations

from pathlib import Path

import borders
import pytest
from cutting import ENHANCED_PACKET
from places import PCAPS

from otmon.model.alert import Alert
from otmon.state import alerts
from otmon.state.site_file import SiteFile

HOUR_NS = 3_600 * 1_000_000_000
FRAMES = 4_700
"""Of the plant so many come before: three of its commands come after."""


@pytest.fixture
def set_back(tmp_path: Path) -> Path:
    """The plant, of which the last frames come an hour before the others by their time."""
    body = (PCAPS / "demo" / "plant.pcapng").read_bytes()
    made, at, seen = bytearray(), 0, 0
    while at < len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        block = bytearray(body[at : at + size])
        if block[:4] == ENHANCED_PACKET:
            seen += 1
            if seen > FRAMES:
                high, low = block[12:16], block[16:20]
                time = int.from_bytes(high, "little") << 32 | int.from_bytes(low, "little")
                time -= HOUR_NS // 1_000
                block[12:16] = (time >> 32).to_bytes(4, "little")
                block[16:20] = (time & 0xFFFFFFFF).to_bytes(4, "little")
        made += block
        at += size
    path = tmp_path / "set_back.pcapng"
    path.write_bytes(made)
    return path


def raised(state: Path) -> list[Alert]:
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return list(alerts.load(db))


def titles(found: list[Alert]) -> set[str]:
    return {one.rule.title for one in found}


def test_a_clock_that_is_set_back_is_told_once_and_hides_no_command(
    set_back: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.sqlite"
    borders.watch(PCAPS / "demo" / "plant.pcapng", plain, 1)
    state = tmp_path / "state.sqlite"
    borders.watch(set_back, state, 1)

    told = [one for one in raised(state) if ": back by 3600.0 s" in one.message]
    assert 1 == len(told)
    assert (1, "Sensor sees traffic badly") == (told[0].count, told[0].rule.title)
    # Of what stayed away nothing is said where the sensor did not see well.
    missing = titles(raised(plain)) - titles(raised(state))
    assert {"DNP3 reports switched off and not on again"} == missing


def test_after_a_clock_was_set_back_a_restart_tells_nothing_again(
    set_back: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state.sqlite"
    borders.watch(set_back, state, 1)
    before = raised(state)
    borders.watch(set_back, state, 2)

    assert [one.id for one in before] == [one.id for one in raised(state)]
