"""A command that is told before its answer counts once, whatever becomes of the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from otmon.alerts.aggregate import Aggregator
from otmon.early_matches import EARLY_NS, EarlyMatches
from otmon.model.event import event_from_transaction
from otmon.model.rule import Match
from tests.alerts.test_aggregate import RULE, STOP
from tests.records import START, Transaction


@dataclass(frozen=True, slots=True)
class Asked(Transaction):
    """An operation with the frames of its request."""

    request_frames: tuple[tuple[int, int], ...] = ((0, 1),)


def asked(frame: int = 1, time_ns: int = START) -> Asked:
    known = {name: getattr(STOP, name) for name in STOP.__dataclass_fields__}
    return Asked(
        **known | {"time_ns": time_ns, "frames": [(0, frame)]}, request_frames=((0, frame),)
    )


def match(record: Asked) -> Match:
    return Match(RULE, event_from_transaction(record), reasons=lambda: ("it held",))


def test_the_operation_takes_the_place_of_its_request() -> None:
    aggregator = Aggregator()
    early = EarlyMatches(aggregator)
    request, operation = asked(), replace(asked(), frames=[(0, 1), (0, 2)])

    early.add(request, [match(request)])
    early.take_back(operation)
    aggregator.add(match(operation))

    assert [1] == [alert.count for alert in aggregator.alerts()]
    assert not early.told


def test_a_request_that_never_comes_again_stays_told() -> None:
    aggregator = Aggregator()
    early = EarlyMatches(aggregator)

    early.add(asked(), [match(asked())])
    early.settle(START + EARLY_NS)

    assert [1] == [alert.count for alert in aggregator.alerts()]
    assert not early.told


def test_a_request_waits_a_minute_for_its_operation() -> None:
    early = EarlyMatches(Aggregator())

    early.add(asked(), [match(asked())])
    early.settle(START + EARLY_NS - 1)

    assert early.told


def test_one_that_does_not_come_again_is_not_counted_beside_those_that_do() -> None:
    aggregator = Aggregator()
    early = EarlyMatches(aggregator)
    aggregator.add(match(asked()))

    early.add(asked(frame=3, time_ns=START + 1), [match(asked(frame=3, time_ns=START + 1))])
    early.settle(None)

    assert [1] == [alert.count for alert in aggregator.alerts()]
