"""What otmon says of the shipped captures, as the texts of the golden files.

Run as a program it prints them all as one JSON object: a test runs it with several hash
seeds, of which nothing may depend.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import otmon
from otmon.model.document import to_document

PCAPS = Path("pcaps")
WHOLE = ("demo", "network")
"""The folders of whole networks, of which the result is golden, not each message."""


def messages(capture: Path) -> str:
    """Every message, a line each."""
    lines = (json.dumps(pdu, ensure_ascii=False) for pdu in otmon.pdus(capture))
    return "".join(f"{line}\n" for line in lines)


def result(capture: Path) -> str:
    """The result document without its longest part, and without what any release changes."""
    document = to_document(otmon.analyze(capture))
    del document["behaviours"], document["otmon"]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def texts() -> dict[str, str]:
    """The text of each golden file, by its path below this folder."""
    found = {}
    for capture in sorted(PCAPS.glob("*/*.pcapng")):
        whole = capture.parent.name in WHOLE
        name = f"{capture.parent.name}/{capture.stem}.{'json' if whole else 'jsonl'}"
        found[name] = result(capture) if whole else messages(capture)
    return found


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[2])
    json.dump(texts(), sys.stdout)
