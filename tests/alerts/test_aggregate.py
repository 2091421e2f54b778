"""Matches of one thing are one alert, with a count and with evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otmon.alerts.aggregate import Aggregator
from otmon.alerts.open_alert import MAX_FRAMES
from otmon.alerts.severity import severity_of
from otmon.model.context import AssetFacts
from otmon.model.event import event_from_transaction
from otmon.model.rule import Match, Rule
from tests.records import RULE as SEEN
from tests.records import SECOND, START, Surroundings, Transaction

RULE = replace(
    SEEN,
    title="Controller stopped",
    triage=("Look at the process.",),
    message="{client} stopped the controller {server}",
)
STOP = Transaction(
    protocol="s7comm",
    operation_class="mode_stop",
    operation="plc_stop",
    targets=(),
    unit=None,
    function_code=0x29,
)


def stop(at_s: float = 0, frame: int = 1, rule: Rule = RULE, context=None, **changes) -> Match:
    record = replace(
        STOP,
        time_ns=START + int(at_s * SECOND),
        frames=[(0, frame), (0, frame + 1)],
        **changes,
    )
    return Match(rule, event_from_transaction(record, context), reasons=lambda: ("it held",))


def alerts_of(*matches: Match):
    aggregator = Aggregator()
    aggregator.add_all(matches)
    return tuple(aggregator.alerts())


def test_matches_of_one_rule_client_and_server_are_one_alert_with_a_count():
    (alert,) = alerts_of(stop(0, 1), stop(5, 7))

    assert (1, 2, START, START + 5 * SECOND) == (
        alert.id,
        alert.count,
        alert.first_seen,
        alert.last_seen,
    )
    assert (1, 2, 7, 8) == alert.evidence.frames
    assert [2] == [row.count for row in alert.violations]


def test_another_client_is_another_alert():
    assert [1, 2] == [alert.id for alert in alerts_of(stop(), stop(client_ip="10.0.0.67"))]


def test_an_hour_of_quiet_ends_an_alert():
    assert [1, 1] == [alert.count for alert in alerts_of(stop(0), stop(3601))]
    assert [2] == [alert.count for alert in alerts_of(stop(0), stop(3600))]


def test_a_day_ends_an_alert_that_goes_on():
    matches = [stop(hour * 3600) for hour in range(26)]

    assert [25, 1] == [alert.count for alert in alerts_of(*matches)]


def test_a_field_of_aggregate_by_splits_alerts():
    rule = replace(RULE, aggregate_by=("ot.unit.id",))

    assert 2 == len(alerts_of(stop(rule=rule, unit=1), stop(rule=rule, unit=2)))


def test_each_different_thing_that_was_done_has_its_row():
    (alert,) = alerts_of(
        stop(0, operation="write", targets=("hr:1",), values=[1]),
        stop(1, operation="write", targets=("hr:1",), values=[2]),
        stop(2, operation="write", targets=("hr:1",), values=[1]),
    )

    assert [("hr:1", "1", 2), ("hr:1", "2", 1)] == [
        (row.target, row.value, row.count) for row in alert.violations
    ]


def test_evidence_is_bounded():
    (alert,) = alerts_of(*(stop(n / 100, 2 * n + 1) for n in range(150)))

    assert (150, MAX_FRAMES) == (alert.count, len(alert.evidence.frames))


def test_what_all_alerts_keep_together_is_bounded(monkeypatch):
    monkeypatch.setattr("otmon.alerts.aggregate.MAX_ALL", 6)
    alerts = alerts_of(*(stop(n, 2 * n + 1, client_ip=f"10.0.0.{n}") for n in range(9)))

    assert (9, 9) == (len(alerts), sum(alert.count for alert in alerts))
    assert 6 == sum(len(alert.violations) + len(alert.evidence.frames) for alert in alerts)


def test_alerts_past_the_bound_are_counted(monkeypatch):
    monkeypatch.setattr("otmon.alerts.aggregate.MAX_ALERTS", 2)
    aggregator = Aggregator()
    aggregator.add_all(stop(n, client_ip=f"10.0.0.{n}") for n in range(5))

    assert (2, 3) == (len(aggregator.alerts()), aggregator.left_out_count)


def test_a_row_shows_the_first_of_many_values():
    (alert,) = alerts_of(stop(values=list(range(20))))

    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 ..." == alert.violations[0].value


def test_a_match_that_continues_raises_nothing_by_itself():
    assert () == alerts_of(stop()._replace(continues=True))
    assert [2] == [alert.count for alert in alerts_of(stop(), stop(1)._replace(continues=True))]


def test_frames_of_several_files_are_told_apart():
    record = replace(STOP, frames=[(0, 9), (1, 2)])
    aggregator = Aggregator()
    aggregator.add(Match(RULE, event_from_transaction(record)))
    (alert,) = aggregator.alerts(["a.pcap", "b.pcap"].__getitem__)

    assert ("a.pcap", (9,)) == (alert.evidence.file, alert.evidence.frames)
    assert [("b.pcap", (2,))] == [(one.file, one.frames) for one in alert.evidence.continued]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "10.0.0.66 stopped the controller 10.0.0.11 (S7comm plc_stop), accepted"),
        (
            {"status": "access_denied"},
            "10.0.0.66 stopped the controller 10.0.0.11 (S7comm plc_stop), "
            "but was refused: access denied",
        ),
        (
            {"status": None, "answered": False},
            "10.0.0.66 stopped the controller 10.0.0.11 (S7comm plc_stop), no answer seen",
        ),
        (
            {"status": None, "answered": False, "role": "event"},
            "10.0.0.66 stopped the controller 10.0.0.11 (S7comm plc_stop)",
        ),
    ],
)
def test_a_message_says_who_did_what_to_whom_and_what_came_of_it(changes, expected):
    (alert,) = alerts_of(stop(**changes))

    assert expected == alert.message


@pytest.mark.parametrize(
    ("client", "score", "level"),
    [
        (AssetFacts("a-1", is_new=True), 94, "critical"),
        (AssetFacts("a-1", confirmed=("engineering_station",)), 43, "medium"),
        (AssetFacts("a-1", roles=("engineering_station",)), 86, "critical"),
        (AssetFacts("a-1", confirmed=("plc",)), 86, "critical"),
    ],
    ids=["new", "confirmed", "what it seems to be", "another role"],
)
def test_severity_depends_on_who_the_client_is(client, score, level):
    facts = {"10.0.0.66": client, "10.0.0.11": AssetFacts("a-2", ("plc",))}
    severity = severity_of(stop(context=Surroundings(facts)))

    assert (score, level) == (severity.score, severity.level)


def test_without_an_inventory_the_client_neither_raises_nor_lowers_severity():
    assert 86 == severity_of(stop()).score


def test_a_change_of_a_safety_controller_is_about_safety():
    facts = {
        "10.0.0.66": AssetFacts("a-1", confirmed=("engineering_station",)),
        "10.0.0.11": AssetFacts("a-2", ("safety_controller",)),
    }

    assert 86 == severity_of(stop(context=Surroundings(facts))).score


def test_a_refusal_and_an_unproved_protocol_lower_severity():
    assert 68 == severity_of(stop(status="access_denied")).score
    unproved = stop(status=None, answered=False, identified_by="port")
    assert 51 == severity_of(unproved).score


def test_every_factor_of_the_severity_is_told():
    (alert,) = alerts_of(stop(status="access_denied"))

    assert (
        "it held",
        "severity 68: impact control 90 x confidence of the rule 0.95 "
        "x protocol proved by request and answer 1 x server refused 0.8",
    ) == alert.why


def test_the_worst_match_gives_the_alert_its_severity():
    (alert,) = alerts_of(stop(status="access_denied"), stop(1))

    assert (86, "critical", 2) == (alert.severity, alert.level, alert.count)


def test_what_was_told_before_its_answer_is_completed_and_counts_once() -> None:
    aggregator = Aggregator()
    early, whole = stop(status=None), stop(status="ok")
    aggregator.add(early)
    (before,) = aggregator.alerts()
    assert [1] == [one.alert.count for one in aggregator.changed(str)]
    aggregator.saved()
    aggregator.take_back(early)
    aggregator.add(whole)
    (changed,) = (one.alert for one in aggregator.changed(str))

    assert (1, None) == (before.count, before.violations[0].status)
    assert (before.id, 1, ["ok"]) == (
        changed.id,
        changed.count,
        [row.status for row in changed.violations],
    )


def test_what_does_not_come_again_is_no_count_but_where_it_is_all_there_is() -> None:
    aggregator = Aggregator()
    matches = [stop(at) for at in range(3)]
    aggregator.add_all(matches)
    counts = []
    for match in matches:
        aggregator.take_back(match, unless_last=True)
        counts += [one.count for one in aggregator.alerts()]

    assert [2, 1, 1] == counts


def test_several_departures_of_one_message_are_counted_once() -> None:
    one = event_from_transaction(replace(STOP, time_ns=START, frames=[(0, 1)]))
    codes = [
        Match(RULE, one.derive("ot_conformance", {"anomaly.type": code}), reasons=lambda: ("",))
        for code in ("length_mismatch", "count_out_of_range")
    ]
    again = stop(at_s=1, frame=3)

    (alert,) = alerts_of(*codes, again)

    assert 2 == alert.count
    assert [2] == [row.count for row in alert.violations]


def test_the_same_message_counts_for_each_rule_that_speaks_of_it() -> None:
    event = event_from_transaction(replace(STOP, time_ns=START, frames=[(0, 1)]))
    other = replace(RULE, id="r-2", title="Another")

    found = alerts_of(Match(RULE, event, reasons=tuple), Match(other, event, reasons=tuple))

    assert [1, 1] == [alert.count for alert in found]
