"""Documents fit the templates, whatever is found."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import PCAPS, ROOT
from records import START, Behaviour, Conversation, Transaction

import otmon
from otmon.alerts.said import MAX_WORDS
from otmon.config import Config, load
from otmon.evidence.excerpt import FRAME_BYTES
from otmon.fields import FIELDS
from otmon.model.advisory import Match
from otmon.model.alert import (
    LEVELS,
    Alert,
    AlertAnomaly,
    AlertBaseline,
    AlertEvidence,
    AlertRule,
    Excerpt,
    Violation,
)
from otmon.model.asset import Asset, Evidence
from otmon.model.context import AssetFacts
from otmon.model.document import Time
from otmon.model.tactic import TACTICS
from otmon.ruleset.site import site_rules
from otmon.ruleset.stored import STORED
from otmon.shipping import Shipping, sensor_of
from otmon.sinks.elastic import documents, templates
from otmon.sinks.elastic.catalogue import ECS, MOST_FIELDS, STREAMS, common, fields_of
from otmon.sinks.elastic.documents import Draft, Sensor, Talked, Update
from otmon.sinks.elastic.documents.draft import moment
from otmon.sinks.elastic.documents.parties import community_id
from otmon.sinks.elastic.tactics import threat_fields
from otmon.sinks.outbox import Document
from otmon.site_description import Site

SENSOR = Sensor("plant:tap-1", "plant", "tap-1", interfaces=("eth1",))
TIMES = st.integers(-(2**62), 2**62)
TEXT = st.text(max_size=8)
OPTIONAL = st.none() | TEXT
SMALL = st.integers(0, 2**31)
NUMBERS = st.floats()
DURATIONS = st.floats(0, 2.0**63)
ADDRESSES = st.none() | st.sampled_from(
    ["10.0.0.1", "fe80::1", "00:00:5e:00:53:01", "10.0.0.1%x", "", "plc"]
)
TECHNIQUES = st.lists(st.sampled_from(["T0858", "T1692.001", "T0816", "T9999"])).map(tuple)


def texts(size: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(TEXT, max_size=size).map(tuple)


EVIDENCE = st.builds(Evidence, confidence=st.floats(0, 1))
ASSETS = st.builds(
    Asset,
    evidence=st.lists(EVIDENCE, max_size=2).map(tuple),
    ip=st.lists(ADDRESSES.filter(bool), max_size=2).map(tuple),
    mac=st.lists(st.just("00:00:5e:00:53:01"), max_size=1).map(tuple),
    first_seen=TIMES,
    last_seen=TIMES,
    purdue_level=st.none() | st.floats(0, 5),
    vlan=st.none() | SMALL,
    unit=st.none() | SMALL,
)
BASELINES = st.builds(AlertBaseline, novel=texts(), first_seen=st.none() | TIMES)
ANOMALIES = st.builds(AlertAnomaly, since=st.none() | TIMES)
VIOLATIONS = st.builds(Violation, first_seen=TIMES, last_seen=TIMES, count=SMALL)
ALERTS = st.builds(
    Alert,
    id=SMALL,
    rule=st.builds(AlertRule),
    level=st.sampled_from(LEVELS),
    severity=st.integers(0, 100),
    confidence=st.floats(0, 1),
    techniques=TECHNIQUES,
    first_seen=TIMES,
    last_seen=TIMES,
    count=SMALL,
    client=ADDRESSES,
    server=ADDRESSES,
    violations=st.lists(VIOLATIONS, max_size=3).map(tuple),
    evidence=st.builds(AlertEvidence, frames=st.lists(SMALL, max_size=3).map(tuple)),
    muted_until=st.none() | TIMES,
    related=st.lists(SMALL, max_size=3).map(tuple),
    folded=SMALL,
    storm=st.none(),
    previous=st.none(),
    provider=st.none() | st.sampled_from(["rules", "watchdog"]),
    baseline=st.none() | BASELINES,
    anomaly=st.none() | ANOMALIES,
)


@dataclasses.dataclass(frozen=True)
class Counted(Behaviour):
    """A behaviour with its counts."""

    id: str = "b-1"
    new: bool = True
    count: int = 7
    last_seen_ns: int = START
    period_ns: float | None = None
    period_deviation_ns: float | None = None
    latency_ns: float | None = None
    values: Any = None
    intervals: tuple[tuple[int, int], ...] = ((100, 139),)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What values a behaviour had."""

    min: float | None
    max: float | None


