"""Behaviours that are kept give back what was told of them last."""

from __future__ import annotations

from pathlib import Path

from places import PCAPS

from otmon import _engine

TOLD = [name for name in vars(_engine.Behaviour) if not name.startswith("_") and name != "values"]
OF_VALUES = ("kind", "min", "max", "last", "change_count")


def behaviours(*captures: Path) -> list[_engine.Behaviour]:
    """What the engine tells of captures, in its order."""
    engine = _engine.Engine(captures, ranges=True)
    told: list[_engine.Behaviour] = []
    while (batch := engine.read_batch()) is not None:
        told += [one for one in batch if isinstance(one, _engine.Behaviour)]
    return told


def facts(one: _engine.Behaviour) -> dict[str, object]:
    """Everything that a behaviour says."""
    values = one.values and {name: getattr(one.values, name) for name in OF_VALUES}
    return {name: getattr(one, name) for name in TOLD} | {"values": values}


def kept(told: list[_engine.Behaviour]) -> _engine.Behaviours:
    """All of them, each in place of what was told of it before."""
    book = _engine.Behaviours()
    for one in told:
        book.keep(one)
    return book


def test_what_was_told_last_comes_back_whole() -> None:
    told = behaviours(PCAPS / "demo" / "plant.pcapng")
    book = kept(told)
    last = {one.behaviour: one for one in told}
    assert len(last) == len(book) < len(told)
    for number, one in last.items():
        again = book.get(number)
        assert again is not None
        assert facts(one) == facts(again)
    assert book.get(max(last) + 1) is None


def test_keeping_one_gives_how_often_it_had_been() -> None:
    told = behaviours(PCAPS / "demo" / "plant.pcapng")
    book = _engine.Behaviours()
    counts: dict[int, int] = {}
    for one in told:
        assert counts.get(one.behaviour, 0) == book.keep(one)
        counts[one.behaviour] = one.count


def test_their_order_is_that_in_which_they_were_first_seen() -> None:
    told = behaviours(PCAPS / "demo" / "plant.pcapng")
    book = kept(told)
    last = {one.behaviour: one for one in told}.values()
    expected = sorted(last, key=lambda one: (one.first_seen_ns, one.id))
    assert [one.behaviour for one in expected] == book.in_order()


def test_of_one_that_came_back_under_another_number_the_latest_counts() -> None:
    small = PCAPS / "modbus" / "answered_units.pcapng"
    first = behaviours(small)
    highest = max(one.behaviour for one in first)
    ids = {one.id for one in first}
    both = behaviours(PCAPS / "demo" / "plant.pcapng", small)
    again = [one for one in both if one.id in ids and one.behaviour > highest]
    assert again
    book = kept([*again, *first])
    twice = {one.id for one in again}
    latest = {one.behaviour for one in again}
    latest |= {one.behaviour for one in first if one.id not in twice}
    assert latest == set(book.in_order(distinct=True)) < set(book.in_order())


def test_anomalies_are_counted_by_protocol() -> None:
    told = behaviours(PCAPS / "modbus" / "quirk.pcapng")
    book = kept(told)
    expected: dict[str, dict[str, int]] = {}
    for one in {one.behaviour: one for one in told}.values():
        for anomaly in one.anomalies:
            of_protocol = expected.setdefault(one.protocol, {})
            of_protocol[anomaly] = of_protocol.get(anomaly, 0) + one.count
    assert expected
    assert expected == book.anomaly_counts()


def test_those_seen_longest_ago_are_forgotten_first() -> None:
    told = behaviours(PCAPS / "demo" / "plant.pcapng")
    book = kept(told)
    last = {one.behaviour: one for one in told}
    book.keep_latest(5)
    left = [one for number in book.in_order() if (one := book.get(number)) is not None]
    newest = sorted((one.last_seen_ns for one in last.values()), reverse=True)[:5]
    assert newest == sorted((one.last_seen_ns for one in left), reverse=True)
    assert all(facts(last[one.behaviour]) == facts(one) for one in left)
