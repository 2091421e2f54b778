"""How bad it is: plant impact x confidence x context, every factor in words."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass

from otmon.fields import CHANGE_CLASSES
from otmon.model.event import Event, FieldValue
from otmon.model.rule import IMPACTS, Match, level_of, round_half_up

_IDENTIFIED = {"pairing": 1.0, "ethertype": 1.0, "probe": 0.9, "association": 0.9, "port": 0.6}
"""Belief in a flow's protocol, by how it is known."""

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


def severity_of(match: Match) -> Severity:
    """The severity of a match, by its rule and by the event that completed it."""
    rule, event = match.rule, match.event
    safety = "safety_controller" in _roles(event, "destination")
    changes = event.operation_class in CHANGE_CLASSES
    impact = "safety" if safety and changes else rule.impact
    belief, known = _belief(event)
    confidence = rule.confidence * belief
    score = IMPACTS[impact] * confidence
    factors = [
        f"impact {impact} {IMPACTS[impact]}",
        f"confidence of the rule {rule.confidence:g}",
        f"{known} {belief:g}",
    ]
    if safety and changes and rule.impact != "safety":
        factors[0] = f"impact safety {IMPACTS[impact]}, the server being a safety controller"
    for factor, reason in _context(event, impact, match.group is not None):
        score *= factor
        factors.append(f"{reason} {factor:g}")
    return Severity(round_half_up(min(100.0, score)), round(confidence, 4), tuple(factors))


def _roles(event: Event, end: str) -> tuple[str, ...]:
    facts = event.facts(end)
    return facts.roles if facts else ()


def _belief(event: Event) -> tuple[float, str]:
    if event.get("ot.answered") is True:
        return 1.0, "protocol proved by request and answer"
    how = str(event.get("otmon.identified_by") or "pairing")
    return _IDENTIFIED.get(how, 1.0), f"protocol known by {how}"


def _context(event: Event, impact: str, grouped: bool) -> list[tuple[float, str]]:
    factors = []
    facts = event.facts("source")
    if facts is not None:
        doing = event.operation_class or ""
        role = next((one for one in facts.roles if doing in _CLASSES_OF_ROLE.get(one, ())), None)
        if role is not None:
            factors.append((0.9 if impact == "safety" else 0.5, f"client is the {role}"))
        elif not facts.roles:
            factors.append((1.1, "client has no known role"))
    for end, name in (("source", "client"), ("destination", "server")):
        if _is_public(event.get(f"{end}.ip")):
            factors.append((1.2, f"{name} has a public address"))
            break
    # What a correlation counts is often refusals themselves: they do not excuse it.
    if not grouped and event.get("event.outcome") == "failure":
        factors.append((0.8, "server refused"))
    return factors


@functools.lru_cache(maxsize=4096)
def _is_public(address: FieldValue) -> bool:
    try:
        return ipaddress.ip_address(str(address)).is_global
    except ValueError:
        return False
