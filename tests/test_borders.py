"""What a sensor finds does not depend on where its batches end, nor on when it saves or looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import borders
import pytest
from places import PCAPS

from otmon.runs import analyze
from otmon.state import alerts, assets, baseline
from otmon.state.site_file import SiteFile

CASES = (
    PCAPS / "demo" / "plant.pcapng",
    PCAPS / "demo" / "plant_normal.pcapng",
    PCAPS / "dnp3" / "disable_unsolicited.pcapng",
    PCAPS / "modbus" / "set_points.pcapng",
)
OWN_OF_A_RUN = ("number", "new")
"""What a device has of the order in which a run came to know it."""


def found(state: Path) -> dict[str, list[Any]]:
    """What a state holds, without the order in which it came."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return {
            "alerts": sorted(
                (
                    one.rule.title,
                    one.client or "",
                    one.server or "",
                    one.message,
                    one.count,
                    one.severity,
                    int(one.first_seen),
                    int(one.last_seen),
                    tuple(sorted(map(str, one.violations))),
                )
                for one in alerts.load(db)
            ),
            "assets": [
                {name: value for name, value in one.items() if name not in OWN_OF_A_RUN}
                for one in sorted(assets.load(db).records, key=lambda one: str(one["id"]))
            ],
            "edges": sorted(map(str, baseline.load_edges(db))),
            "statements": sorted(map(str, baseline.load_statements(db))),
        }


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("capture", CASES, ids=lambda path: path.stem)
def test_what_is_found_does_not_depend_on_where_batches_end(
    tmp_path: Path, capture: Path, seed: int
) -> None:
    analyze(capture, state=tmp_path / "read.sqlite")
    borders.watch(capture, tmp_path / "live.sqlite", seed, longest=40)

    assert found(tmp_path / "read.sqlite") == found(tmp_path / "live.sqlite")
