"""A process that is killed at any moment leaves a state that opens and is consistent."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from places import PCAPS, ROOT

import otmon
from otmon.baseline.exchange import export
from otmon.baseline_memory import BaselineMemory
from otmon.config import Baseline as Settings
from otmon.model.alert import Alert
from otmon.runs import learn_into
from otmon.state import alerts, baseline, journal, summary
from otmon.state.site_file import SiteFile

CAPTURES = (PCAPS / "s7comm" / "stop_start.pcapng", PCAPS / "demo" / "plant.pcapng")

ANALYSE = """
import os, signal, sys
from otmon.state import connection
state, captures, at = sys.argv[1], sys.argv[2:4], int(sys.argv[4])
connect = connection.connect
statements = 0
def watched(*arguments, **options):
    db = connect(*arguments, **options)
    def traced(statement):
        global statements
        statements += 1
        if statements == at:
            os.kill(os.getpid(), signal.SIGKILL)
    db.set_trace_callback(traced)
    return db
connection.connect = watched
import otmon
from otmon.runs import learn_into
for capture in captures:
    if sys.argv[5:] == ["learn"]:
        learn_into(capture, state)
    else:
        otmon.analyze(capture, state=state)
print(statements)
"""
"""Analyses or learns captures one after the other, and dies when its n-th statement begins."""

SETTLE = """
import itertools, sys
from otmon.state import alerts
from otmon.state.journal import Action
from otmon.state.site_file import SiteFile
from otmon.state.undo import undo
with SiteFile.open(sys.argv[1]) as site:
    numbers = [alert.id for alert in alerts.load(site.db)]
    for turn in itertools.count():
        status = ("acknowledged", "closed", "muted")[turn % 3]
        with site.transaction() as db:
            alerts.settle(db, numbers, status, Action("j.doe", status, "x" * 1000))
        print(turn, "done", flush=True)
        with site.transaction() as db:
            undo(db, None, "j.doe")
        print(turn, "undone", flush=True)
"""
"""Settles all alerts and takes it back, for ever, and says so after each."""

SAY = """
import itertools, sys
from otmon.cli import group
state, *command = sys.argv[1:]
for turn in itertools.count():
    group.main([*command, "--state", state], standalone_mode=False)
    print(turn, "done", flush=True)
    group.main(["undo", "--state", state], standalone_mode=False)
    print(turn, "undone", flush=True)
