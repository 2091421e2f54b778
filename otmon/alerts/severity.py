"""How bad it is: plant impact x confidence x context, every factor in words."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from otmon.alerts.refusal import refusals
from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event, FieldValue
from otmon.model.rule import IMPACTS, Match, level_of, round_half_up

if TYPE_CHECKING:
    from otmon.model.context import AssetFacts

_IDENTIFIED = {"pairing": 1.0, "ethertype": 1.0, "probe": 0.9, "association": 0.9, "port": 0.6}
"""Belief in a flow's protocol, by how it is known."""
_KNOWN_BY = {
    "pairing": "protocol proved by request and answer",
    "probe": "protocol told by the form of its messages, no answer seen",
    "port": "protocol told by its port alone",
}

_CLASSES_OF_ROLE = {
    "engineering_station": frozenset(
        (
            "program_download",
            "program_upload",
            "program_delete",
            "firmware_update",
            "mode_start",
            "mode_stop",
            "mode_other",
            "restart",
            "factory_reset",
            "config_write",
            "config_read",
            "auth_login",
            "auth_change",
            "time_set",
            "lock",
            "unlock",
            "file_read",
            "file_write",
            "diag_clear",
            "browse",
            "identify",
        )
    ),
    "hmi": frozenset(("write", "command", "alarm_ack", "time_set", "report_enable")),
    "scada_server": frozenset(
        ("write", "command", "alarm_ack", "time_set", "report_enable", "report_disable")
    ),
}
"""What each role does for a living."""


@dataclass(frozen=True, slots=True)
class Severity:
    """A severity with what it was made of."""

    score: int
    confidence: float
    factors: tuple[str, ...]

    @property
    def level(self) -> str:
        """Its name."""
        return level_of(self.score)


_MIDDLE = {"critical": 92, "high": 75, "medium": 52, "low": 30, "informational": 10}
"""The severity of a level that a site set."""

_ASKED = ("ot.answered", "otmon.identified_by")
"""The fields of an event that its severity depends on, besides those of its context."""
_REFUSED = 0.8
"""What an attempt weighs."""
_GUESSED = 0.7
"""What a rule weighs that rests on a role which only traffic suggests."""
_BROKEN = 0.7
"""What steps weigh that hold together, where one of them had no effect: see decision 0011."""
BY_LOSS: frozenset[str] = frozenset(
    (
        "conformance",
        "jobs",
        "periodicity",
        "readback",
        "report_disabled",
        "sequence",
        "unauthenticated",
        "value",
        "watchdog",
    )
)
"""Detectors that say something as well where the sensor has only missed frames."""
_ANOMALIES_BY_LOSS = frozenset(
    ("unanswered", "response_without_request", "sequence_gap", "fragment_missing")
)
"""Departures from a specification that are seen then, too."""
_NEXT_TO_LOSS = 0.7
"""Belief in such a thing where the sensor did not see all of the flow."""
_CRITICALITY = {"high": 1.1, "low": 0.8}
"""What a person's word about a server weighs."""


_PUBLIC = {
    (False, False): None,
    (True, False): "client has a public address outside the site",
    (False, True): "server has a public address outside the site",
    (True, True): "client and server have public addresses outside the site",
}
"""What is said of client and server, by which of them is outside."""


def severity_of(match: Match) -> Severity:
    """The severity of a match, by its rule and by the event that completed it."""
    rule, event = match.rule, match.event
    answered, how = event.several(_ASKED)
    if rule.site_level is not None:
        return _as_the_site_says(rule.site_level, rule.confidence)
    client, server = event.facts("source"), event.facts("destination")
    outside = event.tells_outside("source", client), event.tells_outside("destination", server)
    surroundings = _Surroundings(
        client_roles=client.confirmed if client else (),
        client_is_new=client is not None and client.is_new,
        server_criticality=server.criticality if server else None,
        window=event.text("maintenance.name"),
        public=_PUBLIC[outside],
        refused=_refused(match),
        guessed=_guessed(match, client),
        is_unsaturated=event.get("baseline.unsaturated") is True,
    )
    return _severity(
        rule.impact,
        rule.confidence,
        event.operation_class,
        _belief(answered, how),
        _seen_badly(event),
        event.operation_class in CHANGE_CLASSES
        and server is not None
        and "safety_controller" in server.roles,
        surroundings,
    )


