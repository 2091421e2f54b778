"""What is remembered of a shape holds for all of its operations, on every shipped capture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otmon import _engine
from otmon.model.event import Event, event_from_behaviour, event_from_transaction
from otmon.model.layout import SHAPE_FIELDS
from otmon.model.likeness import Likeness, Likenesses
from otmon.ruleset.judge import Judge
from otmon.ruleset.load import load_rules
from tests.places import PCAPS

CAPTURES = sorted((*PCAPS.rglob("*.pcap"), *PCAPS.rglob("*.pcapng")))
RULES = load_rules(experimental=True)


def events(capture: Path) -> Iterator[Event]:
    """Every operation of a capture as all the events that rules can judge."""
    engine = _engine.Engine([capture])
    while (batch := engine.read_batch()) is not None:
        for one in batch:
            if isinstance(one, _engine.Transaction):
                yield event_from_transaction(one)
                yield event_from_transaction(one, category="ot_conformance")
            elif isinstance(one, _engine.Behaviour):
                yield event_from_behaviour(one)


def without_shape(event: Event) -> Event:
    """The same event, of which nothing is remembered."""
    like = event.likeness
    plain = Likeness(event.category, event.service, event.operation_class, like.layout)
    return Event(plain, event.record, event.time_ns)


def kept(capture: Path) -> Iterator[Event]:
    """The same with the likenesses that a run keeps."""
    likenesses = Likenesses()
    for event in events(capture):
        if isinstance(event.record, _engine.Behaviour):
            yield Event(likenesses.of_behaviour(event.record), event.record, event.time_ns)
            continue
        operation, conformance = likenesses.of_transaction(event.record)
        if event.category == "ot_operation":
            yield Event(operation, event.record, event.time_ns)
        elif conformance is not None:
            yield Event(conformance, event.record, event.time_ns)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_operations_of_one_shape_are_alike(capture: Path):
    fields = tuple(sorted(SHAPE_FIELDS))
    first: dict[int | None, tuple[object, ...]] = {}
    unlike = [
        event
        for event in events(capture)
        if first.setdefault(event.shape, event.several(fields)) != event.several(fields)
    ]

    assert [] == unlike


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_what_a_likeness_decides_is_the_same_in_all_of_its_events(capture: Path):
    first: dict[Likeness, tuple[object, ...]] = {}
    unlike = [
        event
        for event in kept(capture)
        for fields in [tuple(sorted(event.likeness.decided))]
        if first.setdefault(event.likeness, event.several(fields)) != event.several(fields)
    ]

    assert [] == unlike


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_the_same_rules_hold_whether_a_likeness_is_kept_or_not(capture: Path):
    quick, plain = (Judge(RULES.events, RULES.correlations) for _ in range(2))
    found = [
        (
            [(one.rule.id, one.event_count, one.group) for one in quick.judge(event)],
            [
                (one.rule.id, one.event_count, one.group)
                for one in plain.judge(without_shape(event))
            ],
        )
        for event in kept(capture)
    ]

    assert [with_likeness for with_likeness, _ in found] == [alone for _, alone in found]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_the_same_rules_hold_whether_a_shape_is_known_or_not(capture: Path):
    quick, plain = (Judge(RULES.events, RULES.correlations) for _ in range(2))
    found = [
        (
            [(one.rule.id, one.event_count, one.group) for one in quick.judge(event)],
            [
                (one.rule.id, one.event_count, one.group)
                for one in plain.judge(without_shape(event))
            ],
        )
        for event in events(capture)
    ]

    assert [with_shape for with_shape, _ in found] == [alone for _, alone in found]


def test_shapes_past_the_bound_are_judged_alike(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("otmon.ruleset.judge.MAX_SHAPES", 2)
    quick, plain = (Judge(RULES.events, RULES.correlations) for _ in range(2))
    capture = PCAPS / "demo" / "plant.pcapng"
    found = [
        ([one.rule.id for one in quick.judge(event)], [one.rule.id for one in plain.judge(other)])
        for event in events(capture)
        for other in [without_shape(event)]
    ]

    assert [with_shape for with_shape, _ in found] == [alone for _, alone in found]
    assert len(quick._shapes) <= 2
