"""What devices are, where a mirror shows one direction alone."""

from __future__ import annotations

from pathlib import Path

from cutting import without
from places import PCAPS

import otmon

PLANT = PCAPS / "demo" / "plant.pcapng"
CLIENTS = "10.20.1."


def roles(path: Path) -> dict[str, tuple[str, ...]]:
    assets = otmon.analyze(path).assets
    return {asset.ip[0]: asset.roles for asset in assets if asset.unit is None and asset.ip}


def test_who_answers_is_a_server_though_no_request_is_seen(tmp_path: Path) -> None:
    found = roles(without(PLANT, tmp_path, CLIENTS))

    assert (("plc",), ("plc",), ("rtu",)) == (
        found["10.20.2.11"], found["10.20.2.21"], found["10.20.3.31"]
    )  # fmt: skip


def test_requests_alone_say_nothing_of_who_would_answer(tmp_path: Path) -> None:
    found = roles(without(PLANT, tmp_path, "10.20.2."))

    assert () == found.get("10.20.2.21", ())
