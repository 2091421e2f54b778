"""Which firmware a range means."""

from __future__ import annotations

import pytest

from otmon.inventory.version_range import compare, holds


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("V3.2.8", "3.2.9", -1),
        ("v3.20", "3.3", 1),
        ("2.70", "2.7.0", 1),
        ("4.5", "V4.5.0", 0),
        ("R148-V3", "R150-V1", -1),
        ("R15A", "R15B", -1),
        ("R15A", "R15", None),
        ("1.2-beta", "1.2-rc1", None),
        ("", "1", None),
    ],
)
def test_versions_are_ordered_by_their_numbers(one: str, other: str, order: int | None) -> None:
    assert order == compare(one, other)
    assert (None if order is None else -order) == compare(other, one)


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        ("", "1.0", True),
        ("vers:all/*", "1.0", True),
        ("All versions", "1.0", True),
        ("<V2.9.2", "V2.9.1", True),
        ("< V8.18.13", "8.18.13", False),
        ("All versions < V4.5", "V4.4.0", True),
        ("vers:all/<V4.5", "V4.6", False),
        ("vers:intdot/>2.1.0|<4.2.0", "2.1.0", False),
        ("vers:intdot/>2.1.0|<4.2.0", "3", True),
        (">=1|<2|>=3|<4", "3.5", True),
        (">=1|<2|>=3|<4", "2.5", False),
        ("<=1.6.2.0", "1.6.2", True),
        ("V2.8.1", "2.8.1", True),
        ("versions prior to 1.10", "1.9", True),
        ("1.5 and earlier", "1.4", True),
        ("R15A", "R15A", True),
        ("<R15A", "4.1", None),
        ("see the note", "1.0", None),
    ],
)
def test_a_range_holds_a_version_or_not_or_nobody_knows(
    text: str, version: str, expected: bool | None
) -> None:
    assert expected is holds(text, version)
