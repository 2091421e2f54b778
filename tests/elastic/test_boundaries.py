"""Over which boundary something went, as documents say it."""

from __future__ import annotations

import dataclasses

import pytest
from elastic_drafts import SENSOR, a_device, an_alert, said
from places import PCAPS
from records import Conversation

import otmon
from otmon.config import Config, load
from otmon.model.alert import (
    AlertAnomaly,
)
from otmon.model.context import AssetFacts
from otmon.sensor_identity import sensor_of
from otmon.shipping import Shipping
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.documents import Draft, Talked
from otmon.site_description import Site


@pytest.mark.parametrize(
    ("zones", "kind", "expected"),
    [
        (("office", "control"), "zone_violation", ["cell", "policy"]),
        (("office", "control"), "purdue_skip", "cell"),
        ((None, None), "zone_violation", ["policy"]),
    ],
)
def test_what_no_conduit_lets_pass_is_over_a_boundary_of_the_policy(zones, kind, expected):
    ends = dict(zip(("10.0.0.66", "10.0.0.11"), zones, strict=True))
    one = an_alert(anomaly=AlertAnomaly(kind, "no conduit", "s7comm", None))
    told = documents.alert(SENSOR, one, lambda at: a_device(ends[at]))

    found = said(told)["otmon"]["boundary"]
    assert (True, expected) == (found["crossing"], found["kind"])


def test_an_alert_on_a_missing_conduit_keeps_what_kind_of_boundary_it_is():
    waterworks = load(PCAPS / "sites" / "waterworks.toml")
    found = otmon.analyze(PCAPS / "inventory" / "laptop.pcapng", config=waterworks)
    devices = {ip: asset for asset in found.assets for ip in asset.ip}
    told = [documents.alert(SENSOR, one, devices.get).fields for one in found.alerts]

    assert [("inventory", ["it_ot", "policy"])] == [
        (one["event.provider"], one["otmon.boundary.kind"])
        for one in told
        if one["message"] == "Conversation between zones without a conduit"
    ]
    assert {"it_ot"} == {
        one["otmon.boundary.kind"]
        for one in told
        if isinstance(one.get("otmon.boundary.kind"), str)
    }


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        ("10.0.0.66", "10.0.0.11", ("ipv4", "internal", None)),
        ("8.8.8.8", "10.0.0.11", ("ipv4", "inbound", "internet")),
        ("fd00::1", "2600::2", ("ipv6", "outbound", "internet")),
    ],
)
def test_traffic_with_the_internet_crosses_a_boundary_whatever_zones_there_are(
    client, server, expected
):
    alert = an_alert(client=client, server=server)
    body = said(documents.alert(SENSOR, alert, lambda _: None))

    kind = body["otmon"].get("boundary", {}).get("kind")
    assert expected == (body["network"]["type"], body["network"]["direction"], kind)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (None, ("inbound", "internet")),
        ({"routed": True}, ("inbound", "internet")),
        ({"routed": False}, ("internal", None)),
    ],
)
def test_a_device_with_a_public_address_on_this_network_is_none_of_the_internet(device, expected):
    far = None if device is None else dataclasses.replace(a_device(None), **device)
    one = documents.alert(
        SENSOR, an_alert(client="8.8.8.8"), lambda at: far if at == "8.8.8.8" else None
    )

    assert expected == directed(one)
    facts = None if far is None else AssetFacts("a-1", public=far.routed)
    talk = Conversation(client_ip="8.8.8.8")
    assert expected == directed(
        documents.conversation(
            SENSOR, talk, Talked(), lambda ip, *_: facts if ip == "8.8.8.8" else None
        )
    )


def test_a_public_network_of_the_site_is_none_of_the_internet():
    config = dataclasses.replace(Config(), site=Site(networks=("8.8.0.0/16",)))
    one = an_alert(client="8.8.8.8")

    assert ("internal", None) == directed(documents.alert(sensor_of(config), one, lambda _: None))
    shipping = Shipping(Config(), SENSOR)
    shipping.renew(config)
    assert ("internal", None) == directed(documents.alert(shipping.sensor, one, lambda _: None))


def directed(draft: Draft) -> tuple[str, str | None]:
    fields = draft.fields
    return fields["network.direction"], fields.get("otmon.boundary.kind")
