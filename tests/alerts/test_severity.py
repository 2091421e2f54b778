"""Severity is impact x confidence x context, and every factor is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alerts.test_aggregate import RULE, STOP, stop

from otmon.alerts.severity import BY_LOSS, Severity, severity_of
from otmon.detectors.registry import watchers
from otmon.fields import PARTLY_REFUSED
from otmon.model.context import AssetFacts
from otmon.model.event import event_from_transaction
from otmon.model.rule import Match
from tests.records import Surroundings

CLIENT, SERVER = "10.0.0.66", "10.0.0.11"
ENGINEER = AssetFacts("a-1", confirmed=("engineering_station",))
SAFETY = AssetFacts("a-2", ("safety_controller",))
DOWNLOAD = replace(RULE, impact="safety", confidence=0.95)


def weighed(rule=RULE, window=None, server=None, client=None, **changes) -> Severity:
    """The severity of a stop, or of another operation, in its surroundings."""
    facts = {CLIENT: client or AssetFacts("a-1"), SERVER: server or AssetFacts("a-2")}
    return severity_of(stop(rule=rule, context=Surroundings(facts, window), **changes))


@pytest.mark.parametrize(
    ("around", "score", "level"),
    [
        ({"client": AssetFacts("a-1", is_new=True)}, 94, "critical"),
        ({"client": ENGINEER}, 43, "medium"),
        ({"client": ENGINEER, "window": "turnaround"}, 13, "informational"),
        ({"rule": DOWNLOAD, "client": ENGINEER, "server": SAFETY}, 86, "critical"),
        (
            {"rule": DOWNLOAD, "client": ENGINEER, "server": SAFETY, "window": "turnaround"},
            51,
            "medium",
        ),
        ({"server": AssetFacts("a-2", criticality="high")}, 94, "critical"),
        ({"server": AssetFacts("a-2", criticality="low")}, 68, "high"),
        ({"server": AssetFacts("a-2", criticality="normal")}, 86, "critical"),
        ({"status": "access_denied"}, 68, "high"),
        ({"client": AssetFacts("a-1", public=True)}, 100, "critical"),
        ({"server": AssetFacts("a-2", public=True)}, 100, "critical"),
        # Of who never sent a frame nothing is known but the address.
        ({"client_ip": "8.8.8.8"}, 100, "critical"),
    ],
)
def test_what_stands_around_an_operation_weighs(around, score, level):
    severity = weighed(**around)

    assert (score, level) == (severity.score, severity.level)


def test_a_write_by_the_confirmed_display_is_hardly_worth_telling():
    hmi = AssetFacts("a-1", confirmed=("hmi",))
    rule = replace(RULE, confidence=0.4)

    assert 18 == weighed(rule=rule, client=hmi, operation_class="write").score


def test_a_baseline_that_was_not_learned_to_its_end_counts_half():
    event = event_from_transaction(STOP).derive("ot_anomaly", {"baseline.unsaturated": True})

    assert 43 == severity_of(Match(RULE, event)).score


def test_every_factor_is_told():
    server = AssetFacts("a-2", criticality="high")
    severity = weighed(client=ENGINEER, server=server, window="turnaround", status="access_denied")

    assert (
        "impact control 90",
        "confidence of the rule 0.95",
        "protocol proved by request and answer 1",
        "criticality of the server high 1.1",
        "client is the engineering_station 0.5",
        "inside the maintenance window 'turnaround' 0.3",
        "server refused 0.8",
    ) == severity.factors


def test_a_level_that_a_site_set_is_not_weighed():
    severity = weighed(rule=replace(RULE, site_level="low"), client=ENGINEER, window="turnaround")

    assert ("low", ("low, as set in otmon.toml",)) == (severity.level, severity.factors)


def test_a_public_address_that_is_the_sites_own_is_not_outside():
    facts = {"134.217.61.131": AssetFacts("a-1"), SERVER: AssetFacts("a-2")}
    severity = severity_of(stop(client_ip="134.217.61.131", context=Surroundings(facts, None)))

    assert 86 == severity.score
    assert not any("public" in factor for factor in severity.factors)


def seen(quality: str, provider: str | None = None, **changes) -> Severity:
    """The severity of a stop, or of what a detector says of it, seen so well."""
    match = stop(context=Surroundings(seen=quality), **changes)
    if provider is None:
        return severity_of(match)
    own = {"event.provider": provider, "anomaly.type": "any"}
    return severity_of(match._replace(event=match.event.derive("ot_anomaly", own)))


@pytest.mark.parametrize("quality", ["lossy", "one_sided", "blind"])
def test_what_loss_alone_can_feign_counts_less_where_not_all_was_seen(quality):
    whole, badly = seen("good", "watchdog"), seen(quality, "watchdog")

    assert round(whole.score * 0.7) == badly.score
    assert f"the sensor's view of it is {quality} 0.7" in badly.factors


def test_an_answer_that_is_missing_counts_less_where_not_all_was_seen():
    assert seen("lossy", anomalies=("unanswered",)).score < seen("good").score


def test_what_was_done_counts_the_same_however_well_the_rest_was_seen():
    assert seen("good").score == seen("lossy").score
    assert seen("good", "first_change").score == seen("lossy", "first_change").score


def test_the_detectors_that_loss_can_mislead_are_those_that_say_so():
    assert BY_LOSS == {one.name for one in watchers().detectors if one.loss_sensitive}


@pytest.mark.parametrize(
    ("client", "score"),
    [
        (AssetFacts("a-1", ("historian",)), 47),
        (AssetFacts("a-1", ("historian",), confirmed=("historian",)), 68),
        (AssetFacts("a-1", ("plc",)), 68),
    ],
)
def test_a_role_that_only_traffic_suggests_weighs_less(client, score):
    rule = replace(RULE, confidence=0.75, guessed_roles=("historian",))

    assert score == weighed(rule=rule, client=client).score


def test_what_was_done_in_part_weighs_as_much_as_what_was_done():
    done, partly, refused = (
        severity_of(Match(RULE, event_from_transaction(replace(STOP, status=status)))).score
        for status in ("ok", PARTLY_REFUSED, "object_access_denied")
    )

    assert done == partly > refused