FACTS = st.none() | st.builds(
    AssetFacts, purdue_level=st.none() | st.floats(0, 5), zone=OPTIONAL, is_new=st.booleans()
)
BEHAVIOURS = st.builds(
    Counted,
    client_ip=st.sampled_from([None, "10.0.0.1", "fe80::1"]),
    operation_class=st.sampled_from(["read", "write", "program_download"]),
    values=st.none() | st.builds(Facts, st.none() | NUMBERS, st.none() | NUMBERS),
    period_ns=st.none() | DURATIONS,
    latency_ns=st.none() | DURATIONS,
    target=OPTIONAL,
    unit=st.none() | SMALL,
    status=st.sampled_from([None, "ok", "illegal_function"]),
    status_code=st.none() | SMALL,
    count=st.integers(1, 2**40),
    first_seen_ns=TIMES,
    last_seen_ns=TIMES,
)
CONVERSATIONS = st.builds(
    Conversation,
    protocol=st.sampled_from([None, "modbus"]),
    vlan=st.none() | st.integers(0, 4095),
    classes=st.dictionaries(TEXT, SMALL, max_size=3),
    first_seen_ns=TIMES,
    last_seen_ns=TIMES,
)
TRANSACTIONS = st.builds(
    Transaction,
    time_ns=TIMES,
    latency_ns=st.none() | st.integers(0, 2**40),
    client_ip=st.sampled_from([None, "10.0.0.1", "fe80::1"]),
    operation_class=st.sampled_from(["read", "write", "program_download"]),
    targets=texts(),
    values=st.lists(
        st.booleans() | st.integers(-(2**63), 2**64) | NUMBERS | TEXT | st.binary(max_size=4),
        max_size=3,
    ),
    quantity=st.none() | SMALL,
    unit=st.none() | SMALL,
    status=st.sampled_from([None, "ok", "illegal_function"]),
    status_code=st.none() | SMALL,
    anomalies=texts(),
)
UPDATES = st.builds(Update, id=SMALL, time_ns=TIMES)
MATCHES = st.builds(
    Match,
    id=TEXT,
    cve=st.none() | TEXT,
    title=TEXT,
    score=st.none() | st.floats(0, 10),
    verdict=st.sampled_from(["affected", "maybe"]),
    why=TEXT,
    source=TEXT,
)
EXCERPTS = st.lists(
    st.tuples(st.integers(1, 2**40), st.binary(max_size=FRAME_BYTES)), max_size=10
).map(lambda parts: Excerpt(tuple(n for n, _ in parts), tuple(data.hex() for _, data in parts)))
DRAFTS = st.one_of(
    st.builds(lambda one, asset, excerpt:
              documents.alert(SENSOR, one, lambda _: asset, excerpt),
              ALERTS, st.none() | ASSETS, st.none() | EXCERPTS),
    st.builds(lambda one, update: documents.alert_update(SENSOR, one, update, lambda _: None),
              ALERTS, UPDATES),
    st.builds(lambda one, before, facts:
              documents.operation(SENSOR, one, before, lambda *_: facts),
              BEHAVIOURS, st.sampled_from([0, 1]), FACTS),
    st.builds(lambda one, facts: documents.conversation(SENSOR, one, Talked(), lambda *_: facts),
              CONVERSATIONS, FACTS),
    st.builds(lambda one, revision: documents.asset_latest(SENSOR, one, revision), ASSETS, SMALL),
    st.builds(lambda one, index, facts:
              documents.notable(SENSOR, one, "b-1", index, lambda *_: facts),
              TRANSACTIONS, st.integers(0, 3), FACTS),
    st.builds(lambda one, revision, changed:
              documents.asset_change(SENSOR, one, revision, "changed", changed),
              ASSETS, SMALL, texts()),
    st.builds(lambda asset, match: documents.vulnerabilities(
        SENSOR, dataclasses.replace(asset, advisories=(match,)), 1, ())[0], ASSETS, MATCHES),
    st.builds(lambda time_ns, packets: documents.sensor_health(
        SENSOR, time_ns, {"packets": packets, "cpu_pct": 1.5, "capture_interfaces": ["eth1"]}),
        TIMES, SMALL),
)  # fmt: skip


def leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def fits(kind: str, value: Any) -> bool:
    if isinstance(value, list):
        return all(fits(kind, one) for one in value)
    match kind:
        case "keyword" | "text" | "ip":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "long":
            return (
                isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
            )
        case "float" | "double":
            most = 3.4028234e38 if kind == "float" else float("inf")
            return (
                isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < most
            )
        case "date":
            return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(value)))
    return False


def stream_of(draft: Draft) -> str:
    return documents.target(draft.stream, "").removesuffix("-")


