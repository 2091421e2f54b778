"""What is remembered of a shape holds for all of its operations, on every shipped capture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otmon import _engine
from otmon.model.event import (
    SHAPE_FIELDS,
    Event,
    Layout,
    event_from_behaviour,
    event_from_transaction,
)
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
    own: Layout = event._layout
    return Event(
        event.category, event.service, event.operation_class, event.time_ns, event.record, own
    )


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
