"""What baseline and detectors said of the event behind an alert."""

from __future__ import annotations

from otmon.model.alert import AlertAnomaly, AlertBaseline
from otmon.model.document import Time
from otmon.model.event import Event
from otmon.model.rule import Match

RULE_ENGINE = "rules"
"""Who found what no detector spoke of."""
MAX_WORDS = 400
"""Characters of what is normal, and of what was seen: values in them come from the wire."""


def provider_of(match: Match) -> str:
    """The detector that found it, else the rule engine."""
    return match.event.text("event.provider") or RULE_ENGINE


def baseline_of(event: Event) -> AlertBaseline | None:
    """What the baseline said of an event; none where none is used."""
    verdict = event.verdict
    if verdict is None:
        return None
    return AlertBaseline(
        verdict.state,
        verdict.novel,
        _bounded(verdict.expected),
        _bounded(verdict.observed),
        _time(verdict.first_seen_ns),
    )


def anomaly_of(event: Event) -> AlertAnomaly | None:
    """What a detector said of an event; none where none did."""
    kind = event.text("anomaly.type")
    if kind is None:
        return None
    return AlertAnomaly(
        kind,
        _bounded(event.text("anomaly.expected")),
        _bounded(event.text("anomaly.observed")),
        _time(event.get("anomaly.since")),
    )


def _bounded(words: str | None) -> str | None:
    if words is None or len(words) <= MAX_WORDS:
        return words
    return f"{words[: MAX_WORDS - 4]} ..."


def _time(time_ns: object) -> Time | None:
    return Time(time_ns) if isinstance(time_ns, int) else None