def whole(draft: Draft, sequence: int = 1, sensor: Sensor = SENSOR) -> Document:
    made = documents.finished(sensor, draft, sequence, START)
    return made[0] if isinstance(made, tuple) else made


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAFTS)
def test_every_field_is_in_the_template_of_its_stream_with_a_fitting_type(draft):
    known = fields_of(stream_of(draft))
    body = json.loads(whole(draft).body)

    assert [] == [
        (name, known.get(name), value)
        for name, value in leaves(body)
        if not fits(known.get(name, ""), value)
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAFTS)
def test_the_same_thing_has_the_same_id_and_event_stands_in_front(draft):
    document = whole(draft)
    body = json.loads(document.body)

    assert document.id == body["event"]["id"]
    assert re.fullmatch(r"[0-9a-f]{32}", document.id)
    assert document.body.startswith(b'{"event":{"')
    assert {"alert", "event", "asset", "metric"} >= {body["event"]["kind"]}


@pytest.mark.parametrize("stream", STREAMS)
def test_no_index_maps_more_fields_than_it_may(stream):
    assert templates.mapped_count(templates.mapping(fields_of(stream))) <= MOST_FIELDS


def test_no_field_is_declared_twice():
    for own in STREAMS.values():
        assert not set(own) & set(ECS)
        assert not set(own) & set(common())


@pytest.mark.parametrize("stream", STREAMS)
def test_no_field_is_an_object_and_a_value_at_once(stream):
    names = fields_of(stream)

    assert [] == [name for name in names for other in names if other.startswith(f"{name}.")]


TRAPS = {
    r"_ip$": {"ip"},
    r"\.(start|end|created|timestamp)$": {"date"},
    r"_score": {"float"},
    r"\.(location|usage)$": set(),
    r"(imports|exports)$": {"flattened"},
}


@pytest.mark.parametrize("pattern", TRAPS)
def test_no_field_is_named_so_that_rules_by_name_would_take_it_for_something_else(pattern):
    names = {**ECS, **common(), **{k: v for own in STREAMS.values() for k, v in own.items()}}
    wrong = {
        name: kind
        for name, kind in names.items()
        if re.search(pattern, name) and kind not in TRAPS[pattern]
    }

    assert {} == wrong


def test_the_committed_templates_are_current():
    assert [] == [name for name, text in templates.files() if templates.committed(name) != text]


def test_a_sub_technique_comes_with_its_parent_its_tactic_and_its_id_of_v18():
    fields = threat_fields(["T1692.001"])

    assert ["T1692"] == fields["threat.technique.id"]
    assert ["T1692.001"] == fields["threat.technique.subtechnique.id"]
    assert "T0855" in fields["otmon.attack.legacy_ids"]
    assert set(fields["threat.tactic.id"]) <= set(TACTICS.values())


def test_every_technique_has_a_tactic_with_an_id():
    from otmon.ruleset.attack import techniques

    assert set(TACTICS) >= {slug for one in techniques().values() for slug in one.tactics}


def an_alert(**changes: Any) -> Alert:
    plain = Alert(
        id=3, fingerprint="f", rule=AlertRule("r", "S7 controller stopped", "critical", "1"),
        techniques=("T0858",), technique_names=("Change Operating Mode",), severity=86,
        level="critical", confidence=0.95, first_seen=Time(START), last_seen=Time(START), count=1,
        client="10.0.0.66", server="10.0.0.11", protocol="s7comm", message="It was stopped.",
        why=("w",),
        violations=(Violation("plc_stop", "pi", None, "ok", 1, Time(START), Time(START)),),
        violations_left_out=0, evidence=AlertEvidence("a.pcapng", (1, 2), ()), triage=("Look.",),
        false_positives=(),
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def a_device(zone: str | None) -> Asset:
    names = [one.name for one in dataclasses.fields(Asset)]
    lists = ("mac", "ip", "roles", "role_candidates", "confirmed_roles", "protocols", "modules")
    some = {"id": f"a-{zone}", "zone": zone, "evidence": (), "advisories": ()}
    return Asset(**{**dict.fromkeys(names), **dict.fromkeys(lists, ()), **some})


def test_an_alert_says_in_ecs_what_was_done_to_whom():
    body = json.loads(whole(documents.alert(SENSOR, an_alert(), lambda _: None)).body)

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
    body = json.loads(whole(documents.alert(SENSOR, one, lambda _: None)).body)

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
    body = json.loads(whole(documents.alert(SENSOR, an_alert(), lambda _: None)).body)

    assert not {"baseline", "anomaly"} & set(body)
    assert "provider" not in body["event"]


@pytest.mark.parametrize(
    "name", ["baseline.expected", "baseline.observed", "anomaly.expected", "anomaly.observed"]
)
def test_what_was_said_is_never_too_long_for_the_index(name):
    root, leaf = name.split(".")
    mapped = templates.mapping(fields_of("logs-otmon.alert"))

    assert mapped[root]["properties"][leaf]["ignore_above"] >= MAX_WORDS


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

    said = json.loads(whole(told).body)["otmon"]["boundary"]
    assert (True, expected) == (said["crossing"], said["kind"])


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


@given(ASSETS.map(lambda one: dataclasses.replace(one, id="a-c5pbb55qrz")))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_id_of_a_device_finds_its_alerts_and_its_history(asset):
    raised = documents.alert(SENSOR, an_alert(), lambda _: asset)
    changed = documents.asset_change(SENSOR, asset, 1, "changed", ())

    for draft in (raised, changed):
        assert asset.id in json.loads(whole(draft).body)["related"]["hosts"]


def test_what_a_converted_rule_may_ask_of_stored_operations_is_what_they_have():
    seen: set[str] = set()

    @given(BEHAVIOURS, FACTS)
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def collect(one, facts):
        seen.update(documents.operation(SENSOR, one, 0, lambda *_: facts).fields)

    collect()
    assert STORED == seen & set(FIELDS)


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
    told = [json.loads(whole(one).body) for one in (found, gone)]
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


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (("tcp", "128.232.110.120", 34855, "66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("tcp", "66.35.250.204", 80, "128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("ethernet", None, None, None, None), None),
    ],
)
def test_a_flow_has_the_id_that_other_programs_give_it(flow, expected):
    """The first is that of the specification's own example."""
    assert expected == community_id(*flow)


