"""What a check found, and what to do where it is not well."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    """What was looked at."""
    status: str
    """`ok`; `warning`, which limits something; `failure`, which prevents something."""
    says: str
    advice: str | None = None
    """What to do, where it is not well."""
