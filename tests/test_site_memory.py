"""A state goes on from capture to capture, and takes each in once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cutting import halves
from places import PCAPS

import otmon
from otmon.model.alert import Alert
from otmon.state import alerts, captures, last_analysis, results
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile

STOPPED = PCAPS / "s7comm" / "stop_start.pcapng"
NORMAL = PCAPS / "modbus" / "operator_writes.pcapng"
PLANT = PCAPS / "demo" / "plant.pcapng"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "site.otmon"


def kept(state: Path) -> list[Alert]:
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return alerts.load(db)


def test_what_an_analysis_finds_is_in_the_state_with_the_same_numbers(state):
    result = otmon.analyze(PLANT, state=state)

    assert list(result.alerts) == [
        alert
        for alert, again in zip(result.alerts, kept(state), strict=True)
        if alert.id == again.id and alert.message == again.message
    ]
    assert [*range(1, len(result.alerts) + 1)] == [alert.id for alert in result.alerts]


def test_the_same_capture_counts_once_and_says_the_same_again(state, tmp_path):
    first = otmon.analyze(PLANT, state=state)
    before = kept(state)
    copy = tmp_path / "by-another-name.pcapng"
    shutil.copy(PLANT, copy)
    again = otmon.analyze(copy, state=state)

    assert before == kept(state)
    assert [(a.id, a.message, a.count) for a in first.alerts] == [
        (a.id, a.message, a.count) for a in again.alerts
    ]
    assert "has all of this already" in again.capture.remarks[0]


def test_what_the_state_has_already_is_not_what_was_before_it(state):
    capture = PCAPS / "modbus" / "write_after_reads.pcapng"
    first = otmon.analyze(capture, state=state)
    again = otmon.analyze(capture, state=state)

    assert ["First change by a client that had only read"] == [a.rule.title for a in first.alerts]
    assert [a.rule.title for a in first.alerts] == [a.rule.title for a in again.alerts]


def test_only_what_is_new_is_read(state):
    otmon.analyze(STOPPED, state=state)
    result = otmon.analyze([STOPPED, NORMAL], state=state)

    assert [str(NORMAL)] == [file.path for file in result.capture.files]
    assert f"{STOPPED}: left out, the state has it already" == result.capture.remarks[0]


def test_a_capture_cut_in_two_gives_the_same_alerts_as_the_whole(state, tmp_path):
    whole = tmp_path / "whole.otmon"
    otmon.analyze(STOPPED, state=whole)
    for half in halves(STOPPED, tmp_path, 12):
        otmon.analyze(half, state=state)

    assert [(a.rule.title, a.client, a.server) for a in kept(whole)] == [
        (a.rule.title, a.client, a.server) for a in kept(state)
    ]


@pytest.mark.parametrize("frames", [1_000, 3_000, 4_000])
def test_a_client_of_the_first_capture_is_not_new_in_the_second(state, tmp_path, frames):
    whole = tmp_path / "whole.otmon"
    otmon.analyze(PLANT, state=whole)
    for half in halves(PLANT, tmp_path, frames):
        otmon.analyze(half, state=state)

    in_one = {(a.rule.title, a.client, a.server) for a in kept(whole)}
    in_two = {(a.rule.title, a.client, a.server) for a in kept(state)}
    assert set() == in_one - in_two
    # Whoever only came with the second is new to a site that has been watched.
    assert {"10.20.1.66"} >= {client for _, client, _ in in_two - in_one}


def test_an_older_capture_is_taken_in_and_says_that_detectors_begin_afresh(state, tmp_path):
    first, second = halves(PLANT, tmp_path, 3_000)
    otmon.analyze(second, state=state)
    result = otmon.analyze(first, state=state)

    assert "detectors and correlations began afresh" in result.capture.remarks[0]
    with SiteFile.open(state) as site:
        assert 2 == site.db.execute("SELECT count(*) FROM captures").fetchone()[0]


def test_a_capture_that_has_grown_is_left_out_with_advice(state, tmp_path):
    growing = tmp_path / "growing.pcapng"
    begin = halves(PLANT, tmp_path, 3_000)[0].read_bytes()
    growing.write_bytes(begin)
    otmon.analyze(growing, state=state)
    growing.write_bytes(PLANT.read_bytes())
    result = otmon.analyze([growing, STOPPED], state=state)

    assert result.capture.remarks[0].endswith(f"`editcap {growing} NEW 1-3000`")


def test_what_is_stopped_halfway_is_not_in_the_state(state):
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append((done, total))
        if len(calls) == 1:
            raise KeyboardInterrupt

    result = otmon.analyze(PLANT, state=state, progress=stop)

    assert ("stopped before the end: nothing was added to the state",) == result.capture.remarks
    assert [] == kept(state)
    with SiteFile.open(state, read_only=True) as site:
        assert None is captures.position(site.db, captures.FILES)


def test_a_muted_alert_is_counted_and_not_told(state, tmp_path):
    first, second = halves(PLANT, tmp_path, 5_300)
    result = otmon.analyze(first, state=state)
    number = next(a.id for a in result.alerts if "malformed" in a.message)
    with SiteFile.open(state) as site, site.transaction() as db:
        alerts.settle(db, [number], "muted", Action("j.doe", "mute"))
    again = otmon.analyze(second, state=state)

    assert number not in [alert.id for alert in again.alerts]


def test_without_a_state_the_result_is_kept_as_the_last_analysis_only_if_asked():
    result = otmon.analyze(STOPPED, keep=True)
    with SiteFile.open(last_analysis.path(), read_only=True) as site:
        assert next(iter(result.alerts)).message == alerts.load(site.db)[0].message
        assert result.capture.packets == results.load(site.db, "capture")["packets"]
    otmon.analyze(NORMAL)
    with SiteFile.open(last_analysis.path(), read_only=True) as site:
        assert str(STOPPED) == results.load(site.db, "capture")["files"][0]["path"]


def test_the_last_analysis_is_replaced_by_the_next_one():
    otmon.analyze(STOPPED, keep=True)
    otmon.analyze(NORMAL, keep=True)
    with SiteFile.open(last_analysis.path(), read_only=True) as site:
        assert str(NORMAL) == results.load(site.db, "capture")["files"][0]["path"]

    assert 1 == len(list(last_analysis.folder().glob("analysis-*.otmon")))


def test_a_cache_that_cannot_be_written_costs_nothing_but_the_keeping(tmp_path, monkeypatch):
    (tmp_path / "otmon").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = otmon.analyze(STOPPED, keep=True)

    assert "could not be kept" in result.capture.remarks[0]
    assert 0 < len(result.alerts)
