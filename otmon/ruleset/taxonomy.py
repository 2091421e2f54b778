"""Names that other products give to findings, from vendored lists."""

from __future__ import annotations

import csv
import functools
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass

TAXONOMIES: Mapping[str, str] = {
    "defender_for_iot": "Microsoft Defender for IoT",
    "nozomi": "Nozomi Networks",
    "kics": "Kaspersky Industrial CyberSecurity",
}
"""The taxonomies that aliases of rules may name, with the product."""


@dataclass(frozen=True, slots=True)
class DefenderTitle:
    """A published alert title of Defender for IoT."""

    engine: str
    """The part of that product that raises it: policy, anomaly, protocol, malware, operational."""
    title: str


@functools.cache
def defender_titles() -> tuple[DefenderTitle, ...]:
    """Every published title, in the order of the list."""
    place = importlib.resources.files("otmon.vendored").joinpath("defender_alert_titles.csv")
    rows = csv.DictReader(place.read_text("utf8").splitlines())
    return tuple(DefenderTitle(row["engine"], row["title"]) for row in rows)
