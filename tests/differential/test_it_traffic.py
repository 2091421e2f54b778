"""Ordinary IT traffic is nobody's plant: no industrial protocol may be reported in it."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from differential import captures

import otmon

LIST = Path(__file__).with_name("it_traffic.toml")
TSHARK_NAMES = {"modbus": "modbus", "cotp": "cotp", "s7comm": "s7comm", "dnp3": "dnp3"}
"""tshark's names of the protocols that an exception may have."""


@pytest.fixture(scope="module")
def allowed() -> dict[str, dict[str, str]]:
    """Of captures that do carry an industrial protocol: its name, and the reason."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["capture"]
    return {entry["path"]: entry for entry in entries}


@pytest.fixture(scope="module")
def reported(corpus: Path) -> dict[str, set[str]]:
    """Of each IT capture with any, the industrial protocols that otmon reports."""
    rows = [row for row in captures.manifest(corpus) if row["file"].startswith("it-")]
    assert rows
    found = {}
    for row in rows:
        result = otmon.analyze(corpus / "public" / row["file"])
        names = {protocol.name for protocol in result.protocols}
        if names:
            found[row["file"]] = names
    print(f"\n{len(rows)} IT captures, industrial protocols in {found}")
    return found


def test_no_industrial_protocol_is_reported_on_it_traffic(
    reported: dict[str, set[str]], allowed: dict[str, dict[str, str]]
) -> None:
    unexpected = {
        path: names - {allowed.get(path, {}).get("protocol", "")}
        for path, names in reported.items()
    }

    assert {} == {path: names for path, names in unexpected.items() if names}


def test_tshark_sees_the_protocol_of_every_exception(
    corpus: Path, tshark: str, allowed: dict[str, dict[str, str]]
) -> None:
    wrong = []
    for path, entry in allowed.items():
        protocol = TSHARK_NAMES[entry["protocol"]]
        command = [tshark, "-n", "-r", str(corpus / "public" / path), "-Y", protocol, "-c", "1"]
        seen = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if not seen.strip():
            wrong.append(path)

    assert [] == wrong


def test_every_exception_still_occurs(
    reported: dict[str, set[str]], allowed: dict[str, dict[str, str]]
) -> None:
    gone = [
        path for path, entry in allowed.items() if entry["protocol"] not in reported.get(path, ())
    ]

    assert [] == gone
