"""A departure is told once per flow, code, function and minute, with how often it was seen."""

from __future__ import annotations

from otmon.detectors.conformance import LOSS_CODES, STATUS_CODES, Conformance
from otmon.detectors.watchers import Watchers
from otmon.fields import ANOMALIES
from otmon.model.context import AssetFacts
from otmon.model.event import event_from_transaction
from tests.detectors.seeing import at, operation, said
from tests.records import Transaction


def departure(seconds: float, *codes: str, **facts):
    """An operation that departs from its specification."""
    return operation(seconds, "ot_conformance", anomalies=codes, **facts)


def told(found):
    """Of each finding, code and count."""
    return [(one.get("anomaly.type"), one.get("anomaly.count")) for one in found]


def test_the_first_is_told_at_once_and_the_others_of_its_minute_together():
    detector = Conformance()
    found = said([detector], *[departure(n, "malformed") for n in range(10)])
    found += detector.advance(at(60))

    assert [("malformed", 1), ("malformed", 9)] == told(found)


def test_the_end_of_the_input_tells_what_was_counted():
    watchers = Watchers([Conformance()])
    found = [one for n in range(3) for one in watchers.show(departure(n, "malformed"))]
    found += watchers.finish()

    assert [("malformed", 1), ("malformed", 2)] == told(found)


def test_codes_flows_and_functions_are_told_apart():
    found = said(
        [Conformance()],
        departure(0, "malformed", "oversize"),
        departure(1, "malformed", client_port=50001),
        departure(2, "malformed", function_code=99),
    )

    assert 4 == len(found)


def test_an_event_carries_its_own_code_alone():
    (found, _) = said([Conformance()], departure(0, "malformed", "oversize"))

    assert ("malformed",) == found.get("ot.anomaly")


def test_what_a_device_says_of_itself_is_no_departure():
    assert [] == said([Conformance()], departure(0, *STATUS_CODES))


class Lossy:
    """A context of a flow with gaps."""

    def quality(self, event) -> str:
        return "lossy"

    def asset(self, address) -> AssetFacts | None:
        return None


def test_codes_that_loss_can_cause_are_left_out_next_to_a_gap():
    codes = (*LOSS_CODES, "malformed")
    record = Transaction(time_ns=at(0), anomalies=codes)
    event = event_from_transaction(record, Lossy(), "ot_conformance")

    assert [("malformed", 1)] == told(said([Conformance()], event))


def test_the_codes_are_those_of_the_engine():
    assert LOSS_CODES | STATUS_CODES <= set(ANOMALIES)
