"""`otmon assets`: an analyst and an engineer at a list of devices."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from commands import invoked, run
from places import PCAPS

import otmon
from otmon.errors import UsageError

KNOWN = PCAPS / "inventory" / "known.pcapng"
LAPTOP = PCAPS / "inventory" / "laptop.pcapng"
FIRMWARE = PCAPS / "inventory" / "firmware.pcapng"


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state that knows the small plant."""
    path = tmp_path_factory.mktemp("state") / "site.otmon"
    otmon.analyze(KNOWN, state=path)
    return path.read_bytes()


@pytest.fixture
def state(analysed: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "site.otmon"
    path.write_bytes(analysed)
    return path


def listed(state: Path, *options: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        run("assets", "list", "--format", "json", "--state", state, *options)
    )
    return found


def test_a_state_has_the_devices_of_its_captures(state: Path) -> None:
    expected = [asset.id for asset in otmon.analyze(KNOWN).assets]

    assert expected == [asset["id"] for asset in listed(state)]
    assert ["10.20.2.11", "10.20.2.13", "10.20.2.21"] == [
        asset["ip"][0] for asset in listed(state, "--role", "plc")
    ]


def test_assets_of_the_configuration_that_the_state_does_not_have_are_named(
    state: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "otmon.toml"
    settings.write_text(
        '[[assets]]\nmatch = "10.20.2.11"\n[[assets]]\nmatch = "10.20.2.99"\n', encoding="utf-8"
    )

    assert "otmon: 1 of [[assets]] in the configuration match no device: 10.20.2.99\n" == (
        invoked("assets", "list", "--state", state, "--config", settings).stderr
    )


def test_a_table_fits_80_columns_and_leads_on(state: Path) -> None:
    lines = run("assets", "list", "--state", state).splitlines()

    assert max(map(len, lines[: lines.index("Next")])) <= 80
    assert any(line.startswith("  otmon assets show a-") for line in lines)


def test_each_thing_that_is_shown_has_its_frame(state: Path) -> None:
    shown = run("assets", "show", "10.20.2.21", "--state", state)

    assert "S C-B1UR74125013" in shown
    assert "s7comm.read_szl" in shown
    assert "known.pcapng" in shown


def test_what_a_person_says_is_shown_and_taken_back(state: Path) -> None:
    run("assets", "set", "10.20.2.21", "--name", "filters", "--vendor", "Acme", "--state", state)
    (asset,) = [one for one in listed(state) if one["name"] == "filters"]
    assert "Acme" == asset["vendor"]

    run("undo", "--state", state)
    assert [] == [one for one in listed(state) if one["name"]]


def test_a_name_stays_when_more_traffic_comes(state: Path) -> None:
    run("assets", "set", "10.20.1.10", "--name", "hmi-01", "--role", "hmi", "--state", state)
    result = otmon.analyze(LAPTOP, state=state)
    (asset,) = [one for one in result.assets if one.name == "hmi-01"]

    assert ("hmi",) == asset.confirmed_roles
    assert "New device on the network" in [alert.rule.title for alert in result.alerts]


def test_two_entries_of_one_device_are_merged_by_hand(state: Path) -> None:
    options = ("assets", "set", "10.20.2.21", "--merge", "10.20.2.13", "--state", state)
    run(*options)
    merged = [one["ip"] for one in listed(state) if "10.20.2.21" in one["ip"]]
    assert [["10.20.2.13", "10.20.2.21"]] == merged

    run("undo", "--state", state)
    assert [["10.20.2.21"]] == [one["ip"] for one in listed(state) if "10.20.2.21" in one["ip"]]


def test_a_diff_names_what_changed_and_where_it_is_seen() -> None:
    told = " ".join(run("assets", "diff", KNOWN, FIRMWARE).split())

    assert "firmware: v3.20" in told
    assert "is now v3.21" in told
    assert "4 devices are as they were." in told


def test_a_state_and_a_document_are_compared_like_captures(state: Path, tmp_path: Path) -> None:
    document = tmp_path / "laptop.json"
    document.write_text(run("analyze", "--no-keep", "--format", "json", LAPTOP))
    found = json.loads(run("assets", "diff", state, document, "--format", "json"))

    assert [["10.20.1.66"]] == [asset["ip"] for asset in found["added"]]
    assert ([], 5) == (found["gone"], found["same_count"])


def test_the_export_has_a_row_a_device(state: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("assets", "export", "--state", state))))

    assert 5 == len(rows)


def test_a_device_that_is_not_there_is_a_plain_error(state: Path) -> None:
    with pytest.raises(UsageError, match=r"No device is '10\.9\.9\.9'\. See"):
        run("assets", "show", "10.9.9.9", "--state", state)


def test_the_devices_that_most_depends_on_are_listed_from_a_capture() -> None:
    shown = run("assets", "critical", PCAPS / "demo" / "plant_normal.pcapng", "--limit", "1")

    line = next(line for line in shown.splitlines() if "10.20.1.10" in line)
    assert ["10.20.1.10", "hmi", "4", "67%", "4", "2", "Dell"] == line.split()
    assert "10.20.2.11" not in shown
