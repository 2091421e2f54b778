"""`otmon doctor`: what is fit, what is not, and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from commands import invoked
from places import PCAPS

import otmon
from otmon.state import alerts
from otmon.state.site_file import SiteFile


@pytest.fixture
def state(tmp_path: Path) -> Path:
    otmon.analyze(PCAPS / "s7comm" / "stop_start.pcapng", state=tmp_path / "site.otmon")
    return tmp_path / "site.otmon"


def doctor(*arguments: object) -> Result:
    return invoked("doctor", *arguments)


def found(ran: Result, check: str) -> list[tuple[str, str]]:
    return [(one["status"], one["says"]) for one in json.loads(ran.output) if one["check"] == check]


def test_a_sound_state_is_well_and_says_what_it_holds(state):
    ran = doctor("--state", state, "--format", "json")

    assert 0 == ran.exit_code
    assert {"ok"} == {status for status, _ in found(ran, "state")}
    assert "captures 1" in found(ran, "state")[0][1]


def test_looking_changes_nothing(state):
    before = state.read_bytes()
    doctor("--state", state)

    assert before == state.read_bytes()


def test_a_damaged_state_fails_and_is_not_backed_up(state, tmp_path):
    body = bytearray(state.read_bytes())
    body[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    state.write_bytes(body)
    copy = tmp_path / "copy.otmon"
    ran = doctor("--state", state, "--backup", copy, "--format", "json")

    assert 3 == ran.exit_code
    assert "failure" == found(ran, "state")[0][0]
    assert "failure" == found(ran, "backup")[0][0]
    assert not copy.exists()


def test_a_backup_is_a_state_like_any_other(state, tmp_path):
    copy = tmp_path / "copy.otmon"
    assert 0 == doctor("--state", state, "--backup", copy).exit_code
    with SiteFile.open(state) as site, SiteFile.open(copy) as backup:
        assert alerts.load(site.db) == alerts.load(backup.db)

    again = doctor("--state", state, "--backup", copy, "--format", "json")
    assert (3, "failure") == (again.exit_code, found(again, "backup")[0][0])


def test_a_configuration_that_cannot_be_used_fails_with_its_line(tmp_path):
    config = tmp_path / "otmon.toml"
    config.write_text("[site]\nnmae = 1\n")
    ran = doctor("--config", config, "--format", "json")

    assert 3 == ran.exit_code
    assert "otmon.toml:2" in found(ran, "configuration")[0][1]


def test_rules_that_cannot_be_used_fail(tmp_path):
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "broken.yml").write_text("title: broken\n")
    config = tmp_path / "otmon.toml"
    config.write_text('[rules]\ndirectories = ["rules", "none"]\n')
    ran = doctor("--config", config, "--format", "json")

    assert "failure" == found(ran, "rules")[0][0]
    assert "none, which it names, is not there" in found(ran, "configuration")[1][1]


def test_without_tshark_only_the_second_opinion_is_missing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    ran = doctor("--format", "json")

    assert 0 == ran.exit_code
    assert "warning" == found(ran, "tshark")[0][0]


def test_a_state_in_use_names_the_process(state):
    with SiteFile.open(state) as site:
        site.claim()
        ran = doctor("--state", state, "--format", "json")

    assert "is writing what it sees into it" in found(ran, "state")[-1][1]


def test_the_table_fits_eighty_columns(state):
    assert [] == [line for line in doctor("--state", state).output.splitlines() if len(line) > 80]
