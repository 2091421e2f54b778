"""What rules ask of a device is asked anew when the device has changed, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from otmon.model.context import AssetFacts
from otmon.model.event import Event
from otmon.model.likeness import Likenesses
from otmon.ruleset.condition import And, Condition, Equals, EventRule, Test
from otmon.ruleset.judge import Judge
from tests.records import RULE, Surroundings, Transaction

CLIENT, SERVER = "10.0.0.66", "10.0.0.2"
HISTORIAN = Test("source.asset.role", Equals(("historian",)))


class Asked(Surroundings):
    """Counts how often it is asked for devices."""

    count = 0

    def asset(self, address: Any) -> AssetFacts | None:
        type(self).count += 1
        return super().asset(address)


class Run:
    """Operations of one conversation, held against a rule."""

    def __init__(self, condition: Condition) -> None:
        rule = EventRule(RULE, "asks", "ot_operation", None, condition)
        self._judge = Judge([rule])
        self.known = {CLIENT: AssetFacts("a-1", ("historian",)), SERVER: AssetFacts("a-2")}
        self.context = Asked(self.known)
        self._likenesses = Likenesses(self.context)
        for _ in range(3):
            # From then on the conversation has a likeness of its own.
            self.holds()
        Asked.count = 0

    def holds(self, **other: Any) -> bool:
        """Whether the rule holds on one more operation."""
        operation = Transaction(client_ip=CLIENT, server_ip=SERVER, relation=1, **other)
        likeness, _ = self._likenesses.of_transaction(operation)  # type: ignore[arg-type]  # a record made by hand
        return bool(self._judge.judge(Event(likeness, operation, operation.time_ns)))

    def learns(self, **facts: Any) -> None:
        """The client is known to be something else now."""
        self.known[CLIENT].is_past = True
        self.known[CLIENT] = AssetFacts("a-1", **facts)


def test_a_device_that_has_not_changed_is_not_asked_for_again() -> None:
    run = Run(HISTORIAN)

    assert [True] * 5 == [run.holds() for _ in range(5)]
    assert Asked.count == 0


def test_a_role_that_changes_during_a_run_is_noticed() -> None:
    run = Run(HISTORIAN)
    before = run.holds()
    run.learns(roles=("hmi",))
    between = run.holds()
    run.learns(roles=("hmi", "historian"))

    assert (True, False, True) == (before, between, run.holds())


def test_of_another_hardware_address_it_is_asked_anew() -> None:
    run = Run(HISTORIAN)
    run.holds(client_mac="00:00:5e:00:53:01")
    asked = Asked.count
    run.holds(client_mac="00:00:5e:00:53:02")

    assert asked < Asked.count


def test_whom_nobody_knows_may_be_known_at_the_next_operation() -> None:
    run = Run(HISTORIAN)
    run.known[CLIENT].is_past = True
    del run.known[CLIENT]
    before = run.holds()
    run.known[CLIENT] = AssetFacts("a-1", ("historian",))

    assert (False, True) == (before, run.holds())


@pytest.mark.parametrize(
    "other",
    [
        Test("ot.value_count", Equals((7,))),
        Test("destination.asset.criticality", Equals(("high",))),
    ],
    ids=["a_value", "the_other_end"],
)
def test_what_asks_for_more_than_one_device_is_asked_each_time(other: Test) -> None:
    run = Run(And((HISTORIAN, other)))
    before = run.holds()
    run.known[SERVER] = AssetFacts("a-2", criticality="high")

    assert (False, True) == (before, run.holds(value_count=7))