"""
"""Settles something by a command and takes it back, for ever."""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )


Found = tuple[list[Alert], dict[str, int]]
"""The alerts of a state, and how many rows each of its tables has."""


def kept(state: Path) -> Found:
    """What is in a state, which is sound."""
    with SiteFile.open(state) as site, site.reading() as db:
        assert [] == site.check()
        return alerts.load(db), summary.rows(db)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Found], int]:
    """What is there after none, one and both captures, and how many statements that takes."""
    folder = tmp_path_factory.mktemp("whole")
    SiteFile.open(folder / "steps.otmon").close()
    steps = [kept(folder / "steps.otmon")]
    for capture in CAPTURES:
        otmon.analyze(capture, state=folder / "steps.otmon")
        steps.append(kept(folder / "steps.otmon"))
    counted = run(ANALYSE, folder / "counted.otmon", *CAPTURES, 0)
    assert "" == counted.stderr
    return steps, int(counted.stdout)


Learned = tuple[str, dict[str, int]]
"""The baseline of a state as an export, and how many rows each of its tables has."""


def known(state: Path) -> Learned:
    """What a state knows to be normal, which is sound."""
    with SiteFile.open(state) as site:
        assert [] == site.check()
        normal = BaselineMemory(site, Settings()).baseline
        return "".join(export(normal.book, normal.site, "site")), summary.rows(site.db)


@pytest.fixture(scope="module")
def learned_steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Learned], int]:
    """What is known after none, one and both captures, and how many statements that takes."""
    folder = tmp_path_factory.mktemp("learned")
    SiteFile.open(folder / "steps.otmon").close()
    steps = [known(folder / "steps.otmon")]
    for capture in CAPTURES:
        learn_into(capture, folder / "steps.otmon")
        steps.append(known(folder / "steps.otmon"))
    counted = run(ANALYSE, folder / "counted.otmon", *CAPTURES, 0, "learn")
    assert "" == counted.stderr
    return steps, int(counted.stdout)


@pytest.mark.parametrize("part", range(12))
def test_an_analysis_that_is_killed_is_in_the_state_as_a_whole_or_not_at_all(
    whole: tuple[list[Found], int], tmp_path: Path, part: int
) -> None:
    steps, statements = whole
    state = tmp_path / "site.otmon"
    at = random.Random(part).randint(part * statements // 12 + 1, (part + 1) * statements // 12)
    killed = run(ANALYSE, state, *CAPTURES, at)

    assert -signal.SIGKILL == killed.returncode
    assert kept(state) in steps
    for capture in CAPTURES:
        otmon.analyze(capture, state=state)
    assert steps[2] == kept(state)


def settled(state: Path) -> None:
    """Alerts, statements and journal agree."""
    with SiteFile.open(state, read_only=True) as site, site.reading() as db:
        latest: dict[tuple[str, str], dict[str, object]] = {}
        for entry in reversed(journal.entries(db)):
            latest[entry.kind, entry.subject] = entry.after or {}
        for alert in alerts.load(db):
            said = latest.get(("alert", str(alert.id)), {"status": "open"})
            assert said["status"] == alert.status
        for statement in baseline.load_statements(db):
            said = latest.get(("statement", statement.id), {"state": statement.state})
            assert said["state"] == statement.state


@pytest.fixture
def state(tmp_path: Path) -> Path:
    otmon.analyze(CAPTURES[1], state=tmp_path / "site.otmon")
    return tmp_path / "site.otmon"


@pytest.mark.parametrize("lines", [1, 4, 9, 16])
def test_settling_that_is_killed_leaves_alerts_and_journal_in_agreement(
    state: Path, lines: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SETTLE, str(state)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += process.stdout.readlines()
    process.wait(60)

    turn, word = said[-1].split()
    commits = 2 * int(turn) + (1 if word == "done" else 2)
    settled(state)
    with SiteFile.open(state) as site:
        batches = {entry.batch for entry in journal.entries(site.db)}
        assert [] == site.check()
        # What was said to be done is there; one more may have been done and not said.
        assert len(batches) in (commits, commits + 1)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that was learned, and then attacked."""
    state = tmp_path_factory.mktemp("judged") / "site.otmon"
    learn_into(PCAPS / "demo" / "plant_normal.pcapng", state)
    otmon.analyze(CAPTURES[1], state=state)
    return state


@pytest.mark.parametrize("words", [1, 4, 7])
@pytest.mark.parametrize(
    "command",
    [
        ("alerts", "learn", "--yes", "ALERT"),
        ("baseline", "approve", "--only", "pending"),
        ("baseline", "forget", "--asset", "10.20.2.21"),
    ],
    ids=lambda command: "-".join(command[:2]),
)
def test_approving_that_is_killed_leaves_statements_and_journal_in_agreement(
    judged: Path, tmp_path: Path, command: tuple[str, ...], words: int
) -> None:
    state = tmp_path / "site.otmon"
    shutil.copy(judged, state)
    with SiteFile.open(state) as site:
        known = alerts.load(site.db)
    number = next(alert.id for alert in known if len(alert.statements) > 1)
    named = [str(number) if word == "ALERT" else word for word in command]
    process = subprocess.Popen(
        [sys.executable, "-c", SAY, str(state), *named],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    said = 0
    for line in process.stdout:
        said += line.split()[-1:] in (["done"], ["undone"])
        if said == words:
            break
    process.kill()
    process.wait(60)

    settled(state)
    with SiteFile.open(state) as site:
        assert [] == site.check()


@pytest.mark.parametrize("part", range(4))
def test_learning_that_is_killed_is_in_the_state_as_a_whole_or_not_at_all(
    learned_steps: tuple[list[Learned], int], tmp_path: Path, part: int
) -> None:
    steps, statements = learned_steps
    state = tmp_path / "site.otmon"
    at = random.Random(part).randint(part * statements // 4 + 1, (part + 1) * statements // 4)
    killed = run(ANALYSE, state, *CAPTURES, at, "learn")

    assert -signal.SIGKILL == killed.returncode
    assert known(state) in steps
    for capture in CAPTURES:
        learn_into(capture, state)
    assert steps[2] == known(state)


def test_a_second_process_reads_one_state_after_the_other_while_the_first_writes(
    state: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SETTLE, str(state)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        for _ in range(20):
            process.stdout.readline()
            settled(state)
    finally:
        process.kill()
        process.wait(60)
