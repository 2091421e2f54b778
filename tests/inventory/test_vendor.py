"""Vendors of hardware addresses."""

from __future__ import annotations

import pytest

from otmon.inventory import vendor as vendors
from otmon.inventory.vendor import vendor


@pytest.mark.parametrize(
    ("mac", "expected"),
    [
        ("00:1b:1b:12:34:56", "Siemens"),
        ("00:80:f4:00:00:01", "Schneider Electric"),
        ("00:00:bc:00:00:01", "Rockwell Automation"),
        ("02:1b:1b:12:34:56", None),
        ("01:00:5e:00:00:01", None),
    ],
)
def test_an_assigned_address_tells_its_vendor(mac: str, expected: str | None) -> None:
    """Locally administered and group addresses belong to nobody."""
    assert expected == vendor(mac)


def test_every_assignment_of_the_listing_is_found() -> None:
    """It is sought in the listing as it is, by halves."""
    lines = vendors._listing().decode("utf-8").splitlines()
    listed = dict(line.split("\t", 1) for line in lines)
    found: dict[str, str] = {}
    for start in sorted({digits[:6] for digits in listed}):
        found |= vendors._assignments.__wrapped__(start.encode())
    assert listed == found
    assert {} == vendors._assignments(b"FFFFFF")
