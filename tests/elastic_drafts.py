"""Whatever documents can be made of, for tests of what they hold."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hypothesis import strategies as st
from records import START, Behaviour, Conversation, Transaction

from otmon.evidence.excerpt import FRAME_BYTES
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
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.documents import Draft, Sensor, Talked, Update
from otmon.sinks.outbox import Document

SENSOR = Sensor(
    "plant:tap-1", "plant", "tap-1", interfaces=("eth1",), ip=("192.0.2.7",), tags=("hall-2",)
)
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
    server_ports=st.lists(st.integers(1, 65_535), max_size=3).map(tuple),
    peer_count=SMALL,
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
    fields=st.dictionaries(
        st.sampled_from(["modbus.transaction_id", "modbus.events"]), SMALL | TEXT | st.binary()
    ),
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
    names = [one.name for one in dataclasses.fields(Asset) if one.default is dataclasses.MISSING]
    lists = ("mac", "ip", "roles", "role_candidates", "confirmed_roles", "protocols", "modules")
    some = {
        "id": f"a-{zone}",
        "zone": zone,
        "evidence": (),
        "first_seen": START,
        "last_seen": START,
    }
    return Asset(**{**dict.fromkeys(names), **dict.fromkeys(lists, ()), **some})


def whole(draft: Draft, sequence: int = 1, sensor: Sensor = SENSOR) -> Document:
    made = documents.finished(sensor, draft, sequence, START)
    return made[0] if isinstance(made, tuple) else made


def said(draft: Draft, sensor: Sensor = SENSOR) -> dict[str, Any]:
    """What a document says, as it is sent."""
    found: dict[str, Any] = json.loads(whole(draft, sensor=sensor).body)
    return found
