"""`otmon evidence`: frames of the last analysis and of a state, into a file or a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import printed, run
from places import PCAPS

import otmon
from otmon.errors import UsageError

STOP = PCAPS / "s7comm" / "stop_start.pcapng"


@pytest.fixture
def last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to write to, after an analysis."""
    otmon.analyze(STOP, keep=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_evidence_of_the_last_analysis_goes_into_a_file_of_its_own(last):
    said = run("evidence", 1)

    assert said.startswith("alert-1.pcapng: ")
    assert list(otmon.pdus(last / "alert-1.pcapng"))


def test_only_evidence_is_written_over(last):
    run("evidence", 1, "-o", "a.pcapng")
    run("evidence", 1, "-o", "a.pcapng")
    (last / "notes.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="is no evidence of otmon"):
        run("evidence", 1, "-o", "notes.txt")
    assert "mine" == (last / "notes.txt").read_text(encoding="utf-8")
    run("evidence", 1, "-o", "notes.txt", "--force")


def test_evidence_goes_into_a_pipe(last):
    run("evidence", 1, "-o", "a.pcapng")

    assert (last / "a.pcapng").read_bytes() == printed("evidence", 1, "-o", "-")


def test_the_document_tells_each_frame(last):
    document = json.loads(run("evidence", 1, "--format", "json", "--context", 0))

    assert 1 == document["alert"]
    kinds = [frame["kind"] for frame in document["frames"]]
    assert ["handshake"] * 3 + ["request", "response"] == kinds


def test_a_state_is_named_like_everywhere(tmp_path):
    state = tmp_path / "site.otmon"
    otmon.analyze(STOP, state=state)
    run("evidence", 1, "--state", state, "-o", tmp_path / "a.pcapng")

    assert (tmp_path / "a.pcapng").is_file()
    with pytest.raises(UsageError, match="There is no alert 99"):
        run("evidence", 99, "--state", state)
    with pytest.raises(UsageError, match="more than one alert"):
        run("evidence", "1-2", "--state", state)
