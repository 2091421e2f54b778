"""Which alerts belong together: a shared client or server, close in time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_RELATED = 20
"""Alerts that one names."""
MAX_LOOKED_AT = 100
"""Neighbours of one end that are looked at, on each side."""


class Span(NamedTuple):
    """When an alert was, and between whom."""

    first_ns: int
    last_ns: int
    number: int
    client: str | None
    server: str | None


def related(spans: Iterable[Span], within_ns: int) -> dict[int, tuple[int, ...]]:
    """Of each alert those that share its client or its server within `within_ns`, in order."""
    ends: dict[tuple[str, str], list[Span]] = {}
    for span in sorted(spans):
        for end in (("client", span.client), ("server", span.server)):
            if end[1] is not None:
                ends.setdefault((end[0], end[1]), []).append(span)
    found: dict[int, set[int]] = {}
    for beside in ends.values():
        for place, span in enumerate(beside):
            for other in beside[place + 1 : place + 1 + MAX_LOOKED_AT]:
                if other.first_ns - span.last_ns > within_ns:
                    break
                found.setdefault(span.number, set()).add(other.number)
                found.setdefault(other.number, set()).add(span.number)
    return {number: tuple(sorted(others)[:MAX_RELATED]) for number, others in found.items()}
