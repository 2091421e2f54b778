"""An alert: what people are told, once, with a count and with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otmon.model.document import Time

LEVELS: tuple[str, ...] = ("informational", "low", "medium", "high", "critical")
"""The names of severities, lowest first."""

STATUSES: tuple[str, ...] = ("open", "acknowledged", "closed", "muted", "learned")
"""What people have made of an alert, or not yet."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """The rule that raised an alert."""

    id: str
    title: str
    level: str
    """The level of its impact and confidence alone."""
    version: str


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that was done, as often as it was."""

    operation: str
    target: str | None
    value: str | None
    status: str | None
    count: int
    first_seen: Time
    last_seen: Time
    unit: str | None = None
    """The station behind the endpoint, where the protocol names one."""
    client: str | None = None
    """Who did it, where the alert has no single client."""
    server: str | None = None
    """To whom, where the alert has no single server."""


@dataclass(frozen=True, slots=True)
class FrameList:
    """Frames of one capture file, as Wireshark counts."""

    file: str
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AlertEvidence:
    """The frames behind an alert."""

    file: str | None
    """The capture file of `frames`; none where no frame was kept."""
    frames: tuple[int, ...]
    continued: tuple[FrameList, ...]
    """Frames in further files, where one timeline has several."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first bytes of the first frames behind an alert."""

    frames: tuple[int, ...]
    """Their numbers in the file of the evidence."""
    hex: tuple[str, ...]
    """Their bytes, from the link layer on, in the same order."""


@dataclass(frozen=True, slots=True)
class AlertBaseline:
    """What the baseline said of the event behind an alert."""

    state: str
    """`learning` or `enforcing`: what the conversation was in."""
    novel: tuple[str, ...]
    """In what the event was new, the widest first."""
    expected: str | None
    """The nearest thing that is normal, in words; bounded."""
    observed: str | None
    """What was done instead, in words; bounded."""
    first_seen: Time | None
    """When the like was seen first."""


@dataclass(frozen=True, slots=True)
class AlertAnomaly:
    """What a detector said of the event behind an alert."""

    type: str
    expected: str | None
    """What would have been normal; bounded."""
    observed: str | None
    """What was seen instead; bounded."""
    since: Time | None
    """Since when the normal held."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What people are told: one thing that happened, however often."""

    id: int
    """Its number: for ever in a state, else among the alerts of a run, the most severe first."""
    fingerprint: str
    """The same for the same rule, client, server and protocol on every run and sensor."""
    rule: AlertRule
    techniques: tuple[str, ...]
    """Ids of MITRE ATT&CK for ICS v19."""
    technique_names: tuple[str, ...]
    """Their names, in the same order."""
    severity: int
    """From 0 to 100."""
    level: str
    confidence: float
    """Belief that it is what the rule says, from 0 to 1."""
    first_seen: Time
    last_seen: Time
    count: int
    """How many operations it stands for."""
    client: str | None
    """Who did it; none where several did."""
    server: str | None
    """To whom; none where it was done to several."""
    protocol: str | None
    message: str
    why: tuple[str, ...]
    """What made the rule hold, then what made the severity."""
    violations: tuple[Violation, ...]
    """What was done, in the order of the first time; bounded."""
    violations_left_out: int
    """Operations that got no row, for lack of room."""
    evidence: AlertEvidence
    triage: tuple[str, ...]
    """What to look at and whom to ask, in plant terms."""
    false_positives: tuple[str, ...]
    """What benign causes look the same."""
    status: str = "open"
    """One of `STATUSES`."""
    muted_until: Time | None = None
    """When a mute ends; none where it does not end, or there is none."""
    statements: tuple[str, ...] = ()
    """Ids of the baseline statements that would make it normal; bounded."""
    related: tuple[int, ...] = ()
    """Alerts that share its client or its server, and were close in time; at most 20."""
    folded: int = 0
    """Of a storm how many alerts of its rule it stands for."""
    storm: int | None = None
    """The storm that it is folded into."""
    previous: int | None = None
    """The alert about the same thing before, too long ago to be this one."""
    provider: str | None = None
    """The detector that found it, else `rules`; none where an older otmon did not keep it."""
    baseline: AlertBaseline | None = None
    """Of the event that `message` tells of; none where no baseline was used."""
    anomaly: AlertAnomaly | None = None
    """Of the same event; none where no detector spoke of it."""
    refused: int = 0
    """Of `count` how many were refused; none are where the refusals themselves are the finding."""


def ends_of(rows: Sequence[Violation]) -> list[tuple[str, list[str]]]:
    """Columns that say who, and to whom, where rows differ in it: name and cells.

    One of `client`, `server` and `unit`, the station behind an endpoint.
    """
    columns = (
        ("client", [row.client or "-" for row in rows]),
        ("server", [row.server or "-" for row in rows]),
        ("unit", [row.unit or "-" for row in rows]),
    )
    return [(name, cells) for name, cells in columns if len(set(cells)) > 1]


def how_often(alert: Alert) -> str:
    """How often it was done, and how often in vain: `13 times, 1 of them refused`."""
    if alert.count < 2:
        return "once"
    said = f"{alert.count:,} times"
    if not 0 < alert.refused < alert.count:
        return said
    return f"{said}, {alert.refused:,} of them refused"


def in_a_sentence(alert: Alert) -> str:
    """What an alert says, with how often where that is not said yet."""
    often = how_often(alert)
    if alert.count < 2 or often in alert.message:
        return alert.message
    return f"{alert.message}, {often}"


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert as the state has it."""

    key: str
    """The same for all matches that can make one alert."""
    sighted_ns: int
    """When it was seen first since it was last quiet for long."""
    alert: Alert
