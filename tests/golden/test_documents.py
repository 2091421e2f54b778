"""The documents for Elasticsearch of our captures are those of before."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from places import PCAPS

from otmon.config import Config, Elastic
from otmon.runs import analyze
from otmon.sensor_identity import sensor_of
from otmon.shipping import Shipping
from otmon.sinks import outbox
from otmon.state.site_file import SiteFile

FOLDER = Path(__file__).with_name("documents")
CASES = (
    ("s7comm/stop_start", None),
    ("inventory/public_peer", None),
    ("network/remote_access", None),
    ("baseline/departures", "baseline/habits"),
)
"""Captures, each with the one that shows what is normal, if any."""


WORDS = ("triage", "false_positives", "why")
"""What rules say of an alert in many words: tests of rules read it."""


def told(body: bytes) -> dict[str, Any]:
    """A document, without what every version and every rule writes otherwise."""
    one: dict[str, Any] = json.loads(body)
    del one["event"]["created"], one["observer"]["version"]
    for name in ("version", "description"):
        one.get("rule", {}).pop(name, None)
    for name in WORDS:
        one.get("otmon", {}).get("alert", {}).pop(name, None)
    return one


@pytest.mark.parametrize(("case", "normal"), CASES)
def test_documents_say_what_they_said_before(
    case: str, normal: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Documents name their capture as it was given.
    monkeypatch.chdir(PCAPS)
    path = f"{case}.pcapng"
    config = Config(elastic=Elastic(operations="notable", tags=("golden",)))
    sensor = dataclasses.replace(sensor_of(config, [path]), name="tap-1", hostname="tap-1")
    with SiteFile.open(tmp_path / "site.otmon", durable=False) as site:
        baseline = None if normal is None else f"{normal}.pcapng"
        analyze([path], baseline=baseline, shipping=Shipping(config, sensor, site))
        with site.reading() as db:
            rows = outbox.batch(db, at_most=10_000, max_bytes=1 << 28, now_ns=2**62)
    text = "".join(f"{json.dumps(told(row.document.body), sort_keys=True)}\n" for row in rows)

    golden = FOLDER / f"{case.replace('/', '_')}.ndjson"
    if os.environ.get("OTMON_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, "utf8")
    assert golden.read_text("utf8") == text
