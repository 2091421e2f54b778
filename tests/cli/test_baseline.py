"""`otmon baseline`: learned, shown, settled, exchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import run
from places import PCAPS

import otmon
from otmon.errors import OtmonError, UsageError

HABITS = PCAPS / "baseline" / "habits.pcapng"
DEPARTURES = PCAPS / "baseline" / "departures.pcapng"
OBJECT = "10.20.1.10 writes holding register 102 of 10.20.2.11 unit 1"


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state that has learned the habits."""
    path = tmp_path_factory.mktemp("state") / "site.otmon"
    run("baseline", "learn", HABITS, "--state", path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def judged(learned: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same after it has seen the departures."""
    path = tmp_path_factory.mktemp("state") / "site.otmon"
    path.write_bytes(learned)
    otmon.analyze(DEPARTURES, state=path)
    return path.read_bytes()


@pytest.fixture
def state(judged: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "site.otmon"
    path.write_bytes(judged)
    return path


def shown(state: Path, *options: object) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(
        run("baseline", "show", "--format", "json", "--state", state, *options)
    )
    return rows


def waiting(state: Path) -> dict[str, str]:
    """Ids of what waits for a person, by its sentence."""
    rows = shown(state, "--only", "pending")
    return {str(row["says"]).split(":")[0]: str(row["id"]) for row in rows}


def later(state: Path, tmp_path: Path) -> otmon.model.result.Result:
    """The departures once more, as another capture of a later day."""
    from otmon.config import Config
    from otmon.runs import known

    return otmon.analyze(DEPARTURES, baseline=known(state, config=Config()))


def test_learning_tells_how_well_each_conversation_is_known(tmp_path):
    text = run("baseline", "learn", HABITS, "--state", tmp_path / "site.otmon")

    assert "Learned: 9 statements, 2 conversations" in text
    assert "10.20.1.10  10.20.2.11  modbus             4               0%" in text


def test_the_description_names_who_does_what(state):
    text = run("baseline", "show", "--state", state, "--only", "learned")

    assert "  Modbus to 10.20.2.11  (" in text
    assert "writes holding register 101 of unit 1: 735 to 741, every 30 s" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_deviation_waits_for_a_person(state):
    assert OBJECT in waiting(state)


def test_what_is_approved_is_no_deviation_any_more(state, tmp_path):
    run("baseline", "approve", waiting(state)[OBJECT], "--state", state, "--reason", "new pump")
    rows = shown(state, "--only", "approved")

    assert [("approved", "new pump")] == [(row["state"], row["reason"]) for row in rows]
    assert OBJECT not in [one.observed for one in later(state, tmp_path).deviations]


def test_undo_takes_back_what_was_settled(state):
    before = shown(state)
    run("baseline", "approve", "--asset", "10.20.1.10", "--state", state)
    assert before != shown(state)

    run("undo", "--state", state)

    assert before == shown(state)


def test_what_is_rejected_is_an_alert_on_each_occurrence(state, tmp_path):
    learned = [row for row in shown(state) if "holding register 101" in str(row["says"])]
    run("baseline", "reject", learned[0]["id"], "--reason", "not from here", "--state", state)
    alerts = [
        alert
        for alert in later(state, tmp_path).alerts
        if alert.rule.title == "Operation that somebody has rejected"
    ]

    assert [10] == [alert.count for alert in alerts]


def test_what_is_muted_is_counted_and_not_told(state, tmp_path):
    run("baseline", "mute", waiting(state)[OBJECT], "--until", "2100-01-01", "--state", state)
    result = later(state, tmp_path)

    assert "Write to an object that was never written before" not in [
        alert.rule.title for alert in result.alerts
    ]
    assert [1] == [one.count for one in result.deviations if one.observed == OBJECT]


def test_what_is_forgotten_is_new_again(state, tmp_path):
    learned = [row for row in shown(state) if "holding register 101" in str(row["says"])]
    run("baseline", "reject", "--forget", learned[0]["id"], "--state", state)

    assert [("operation",)] == [
        one.novel
        for one in later(state, tmp_path).deviations
        if "holding register 101" in one.observed
    ]


def test_addresses_that_are_approved_join_what_is_read(state):
    (outside,) = (row for row in shown(state) if row["kind"] == "outside")
    run("baseline", "approve", outside["id"], "--state", state)

    assert [["100-103", "400-407"]] == [row["ranges"] for row in shown(state, "--only", "approved")]


def test_a_dry_run_changes_nothing(state):
    before = shown(state)
    text = run("baseline", "approve", "--asset", "10.20.1.10", "--dry-run", "--state", state)

    assert "would approve: b-" in text
    assert before == shown(state)


def test_settling_needs_a_choice(state):
    with pytest.raises(UsageError, match="Nothing is chosen"):
        run("baseline", "approve", "--state", state)
    with pytest.raises(UsageError, match="There is no statement b-xx"):
        run("baseline", "approve", "b-xx", "--state", state)
    with pytest.raises(UsageError, match=r"called 10\.1\.1\.1"):
        run("baseline", "approve", "--asset", "10.1.1.1", "--state", state)


def test_a_state_is_exported_and_imported_whole(state, tmp_path):
    one, other, empty = (tmp_path / name for name in ("a.yml", "b.yml", "new.otmon"))
    said = run("baseline", "export", "--state", state, "-o", one)
    run("baseline", "import", one, "--state", empty)
    run("baseline", "export", "--state", empty, "-o", other)

    assert one.read_bytes() == other.read_bytes()
    path, count = said.strip().split(": ")
    assert (str(one), True) == (path, f"# {count}, " in one.read_text(encoding="utf-8"))


def test_an_import_is_taken_back_by_undo(state, tmp_path):
    before = shown(state)
    run("baseline", "export", HABITS, "-o", tmp_path / "a.yml")
    run("baseline", "import", tmp_path / "a.yml", "--state", state)
    assert before != shown(state)

    run("undo", "--state", state)

    assert before == shown(state)


def test_two_captures_are_compared():
    lines = run("baseline", "compare", HABITS, DEPARTURES).splitlines()

    assert "Differences: 11 added, 0 gone, 1 changed" == lines[0]
    assert "+ 10.20.1.10 writes holding register 102 of 10.20.2.11 unit 1: always 90" in lines


def test_a_capture_is_judged_by_an_export_or_a_state(state, tmp_path):
    run("baseline", "export", HABITS, "-o", tmp_path / "habits.yml")
    text = run("analyze", "--no-keep", "--baseline", tmp_path / "habits.yml", DEPARTURES)

    assert "Deviations (12), the first at 06:01:40" in text


def test_several_files_that_are_no_captures_are_refused(state, tmp_path):
    with pytest.raises(OtmonError, match="one export, one state file, or captures"):
        run("analyze", "--no-keep", "--baseline", state, "--baseline", HABITS, DEPARTURES)
