"""What a remote sink is told of alerts, and that it can be told again as it was."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from places import PCAPS

from otmon.config import Config, Elastic
from otmon.model.alert import Alert, KeptAlert
from otmon.model.document import Time
from otmon.runs import analyze
from otmon.sensor_identity import sensor_of
from otmon.shipping import Shipping, tell, tell_alerts_again
from otmon.sinks import outbox, told
from otmon.state import alerts
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile

CAPTURE = str(PCAPS / "s7comm" / "stop_start.pcapng")
CONFIG = Config()
SENSOR = sensor_of(CONFIG)
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteFile]:
    """A state with the alerts of a capture, which wait to be sent."""
    state = tmp_path / "site.otmon"
    analyze(CAPTURE, state=state, shipping=Shipping(CONFIG, SENSOR))
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
        tell_alerts_again(db, CONFIG, SENSOR)
    return sent(site)


def lives_on(site: SiteFile) -> Alert:
    """What becomes of the first alert: somebody takes it, then it is there much more often."""
    with site.transaction() as db:
        one, *_ = alerts.load(db)
        alerts.settle(db, [one.id], "acknowledged", Action("kim", "acknowledge", None))
        tell(db, CONFIG, SENSOR)
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


def carried(tmp_path: Path, *, with_state: bool, wished: bool) -> list[dict[str, Any]]:
    """The evidence of the alerts of a capture, as it is told."""
    config = Config(elastic=Elastic(evidence_excerpt=wished))
    with SiteFile.open(tmp_path / f"{with_state}{wished}.otmon", durable=False) as spool:
        shipping = Shipping(config, SENSOR, None if with_state else spool)
        state = tmp_path / f"{wished}.site" if with_state else None
        analyze(CAPTURE, state=state, config=config, shipping=shipping)
        if state is None:
            raised = sent(spool)
        else:
            with SiteFile.open(state, durable=False) as site:
                raised = sent(site)
    return [one["otmon"]["evidence"] for one in raised.values()]


@pytest.mark.parametrize("with_state", [True, False])
def test_no_payload_leaves_a_sensor_unless_people_wish_it(tmp_path, with_state):
    plain = carried(tmp_path, with_state=with_state, wished=False)
    wished = carried(tmp_path, with_state=with_state, wished=True)

    assert [{"ref", "frame_numbers"}] * len(plain) == [set(one) for one in plain]
    assert [*map(len, plain)] != []
    for one in wished:
        assert one["frame_numbers"][: len(one["excerpt_frames"])] == one["excerpt_frames"]
        assert len(one["excerpt_frames"]) == len(one["excerpt_hex"]) > 0


def test_what_still_waits_is_not_told_twice(site):
    with site.transaction() as db:
        waiting = outbox.status(db).rows
        tell_alerts_again(db, CONFIG, SENSOR)
        tell_alerts_again(db, CONFIG, SENSOR)
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
        tell_alerts_again(db, CONFIG, SENSOR)
    assert not any(
        one["otmon"]["alert"]["id"] == str(grown.id)
        for one in sent(site).values()
        if is_raised(one)
    )
