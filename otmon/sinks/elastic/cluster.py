"""Whether a cluster can take what is sent: its licence, clocks, disks and blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from elasticsearch import Elasticsearch

from otmon.model.finding import FAILURE, OK, WARNING, Finding
from otmon.sinks.elastic.asking import ask
from otmon.sinks.elastic.catalogue import STREAMS

CLOCK_S = 5.0
"""Clocks may differ by so much: more than a slow answer makes."""
_FLOOD = 0.95
_HEADROOM = 100e9
"""Where Elasticsearch stops writing unless it is told otherwise."""


def licence(client: Elasticsearch) -> Iterator[Finding]:
    """Whether the licence of the server has ended."""
    answer = ask(client, "/_license")
    if isinstance(answer, int):
        return  # nothing of otmon needs one that is paid for
    found = answer.get("license", {})
    says = f"{found.get('type')}, {found.get('status')}"
    if found.get("status") == "active":
        yield Finding("licence", OK, says)
    else:
        yield Finding("licence", WARNING, says, "Renew it, or go back to the free one (basic).")


def clocks_and_disks(client: Elasticsearch, clock_ns: Callable[[], int]) -> Iterator[Finding]:
    """Whether the clocks of nodes are right, and how much room their disks have."""
    wanted = "nodes.*.name,nodes.*.timestamp,nodes.*.fs.total"
    before_s = clock_ns() / 1e9
    answer = ask(client, f"/_nodes/stats/os,fs?filter_path={wanted}")
    after_s = clock_ns() / 1e9
    if isinstance(answer, int):
        return
    share, headroom = _flood_stage(client)
    for node in answer.get("nodes", {}).values():
        name = node.get("name", "?")
        if "timestamp" in node:
            # It was noted somewhere between question and answer.
            there_s = node["timestamp"] / 1e3
            off_s = max(before_s - there_s, there_s - after_s, 0.0)
            way = "ahead of" if there_s > after_s else "behind"
            if off_s > CLOCK_S:
                yield Finding(
                    "clock",
                    WARNING,
                    f"node {name} is {off_s:,.0f} s {way} this machine",
                    "Set both by NTP: rules in Kibana look for what was ingested lately.",
                )
            else:
                yield Finding("clock", OK, f"node {name} differs by less than {CLOCK_S:.0f} s")
        total = node.get("fs", {}).get("total", {})
        if total.get("total_in_bytes"):
            yield _disk(name, total, share, headroom)


def _disk(name: str, total: Mapping[str, int], share: float, headroom: float) -> Finding:
    whole, free = total["total_in_bytes"], total.get("available_in_bytes", 0)
    least = min(whole * (1 - share), headroom)
    says = (
        f"node {name}: {free / 1e9:,.1f} GB of {whole / 1e9:,.1f} GB are free; "
        f"below {least / 1e9:,.1f} GB nothing is written"
    )
    if free < least:
        return Finding("disk", FAILURE, says, "Delete old data or add disk; what is sent waits.")
    if free < 1.5 * least:
        return Finding("disk", WARNING, says, "Delete old data or add disk before it is full.")
    return Finding("disk", OK, says)


def _flood_stage(client: Elasticsearch) -> tuple[float, float]:
    """The share of a disk at which writing stops, and the free bytes that are always enough."""
    place = "cluster.routing.allocation.disk"
    answer = ask(client, f"/_cluster/settings?include_defaults=true&filter_path=*.{place}")
    share, headroom = _FLOOD, _HEADROOM
    if isinstance(answer, int):
        return share, headroom
    for layer in ("defaults", "persistent", "transient"):
        disk = answer.get(layer, {})
        for part in place.split("."):
            disk = disk.get(part, {})
        marks = disk.get("watermark", {})
        if found := re.fullmatch(r"([\d.]+)%", str(marks.get("flood_stage", ""))):
            share = float(found[1]) / 100
        if found := re.fullmatch(r"([\d.]+)GB", str(marks.get("flood_stage.max_headroom", ""))):
            headroom = float(found[1]) * (1 << 30)
    return share, headroom


def blocks(client: Elasticsearch, namespace: str) -> Iterator[Finding]:
    """What keeps the server from writing documents of otmon."""
    answer = ask(client, "/_cluster/state/blocks")
    if isinstance(answer, int):
        return
    kept = answer.get("blocks", {})
    found: dict[str, list[str]] = {}
    for one in kept.get("global", {}).values():
        if "write" in one.get("levels", ()):
            found.setdefault(str(one.get("description")), []).append("the whole cluster")
    ours = tuple(f"{one}-{namespace}" for one in STREAMS)
    for index, by_id in kept.get("indices", {}).items():
        for one in by_id.values():
            if index.removeprefix(".ds-").startswith(ours) and "write" in one.get("levels", ()):
                found.setdefault(str(one.get("description")), []).append(index)
    for description, names in found.items():
        yield Finding(
            "blocks",
            FAILURE,
            f"{some(names)}: {description}",
            "Make room on the disks of the server; it lifts the block by itself then. One that "
            "somebody set: PUT INDEX/_settings with index.blocks.* null. What is sent waits.",
        )
    if not found:
        yield Finding("blocks", OK, "no index of otmon is blocked")


def some(names: list[str]) -> str:
    """The first of many names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
