"""What a document of an alert says, and one of what became of it."""

from __future__ import annotations

from elastic_drafts import SENSOR, an_alert, said
from records import START

from otmon.config import Config
from otmon.model.alert import (
    AlertAnomaly,
    AlertBaseline,
)
from otmon.model.document import Time
from otmon.ruleset.site import site_rules
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.documents import Update
from otmon.sinks.elastic.documents.draft import moment


def test_an_alert_says_in_ecs_what_was_done_to_whom():
    body = said(documents.alert(SENSOR, an_alert(), lambda _: None))

    assert ("alert", 99, "s7comm-plc-stop", "success") == tuple(
        body["event"][name] for name in ("kind", "severity", "action", "outcome")
    )
    assert "S7 controller stopped" == body["message"] == body["rule"]["name"]
    assert ["10.0.0.66", "10.0.0.11"] == body["related"]["ip"]


def test_an_alert_says_what_baseline_and_detector_said():
    one = an_alert(
        provider="periodicity",
        baseline=AlertBaseline("enforcing", ("period",), "every 1 s", "every 3 s", Time(START)),
        anomaly=AlertAnomaly("period_change", "every 2 s", "every 4 s", Time(START + 10**9)),
    )
    body = said(documents.alert(SENSOR, one, lambda _: None))

    assert "periodicity" == body["event"]["provider"]
    assert {
        "state": "enforcing",
        "novel": ["period"],
        "expected": "every 1 s",
        "observed": "every 3 s",
        "first_seen": moment(START).text(),
    } == body["baseline"]
    assert {
        "type": "period_change",
        "expected": "every 2 s",
        "observed": "every 4 s",
        "since": moment(START + 10**9).text(),
    } == body["anomaly"]


def test_an_alert_of_which_neither_spoke_has_nothing_of_them():
    body = said(documents.alert(SENSOR, an_alert(), lambda _: None))

    assert not {"baseline", "anomaly"} & set(body)
    assert "provider" not in body["event"]


def test_what_is_known_of_a_rule_stands_on_its_alerts():
    rule = next(one.rule for one in site_rules(Config()).rules if one.rule.references)
    body = said(documents.alert(SENSOR, an_alert(), lambda _: None, None, rule))

    assert (rule.description, rule.impact, [*rule.references], rule.references[0]) == (
        body["rule"]["description"],
        body["rule"]["category"],
        body["rule"]["reference"],
        body["event"]["reference"],
    )


def test_an_update_of_an_alert_is_no_alert():
    update = Update(9, "acknowledged", START, "kim", "known work")
    body = said(documents.alert_update(SENSOR, an_alert(count=4), update, lambda _: None))

    assert ("event", "alert-acknowledged") == (body["event"]["kind"], body["event"]["action"])
    assert ("3", 4, "kim") == tuple(
        body["otmon"]["alert"][name] for name in ("id", "count", "author")
    )


def test_alerts_of_a_new_state_never_have_the_id_of_others():
    ids = {
        documents.alert(SENSOR, an_alert(**change), lambda _: None).id
        for change in ({}, {"id": 4}, {"first_seen": Time(START + 1)}, {"fingerprint": "g"})
    }

    assert 4 == len(ids)
