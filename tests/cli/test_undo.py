"""Everything that a command puts into the journal can be taken back, as a whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import PCAPS

import otmon
from otmon.cli import group
from otmon.runs import learn_into
from otmon.state import baseline
from otmon.state.site_file import SiteFile

ASIDE = ("journal", "sqlite_", "result_parts", "alert_changes", "baseline_")
"""Tables that only grow, that nobody settles, or that are looked at in another way."""


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that was learned, and then attacked."""
    state = tmp_path_factory.mktemp("undo") / "site.otmon"
    learn_into(PCAPS / "demo" / "plant_normal.pcapng", state)
    otmon.analyze(PCAPS / "demo" / "plant.pcapng", state=state)
    return state


def say(*command: str) -> str:
    """What a command prints."""
    ran = CliRunner().invoke(group, [*command], catch_exceptions=False)

    assert 0 == ran.exit_code, ran.output
    return ran.stdout


def content(state: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that people settle things in."""
    with SiteFile.open(state) as site:
        tables = [
            row[0] for row in site.db.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        found = {
            table: sorted(site.db.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in sorted(tables)
            if not table.startswith(ASIDE)
        }
        rows = {
            "statements": map(asdict, baseline.load_statements(site.db)),
            "surroundings": [baseline.surroundings(site.db)],
        }
        for name, some in rows.items():
            found[name] = sorted((json.dumps(one, sort_keys=True),) for one in some)
        return found


@pytest.mark.parametrize(
    "command",
    [
        ("alerts", "ack", "1"),
        ("alerts", "close", "1-3"),
        ("alerts", "mute", "2"),
        ("alerts", "learn", "--yes", "1"),
        ("baseline", "approve", "--only", "pending"),
        ("baseline", "approve", "--asset", "10.20.1.66", "--until", "2030-01-01"),
        ("baseline", "reject", "--asset", "10.20.2.21", "--only", "learned"),
        ("baseline", "mute", "--class", "write", "--only", "learned"),
        ("baseline", "forget", "--protocol", "modbus"),
        ("assets", "set", "10.20.2.21", "--name", "filters", "--criticality", "high"),
        ("assets", "set", "10.20.2.21", "--merge", "10.20.2.11"),
        ("assets", "set", "10.20.1.66", "--accept", "--note", "the vendor's"),
    ],
    ids=lambda command: "-".join(word.strip("-") for word in command[:3]),
)
def test_what_was_said_is_taken_back_as_a_whole(
    learned: Path, tmp_path: Path, command: Sequence[str]
) -> None:
    state = tmp_path / "site.otmon"
    shutil.copy(learned, state)
    before = content(state)
    say(*command, "--state", str(state))
    after = content(state)
    say("undo", "--state", str(state))

    assert before != after
    assert before == content(state)


def test_taking_back_can_be_taken_back(learned: Path, tmp_path: Path) -> None:
    state = tmp_path / "site.otmon"
    shutil.copy(learned, state)
    say("assets", "set", "10.20.2.21", "--name", "filters", "--state", str(state))
    once = content(state)
    say("undo", "--state", str(state))
    entry = say("journal", "--state", str(state), "--format", "json")

    assert '"undo"' in entry or "undo" in entry
    assert once != content(state)


def test_an_import_is_taken_back_but_for_what_was_seen_later(learned: Path, tmp_path: Path) -> None:
    """What both know was seen as late as either says."""
    state, exported = tmp_path / "site.otmon", tmp_path / "export.yml"
    shutil.copy(learned, state)
    say("baseline", "export", str(PCAPS / "baseline" / "habits.pcapng"), "-o", str(exported))
    before = content(state)
    say("baseline", "import", str(exported), "--state", str(state))
    between = content(state)
    say("undo", "--state", str(state))
    after = content(state)

    assert len(before["statements"]) != len(between["statements"])
    assert len(before["statements"]) == len(after["statements"])
    assert before["surroundings"] == after["surroundings"]


def test_a_device_that_is_accepted_has_its_conversations_learned(
    learned: Path, tmp_path: Path
) -> None:
    state = tmp_path / "site.otmon"
    shutil.copy(learned, state)
    before = content(state)
    said = say("assets", "set", "10.20.1.66", "--accept", "--state", str(state))
    with SiteFile.open(state) as site:
        learning = {edge.protocol for edge in baseline.load_edges(site.db) if not edge.enforcing}
    say("undo", "--state", str(state))

    assert "learned for a while" in said
    assert {"modbus", "s7comm"} <= learning
    assert before == content(state)


def test_what_cannot_be_printed_is_no_name(learned: Path) -> None:
    ran = CliRunner().invoke(
        group, ["assets", "set", "10.20.1.66", "--name", "a\x1b[31mb", "--state", str(learned)]
    )

    assert "cannot be printed" in str(ran.exception)
