"""How an outbox is, in words: what waits, what was lost, what is never taken, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otmon.model.document import render_time
from otmon.model.finding import FAILURE, OK, WARNING, Finding
from otmon.sinks.dead_letters import Buried
from otmon.sinks.outbox import Bounds, Status

LONG_S = 3_600.0
"""After so many seconds in the outbox somebody should look why."""
NEARLY_FULL = 0.8
RECENT_NS = 3_600_000_000_000
"""A flood of dead letters is told of for so long."""
REPLAY = "otmon elastic replay --dead-letter"
KINDS: Mapping[int, str] = {
    0: "alerts",
    1: "devices",
    2: "health",
    3: "operations",
    4: "conversations",
}
"""What documents tell of, by their priority."""
_NO_FIT = frozenset(
    ("document_parsing_exception", "mapper_parsing_exception", "strict_dynamic_mapping_exception")
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A dead letter, for people."""

    what: str
    why: str
    advice: str


def explain(dead: Buried) -> Explanation:
    """What became of documents, why, and what to do."""
    what = f"{dead.count:,} of {', '.join(dead.targets)} will never be taken as they are"
    if dead.status == 0:
        return Explanation(
            f"{dead.count:,} of {', '.join(dead.targets)} were never sent",
            f"They are larger than a document may be: {dead.reason}",
            f"Raise [elastic] max_document_kib, then: {REPLAY}",
        )
    if dead.status == 413:
        return Explanation(
            what,
            "Even alone they are larger than a request may be, on the server "
            "(http.max_content_length) or on a proxy before it",
            f"Raise that limit, then: {REPLAY}",
        )
    if dead.kind == "failure_store":
        return Explanation(
            f"{dead.count:,} of {', '.join(dead.targets)} are in the failure store of the server "
            "instead",
            "Their index did not take them; a copy is kept here",
            f"See why: GET {dead.targets[0]}::failures/_search. Put it right, then: {REPLAY}",
        )
    said = f"{dead.status} {dead.kind}: {dead.reason}"
    if dead.kind in _NO_FIT:
        return Explanation(
            what,
            f"A field does not fit the mapping of the index, which is not otmon's ({said})",
            f"Run `otmon elastic setup --rollover`, look into @custom templates, then: {REPLAY}",
        )
    if dead.kind == "illegal_argument_exception":
        return Explanation(
            what,
            f"A setting of the index does not allow them ({said})",
            f"Look into @custom templates and pipelines of the index, then: {REPLAY}",
        )
    if dead.status == 400:
        return Explanation(
            what,
            f"The server refuses every request that they are in, and no other ({said})",
            f"Look whether a proxy or a pipeline changes them, then: {REPLAY}",
        )
    return Explanation(
        what,
        f"They were refused again and again, for longer than an hour ({said})",
        f"See the log of the server for what it means by that, then: {REPLAY}",
    )


def lost(status: Status) -> Iterator[tuple[str, str, int]]:
    """What was dropped: what it told of, why (`room` or `age`), and how many."""
    for name, count in sorted(status.counts.items()):
        if name.startswith("dropped."):
            _, why, priority = name.split(".")
            yield KINDS.get(int(priority), priority), why, count


def examine(
    status: Status, dead: list[Buried], bounds: Bounds, now_ns: int, *, sends: bool = True
) -> Iterator[Finding]:
    """How an outbox is.

    Args:
        status: What it says of itself.
        dead: Its dead letters.
        bounds: How much it may hold.
        now_ns: By the clock of this machine.
        sends: Whether anything should be sent from it at all.
    """
    age_s = None if status.oldest_ns is None else max(0.0, (now_ns - status.oldest_ns) / 1e9)
    says = f"{status.rows:,} documents wait, {status.bytes / 1e6:,.1f} MB"
    if age_s is not None:
        says += f", the oldest for {spell(age_s)}"
    if status.bytes > NEARLY_FULL * bounds.max_bytes:
        yield Finding(
            "outbox",
            WARNING,
            f"{says}; there is room for {bounds.max_bytes / 1e6:,.0f} MB",
            "Put right what keeps them from being sent, or raise [elastic] outbox_mib: "
            "conversations are dropped first, alerts never.",
        )
    elif sends and age_s is not None and age_s > LONG_S:
        yield Finding(
            "outbox",
            WARNING,
            says,
            "See whether a sender runs: `otmon monitor` with [elastic] hosts, or "
            "`otmon elastic send --follow`.",
        )
    else:
        yield Finding("outbox", OK, says)
    yield from _sender(status)
    yield from _losses(status, bounds)
    many_at = status.facts.get("many_dead_at")
    if many_at is not None and now_ns - int(many_at) < RECENT_NS:
        yield Finding(
            "dead letters",
            FAILURE,
            f"more than 100 within a minute, last at {render_time(int(many_at))}",
            "Something is wrong with more than a document: see below.",
        )
    for one in dead:
        told = explain(one)
        yield Finding("dead letters", WARNING, f"{told.what}. {told.why}", told.advice)
    if not dead:
        yield Finding("dead letters", OK, "none")


def _sender(status: Status) -> Iterator[Finding]:
    state = status.facts.get("state")
    if state is None:
        yield Finding("sender", OK, "nothing was sent from it yet")
        return
    reason = status.facts.get("reason", "")
    since = status.facts.get("since")
    says = state if since is None else f"{state} since {render_time(int(since))}"
    acknowledged = status.facts.get("last_ack_at")
    if acknowledged is not None:
        says += f", last heard of a document at {render_time(int(acknowledged))}"
    if state == "sending":
        yield Finding("sender", OK, says)
        return
    sort = FAILURE if state == "paused" else WARNING
    advice = "It goes on by itself when that is put right."
    yield Finding("sender", sort, f"{says}: {reason}", advice)


def _losses(status: Status, bounds: Bounds) -> Iterator[Finding]:
    for kind, why, count in lost(status):
        reason = (
            f"for room: {bounds.max_bytes >> 20:,} MiB are allowed"
            if why == "room"
            else f"for their age: {bounds.max_age_h:,.0f} hours are allowed"
        )
        advice = f"Raise [elastic] {'outbox_mib' if why == 'room' else 'outbox_max_age_hours'}."
        if kind == "alerts":
            advice += " The state still has them: otmon elastic replay --alerts"
        yield Finding("losses", WARNING, f"{count:,} {kind} were dropped {reason}", advice)
    gone = status.counts.get("dead_letter_dropped", 0)
    if gone:
        yield Finding(
            "losses",
            WARNING,
            f"{gone:,} dead letters were dropped, the oldest: they have a tenth of the outbox",
            "Put right what makes so many of them.",
        )


def spell(seconds: float) -> str:
    """A duration in the unit that people would name it in."""
    for unit, size in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
