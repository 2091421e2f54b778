"""What a sensor finds does not depend on where its batches end, nor on when it saves or looks."""

from __future__ import annotations

from pathlib import Path

import borders
import pytest
from places import PCAPS

from otmon.runs import analyze

CASES = (
    PCAPS / "demo" / "plant.pcapng",
    PCAPS / "demo" / "plant_normal.pcapng",
    PCAPS / "dnp3" / "disable_unsolicited.pcapng",
    PCAPS / "modbus" / "set_points.pcapng",
)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("capture", CASES, ids=lambda path: path.stem)
def test_what_is_found_does_not_depend_on_where_batches_end(
    tmp_path: Path, capture: Path, seed: int
) -> None:
    analyze(capture, state=tmp_path / "read.sqlite")
    borders.watch(capture, tmp_path / "live.sqlite", seed, longest=40)

    assert borders.found(tmp_path / "read.sqlite") == borders.found(tmp_path / "live.sqlite")
