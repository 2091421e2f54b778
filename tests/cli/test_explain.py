"""`otmon explain`: the analyst's question, answered on a terminal and as a document."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from commands import run
from places import PCAPS
from rich.console import Console

import otmon
from otmon.cli import console

STOP = PCAPS / "s7comm" / "stop_start.pcapng"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "site.otmon"
    otmon.analyze(STOP, state=path)
    return path


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch):
    """Sets the columns of the terminal."""

    def at(columns: int) -> None:
        made = Console(width=columns, highlight=False, emoji=False, markup=False)
        monkeypatch.setattr(console, "out", lambda: made)

    return at


@pytest.mark.parametrize("columns", [80, 120])
def test_an_explanation_fits_its_terminal(state, width, columns):
    width(columns)
    text = run("explain", 1, "--state", state)

    body, _, commands = text.partition("\nNext\n")
    assert max(map(len, body.splitlines())) <= columns
    assert f"  otmon evidence 1 --state {state} -o alert-1.pcapng" in commands.splitlines()


def test_everything_that_is_asked_has_its_part(state, width):
    width(80)
    text = run("explain", 1, "--state", state, "--no-wireshark")

    for part in (
        "What happened",
        "Who",
        "Why it matters",
        "What the baseline said",
        "Why otmon says so",
        "How severe",
        "Frames",
        "ATT&CK for ICS",
        "Check next",
        "Looks the same and is not",
        "Related alerts",
        "Next",
    ):
        assert f"\n{part}\n" in text
    assert "ot.operation.class is mode_stop   <- mode_stop" in text
    assert "s7comm: request plc_stop (function 41, mode_stop)" in text


def test_a_status_is_told_to_its_end(tmp_path, width, corpus):
    width(80)
    site = tmp_path / "site.otmon"
    found = otmon.analyze(corpus / "lab" / "dnp3-control-file.pcapng", state=site)
    (number,) = (one.id for one in found.alerts if one.rule.title.endswith("and then restarted"))
    table = run("explain", number, "--state", site, "--no-wireshark").partition("\nWho\n")[0]

    assert ["07:40:52 direct_operate g12:200 latch_on not supported 1"] == [
        " ".join(line.split()) for line in table.splitlines() if "g12:200" in line
    ]


def test_two_decodes_stand_side_by_side_where_there_is_room(state, width, tshark):
    width(120)
    lines = run("explain", 1, "--state", state).splitlines()

    assert any(line.split() == ["otmon", "Wireshark"] for line in lines)


def test_without_tshark_the_rest_is_explained_all_the_same(state, width, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    width(80)
    text = run("explain", 1, "--state", state)

    assert "! tshark is not installed" in text
    assert "s7comm: request plc_stop" in text


def test_the_document_has_the_same_facts(state):
    document = json.loads(run("explain", 1, "--state", state, "--format", "json", "--no-wireshark"))

    assert "S7 controller stopped" == document["rule"]["title"]
    assert ["request", "response"] == [one["frame"]["kind"] for one in document["frames"]]
    assert ["client", "server"] == [one["part"] for one in document["devices"]]


def test_a_capture_that_is_gone_leaves_an_explanation_without_frames(tmp_path, width):
    capture, state = tmp_path / "gone.pcapng", tmp_path / "site.otmon"
    shutil.copy(STOP, capture)
    otmon.analyze(capture, state=state)
    capture.unlink()
    width(80)

    assert "is not there any more" in run("explain", 1, "--state", state)


def test_what_to_do_comes_before_what_it_rests_on(state, width):
    width(80)
    text = run("explain", 1, "--state", state, "--no-wireshark")

    assert text.index("\nCheck next\n") < text.index("\nWhy otmon says so\n")
    assert text.index("\nATT&CK for ICS\n") < text.index("\nFrames\n")


def test_factors_are_written_as_a_product(state, width):
    width(80)
    text = run("explain", 1, "--state", state, "--no-wireshark")
    part = text.partition("\nHow severe\n")[2].partition("\nATT&CK")[0]

    assert ["90", "x 0.95", "x 1", "critical"] == [
        line.split("  ")[-1].strip().removeprefix("86, ") for line in part.splitlines() if line
    ]


def test_stations_that_were_asked_are_named(tmp_path, width):
    width(80)
    site = tmp_path / "site.otmon"
    found = otmon.analyze(PCAPS / "modbus" / "unit_sweep.pcapng", state=site)
    (number,) = (one.id for one in found.alerts if one.rule.title.startswith("Stations behind"))
    table = run("explain", number, "--state", site, "--no-wireshark").partition("\nWho\n")[0]

    assert re.search(r"unit +operation +target", table)


def test_a_finding_that_is_about_no_operation_has_no_table(tmp_path, width):
    width(80)
    site = tmp_path / "site.otmon"
    otmon.analyze(PCAPS / "network" / "arp_scan.pcapng", state=site)

    assert "unknown" not in run("explain", 1, "--state", site, "--no-wireshark")


def test_of_several_clients_each_is_named_with_what_it_did(tmp_path, width):
    width(80)
    site = tmp_path / "site.otmon"
    found = otmon.analyze(PCAPS / "demo" / "plant.pcapng", state=site)
    (number,) = (one.id for one in found.alerts if one.rule.title.startswith("Second client"))
    text = run("explain", number, "--state", site, "--no-wireshark")
    table, _, rest = text.partition("\nWho\n")
    who, frames = rest.partition("\nWhy it matters\n")[0], rest.partition("\nFrames\n")[2]
    writes = re.findall(r"(\S+) +write_single_register +hr:101 +(739|2000)", table)

    assert [("10.20.1.10", "739"), ("10.20.1.66", "2000")] == writes
    assert ["10.20.1.10", "10.20.1.66"] == re.findall(r"client +(\S+)", who)
    assert ["10.20.1.10", "10.20.1.66"] == re.findall(r"message, .*UTC, ([\d.]+):", frames)
