"""How a live run is doing, for people: what a screen or a log shows of it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from otmon.model.alert import Alert
from otmon.model.document import render_time
from otmon.model.notice import Sight
from otmon.model.statement import Edge

HOUR_NS = 3_600 * 1_000_000_000
MAX_EDGES = 8
"""Edges whose learning is shown, those with the latest news."""
QUIET_S = 10.0
"""A mirror port without a frame for so long is worth a word."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an edge is learned that is not learned yet."""

    client: str
    server: str
    protocol: str
    share: float
    """From 0 to 1, which is learned."""
    new_ns: int
    """Packet time at which something new was seen on it last."""


@dataclass(frozen=True, slots=True)
class News:
    """An alert that people have to be told of, and why now."""

    kind: str
    """`raised`, `level`, `count` or `reopened`; or what somebody made of it."""
    alert: Alert
    author: str | None
    """Who did that; none where it was the traffic."""


@dataclass(frozen=True, slots=True)
class View:
    """How a run is doing, for people."""

    site: str
    state: str
    uptime_s: float
    interfaces: tuple[Sight, ...]
    device_count: int
    conversation_count: int
    learning_count: int
    """Edges of the baseline (who asks whom in which protocol) that are still learned."""
    enforcing_count: int
    """Those from which every departure is told."""
    protocols: tuple[tuple[str, int], ...]
    """Each industrial protocol with its PDUs so far, most first."""
    learned: Mapping[str, tuple[int, int]]
    """Of each protocol the edges that are learned, and all."""
    edges: tuple[Progress, ...]
    """Edges that are still learned, the one with the latest news first."""
    confined: bool
    """Whether the kernel refuses the sensor every file but its own."""
    open_by_level: Mapping[str, int]
    """Alerts of the state that nobody has settled, by level."""
    latest: tuple[News, ...]
    """The latest first."""
    left_out: int
    """Observations that Python was too slow for."""
    remarks: tuple[str, ...]
    """What could not be read or written."""
    problems: tuple[tuple[str, str], ...]
    """What else is wrong with the sensor, by what it is."""


def learned_of(edges: Iterable[Edge]) -> dict[str, tuple[int, int]]:
    """Of each protocol the edges that are learned, and all."""
    learned: dict[str, tuple[int, int]] = {}
    for edge in edges:
        done, every = learned.get(edge.protocol, (0, 0))
        learned[edge.protocol] = (done + edge.enforcing, every + 1)
    return learned


def progress(
    edges: Iterable[Edge], name: Callable[[str], str], quiet_hours: float, learning_days: float
) -> Iterator[Progress]:
    """The edges with the latest news, of those that are still learned.

    Args:
        edges: All of them.
        name: Gives what people call a device, by its id.
        quiet_hours: After so long without anything new an edge is learned.
        learning_days: After so long it is learned in any case.
    """
    learning = (edge for edge in edges if not edge.enforcing)
    for edge in heapq.nlargest(MAX_EDGES, learning, key=lambda one: one.new_ns):
        quiet = edge.quiet_ns / max(quiet_hours * HOUR_NS, 1)
        lasted = (edge.last_seen_ns - edge.first_seen_ns) / HOUR_NS
        share = max(quiet, lasted / max(learning_days * 24, 1e-9))
        ends = name(edge.client), name(edge.server)
        yield Progress(*ends, edge.protocol, min(share, 1.0), edge.new_ns)


def faults_of(view: View) -> dict[str, str]:
    """What is wrong with the sensor, in words that may change, by what it is."""
    found = {remark: remark for remark in view.remarks}
    for sight in view.interfaces:
        name = sight.name
        if not sight.running:
            found[f"{name} link"] = f"{name} has no link: check the cable and the mirror port"
        elif (view.uptime_s if sight.quiet_s is None else sight.quiet_s) > QUIET_S:
            found[f"{name} quiet"] = f"{name} shows no frame: check the mirror port of the switch"
        if sight.dropped:
            at = (
                ""
                if sight.lost_ns is None
                else f", the last at {render_time(sight.lost_ns)[11:19]}"
            )
            found[f"{name} lost"] = f"{name} lost frames: {_share(sight)}{at}; see `otmon doctor`"
        if sight.sent:
            found[f"{name} sends"] = (
                f"{name} sends: this machine has an address or a service on it; see `otmon doctor`"
            )
    # What is said in the same words is said once.
    for key, words in view.problems:
        if words not in found.values():
            found[key] = words
    if view.left_out:
        words = f"{view.left_out:,} observations were left out: this machine is too slow"
        found["left out"] = words
    return found


def _share(sight: Sight) -> str:
    seen = sight.packets + sight.dropped
    return f"{sight.dropped:,} of {seen:,} ({100 * sight.dropped / seen:.3g} %)"
