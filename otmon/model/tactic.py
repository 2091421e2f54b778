"""The tactics of ATT&CK for ICS."""

from __future__ import annotations

from collections.abc import Mapping

SITE = "https://attack.mitre.org"
FRAMEWORK = "MITRE ATT&CK for ICS"

TACTICS: Mapping[str, str] = {
    "collection": "TA0100",
    "command-and-control": "TA0101",
    "discovery": "TA0102",
    "evasion": "TA0103",
    "execution": "TA0104",
    "impact": "TA0105",
    "impair-process-control": "TA0106",
    "inhibit-response-function": "TA0107",
    "initial-access": "TA0108",
    "lateral-movement": "TA0109",
    "persistence": "TA0110",
    "privilege-escalation": "TA0111",
}
"""Ids of the tactics, by the name that techniques give them. Source: MITRE ATT&CK for ICS [M]."""


def name_of(slug: str) -> str:
    """A tactic in words: `Inhibit Response Function`."""
    return slug.replace("-", " ").title().replace(" And ", " and ")


def page_of(slug: str) -> str:
    """The page of a tactic."""
    return f"{SITE}/tactics/{TACTICS[slug]}/"
