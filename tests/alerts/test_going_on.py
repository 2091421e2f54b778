"""Alerts go on from run to run, as people left them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otmon.alerts.aggregate import Aggregator
from otmon.config import Alerts
from otmon.model.alert import Alert, AlertAnomaly, AlertBaseline, FrameList
from otmon.model.document import Time
from otmon.model.rule import Match
from otmon.model.statement import Verdict
from otmon.state import alerts
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile
from tests.alerts.test_aggregate import RULE, stop
from tests.records import START

HOUR = 3_600
HOUR_NS = HOUR * 1_000_000_000


def run(
    site: SiteFile, *matches: Match, settings: Alerts | None = None, file: str = "a.pcap"
) -> list[int]:
    """A run that takes matches; gives the numbers of the alerts that it tells of."""
    aggregator = Aggregator(settings)
    aggregator.continue_from(
        lambda key, time_ns: alerts.recall(site.db, key, time_ns, HOUR_NS, 24 * HOUR_NS),
        alerts.last_number(site.db),
    )
    aggregator.add_all(matches)
    with site.transaction() as db:
        alerts.save(db, aggregator.changed(lambda _number: file))
    return [alert.id for alert in aggregator.alerts(settled=alerts.settled(site.db))]


def settle(site: SiteFile, number: int, status: str, until_ns: int | None = None) -> None:
    with site.transaction() as db:
        alerts.settle(db, [number], status, Action("j.doe", status), until_ns)


def one(site: SiteFile, number: int = 1) -> Alert:
    return alerts.one(site.db, number)


def test_what_goes_on_in_the_next_run_is_the_same_alert(site):
    assert [1] == run(site, stop(0, 1), stop(5, 7))
    assert [1] == run(site, stop(60, 1, operation="plc_control"), file="b.pcap")

    alert = one(site)
    assert (3, [2, 1]) == (alert.count, [row.count for row in alert.violations])
    assert 60 == (alert.last_seen - alert.first_seen) // 1_000_000_000
    assert ("a.pcap", (1, 2, 7, 8)) == (alert.evidence.file, alert.evidence.frames)
    assert (FrameList("b.pcap", (1, 2)),) == alert.evidence.continued


def test_the_same_row_of_two_runs_is_one_row(site):
    run(site, stop(0))
    run(site, stop(60))

    assert [(2, 60)] == [
        (row.count, (row.last_seen - row.first_seen) // 1_000_000_000)
        for row in one(site).violations
    ]


def test_after_an_hour_of_quiet_it_is_another_that_names_the_one_before(site):
    run(site, stop(0))
    run(site, stop(HOUR + 1))

    assert (None, 1) == (one(site, 1).previous, one(site, 2).previous)


def test_within_one_run_the_second_names_the_first(site):
    run(site, stop(0), stop(HOUR + 1))

    assert (None, 1) == (one(site, 1).previous, one(site, 2).previous)


@pytest.mark.parametrize("status", ["closed", "learned"])
def test_what_was_closed_goes_on_as_the_same_alert_however_long_ago(site, status):
    run(site, stop(0))
    settle(site, 1, status)

    assert [1] == run(site, stop(100 * HOUR))
    assert ("open", 2) == (one(site).status, one(site).count)
    assert [1, 2] == run(site, stop(100 * HOUR + 60), stop(102 * HOUR))


def test_a_muted_alert_takes_matches_of_days_and_is_not_told(site):
    run(site, stop(0))
    settle(site, 1, "muted")

    assert [] == run(site, *(stop(day * 24 * HOUR) for day in range(1, 8)))
    assert ("muted", 8) == (one(site).status, one(site).count)


def test_what_a_person_settles_while_a_run_goes_on_is_not_lost(site):
    aggregator = Aggregator()

    def save() -> None:
        with site.transaction() as db:
            alerts.save(db, aggregator.changed(lambda _number: "a.pcap"))
        aggregator.saved()

    aggregator.add_all([stop(0), stop(0, client_ip="10.0.0.67")])
    save()
    settle(site, 1, "acknowledged")
    settle(site, 2, "muted")
    aggregator.add_all([stop(1), stop(1, client_ip="10.0.0.67")])
    save()

    assert [("acknowledged", 2), ("muted", 2)] == [
        (one(site, number).status, one(site, number).count) for number in (1, 2)
    ]


def test_a_stronger_match_gives_the_alert_its_words(site):
    weak = stop(0, status="access_denied")
    run(site, weak)
    assert (68, True) == (one(site).severity, "refused" in one(site).message)
    run(site, stop(60))
    assert (86, False) == (one(site).severity, "refused" in one(site).message)
    run(site, stop(120, status="access_denied"))

    assert (86, False) == (one(site).severity, "refused" in one(site).message)


def test_new_alerts_are_numbered_the_worst_first_after_those_that_there_are(site):
    run(site, stop(0))
    low = replace(RULE, id="r-2", impact="it", confidence=0.3)
    run(site, stop(0, rule=low), stop(10, client_ip="10.0.0.67"))

    assert [86, 86, 21] == [one(site, number).severity for number in (1, 2, 3)]


def test_a_number_is_never_given_twice(site):
    run(site, stop(0))
    settle(site, 1, "closed")
    with site.transaction() as db:
        alerts.retain(db, 10**18 * 4, 0, 10)

    assert [2] == run(site, stop(0))


def test_what_was_earlier_than_the_alert_is_another(site):
    run(site, stop(10 * HOUR))

    assert [2] == run(site, stop(0))


def test_over_fifty_alerts_of_a_rule_in_ten_minutes_are_one_storm(site):
    matches = [stop(n, client_ip=f"10.0.1.{n}") for n in range(60)]
    told = run(site, *matches)

    assert 1 == len(told)
    storm = one(site, told[0])
    assert (60, 60, "10.0.0.11", None) == (storm.folded, storm.count, storm.server, storm.client)
    assert "storm of 60 alerts: Controller stopped" == storm.message
    assert 60 == len(storm.violations)
    assert {storm.id} == {a.storm for a in alerts.load(site.db) if a.id != storm.id}
    assert 61 == len(alerts.load(site.db))


def test_alerts_that_were_saved_before_their_storm_began_are_folded_in_the_state(site):
    aggregator = Aggregator(Alerts(storm_keys=3))

    def save() -> None:
        with site.transaction() as db:
            alerts.save(db, aggregator.changed(lambda _number: "a.pcap"))
        aggregator.saved()

    aggregator.add_all(stop(n, client_ip=f"10.0.1.{n}") for n in range(3))
    save()
    aggregator.add(stop(3, client_ip="10.0.1.3"))
    save()

    (storm,) = alerts.load(site.db, folded=False)
    assert (4, [storm.id] * 4) == (
        storm.folded,
        [alert.storm for alert in alerts.load(site.db) if alert.id != storm.id],
    )


def test_fifty_alerts_or_more_in_a_longer_time_are_no_storm(site):
    assert 50 == len(run(site, *(stop(n, client_ip=f"10.0.1.{n}") for n in range(50))))
    slow = [stop(20 * n, client_ip=f"10.0.2.{n}") for n in range(60)]

    assert 60 == len(run(site, *slow))


def test_a_storm_ends_and_what_comes_after_it_is_told(site):
    storm = [stop(n, client_ip=f"10.0.1.{n}") for n in range(60)]
    after = [stop(1200 + 300 * n, client_ip=f"10.0.2.{n}") for n in range(3)]

    assert 1 + 3 == len(run(site, *storm, *after))


def test_a_storm_that_goes_on_in_the_next_run_is_the_same(site):
    settings = Alerts(storm_keys=3)
    told = run(site, *(stop(n, client_ip=f"10.0.1.{n}") for n in range(5)), settings=settings)
    again = run(site, *(stop(60 + n, client_ip=f"10.0.2.{n}") for n in range(5)), settings=settings)

    assert told == again
    assert 10 == one(site, told[0]).folded


def test_alerts_that_share_an_end_and_are_close_in_time_name_each_other():
    aggregator = Aggregator()
    aggregator.add_all(
        [
            stop(0),
            stop(1_800, client_ip="10.0.0.67"),
            stop(3_601, server_ip="10.0.0.12"),
            stop(1_900, client_ip="10.0.0.68", server_ip="10.0.0.13"),
        ]
    )

    assert {1: (2,), 2: (1,), 3: (), 4: ()} == {
        alert.id: alert.related for alert in aggregator.alerts()
    }


def judged(match: Match, state: str, **changes) -> Match:
    match.event.verdict = Verdict("enforcing", statement="b-1", statement_state=state)
    return match._replace(**changes)


@pytest.mark.parametrize(
    ("state", "told"),
    [("approved", 0), ("muted", 0), ("learned", 1), ("pending", 1), ("rejected", 1)],
)
def test_what_a_person_approved_or_muted_ends_the_match(state, told):
    aggregator = Aggregator()
    aggregator.add(judged(stop(), state))

    assert told == len(aggregator.alerts())
    assert 1 - told == aggregator.settled_count


def test_an_approval_does_not_end_rules_that_always_hold():
    aggregator = Aggregator()
    aggregator.add(judged(stop(rule=replace(RULE, always=True)), "approved"))

    assert 1 == len(aggregator.alerts())


@pytest.mark.parametrize(("others", "told"), [("approved", 0), ("learned", 1)])
def test_a_group_ends_only_where_all_of_it_is_approved(others, told):
    member = judged(stop(), others).event
    aggregator = Aggregator()
    match = judged(stop(5), "approved", group=(("client.ip", "10.0.0.66"),), members=(member,))
    aggregator.add(match)

    assert told == len(aggregator.alerts())


@pytest.mark.parametrize(("state", "told"), [("approved", []), ("learned", [1])])
def test_what_is_approved_hides_nothing_that_continues_it(state, told):
    group = (("client.ip", "10.0.0.66"),)
    aggregator = Aggregator()
    aggregator.add(judged(stop(5), "approved", group=group))
    aggregator.add(judged(stop(6), state, group=group, continues=True))
    aggregator.add(judged(stop(7), "approved", group=group, continues=True))

    assert told == [alert.count for alert in aggregator.alerts()]


def test_what_is_told_again_ends_what_was_settled_before():
    group = (("client.ip", "10.0.0.66"),)
    aggregator = Aggregator()
    aggregator.add(judged(stop(5), "approved", group=group))
    aggregator.add(judged(stop(10), "learned", group=group))
    aggregator.add(judged(stop(100_000), "learned", group=group, continues=True))

    assert [1] == [alert.count for alert in aggregator.alerts()]


@pytest.mark.parametrize(
    ("category", "provider", "told"),
    [
        ("ot_anomaly", "newcomer", 0),
        ("ot_anomaly", "baseline", 0),
        ("ot_anomaly", "periodicity", 1),
        ("ot_conformance", "conformance", 1),
    ],
)
def test_an_approval_is_of_what_is_done_and_not_of_how(category, provider, told):
    match = judged(stop(), "approved")
    derived = match.event.derive(category, {"event.provider": provider})
    aggregator = Aggregator()
    aggregator.add(match._replace(event=derived))

    assert told == len(aggregator.alerts())


def test_an_alert_names_the_statements_that_would_make_it_normal(site):
    match = stop()
    match.event.verdict = Verdict("enforcing", ("object",), "b-1", "pending")
    run(site, match)
    again = stop(60)
    again.event.verdict = Verdict("enforcing", ("object",), "b-2", "pending")
    run(site, again)

    assert ("b-1", "b-2") == one(site).statements


def test_an_alert_keeps_what_was_said_of_the_event_that_its_words_tell_of(site):
    """From run to run; what is said of later and weaker matches takes no room in it."""
    run(site, spoken(0, "every 1 s"))
    first = one(site)
    run(site, spoken(60, "every 9 s", status="access_denied"))

    assert AlertAnomaly("period_change", "every 1 s", "every 3 s", Time(START - 1)) == first.anomaly
    assert (
        AlertBaseline("enforcing", ("period",), "every 1 s", "every 3 s", Time(START - 1))
        == first.baseline
    )
    assert ("periodicity", first.anomaly, first.baseline) == (
        first.provider,
        one(site).anomaly,
        one(site).baseline,
    )


def test_a_stronger_match_brings_what_was_said_of_it(site):
    run(site, spoken(0, "every 1 s", status="access_denied"))
    run(site, spoken(60, "every 9 s"))

    assert ["every 9 s"] * 2 == [one(site).anomaly.expected, one(site).baseline.expected]
    assert {"normal is: every 9 s", "seen was: every 3 s"} <= set(one(site).why)


def test_of_what_neither_spoke_nothing_is_kept_but_that_a_rule_found_it(site):
    run(site, stop())

    assert ("rules", None, None) == (one(site).provider, one(site).baseline, one(site).anomaly)


def test_long_words_are_kept_in_part(site):
    run(site, spoken(0, "x" * 10_000))

    kept = one(site)
    assert ["x" * 396 + " ..."] * 2 == [kept.anomaly.expected, kept.baseline.expected]


def test_an_alert_of_a_state_from_before_goes_on_without_them(site):
    run(site, spoken(0, "every 1 s"))
    with site.transaction() as db:
        for key in ("provider", "baseline", "anomaly"):
            db.execute("UPDATE alerts SET document = json_remove(document, ?)", (f"$.{key}",))
    before = one(site)
    run(site, spoken(60, "every 9 s"))

    assert (None, None, None) == (before.provider, before.baseline, before.anomaly)
    assert (2, None, None) == (one(site).count, one(site).provider, one(site).anomaly)


def test_a_storm_says_who_found_its_alerts(site):
    run(site, *(spoken(at, "x", client_ip=f"10.0.1.{at}") for at in range(60)))
    (storm,) = [alert for alert in alerts.load(site.db) if alert.folded]

    assert ("periodicity", None) == (storm.provider, storm.anomaly)


def spoken(at_s: int, expected: str, **changes) -> Match:
    """A match on what a detector and the baseline spoke of."""
    match = stop(at_s, **changes)
    event = match.event.derive(
        "ot_anomaly",
        {
            "event.provider": "periodicity",
            "anomaly.type": "period_change",
            "anomaly.expected": expected,
            "anomaly.observed": "every 3 s",
            "anomaly.since": START - 1,
        },
    )
    event.verdict = Verdict("enforcing", ("period",), None, None, expected, "every 3 s", START - 1)
    return match._replace(event=event)
