"""A wire of two interfaces in a network namespace of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from live.wire import Wire
from places import absent

_numbers = itertools.count()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Two connected interfaces that nothing but the test can reach."""
    namespace = f"otmon-test-{os.getpid()}-{next(_numbers)}"
    made = shutil.which("ip") and subprocess.run(
        ["ip", "netns", "add", namespace], capture_output=True, text=True, check=False
    )
    if not made or made.returncode != 0:
        absent("the right to make a network namespace (root, and `ip`)", "OTMON_REQUIRE_NETNS")
    wire = Wire(namespace)
    try:
        wire.connect()
        yield wire
    finally:
        subprocess.run(["ip", "netns", "delete", namespace], check=True)
