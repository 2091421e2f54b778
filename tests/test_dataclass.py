"""What is made quickly behaves as what the standard library makes."""

from __future__ import annotations

import copy
import dataclasses

from otmon.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A frozen one."""

    x: int
    y: int = 2
    note: str = dataclasses.field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    """One without fields."""


@dataclass(slots=True)
class Count:
    """One that changes."""

    number: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """One that asks for more."""

    number: int


@dataclass(frozen=True, slots=True)
class Named:
    """One with methods of its own."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named)

    def __hash__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return self.name


def test_it_compares_and_hashes_by_its_fields() -> None:
    assert Point(1) == Point(1, 2, "a note")
    assert hash(Point(1)) == hash(Point(1, 2, "a note"))
    assert Point(1) != Point(1, 3)
    assert Point(1) != (1, 2)
    assert {Nothing(): 1} == {Nothing(): 1}
    assert Nothing() != Point(1)


def test_one_that_changes_has_no_hash() -> None:
    assert Count(1) == Count(1)
    assert Count.__hash__ is None


def test_it_shows_its_fields() -> None:
    assert "Point(x=1, y=2)" == repr(Point(1))
    assert "Nothing()" == repr(Nothing())


def test_it_is_a_dataclass_to_everybody_else() -> None:
    assert Point(1, 5) == dataclasses.replace(Point(1), y=5) == copy.copy(Point(1, 5))
    assert {"x": 1, "y": 2, "note": ""} == dataclasses.asdict(Point(1))
    assert not hasattr(Point(1), "__dict__")
    match Point(3):
        case Point(x, y=2):
            assert 3 == x


def test_one_that_asks_for_more_gets_it() -> None:
    assert Rank(1) < Rank(2)


def test_methods_of_its_own_stay() -> None:
    assert (True, 7, "a") == (Named("a") == Named("b"), hash(Named("a")), repr(Named("a")))