class _Surroundings(NamedTuple):
    """What stands around an event."""

    client_roles: tuple[str, ...]
    """Those that are confirmed: a client must not earn an excuse by attacking."""
    client_is_new: bool
    server_criticality: str | None
    window: str | None
    """The maintenance window that names all of it."""
    public: str | None
    """What is to be said of ends that are outside the site."""
    refused: tuple[float, str] | None
    """What speaks for less, where something had no effect."""
    guessed: str | None
    """The role of the client that the rule rests on, where nobody has settled it."""
    is_unsaturated: bool
    """Whether a baseline was broken that had not been learned to its end."""


def _as_the_site_says(level: str, confidence: float) -> Severity:
    """The middle of the level that a site gave to a rule: nothing else is weighed."""
    return Severity(_MIDDLE[level], confidence, (f"{level}, as set in otmon.toml",))


@functools.lru_cache(maxsize=4096)
def _severity(
    rule_impact: str,
    rule_confidence: float,
    operation_class: str | None,
    belief: tuple[float, str] | None,
    seen_badly: str | None,
    to_safety: bool,
    surroundings: _Surroundings,
) -> Severity:
    """The same, by what it depends on: a handful of combinations that come again and again."""
    impact = "safety" if to_safety else rule_impact
    confidence = rule_confidence
    factors = [
        f"impact {impact} {IMPACTS[impact]}",
        f"confidence of the rule {rule_confidence:g}",
    ]
    if belief is not None:
        believed, known = belief
        confidence *= believed
        factors.append(f"{known} {believed:g}")
    score = IMPACTS[impact] * confidence
    if seen_badly is not None:
        confidence *= _NEXT_TO_LOSS
        score *= _NEXT_TO_LOSS
        factors.append(f"{seen_badly} {_NEXT_TO_LOSS:g}")
    if to_safety and rule_impact != "safety":
        factors[0] = f"impact safety {IMPACTS[impact]}, the server being a safety controller"
    for factor, reason in _context(operation_class or "", impact, surroundings):
        score *= factor
        factors.append(f"{reason} {factor:g}")
    return Severity(round_half_up(min(100.0, score)), round(confidence, 4), tuple(factors))


def _seen_badly(event: Event) -> str | None:
    """How badly a thing was seen that loss alone can feign; none where it was seen well."""
    anomalies = event.get("ot.anomaly")
    told = isinstance(anomalies, tuple) and not _ANOMALIES_BY_LOSS.isdisjoint(anomalies)
    if not told and event.get("event.provider") not in BY_LOSS:
        return None
    quality = event.get("capture.quality")
    return None if quality in (None, "good") else f"the sensor's view of it is {quality}"


def _guessed(match: Match, client: AssetFacts | None) -> str | None:
    wanted = match.rule.guessed_roles
    if not wanted or client is None or not set(wanted).isdisjoint(client.confirmed):
        return None
    return next((role.replace("_", " ") for role in client.roles if role in wanted), None)


def _refused(match: Match) -> tuple[float, str] | None:
    refused, done = refusals(match)
    if not refused:
        return None
    if match.is_sequence:
        return _BROKEN, f"server refused {refused} of {done} steps"
    return (_REFUSED, "server refused") if refused == done else None


def _belief(answered: FieldValue, identified_by: FieldValue) -> tuple[float, str] | None:
    """Belief in the protocol, and why; none where no protocol plays a part."""
    if answered is True:
        return 1.0, "protocol proved by request and answer"
    if identified_by is None:
        return None
    how = str(identified_by)
    return _IDENTIFIED.get(how, 1.0), _KNOWN_BY.get(how, f"protocol known by its {how}")


def _context(doing: str, impact: str, around: _Surroundings) -> Iterator[tuple[float, str]]:
    """What speaks for or against it, each with its weight."""
    safety = impact == "safety"
    weight = _CRITICALITY.get(around.server_criticality or "")
    if weight is not None:
        yield weight, f"criticality of the server {around.server_criticality}"
    does = (one for one in around.client_roles if doing in _CLASSES_OF_ROLE.get(one, ()))
    role = next(does, None)
    if role is not None:
        yield 0.9 if safety else 0.5, f"client is the {role}"
    elif around.client_is_new:
        yield 1.1, "client is new"
    if around.window is not None:
        yield 0.6 if safety else 0.3, f"inside the maintenance window {around.window!r}"
    if around.public is not None:
        yield 1.2, around.public
    if around.refused is not None:
        yield around.refused
    if around.guessed is not None:
        yield _GUESSED, f"that the client is a {around.guessed} is a guess"
    if around.is_unsaturated:
        yield 0.5, "the baseline had not been learned to its end"
