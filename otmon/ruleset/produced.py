"""Which fields events were seen to carry, by category and protocol.

The catalogue says what a category can carry. What it carries of a protocol, captures
tell: `produced.json` is written by the golden tests from every capture of otmon's own.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Iterable, Mapping

FILE = "produced.json"
"""Where it is, beside this module."""

Produced = Mapping[str, Mapping[str, frozenset[str]]]
"""Fields by category and service; the service of events of no protocol is empty."""


@functools.cache
def produced() -> Produced:
    """What was seen."""
    text = importlib.resources.files("otmon.ruleset").joinpath(FILE).read_text("utf-8")
    return {
        category: {service: frozenset(fields) for service, fields in services.items()}
        for category, services in json.loads(text).items()
    }


def written(seen: Mapping[tuple[str, str], Iterable[str]]) -> str:
    """What was seen, by category and service, as it is written down."""
    told: dict[str, dict[str, list[str]]] = {}
    for (category, service), fields in sorted(seen.items()):
        told.setdefault(category, {})[service] = sorted(fields)
    groups = []
    for category, services in told.items():
        lines = ",\n".join(
            f"{json.dumps(one)}: {json.dumps(fields)}" for one, fields in services.items()
        )
        groups.append(f"{json.dumps(category)}: {{\n{lines}\n}}")
    body = ",\n".join(groups)
    return f"{{{body}}}\n"


def never_carried(field: str, category: str | None, service: str | None) -> bool:
    """Whether events of this kind were seen, and none of them carried the field."""
    groups = [
        fields
        for kind, services in produced().items()
        if category in (None, kind)
        for name, fields in services.items()
        if service in (None, name)
    ]
    return bool(groups) and not any(field in fields for fields in groups)
