"""Which captures of the corpus carry a protocol: by what they hold, not by where they lie."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def manifest(corpus: Path) -> list[dict[str, str]]:
    """The rows of the public captures' list."""
    with (corpus / "public" / "MANIFEST.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def lab(corpus: Path) -> list[Path]:
    """Every capture of the lab."""
    return sorted((corpus / "lab").glob("*.pcapng"))


def truth(capture: Path) -> dict[str, Any]:
    """What those who made a capture of the lab say that it holds."""
    text = capture.with_suffix(".truth.json").read_text(encoding="utf-8")
    whole: dict[str, Any] = json.loads(text)
    return whole


def with_protocol(corpus: Path, protocol: str) -> list[str]:
    """Captures that carry `protocol`, as paths below the corpus.

    Of the public ones those filed under it, and those in which tshark saw its
    function codes; of the lab those whose name or truth has it.
    """
    public = [
        f"public/{row['file']}"
        for row in manifest(corpus)
        if protocol == row["protocol"] or f"{protocol}." in row["function_codes"]
    ]
    on_wire = {protocol, f"{protocol}-udp", f"{protocol}-rtu"}
    made = [
        f"lab/{path.name}"
        for path in lab(corpus)
        if not on_wire.isdisjoint(event.get("proto") for event in truth(path)["events"])
    ]
    return sorted(public) + made
