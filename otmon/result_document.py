"""What a run took, as the document that people and programs are given."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otmon import _engine
from otmon.baseline.book import is_known
from otmon.baseline.compare import Baseline
from otmon.baseline.deviation import Deviation
from otmon.baseline.learn import learned
from otmon.inventory.inventory import Inventory
from otmon.model import result as document
from otmon.model.alert import Alert
from otmon.model.document import Deferred, Time
from otmon.model.industrial import ETHERTYPES, OFTEN_OTHERWISE, OT_PORTS, OVER_ISO_TRANSPORT
from otmon.model.link_type import link_type_name
from otmon.model.result import Result

ONE_SIDED_SHARE = 0.8
"""Share of TCP flows with one direction only from which a capture is one-sided."""
MIN_TCP_FLOWS = 5
"""Fewer flows do not tell whether a capture is one-sided."""
CARRIER = "cotp"
"""The protocol of a conversation whose messages are carried and not read."""
HANDSHAKE = 8
"""Packets that open and close a TCP connection, whatever it is for: fewer say nothing."""
MAX_KEPT = 20_000
"""Conversations and transfers that are kept of a result."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Everything that a run took, and what its parts made of it."""

    files: Sequence[_engine.CaptureFile]
    counters: Mapping[str, int]
    """What was counted, but for what never happened."""
    conversations: Collection[_engine.Conversation]
    behaviours: _engine.Behaviours
    contents: Sequence[_engine.Content]
    inventory: Inventory
    baseline: Baseline | None
    deviations: Sequence[Deviation]
    alerts: Sequence[Alert]
    interrupted: bool
    """Whether a person ended the reading."""
    rule_errors: tuple[str, ...]
    remarks: tuple[str, ...]


def result_of(taken: Taken) -> Result:
    """The document of everything taken."""
    inventory, files = taken.inventory, taken.files

    def file_name(number: int) -> str:
        return files[number].path

    return document.Result(
        otmon=document.About(_engine.version(), document.SCHEMA_VERSION),
        capture=_capture(taken),
        protocols=tuple(_protocols(taken)),
        assets=inventory.assets(file_name),
        conversations=tuple(_conversation(talk, inventory) for talk in taken.conversations),
        behaviours=Deferred(
            lambda: taken.behaviours.in_order(distinct=_has_evicted(taken)),
            lambda number: _behaviour(_known(taken.behaviours.get(number)), inventory),
        ),
        contents=tuple(_content(content, inventory) for content in taken.contents),
        baseline=None if taken.baseline is None else _normal(taken.baseline),
        deviations=tuple(map(_deviation, taken.deviations)),
        alerts=taken.alerts,
    )


def kept_parts(result: Result) -> dict[str, Any]:
    """What is kept of a result: all but what is in tables of the state, or without bound."""
    return {
        "otmon": result.otmon,
        "capture": result.capture,
        "protocols": result.protocols,
        "assets": result.assets,
        "conversations": result.conversations[:MAX_KEPT],
        "contents": result.contents[:MAX_KEPT],
        "deviations": result.deviations[:MAX_KEPT],
    }


def _has_evicted(taken: Taken) -> bool:
    """Whether one behaviour may have several numbers: one that was evicted has another."""
    return "behaviours_evicted" in taken.counters


def _known(behaviour: _engine.Behaviour | None) -> _engine.Behaviour:
    assert behaviour is not None  # its number was among those that are kept
    return behaviour


