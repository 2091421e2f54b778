"""Shared memory of detectors: bounded, honest about what it no longer knows, resumable."""

from __future__ import annotations

import json

from otmon.detectors.bounded import MAX_EXACT, Distinct, Recent, Told, WindowCount, WindowSet
from tests.records import SECOND


def again(written):
    """What is read back from a file."""
    return json.loads(json.dumps(written))


def test_the_key_that_was_used_longest_ago_goes_first():
    held: Recent[str, int] = Recent(2)
    held.put("a", 1)
    held.put("b", 2)
    assert 1 == held.get("a")
    held.put("c", 3)

    assert (["a", "c"], 1) == ([key for key, _ in held.items()], held.evicted_count)


def test_keys_of_several_parts_survive_being_written_down():
    held: Recent[tuple[str, int | None], int] = Recent(2)
    held.put(("a", None), 1)
    other: Recent[tuple[str, int | None], int] = Recent(2)
    other.read(again(held.written(lambda value: value)), int)

    assert 1 == other.get(("a", None))


def test_the_same_is_not_said_again_too_soon():
    told: Told[str] = Told(60, 10)

    assert [True, False, True, True] == [
        told.may("a", 0),
        told.may("a", 59),
        told.may("a", 60),
        told.may("b", 60),
    ]


def test_a_window_forgets_what_is_older():
    window = WindowCount(32 * SECOND)
    counts = [window.add(second * SECOND) for second in (0, 1, 31, 33, 70)]

    assert [1, 2, 3, 3, 1] == counts


def test_a_window_goes_on_after_a_restart():
    window = WindowCount(32 * SECOND)
    window.add(10 * SECOND, 5)

    assert 6 == WindowCount(32 * SECOND).read(again(window.written())).add(12 * SECOND)


def test_a_set_counts_each_member_once_within_its_window():
    window: WindowSet[str] = WindowSet(60)
    counts = [window.add(*one) for one in (("a", 0), ("b", 10), ("a", 20), ("c", 75), ("d", 90))]

    assert [1, 2, 2, 2, 2] == counts


def test_a_full_set_says_so_and_stays_bounded():
    window: WindowSet[int] = WindowSet(10**12)
    for member in range(MAX_EXACT + 10):
        window.add(member, member)

    assert (MAX_EXACT, True) == (len(window), window.full)


def test_few_members_are_counted_exactly():
    distinct = Distinct()
    new = [distinct.add(member) for member in ("a", "b", "a")]

    assert ([True, True, False], 2, "2") == (new, distinct.count, distinct.text())


def test_many_members_are_estimated_and_marked_so():
    distinct = Distinct()
    for member in range(100_000):
        distinct.add(member)

    assert distinct.text().startswith("about ")
    assert abs(distinct.count - 100_000) < 5_000
    assert distinct.count == Distinct().read(again(distinct.written())).count
