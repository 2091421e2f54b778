"""Where things are, and what to do when they are not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

PCAPS = ROOT / "pcaps"
"""The project's own captures."""


def absent(what: str, switch: str) -> NoReturn:
    """Skip by name, or fail where `switch` promises that it is there."""
    if os.environ.get(switch) == "1":
        pytest.fail(f"{what} is required here ({switch}=1), but it is absent")
    pytest.skip(f"{what} is absent")