def _capture(taken: Taken) -> document.Capture:
    files, counters = taken.files, taken.counters
    first = [file.first_seen_ns for file in files if file.first_seen_ns is not None]
    last = [file.last_seen_ns for file in files if file.last_seen_ns is not None]
    tcp = [talk for talk in taken.conversations if talk.transport == "tcp"]
    flows = sum(talk.flow_count for talk in tcp)
    one_sided = counters.get("one_sided_flows", 0)
    return document.Capture(
        files=tuple(_file(file) for file in files),
        packets=counters.get("frames", 0),
        bytes=counters.get("bytes", 0),
        first_seen=Time(min(first)) if first else None,
        last_seen=Time(max(last)) if last else None,
        pdus=sum(count for name, count in counters.items() if name.startswith("pdus.")),
        gap_bytes=counters.get("tcp_gap_bytes", 0),
        duplicate_frames=counters.get("duplicate_frames", 0),
        undecoded_bytes=sum(
            count for name, count in counters.items() if name.startswith("undecoded_bytes.")
        ),
        one_sided=flows >= MIN_TCP_FLOWS and one_sided > ONE_SIDED_SHARE * flows,
        interrupted=taken.interrupted,
        rule_errors=taken.rule_errors,
        remarks=taken.remarks,
        counters=dict(counters),
        not_read=tuple(sorted(_not_read(taken), key=lambda one: (-one.packets, one.name))),
    )


def _not_read(taken: Taken) -> Iterator[document.NotRead]:
    """Industrial traffic that no dissector reads."""
    packets: Counter[tuple[str, str]] = Counter()
    conversations: Counter[tuple[str, str]] = Counter()
    for talk in taken.conversations:
        if name := _unread_name(talk):
            key = (name, talk.protocol or f"{talk.transport}/{talk.server_port}")
            packets[key] += talk.packets
            conversations[key] += 1
    for (name, told_by), count in packets.items():
        yield document.NotRead(name, told_by, conversations[name, told_by], count)
    for kind, name in ETHERTYPES.items():
        if frames := taken.counters.get(f"ethertypes.{kind:04x}"):
            yield document.NotRead(name, f"ethertype 0x{kind:04x}", None, frames)


def _unread_name(talk: _engine.Conversation) -> str | None:
    """What industrial traffic a conversation is that no dissector reads."""
    if talk.protocol == CARRIER:
        return OVER_ISO_TRANSPORT if talk.packets >= HANDSHAKE + 2 * talk.pdus else None
    port = (talk.transport, talk.server_port)
    if talk.protocol is not None or port in _telling_nothing():
        return None
    if talk.transport == "tcp" and talk.packets < HANDSHAKE:
        return None
    return OT_PORTS.get(port)


@functools.cache
def _telling_nothing() -> frozenset[tuple[str, int]]:
    """Ports that are no sign of something unread: of protocols that are read, or of others too."""
    return OFTEN_OTHERWISE | frozenset(
        (transport, port)
        for info in _engine.protocols()
        for transport, ports in (("tcp", info.tcp_ports), ("udp", info.udp_ports))
        for port in ports
    )


def _protocols(taken: Taken) -> Iterator[document.Protocol]:
    counters = taken.counters
    anomalies = taken.behaviours.anomaly_counts(distinct=_has_evicted(taken))
    by_protocol: dict[str | None, list[_engine.Conversation]] = {}
    for talk in taken.conversations:
        by_protocol.setdefault(talk.protocol, []).append(talk)
    for info in _engine.protocols():
        talks = by_protocol.get(info.name, [])
        if not counters.get(f"pdus.{info.name}"):
            continue
        yield document.Protocol(
            name=info.name,
            flows=sum(talk.flow_count for talk in talks),
            pdus=counters[f"pdus.{info.name}"],
            anomalies=anomalies.get(info.name, {}),
            identified_by=tuple(sorted({t.identified_by for t in talks if t.identified_by})),
        )


def _deviation(one: Deviation) -> document.Deviation:
    return document.Deviation(
        statement=one.statement.id,
        state=one.statement.state,
        novel=one.novel,
        nearest=one.nearest,
        expected=one.expected,
        observed=one.observed,
        first_seen=Time(one.first_ns),
        last_seen=Time(one.last_ns),
        count=one.count,
        frames=tuple(number for _, number in one.frames),
    )


def _file(file: _engine.CaptureFile) -> document.CaptureFile:
    return document.CaptureFile(
        path=file.path,
        format=file.format,
        link_types=tuple(map(link_type_name, file.link_types)),
        packets=file.packets,
        bytes=file.bytes,
        first_seen=_time(file.first_seen_ns),
        last_seen=_time(file.last_seen_ns),
        truncated=file.truncated,
        skipped_bytes=file.skipped_bytes,
        error=file.error,
    )


