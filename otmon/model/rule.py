"""A rule's facts, and the match that it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from otmon.model.event import Event

IMPACTS: dict[str, int] = {"safety": 100, "control": 90, "view": 75, "it": 70}
"""Harm to the plant, by the word that rules use."""

_LOWEST: tuple[tuple[int, str], ...] = (
    (85, "critical"),
    (65, "high"),
    (40, "medium"),
    (20, "low"),
    (0, "informational"),
)
"""The lowest severity of each level, highest first."""


PLACES: frozenset[str] = frozenset(
    (
        "client",
        "did",
        "newest",
        "server",
        "protocol",
        "operation",
        "target",
        "unit",
        "value",
        "status",
        "count",
        "anomalies",
        "file",
        "expected",
        "observed",
    )
)
"""What a rule's own sentence may name in braces."""


def level_of(severity: float) -> str:
    """The name of a severity from 0 to 100."""
    return next((name for lowest, name in _LOWEST if severity >= lowest), "informational")


def round_half_up(number: float) -> int:
    """The nearest whole number, a half going up; for numbers from 0 on.

    Products of decimals such as 90 x 0.95 fall a hair below their half, so
    they are rounded to nine digits first.
    """
    return int(round(number, 9) + 0.5)


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique of MITRE ATT&CK for ICS."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What people are told about a rule; its conditions are in `ruleset`."""

    id: str
    title: str
    description: str
    level: str
    version: str
    status: str
    impact: str
    confidence: float
    techniques: tuple[Technique, ...]
    legacy_techniques: tuple[str, ...]
    """The ids of ATT&CK v18 that the techniques had."""
    triage: tuple[str, ...]
    false_positives: tuple[str, ...]
    references: tuple[str, ...]
    fields: tuple[str, ...]
    """Fields that are worth showing with the alert."""
    message: str | None
    """The sentence of the alert, with places for its facts."""
    aggregate_by: tuple[str, ...]
    always: bool
    """Whether a site cannot switch it off by an exception."""
    path: str
    site_level: str | None = None
    """The level that a site gave to its alerts, whatever else speaks for another."""
    guessed_roles: tuple[str, ...] = ()
    """Roles of the client that it rests on, of those that its traffic only suggests."""
    is_about_refusals: bool = False
    """Whether it asks for what a device refused: then a refusal is the finding, and no excuse."""


class Match(NamedTuple):
    """A rule that held: on one event, or on a group of them.

    A named tuple, because a sweep makes one for each of its events.
    """

    rule: Rule
    event: Event
    """The event; of a group the one that completed it."""
    members: tuple[Event, ...] = ()
    """The events of the group before it, oldest first; bounded."""
    event_count: int = 1
    """How many events the match stands for, at least."""
    group: tuple[tuple[str, str], ...] | None = None
    """Of a group, the fields that its events share, with their values."""
    continues: bool = False
    """Whether it only adds to the alert that an earlier match of the group raised."""
    reasons: Callable[[], tuple[str, ...]] = tuple
    """The conditions that held, in words; computed when asked."""
    series: object | None = None
    """Alike in matches that belong to one alert as far as time allows; none where not known."""

    @property
    def is_sequence(self) -> bool:
        """Whether its events are the steps of one thing, and not one thing several times."""
        return self.group is not None and self.event_count == 1 and bool(self.members)
