"""Many names of one maker."""

from __future__ import annotations

import pytest

from otmon.inventory.maker import maker, makes_controllers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TELEMECANIQUE ELECTRIQUE", "Schneider Electric"),
        ("Siemens Numerical Control Ltd., Nanjing", "Siemens"),
        ("SCHWEITZER ENGINEERING", "Schweitzer Engineering Laboratories"),
        ("ABB Oy / Medium Voltage Products", "ABB"),
        ("GE", "GE"),
        ("Gemtek Technology Co., Ltd.", None),
        ("Siemens Home & Office Comm. Devices", None),
        ("Delta Controls", None),
    ],
)
def test_a_maker_has_one_name(name: str, expected: str | None) -> None:
    assert expected == maker(name)


def test_a_maker_of_switches_makes_no_controllers() -> None:
    assert (True, False, False) == tuple(
        map(makes_controllers, ("Rockwell Automation", "Moxa", None))
    )
