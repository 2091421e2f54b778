"""A conversation whose protocol was not known at first becomes one in that protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from cutting import halves
from places import PCAPS

from otmon import analyze, runs
from otmon.baseline.compare import Baseline
from otmon.baseline.words import says
from otmon.baseline_memory import load
from otmon.model.statement import Key
from otmon.state.site_file import SiteFile

DNP3 = PCAPS / "dnp3" / "polling.pcapng"
S7 = PCAPS / "s7comm" / "read_write.pcapng"
SYN, SHAKEN, CONNECTED = 3, 5, 7
"""The frames after which a connection is asked for, is open, and has its ISO transport."""


def statements(state: Path) -> dict[str, tuple[str, int]]:
    """What a state holds normal, each with its state and how often it was seen."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        book = load(db)
    return {says(one, book.name): (one.state, one.count) for one in book.statements()}


@pytest.mark.parametrize(
    ("capture", "frames", "unknown"),
    [
        (DNP3, SYN, "10.20.1.10 uses tcp/20000 of 10.20.3.31"),
        (DNP3, SHAKEN, "10.20.1.10 uses tcp/20000 of 10.20.3.31"),
        (S7, SHAKEN, "10.20.1.10 uses ISO transport (tcp/102) of 10.20.2.21"),
        (S7, CONNECTED, "10.20.1.10 speaks COTP with 10.20.2.21"),
    ],
)
def test_a_run_that_ends_before_the_first_message_leaves_no_other_protocol(
    capture: Path, frames: int, unknown: str, tmp_path: Path
):
    whole, cut = tmp_path / "whole.otmon", tmp_path / "cut.otmon"
    analyze(capture, state=whole)
    first, second = halves(capture, tmp_path, frames)
    analyze(first, state=cut)
    assert [unknown] == list(statements(cut))
    analyze(second, state=cut)

    assert statements(whole) == statements(cut)


def test_a_connection_to_be_is_no_news_between_two_that_speak_what_it_carries(tmp_path: Path):
    first, _ = halves(S7, tmp_path, CONNECTED)

    assert () == runs.analyze(first, baseline=S7).deviations


EDGE = ("hmi", "rtu", "dnp3")
PORT = "tcp/20000"


def baseline_of(*, enforcing: bool = False) -> Baseline:
    """One that knows two to connect, and then sees what they speak."""
    baseline = Baseline()
    baseline.conversation((*EDGE[:2], PORT), 10, may_learn=True)
    head = baseline.book.get(Key("edge", *EDGE[:2], PORT))
    assert head is not None
    if enforcing:
        baseline.enforce_all()
    return baseline


def spoken(baseline: Baseline) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """What is known once they have spoken, and in what that was new."""
    baseline.identified(EDGE, (PORT,))
    found = baseline.conversation(EDGE, 20, may_learn=True)
    return [(one.key.protocol, one.state) for one in baseline.book.statements()], (
        found.verdict.novel
    )


def test_what_is_being_learned_becomes_what_is_spoken():
    assert ([("dnp3", "learning")], ()) == spoken(baseline_of())


def test_a_protocol_after_connections_that_never_carried_any_is_news():
    assert ([(PORT, "learned"), ("dnp3", "pending")], ("service",)) == spoken(
        baseline_of(enforcing=True)
    )


def test_a_persons_word_on_connections_stays():
    baseline = baseline_of()
    head = baseline.book.get(Key("edge", *EDGE[:2], PORT))
    assert head is not None
    head.author = "j.doe"
    baseline.book.set_state(head, "approved")

    assert ([(PORT, "approved"), ("dnp3", "learning")], ()) == spoken(baseline)


def test_a_stranger_that_had_only_looked_for_ports_is_told_again():
    baseline = baseline_of(enforcing=True)
    stranger = ("stranger", "rtu", PORT)
    assert ("novel_peer",) == baseline.conversation(stranger, 30, may_learn=True).tell
    edge = ("stranger", "rtu", "dnp3")
    baseline.identified(edge, (PORT,))

    assert ("novel_peer",) == baseline.conversation(edge, 40, may_learn=True).tell
