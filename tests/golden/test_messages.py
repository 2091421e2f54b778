"""The same capture gives the same messages and the same result as before, to the byte."""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import PCAPS, ROOT

HERE = Path(__file__).parent
SEEDS = ("0", "1")
LINES = 24
"""So much of a diff is shown."""
WHOLE = ("demo", "network")
"""The folders of whole networks, of which the result is golden, not each message."""
NAMES = sorted(
    f"{path.parent.name}/{path.stem}.{'json' if path.parent.name in WHOLE else 'jsonl'}"
    for path in PCAPS.glob("*/*.pcapng")
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
)


@pytest.fixture(scope="module")
def said() -> list[dict[str, str]]:
    """What is said of every capture, in processes with different hash seeds."""
    every = []
    for seed in SEEDS:
        made = subprocess.run(
            [sys.executable, str(HERE / "said.py")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
        every.append(json.loads(made.stdout))
    if os.environ.get("OTMON_GOLDEN") == "write":
        for old in (*HERE.glob("*/*.jsonl"), *HERE.glob("*/*.json")):
            old.unlink()
        for name, text in every[0].items():
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_text(text, encoding="utf-8")
    return every


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_capture_says_what_it_said_before(name: str, said: list[dict[str, str]]) -> None:
    path = HERE / name
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    for seed, texts in zip(SEEDS, said, strict=True):
        if texts[name] != before:
            diff = difflib.unified_diff(
                before.splitlines(), texts[name].splitlines(), "before", "now", lineterm="", n=0
            )
            shown = "\n".join(line[:300] for line, _ in zip(diff, range(LINES), strict=False))
            pytest.fail(
                f"{name} (hash seed {seed}):\n{shown}\n\n"
                "Intended or accidental? If intended: make golden",
                pytrace=False,
            )


def test_every_golden_file_has_its_capture() -> None:
    files = [*HERE.glob("*/*.jsonl"), *HERE.glob("*/*.json")]

    assert NAMES == sorted(path.relative_to(HERE).as_posix() for path in files)
