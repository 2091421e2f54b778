"""A departure is told once per flow, code, function and minute, with how often it was seen."""

from __future__ import annotations

from otmon.detectors.conformance import LOSS_CODES, STATUS_CODES, Conformance
from otmon.detectors.watchers import Watchers
from otmon.fields import ANOMALIES
from otmon.model.context import AssetFacts
from otmon.model.event import event_from_transaction
from tests.detectors.seeing import at, operation, restarted, said, types
from tests.records import SECOND, START, History, Transaction


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


def test_what_others_tell_of_is_not_asked_for():
    wanted = [
        Conformance().wants(departure(0, *codes))
        for codes in [("restart_seen",), ("restart_seen", "malformed"), ("malformed",)]
    ]

    assert [False, True, True] == wanted


def test_codes_that_loss_can_cause_are_left_out_next_to_a_gap():
    codes = (*LOSS_CODES, "malformed")
    record = Transaction(time_ns=at(0), anomalies=codes)
    event = event_from_transaction(record, Lossy(), "ot_conformance")

    assert [("malformed", 1)] == told(said([Conformance()], event))


def test_the_codes_are_those_of_the_engine():
    assert LOSS_CODES | STATUS_CODES <= set(ANOMALIES)


def habitual(minutes: int, start: float = 0, **facts):
    """The same departure once a minute."""
    return [departure(start + turn * 60, "trailing_bytes", **facts) for turn in range(minutes)]


def late(seconds: float) -> History:
    """Of a conversation that began so long before the start of all tests."""
    return History(read_count=1000, first_seen_ns=START - round(seconds * SECOND))


def test_what_was_there_from_the_start_is_a_quirk_after_an_hour_and_told_no_more():
    found = said([Conformance()], *habitual(300))
    types = [one.get("anomaly.type") for one in found]

    assert 1 == types.count("device_quirk") == len(types) - types.count("trailing_bytes")
    assert "device_quirk" == types[-1]
    assert found[-1].time_ns == at(3600)


def test_a_quirk_is_no_departure_for_the_rules_that_look_at_codes():
    found = said([Conformance()], *habitual(100))

    assert () == found[-1].get("ot.anomaly")


def test_what_comes_later_is_a_quirk_after_a_week_alone():
    own = late(700)
    few = [departure(hour * 3600, "trailing_bytes", history=own) for hour in range(7 * 24 - 1)]
    more = [departure(hour * 3600, "trailing_bytes", history=own) for hour in range(7 * 24 + 1)]

    assert ("device_quirk" in types(Conformance(), *few), types(Conformance(), *more)[-1]) == (
        False,
        "device_quirk",
    )


def test_another_departure_of_a_device_with_a_quirk_is_told():
    detector = Conformance()
    said([detector], *habitual(100))

    assert ["length_mismatch"] == types(detector, departure(6001, "length_mismatch"))
    assert ["trailing_bytes"] == types(
        detector, departure(6002, "trailing_bytes", function_code=16)
    )


def test_who_claims_to_be_the_client_has_no_quirk():
    found = said(
        [Conformance()], *[departure(turn * 60, "request_from_server") for turn in range(300)]
    )

    assert "device_quirk" not in [one.get("anomaly.type") for one in found]


def test_a_quirk_survives_a_restart():
    old = Conformance()
    said([old], *habitual(100))

    assert [] == types(restarted(old, Conformance()), *habitual(3, start=6100))
