"""What documents of devices and of their weaknesses say."""

from __future__ import annotations

import dataclasses

from elastic_drafts import ASSETS, SENSOR, a_device, an_alert, said
from hypothesis import HealthCheck, given, settings

from otmon.model.advisory import Match
from otmon.sinks.elastic import documents


@given(ASSETS.map(lambda one: dataclasses.replace(one, id="a-c5pbb55qrz")))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_id_of_a_device_finds_its_alerts_and_its_history(asset):
    raised = documents.alert(SENSOR, an_alert(), lambda _: asset)
    changed = documents.asset_change(SENSOR, asset, 1, "changed", ())

    for draft in (raised, changed):
        assert asset.id in said(draft)["related"]["hosts"]


@given(ASSETS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_weakness_is_told_once_and_again_when_the_advisory_says_otherwise(device):
    match = Match("SSA-1", "CVE-2099-1", "t", 9.8, "affected", "firmware V1", "a.csv")
    weak = dataclasses.replace(device, advisories=(match,))
    sound = dataclasses.replace(device, advisories=(dataclasses.replace(match, verdict="not"),))

    (found,) = documents.vulnerabilities(SENSOR, weak, 1, ())
    assert [] == documents.vulnerabilities(SENSOR, weak, 2, weak.advisories)
    (gone,) = documents.vulnerabilities(SENSOR, sound, 3, weak.advisories)
    assert [] == documents.vulnerabilities(SENSOR, sound, 3, ())
    told = [said(one) for one in (found, gone)]
    assert [("affected", "CVE-2099-1"), ("resolved", "CVE-2099-1")] == [
        (one["otmon"]["vulnerability"]["status"], one["vulnerability"]["id"]) for one in told
    ]
    assert ("Critical", ["CVE-2099-1"]) == (
        told[0]["vulnerability"]["severity"],
        told[0]["otmon"]["asset"]["cves"],
    )
    (again,) = documents.vulnerabilities(SENSOR, weak, 4, sound.advisories)
    assert 3 == len({found.id, gone.id, again.id})


@given(ASSETS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_weakness_that_no_list_names_any_more_is_neither_open_nor_resolved(device):
    match = Match("SSA-1", "CVE-2099-1", "t", 9.8, "maybe", "firmware V1", "a.csv")
    bare = dataclasses.replace(device, advisories=())

    (lost,) = documents.vulnerabilities(SENSOR, bare, 2, (match,))
    assert ("unknown", "vulnerability-unknown") == (
        lost.fields["otmon.vulnerability.status"],
        lost.fields["event.action"],
    )
    assert "No list names it" in lost.fields["otmon.vulnerability.reason"]
    sound = dataclasses.replace(match, verdict="not")
    assert [] == documents.vulnerabilities(SENSOR, bare, 3, (sound,))


def test_a_device_says_at_which_ports_and_units_it_answers_and_how_many_it_speaks_with():
    device = dataclasses.replace(
        a_device(None), gateway=None, server_ports=(502,), peer_count=2, stations=("modbus:3",)
    )
    told = said(documents.asset_latest(SENSOR, device, 1))["otmon"]["asset"]

    assert ([502], 2, ["modbus:3"]) == tuple(
        told[name] for name in ("server_ports", "peers_count", "fieldbus_addresses")
    )
    behind = dataclasses.replace(device, gateway="a-1")
    assert "peers_count" not in said(documents.asset_latest(SENSOR, behind, 1))["otmon"]["asset"]
