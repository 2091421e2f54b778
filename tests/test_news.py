"""What a remote sink is told of alerts, and that it can be told again as it was."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from places import PCAPS

from otmon.config import Config
from otmon.model.alert import Alert, KeptAlert
from otmon.model.document import Time
from otmon.runs import analyze
from otmon.shipping import Shipping, bounds_of, sensor_of, tell, tell_alerts_again
from otmon.sinks import outbox, told
from otmon.state import alerts
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile

CONFIG = Config()
SENSOR = sensor_of(CONFIG)
BOUNDS = bounds_of(CONFIG)
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteFile]:
    """A state with the alerts of a capture, which wait to be sent."""
    state = tmp_path / "site.otmon"
    analyze(
        str(PCAPS / "s7comm" / "stop_start.pcapng"),
        state=state,
        shipping=Shipping(CONFIG, SENSOR),
    )
    with SiteFile.open(state, durable=False) as site:
        yield site


def sent(site: SiteFile) -> dict[str, dict[str, Any]]:
    """What waits and tells of alerts, by id; it waits no more."""
    with site.transaction() as db:
        rows = outbox.batch(db, at_most=100_000, max_bytes=1 << 30, now_ns=2**62)
        outbox.acknowledge(db, rows)
    documents = [row.document for row in rows if "otmon.alert" in row.document.target]
    return {one.id: json.loads(one.body) for one in documents}


def is_raised(one: dict[str, Any]) -> bool:
    return bool(one["event"]["kind"] == "alert")


def told_again(site: SiteFile) -> dict[str, dict[str, Any]]:
    with site.transaction() as db:
        tell_alerts_again(db, SENSOR, BOUNDS)
    return sent(site)


def lives_on(site: SiteFile) -> Alert:
    """What becomes of the first alert: somebody takes it, then it is there much more often."""
    with site.transaction() as db:
        one, *_ = alerts.load(db)
        alerts.settle(db, [one.id], "acknowledged", Action("kim", "acknowledge", None))
        tell(db, SENSOR, BOUNDS)
        grown = dataclasses.replace(
            one,
            count=one.count + 500,
            last_seen=Time(one.last_seen + HOUR_NS),
            why=(*one.why, "more of it"),
        )
        alerts.save(db, [KeptAlert("k", one.first_seen, grown)])
    return grown


def test_an_alert_is_told_again_as_it_was_though_it_has_grown_since(site):
    before = sent(site)
    lives_on(site)
    updates = sent(site)
    assert ["acknowledged"] == [one["otmon"]["alert"]["status"] for one in updates.values()]

    assert before | updates == told_again(site)
    assert {"open"} == {one["otmon"]["alert"]["status"] for one in before.values()}


def test_what_still_waits_is_not_told_twice(site):
    with site.transaction() as db:
        waiting = outbox.status(db).rows
        tell_alerts_again(db, SENSOR, BOUNDS)
        tell_alerts_again(db, SENSOR, BOUNDS)
        assert waiting == outbox.status(db).rows


def test_a_state_without_what_was_told_gives_the_same_ids_and_what_is_known(site):
    before = sent(site)
    lives_on(site)
    before |= sent(site)
    with site.transaction() as db:
        db.execute("DELETE FROM told_alerts")
    again = told_again(site)

    assert set(before) == set(again)
    for name in ("status", "count", "level"):
        assert {key: one["otmon"]["alert"][name] for key, one in before.items()} == {
            key: one["otmon"]["alert"][name] for key, one in again.items()
        }
    ends = {key: one["event"]["end"] for key, one in before.items() if is_raised(one)}
    assert ends == {key: one["event"]["end"] for key, one in again.items() if is_raised(one)}


def test_an_alert_whose_changes_are_forgotten_is_told_as_it_is(site):
    before = sent(site)
    with site.transaction() as db:
        db.execute("DELETE FROM told_alerts")
        db.execute("DELETE FROM alert_changes")

    assert set(before) == set(told_again(site))


def test_what_was_told_goes_with_its_alert(site):
    grown = lives_on(site)
    sent(site)
    with site.transaction() as db:
        assert grown.id in told.alerts(db)
        alerts.settle(db, [grown.id], "closed", Action("kim", "close", None))
        alerts.retain(db, grown.last_seen + 2 * HOUR_NS, HOUR_NS, 100)
        left = {one.id for one in alerts.load(db, folded=False)}
        assert left == told.alerts(db)
        tell_alerts_again(db, SENSOR, BOUNDS)
    assert not any(
        one["otmon"]["alert"]["id"] == str(grown.id)
        for one in sent(site).values()
        if is_raised(one)
    )
