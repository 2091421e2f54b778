"""What people say is in a state as a whole or not at all, whenever its command is killed."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import PCAPS

import otmon
from otmon.cli import group
from otmon.runs import learn_into
from otmon.state import baseline, connection, journal
from otmon.state.journal import Entry
from otmon.state.site_file import SiteFile

COMMANDS: Sequence[Sequence[str]] = [
    ("alerts", "ack", "1-3"),
    ("alerts", "learn", "--yes", "1"),
    ("baseline", "approve", "--only", "pending"),
    ("baseline", "reject", "--asset", "10.20.2.21", "--only", "learned"),
    ("baseline", "mute", "--class", "write", "--only", "learned"),
    ("baseline", "forget", "--protocol", "modbus"),
    ("baseline", "import", "EXPORT"),
    ("assets", "set", "10.20.2.21", "--name", "filters", "--criticality", "high"),
    ("assets", "set", "10.20.1.66", "--accept"),
    ("undo",),
]
ROUNDS = 9
NEAR_END = 8
"""Statements before the last one, among which a command writes what it did."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The baseline of another plant."""
    path = tmp_path_factory.mktemp("exported") / "other.yml"
    capture = PCAPS / "tristation" / "workstation.pcapng"
    run = CliRunner().invoke(group, ["baseline", "export", str(capture), "-o", str(path)])
    assert 0 == run.exit_code
    return path


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    """A site that was learned and attacked, and of which somebody has said something."""
    state = tmp_path_factory.mktemp("judged") / "site.otmon"
    learn_into(PCAPS / "demo" / "plant_normal.pcapng", state)
    otmon.analyze(PCAPS / "demo" / "plant.pcapng", state=state)
    say(["baseline", "import", str(exported), "--state", str(state)])
    say(["undo", "--state", str(state)])
    say(["baseline", "import", str(exported), "--state", str(state)])
    say(["undo", "--state", str(state)])
    say(["baseline", "forget", "--asset", "10.20.2.12", "--state", str(state)])
    return state


def say(command: Sequence[str]) -> None:
    """Runs a command, which ends well."""
    assert 0 == CliRunner().invoke(group, list(command)).exit_code


def forked(command: Sequence[str], prepare: Callable[[], list[str]]) -> tuple[int, float]:
    """How many statements a child that runs a command has begun, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            begun = prepare()
            if CliRunner().invoke(group, list(command)).exit_code == 0:
                os.write(writer, str(len(begun)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        count = int(said.read() or 0)
    os.waitpid(child, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return count, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def after_seconds(seconds: float) -> list[str]:
    """Ends this process once it has used so much processor time, wherever it is then."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    return []


def at_statement(number: int) -> list[str]:
    """Ends this process when its n-th statement begins; gives those that have begun."""
    connect = connection.connect
    begun: list[str] = []

    def traced(statement: str) -> None:
        begun.append(statement)
        if len(begun) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(*arguments, **options):
        db = connect(*arguments, **options)
        db.set_trace_callback(traced)
        return db

    connection.connect = watched
    return begun


def rows(state: Path) -> dict[str, list[str]]:
    """Every row of every table."""
    with SiteFile.open(state) as site:
        tables = site.db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            table: sorted(map(repr, site.db.execute(f"SELECT * FROM {table}")))
            for (table,) in tables
        }


def said(state: Path) -> list[Entry]:
    """The journal of a sound state, with which everything in the state agrees."""
    with SiteFile.open(state) as site:
        assert [] == site.check()
        entries = journal.entries(site.db)
        seen: set[tuple[str, str]] = set()
        for entry in entries:
            if (entry.kind, entry.subject) not in seen:
                seen.add((entry.kind, entry.subject))
                assert entry.after == there(site, entry), entry
        return entries


def there(site: SiteFile, entry: Entry) -> object:
    """What the state has of the subject of an entry, as the journal writes it."""
    if entry.kind == "statement":
        statement = baseline.find(site.db, entry.subject)
        facts = None if statement is None else baseline.facts_of(statement)
        return json.loads(json.dumps(facts))
    if entry.kind == "conversation":
        edge = baseline.find_edge(site.db, tuple(json.loads(entry.subject)))
        return None if edge is None else asdict(edge)
    if entry.kind == "asset":
        query = "SELECT words FROM asset_words WHERE id = ?"
        row = site.db.execute(query, (entry.subject,)).fetchone()
        return None if row is None else json.loads(row[0])
    if entry.kind == "alert":
        query = "SELECT status, muted_until_ns FROM alerts WHERE number = ?"
        status, until_ns = site.db.execute(query, (int(entry.subject),)).fetchone()
        return {"status": status, "muted_until_ns": until_ns}
    # What was said of single conversations and statements since then is in their own entries.
    return entry.after


def numbers(state: Path) -> list[int]:
    return [entry.id for entry in said(state)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:3]))
def test_a_command_that_is_killed_has_said_all_or_nothing(
    judged: Path, exported: Path, tmp_path: Path, command: Sequence[str]
) -> None:
    before = numbers(judged)
    state = tmp_path / "site.otmon"
    words = [str(exported) if word == "EXPORT" else word for word in command]
    words += ["--state", str(state)]

    shutil.copy(judged, state)
    count, seconds = forked(words, lambda: at_statement(0))
    whole = numbers(state)
    assert len(before) < len(whole)

    chance = random.Random("-".join(command))
    for turn in range(ROUNDS):
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        shutil.copy(judged, state)
        first = (1, max(1, count - NEAR_END))[turn % 3 == 1]
        statement, used = chance.randint(first, count), chance.uniform(0, seconds)
        if turn % 3 == 2:
            forked(words, lambda used=used: after_seconds(used))
        else:
            assert 0 == forked(words, lambda at=statement: at_statement(at))[0]
        found = numbers(state)
        assert found in (before, whole)
        if found == before:
            assert rows(judged) == rows(state)
            say(words)
            assert whole == numbers(state)
