"""Changes are held against the order in which they always came."""

from __future__ import annotations

from otmon.detectors.sequence import Sequence
from tests.detectors.seeing import operation, restarted, said, types


def changes(letters: str, start: float = 0):
    """A change of one coil for each letter, a second apart."""
    return [
        operation(
            start + turn, operation_class="write", operation="write_single_coil", targets=(letter,)
        )
        for turn, letter in enumerate(letters)
    ]


BATCH = "abcdef" * 20


def test_two_unknown_transitions_are_one_finding_that_names_both():
    (found,) = said([Sequence()], *changes(BATCH + "afcb"))

    assert "write_single_coil f after write_single_coil a" in str(found.get("anomaly.observed"))
    assert "write_single_coil c after write_single_coil f" in str(found.get("anomaly.observed"))


def test_one_is_none():
    assert [] == types(Sequence(), *changes(BATCH + "afabcdef"))


def test_a_step_that_was_not_seen_is_none():
    assert [] == types(Sequence(), *changes(BATCH + "acdfabdef"))


def test_without_an_order_it_says_nothing():
    assert [] == types(Sequence(), *changes("abacbdcadbcbadcdabdbcacd" * 5 + "zy"))


def test_the_order_survives_a_restart_and_the_position_does_not():
    old = Sequence()
    said([old], *changes(BATCH))

    assert ["unknown_transition"] == types(restarted(old, Sequence()), *changes("cafcb", 500))
    assert [] == types(restarted(old, Sequence()), *changes("def", 500))
