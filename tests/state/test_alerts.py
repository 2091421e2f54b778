"""Alerts in a state: what traffic adds, what people settle, what is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otmon.errors import UsageError
from otmon.model.alert import Alert, AlertEvidence, AlertRule, KeptAlert
from otmon.model.document import Time
from otmon.state import alerts
from otmon.state.journal import Action, entries
from otmon.state.site_file import SiteFile
from otmon.state.undo import undo
from tests.records import SECOND, START

HOUR = 3_600 * SECOND
ALERT = Alert(
    id=1,
    fingerprint="f",
    rule=AlertRule("r-1", "Controller stopped", "critical", "0"),
    techniques=("T0858",),
    technique_names=("Change Operating Mode",),
    severity=54,
    level="medium",
    confidence=0.6,
    first_seen=Time(START),
    last_seen=Time(START),
    count=1,
    client="10.0.0.66",
    server="10.0.0.11",
    protocol="modbus",
    message="10.0.0.66 stopped 10.0.0.11",
    why=("it held",),
    violations=(),
    violations_left_out=0,
    evidence=AlertEvidence("a.pcap", (1, 2), ()),
    triage=("Look at the process.",),
    false_positives=(),
)


def seen(site: SiteFile, count: int = 1, at_s: int = 0, **changes) -> None:
    """Traffic shows the alert, `count` times in all by then."""
    last = Time(START + at_s * SECOND)
    alert = replace(ALERT, count=count, last_seen=last, **changes)
    with site.transaction() as db:
        alerts.save(db, [KeptAlert(f"key {alert.id}", START, alert)])


def settle(site: SiteFile, status: str, until_ns: int | None = None, number: int = 1) -> None:
    with site.transaction() as db:
        alerts.settle(db, [number], status, Action("j.doe", status), until_ns)


def now(site: SiteFile, number: int = 1) -> Alert:
    return alerts.one(site.db, number)


def told(site: SiteFile) -> list[str]:
    return [change.kind for change in alerts.changes(site.db)]


def test_new_alerts_are_kept_beside_those_that_were_there(site):
    """New ones go in together, whatever their order; the others are brought up to date."""
    seen(site, id=2)
    many = [
        replace(ALERT, id=one, count=3, storm=2 if one % 2 else None) for one in range(400, 1, -1)
    ]
    with site.transaction() as db:
        alerts.save(db, [KeptAlert(f"key {one.id}", START, one) for one in many])
    assert 399 == site.db.execute("SELECT count(*) FROM alerts WHERE count = 3").fetchone()[0]
    assert 400 == alerts.last_number(site.db)
    # The one that was there is not raised again, nor is what is folded into another.
    raised = [change.number for change in alerts.changes(site.db) if change.kind == "raised"]
    assert [2, *range(400, 2, -2)] == raised


def test_an_alert_whose_row_is_gone_is_kept_as_a_new_one(site):
    seen(site)
    with site.transaction() as db:
        db.execute("DELETE FROM alerts")
    seen(site, count=2)

    assert (1, 2) == (now(site).id, now(site).count)
    assert ["raised", "raised"] == told(site)


def test_an_alert_comes_back_as_it_was_kept(site):
    seen(site)

    assert ALERT == now(site)


@pytest.mark.parametrize("status", ["closed", "learned"])
def test_what_is_seen_after_it_was_closed_is_open_again(site, status):
    seen(site)
    settle(site, status)
    seen(site, 2, 60)

    assert ("open", 2) == (now(site).status, now(site).count)
    assert ["raised", status, "reopened"] == told(site)


def test_an_acknowledged_alert_opens_only_when_it_becomes_worse(site):
    seen(site)
    settle(site, "acknowledged")
    seen(site, 2_000, 60)
    assert "acknowledged" == now(site).status
    seen(site, 2_001, 61, severity=86, level="critical")

    assert "open" == now(site).status
    assert ["raised", "acknowledged", "reopened"] == told(site)


def test_a_muted_alert_is_counted_and_not_told_until_the_mute_ends(site):
    seen(site)
    settle(site, "muted", START + 100 * SECOND)
    seen(site, 5_000, 100, severity=86, level="critical")
    assert ("muted", 5_000) == (now(site).status, now(site).count)
    assert ["raised", "muted"] == told(site)
    seen(site, 5_001, 101, severity=86, level="critical")

    assert ("open", None) == (now(site).status, now(site).muted_until)
    assert ["raised", "muted", "reopened"] == told(site)


def test_a_mute_without_an_end_does_not_end(site):
    seen(site)
    settle(site, "muted")
    seen(site, 2, 10**9)

    assert "muted" == now(site).status


@pytest.mark.parametrize(
    ("counts", "kinds"),
    [
        ([1, 9], []),
        ([9, 10], ["count"]),
        ([10, 99], []),
        ([99, 120], ["count"]),
        ([1, 5_000], ["count"]),
        ([1_000, 5_000], []),
    ],
)
def test_an_open_alert_is_told_again_at_ten_a_hundred_and_a_thousand(site, counts, kinds):
    for number, count in enumerate(counts):
        seen(site, count, number)

    assert ["raised", *kinds] == told(site)


def test_an_open_alert_is_told_again_when_its_level_rises_and_not_when_only_its_score_does(site):
    seen(site)
    seen(site, 2, 1, severity=60)
    assert ["raised"] == told(site)
    seen(site, 3, 2, severity=86, level="critical")

    assert ["raised", "level"] == told(site)
    assert ("critical", 86, 3) == (
        lambda change: (change.level, change.severity, change.count)
    )(alerts.changes(site.db)[-1])  # fmt: skip


def test_what_is_folded_into_a_storm_is_kept_and_not_told(site):
    seen(site, id=1, folded=51)
    seen(site, id=2, storm=1)
    seen(site, 50, 1, id=2, storm=1)

    assert ["raised"] == told(site)
    assert [1] == [alert.id for alert in alerts.load(site.db, folded=False)]
    assert [1, 2] == [alert.id for alert in alerts.load(site.db)]


def test_a_storm_takes_its_alerts_along_when_it_is_settled(site):
    seen(site, id=1, folded=51)
    seen(site, id=2, storm=1)
    settle(site, "closed")

    assert ["closed", "closed"] == [now(site, number).status for number in (1, 2)]
    with site.transaction() as db:
        undo(db, None, "j.doe")
    assert ["open", "open"] == [now(site, number).status for number in (1, 2)]


def test_what_was_settled_is_in_the_journal_and_can_be_taken_back(site):
    seen(site)
    settle(site, "acknowledged")
    settle(site, "closed")
    (close, _) = entries(site.db)
    assert ("j.doe", "closed", "alert", "1", "acknowledged", "closed") == (
        close.author, close.action, close.kind, close.subject,
        (close.before or {})["status"], (close.after or {})["status"],
    )  # fmt: skip
    with site.transaction() as db:
        undo(db, close.id, "a.roe", "too early")

    assert "acknowledged" == now(site).status
    assert ["raised", "acknowledged", "closed", "undo"] == told(site)


def test_what_changes_nothing_is_not_in_the_journal(site):
    seen(site)
    settle(site, "closed")
    settle(site, "closed")

    assert 1 == len(entries(site.db))
    assert ["raised", "closed"] == told(site)


def test_what_is_closed_cannot_be_acknowledged_and_what_is_not_there_cannot_be_settled(site):
    seen(site)
    settle(site, "closed")
    with pytest.raises(UsageError, match="closed already"):
        settle(site, "acknowledged")
    with pytest.raises(UsageError, match=r"no alert 9\. See"):
        settle(site, "closed", number=9)


def test_a_command_on_several_alerts_settles_all_or_none(site):
    seen(site)
    with pytest.raises(UsageError), site.transaction() as db:
        alerts.settle(db, [1, 9], "closed", Action("j.doe", "close"))

    assert "open" == now(site).status
    assert [] == entries(site.db)


def test_the_alert_that_a_match_belongs_to_is_found_by_time_then_the_latest(site):
    for number, hours in ((1, 0), (2, 48), (3, 96)):
        first = Time(START + hours * HOUR)
        alert = replace(ALERT, id=number, first_seen=first, last_seen=first)
        with site.transaction() as db:
            alerts.save(db, [KeptAlert("key", first, alert)])

    def found(hours: float) -> int | None:
        kept = alerts.recall(site.db, "key", round(START + hours * HOUR), HOUR, 24 * HOUR)
        return None if kept is None else kept.alert.id

    assert [1, 2, 3, 3] == [found(0.5), found(48.9), found(96), found(60)]
    assert None is alerts.recall(site.db, "other key", START, HOUR, 24 * HOUR)


def test_alerts_can_be_asked_for_by_what_they_are(site):
    seen(site, id=1)
    seen(site, id=2, severity=86, level="critical", client="10.0.0.9")
    seen(site, id=3, rule=AlertRule("r-2", "Clock set", "low", "0"), at_s=500)
    settle(site, "closed", number=1)

    def found(**wanted) -> list[int]:
        return [alert.id for alert in alerts.load(site.db, **wanted)]

    assert [2, 1, 3] == found()
    assert [2, 3] == found(statuses=["open"])
    assert [2] == found(levels=["high", "critical"])
    assert [3] == found(rule="clock") == found(rule="r-2")
    assert [2] == found(end="10.0.0.9")
    assert [3] == found(since_ns=START + SECOND)
    assert [2, 1] == found(limit=2)
    assert {("closed", "medium"): 1, ("open", "critical"): 1, ("open", "medium"): 1} == (
        alerts.counts(site.db)
    )


def test_old_settled_alerts_go_and_open_ones_stay(site):
    for number in (1, 2, 3):
        seen(site, id=number)
    settle(site, "closed", number=1)
    settle(site, "muted", number=2)
    with site.transaction() as db:
        assert 1 == alerts.retain(db, START + 10 * HOUR, HOUR, 100)

    assert [2, 3] == [alert.id for alert in alerts.load(site.db)]
    assert 3 == alerts.last_number(site.db)


def test_past_the_bound_the_settled_ones_go_first_then_those_that_were_quiet_longest(site):
    for number in range(1, 6):
        seen(site, id=number, at_s=number)
    settle(site, "closed", number=5)
    with site.transaction() as db:
        alerts.retain(db, START, 10**6 * HOUR, 3)

    assert [2, 3, 4] == [alert.id for alert in alerts.load(site.db)]