def _normal(baseline: Baseline) -> document.Normal:
    book = baseline.book
    return document.Normal(
        sources=baseline.sources,
        statements=sum(map(is_known, book.statements())),
        left_out=book.evicted_count + book.left_out_count,
        edges=tuple(
            document.LearnedEdge(
                client=book.name(edge.client),
                server=book.name(edge.server),
                protocol=edge.protocol,
                state="enforcing" if edge.enforcing else "learning",
                statements=known.keys,
                late_share=round(known.late_share, 4),
                unsaturated=edge.unsaturated,
            )
            for edge, known in learned(book)
        ),
    )


def _time(time_ns: int | None) -> Time | None:
    return None if time_ns is None else Time(time_ns)


def _conversation(talk: _engine.Conversation, inventory: Inventory) -> document.Conversation:
    vlan, client_ip, server_ip = talk.vlan, talk.client_ip, talk.server_ip
    return document.Conversation(
        client=inventory.asset_id(client_ip, talk.client_mac, vlan),
        server=inventory.asset_id(server_ip, talk.server_mac, vlan),
        client_ip=client_ip,
        server_ip=server_ip,
        protocol=talk.protocol,
        transport=talk.transport,
        port=talk.server_port,
        first_seen=Time(talk.first_seen_ns),
        last_seen=Time(talk.last_seen_ns),
        flows=talk.flow_count,
        packets=talk.packets,
        bytes=talk.bytes,
        pdus=talk.pdus,
        classes=talk.classes,
        failures=talk.failure_count,
        one_sided=talk.one_sided,
        gap_bytes=talk.gap_bytes,
        not_read=_unread_name(talk),
    )


def _behaviour(behaviour: _engine.Behaviour, inventory: Inventory) -> document.Behaviour:
    vlan, facts = behaviour.vlan, behaviour.values
    return document.Behaviour(
        id=behaviour.id,
        client=inventory.asset_id(behaviour.client_ip, behaviour.client_mac, vlan),
        server=inventory.asset_id(behaviour.server_ip, behaviour.server_mac, vlan),
        protocol=behaviour.protocol,
        role=behaviour.role,
        unit=behaviour.unit,
        operation=behaviour.operation,
        function_code=behaviour.function_code,
        operation_class=behaviour.operation_class,
        target=behaviour.target,
        intervals=tuple(
            str(first) if first == last else f"{first}-{last}"
            for first, last in behaviour.intervals
        ),
        status=behaviour.status,
        answered=behaviour.answered,
        count=behaviour.count,
        first_seen=Time(behaviour.first_seen_ns),
        last_seen=Time(behaviour.last_seen_ns),
        period_ms=_milliseconds(behaviour.period_ns),
        latency_ms=_milliseconds(behaviour.latency_ns),
        values=facts and _values(facts),
        anomalies=behaviour.anomalies,
        overflow=behaviour.overflow,
    )


def _values(facts: _engine.ValueFacts) -> document.Values:
    last = facts.last
    return document.Values(
        kind=facts.kind,
        min=facts.min,
        max=facts.max,
        last=last.hex() if isinstance(last, bytes) else last,
        changes=facts.change_count,
    )


def _milliseconds(duration_ns: float | None) -> float | None:
    """Rounded to the microsecond, which is what most captures have."""
    return None if duration_ns is None else round(duration_ns / 1e6, 3)


def _content(content: _engine.Content, inventory: Inventory) -> document.Content:
    return document.Content(
        client=inventory.asset_id(content.client_ip, content.client_mac, content.vlan),
        server=inventory.asset_id(content.server_ip, content.server_mac, content.vlan),
        protocol=content.protocol,
        kind=content.kind,
        name=content.name,
        to_server=content.to_server,
        size=content.size,
        sha256=content.sha256,
        complete=content.complete,
        first_seen=Time(content.first_seen_ns),
        last_seen=Time(content.last_seen_ns),
        frames=tuple(number for _, number in content.frames),
    )
