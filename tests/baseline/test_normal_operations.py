"""What is normal is not counted by rules about many operations; what is dangerous always is."""

from __future__ import annotations

import pytest
from places import PCAPS

from otmon import runs
from otmon.model.statement import Verdict


@pytest.mark.parametrize(
    ("state", "novel", "normal"),
    [
        ("learned", (), True),
        ("approved", (), True),
        ("muted", (), True),
        ("learned", ("time_of_day",), False),
        ("muted", ("object",), False),
        ("learning", (), False),
        ("pending", (), False),
        ("rejected", (), False),
        ("expired", ("object",), False),
        (None, (), False),
    ],
)
def test_normal_is_what_is_settled_with_nothing_new(
    state: str | None, novel: tuple[str, ...], normal: bool
):
    assert normal is Verdict("enforcing", novel, statement_state=state).normal


@pytest.mark.parametrize(
    ("capture", "title"),
    [
        ("s7comm/stopped_often", "Controller stopped again and again"),
        ("s7comm/program_replaced", "Controller stopped, loaded and started again"),
        ("dnp3/trip_and_restart", "DNP3 outstation restarted again and again"),
        ("tristation/change", "Safety program changed in the order that TRITON used"),
        ("s7comm/password", "Log-in to a device failed again and again"),
    ],
)
def test_danger_and_guessed_passwords_are_told_though_they_were_seen_before(
    capture: str, title: str
):
    path = PCAPS / f"{capture}.pcapng"

    assert title in {one.rule.title for one in runs.analyze(path, baseline=path).alerts}
