"""What the baseline makes of events, and the events it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from otmon.baseline.book import Book
from otmon.baseline.judging import Found
from otmon.model.event import Event, FieldValue
from otmon.model.statement import Verdict

NOVEL_OF = {
    "value_range": "value_range",
    "value_set": "value_set",
    "period_change": "period",
    "unknown_transition": "sequence",
}
"""What detectors with a memory of their own find, by the baseline's word for it."""


def deviation_event(event: Event, found: Found, kind: str) -> Event:
    """What the baseline says of an event, as an event of its own."""
    verdict = found.verdict
    own: Mapping[str, FieldValue] = {
        "event.provider": "baseline",
        "anomaly.type": kind,
        "anomaly.expected": verdict.expected,
        "anomaly.observed": verdict.observed,
        "anomaly.since": verdict.first_seen_ns,
    }
    record = event.record
    if getattr(record, "new", True):
        shown = event.derive("ot_anomaly", own)
    else:
        # A behaviour that is known did something new just now.
        shown = event.derive("ot_anomaly", own, (record.latest_frame,))
        shown.time_ns = record.last_seen_ns
    shown.verdict = verdict
    return shown


def complete(event: Event, book: Book) -> None:
    """Gives what a detector found its verdict: values, rhythm and order are habits, too."""
    kind = NOVEL_OF.get(event.text("anomaly.type") or "")
    if kind is None:
        return
    verdict = event.verdict or _verdict_on(event, book)
    if verdict is None or kind in verdict.novel:
        return
    event.verdict = replace(
        verdict,
        novel=(*verdict.novel, kind),
        expected=verdict.expected or event.text("anomaly.expected"),
        observed=verdict.observed or event.text("anomaly.observed"),
    )


def _verdict_on(event: Event, book: Book) -> Verdict | None:
    """What is known of the conversation of an event that is no operation."""
    record = event.record
    vlan = getattr(record, "vlan", None)
    ends = [
        book.who((ip, mac, vlan)) or book.at(ip, vlan)
        for ip, mac in (
            (getattr(record, f"{end}_ip", None), getattr(record, f"{end}_mac", None))
            for end in ("client", "server")
        )
    ]
    client, server = ends
    if client is None or server is None or event.service is None:
        return None
    edge = book.edge((client, server, event.service))
    if edge is None:
        return None
    state = "enforcing" if edge.enforcing else "learning"
    return Verdict(state, unsaturated=edge.unsaturated)