def test_what_is_known_of_a_rule_stands_on_its_alerts():
    rule = next(one.rule for one in site_rules(Config()).rules if one.rule.references)
    body = json.loads(whole(documents.alert(SENSOR, an_alert(), lambda _: None, None, rule)).body)

    assert (rule.description, rule.impact, [*rule.references], rule.references[0]) == (
        body["rule"]["description"],
        body["rule"]["category"],
        body["rule"]["reference"],
        body["event"]["reference"],
    )


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
    body = json.loads(whole(documents.alert(SENSOR, alert, lambda _: None)).body)

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


def test_an_update_of_an_alert_is_no_alert():
    update = Update(9, "acknowledged", START, "kim", "known work")
    body = json.loads(
        whole(documents.alert_update(SENSOR, an_alert(count=4), update, lambda _: None)).body
    )

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


def test_an_operation_counts_only_its_interval():
    first = documents.operation(SENSOR, Counted(count=5), 0, lambda *_: None, new=True)
    second = documents.operation(
        SENSOR, Counted(count=12, last_seen_ns=START + 60), 5, lambda *_: None
    )

    assert (5, "new") == tuple(first.fields[f"otmon.behaviour.{n}"] for n in ("count", "state"))
    assert (7, "known") == tuple(second.fields[f"otmon.behaviour.{n}"] for n in ("count", "state"))
    assert first.id != second.id


def test_a_document_that_is_too_big_loses_what_matters_least_and_says_so():
    draft = documents.alert(SENSOR, an_alert(triage=("x" * 5000,)), lambda _: None)
    made = documents.finished(SENSOR, draft, 1, START, most_bytes=4000)

    assert not isinstance(made, tuple)
    body = json.loads(made.body)
    assert body["otmon"]["trimmed"] is True
    assert "triage" not in body["otmon"]["alert"]


def test_a_document_that_is_too_big_loses_its_bytes_before_its_words():
    excerpt = Excerpt((1,), ("00" * 4000,))
    draft = documents.alert(SENSOR, an_alert(), lambda _: None, excerpt)
    made = documents.finished(SENSOR, draft, 1, START, most_bytes=4000)

    assert not isinstance(made, tuple)
    body = json.loads(made.body)
    assert (True, {"ref": "a.pcapng", "frame_numbers": [1, 2]}, ["Look."]) == (
        body["otmon"]["trimmed"],
        body["otmon"]["evidence"],
        body["otmon"]["alert"]["triage"],
    )


def test_a_document_that_stays_too_big_is_a_dead_letter_with_a_reason():
    draft = documents.alert(SENSOR, an_alert(message="x" * 5000), lambda _: None)

    _, failure = documents.finished(SENSOR, draft, 1, START, most_bytes=4000)
    assert "too_big" == failure.kind


def test_every_field_that_the_documentation_names_is_there():
    text = (ROOT / "docs" / "elastic.md").read_text("utf8")
    queries = "".join(re.findall(r"```(?:kql|esql)\n(.*?)```", text, re.DOTALL))
    tables = "".join(line for line in text.splitlines(keepends=True) if line.startswith("| "))
    roots = "event|ot|otmon|client|server|source|destination|host|device|threat|network|observer"
    pattern = rf"(?<![\w.-])(?:{roots})\.[a-z_.]+[a-z_](?![\w*-])"
    named = {*re.findall(pattern, queries), *re.findall(rf"`({pattern})`", tables)}
    known = {name for stream in STREAMS for name in fields_of(stream)}
    datasets = {f"otmon.{one.rpartition('.')[2]}" for one in STREAMS}

    assert len(named) > 20
    assert set() == named - known - datasets
