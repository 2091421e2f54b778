"""Detectors say what rules cannot: the first time, and what did not happen."""

from __future__ import annotations

from otmon.detectors.first_change import FirstChange
from otmon.detectors.quality import Quality
from otmon.detectors.registry import watchers
from otmon.detectors.report_disabled import ReportDisabled
from otmon.detectors.watchers import Watchers
from otmon.fields import FIELDS
from otmon.model.event import Event, event_from_transaction
from otmon.model.observed import event_from_loss
from tests.detectors.seeing import said
from tests.records import SECOND, START, Flow, History, Transaction


def operation(at_s: float, operation_class: str, reads: int = 0, changes: int = 0, **more) -> Event:
    """An operation of a client with this history."""
    return event_from_transaction(
        Transaction(
            time_ns=START + int(at_s * SECOND),
            operation_class=operation_class,
            operation=operation_class,
            history=History(reads, changes, START),
            **more,
        )
    )


def shown(detector, *events: Event) -> list[str]:
    """The types of everything that the detector said."""
    return [str(one.get("anomaly.type")) for one in said([detector], *events)]


def test_a_write_after_reads_alone_is_a_first_change():
    detector = FirstChange()
    (found,) = said([detector], operation(0, "read"), operation(61, "write", reads=120))

    assert ("ot_anomaly", "first_change", "120 reads in 61 s and no change", START) == (
        found.category,
        found.get("anomaly.type"),
        found.get("anomaly.expected"),
        found.get("anomaly.since"),
    )


def test_a_client_that_changed_something_before_is_no_news():
    assert [] == shown(
        FirstChange(), operation(0, "read"), operation(61, "write", reads=120, changes=1)
    )


def test_a_client_that_has_read_little_has_no_habit():
    assert [] == shown(FirstChange(), operation(0, "read"), operation(61, "write", reads=19))


def test_what_was_not_watched_for_a_minute_is_not_known():
    assert [] == shown(FirstChange(), operation(0, "read"), operation(59, "write", reads=120))


def test_reports_of_a_device_are_no_changes():
    assert [] == shown(
        FirstChange(), operation(0, "read"), operation(61, "mode_other", reads=120, role="event")
    )


def test_reports_switched_off_and_not_on_again_are_told_after_a_while():
    assert ["report_disabled"] == shown(
        ReportDisabled(), operation(0, "report_disable"), operation(70, "read")
    )


def test_at_the_end_of_the_input_the_deadline_alone_must_have_passed():
    detector = ReportDisabled()
    before = shown(detector, operation(0, "report_disable"), operation(31, "read"))

    assert ([], 1) == (before, len(list(detector.finish())))


def test_a_hole_that_shows_late_may_hold_the_switch_on():
    class Loss(Flow):
        from_ns, until_ns = START + 50 * SECOND, START + 60 * SECOND
        gap_count, gap_bytes = 1, 30

    quality = Quality()
    detector = ReportDisabled(quality)
    switched_off = operation(0, "report_disable")
    told = said(
        Watchers([detector], quality),
        switched_off,
        operation(35, "read"),
        event_from_loss(Loss()),
        operation(80, "read"),
    )

    assert [] == told


def test_reports_switched_on_again_in_time_are_routine():
    assert [] == shown(
        ReportDisabled(),
        operation(0, "report_disable"),
        operation(2, "report_enable"),
        operation(60, "read"),
    )


def test_a_refused_switch_off_changes_nothing():
    assert [] == shown(
        ReportDisabled(),
        operation(0, "report_disable", status="function_not_supported"),
        operation(60, "read"),
    )


def test_nothing_is_said_of_a_deadline_past_the_end_of_the_capture():
    assert [] == shown(ReportDisabled(), operation(0, "report_disable"), operation(29, "read"))


def test_time_alone_makes_a_deadline_pass():
    detector = ReportDisabled()
    list(detector.observe(operation(0, "report_disable")))

    counts = [len(list(detector.advance(START + s * SECOND))) for s in (31, 62, 71, 142)]
    assert [0, 0, 1, 0] == counts


def test_silent_conversations_are_told_apart_by_their_unit():
    detector = ReportDisabled()

    assert ["report_disabled", "report_disabled"] == shown(
        detector,
        operation(0, "report_disable", unit=1),
        operation(1, "report_disable", unit=2),
        operation(90, "read"),
    )


def test_what_detectors_say_is_in_the_catalogue():
    events = [
        operation(0, "report_disable"),
        operation(1, "read", anomalies=("restart_seen",)),
        operation(61, "write", reads=120),
    ]
    all_of_them = watchers()
    found = [*said(all_of_them, *events), *all_of_them.finish()]

    assert {"report_disabled", "device_restarted", "first_change"} == {
        one.get("anomaly.type") for one in found
    }
    assert set() == {name for one in found for name in one._own or ()} - set(FIELDS)
