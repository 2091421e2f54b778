"""A restart in the middle of a window changes nothing: correlations go on where they were."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from cutting import halves
from places import PCAPS

from otmon import analyze
from otmon.model.alert import Alert
from otmon.state import alerts
from otmon.state.site_file import SiteFile

CUTS = {
    "s7comm/password.pcapng": 15,
    "s7comm/program_replaced.pcapng": 12,
    "s7comm/stopped_often.pcapng": 30,
    "modbus/unit_sweep.pcapng": 50,
    "modbus/task_list_for_many.pcapng": None,
    "dnp3/trip_sweep.pcapng": 14,
    "dnp3/trip_and_restart.pcapng": None,
}
"""Captures on which correlations fire, and the frame after which a run ends: else the middle."""


def kept(state: Path) -> list[Alert]:
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        return alerts.load(db)


def said(found: list[Alert]) -> Counter[tuple[object, ...]]:
    """What alerts say; frames count anew in each file, so only how many there are."""
    return Counter(
        (
            one.rule.title,
            one.client,
            one.server,
            one.severity,
            one.count,
            one.message,
            sum(len(part.frames) for part in (one.evidence, *one.evidence.continued)),
            tuple((row.operation, row.target, row.status, row.count) for row in one.violations),
        )
        for one in found
    )


@pytest.mark.parametrize("capture", CUTS)
def test_a_restart_in_a_window_gives_the_alerts_of_one_run(capture: str, tmp_path: Path) -> None:
    path, whole, again = PCAPS / capture, tmp_path / "whole.otmon", tmp_path / "again.otmon"
    result = analyze(path, state=whole)
    for part in halves(path, tmp_path, CUTS[capture] or result.capture.packets // 2):
        analyze(part, state=again)

    assert said(kept(whole))
    assert said(kept(whole)) == said(kept(again))


def test_an_alert_of_two_runs_names_the_frames_of_both_captures(tmp_path: Path) -> None:
    state = tmp_path / "site.otmon"
    first, second = halves(PCAPS / "s7comm" / "password.pcapng", tmp_path, 15)
    analyze(first, state=state)
    before = kept(state)
    analyze(second, state=state)
    often = next(one for one in kept(state) if "again and again" in one.rule.title)

    assert "Log-in to a device failed again and again" not in {one.rule.title for one in before}
    assert [str(first), str(second)] == [
        part.file for part in (often.evidence, *often.evidence.continued)
    ]
