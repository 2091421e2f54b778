"""`otmon alerts`, `journal` and `undo`: an analyst works a list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import invoked, run
from places import PCAPS

import otmon
from otmon.errors import OtmonError, StateError, UsageError

PLANT = PCAPS / "demo" / "plant.pcapng"
NORMAL = PCAPS / "demo" / "plant_normal.pcapng"
CHANGE = "Change by a client that is not in the baseline"
TIME_DIGITS = 9
"""Of the seconds in our captures."""


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state with the alerts of the demo."""
    path = tmp_path_factory.mktemp("state") / "site.otmon"
    otmon.analyze(PLANT, state=path)
    return path.read_bytes()


@pytest.fixture
def state(analysed: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "site.otmon"
    path.write_bytes(analysed)
    return path


def listed(state: Path, *options: object) -> list[tuple[int, str]]:
    rows = json.loads(run("alerts", "list", "--format", "json", "--state", state, *options))
    return [(row["id"], row["status"]) for row in rows]


def test_the_last_analysis_is_what_is_meant_without_a_state():
    otmon.analyze(PLANT, keep=True)
    run("alerts", "ack", 2)

    assert "acked" in run("alerts", "list")


def test_what_is_settled_leaves_the_list_and_undo_brings_it_back(state):
    before = listed(state)
    run("alerts", "close", "--state", state, "--note", "a test", "1-3", "5")
    assert [number for number, _ in before if number not in (1, 2, 3, 5)] == [
        number for number, _ in listed(state)
    ]
    run("undo", "--state", state)

    assert before == listed(state)


def test_the_list_is_the_same_as_table_json_and_lines(state):
    rows = json.loads(run("alerts", "list", "--state", state, "--format", "json"))
    lines = run("alerts", "list", "--state", state, "--format", "jsonl").splitlines()
    table = run("alerts", "list", "--state", state)

    assert rows == [json.loads(line) for line in lines]
    assert [] == [row["rule"]["title"] for row in rows if f"{row['id']:>2}  " not in table]
    assert [] == [line for line in table.partition("\nNext\n")[0].splitlines() if len(line) > 80]


def test_related_alerts_are_the_same_in_the_analysis_and_in_the_state(state):
    result = otmon.analyze(PLANT)
    rows = json.loads(run("alerts", "list", "--state", state, "--format", "json"))

    assert [list(alert.related) for alert in result.alerts] == [row["related"] for row in rows]


def test_showing_an_alert_says_why_what_to_check_and_what_became_of_it(state):
    run("alerts", "ack", "--state", state, "--note", "asked Ada", "--author", "j.doe", 1)
    text = run("alerts", "show", "--state", state, 1)

    for part in ("S7 controller stopped", "Why", "Frames", "Check", "j.doe: acknowledge"):
        assert part in text
    assert "asked Ada" in text
    shown = json.loads(run("alerts", "show", "--state", state, "--format", "json", 1))
    assert ("acknowledged", "j.doe") == (
        shown[0]["alert"]["status"],
        shown[0]["history"][0]["author"],
    )


def test_what_a_detector_found_without_a_baseline_is_said(tmp_path):
    state = tmp_path / "site.otmon"
    otmon.analyze(PCAPS / "network" / "no_reply.pcapng", state=state)
    told = [run(*words, "--state", state, 1) for words in (("alerts", "show"), ("explain",))]

    for text in told:
        assert "no reply (detector watchdog)" in text
        assert "normal is: an answer to each call, since 2026-03-02 06:01:31" in text
        assert "seen was: 8 calls in 24 s without an answer" in text


def test_every_table_of_an_alert_fits_eighty_columns(state):
    for number, _ in listed(state):
        tables = run("alerts", "show", "--state", state, number).partition("\nNext\n")[0]
        assert [] == [line for line in tables.splitlines() if len(line) > 80]


def test_commands_that_an_alert_leads_to_work_as_they_stand(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = run("alerts", "list", "--state", state)
    for line in text.partition("\nNext\n")[2].splitlines():
        words = line.replace('"..."', "why").split()
        assert "otmon" == words[0]
        run(*words[1:])


def test_a_mute_ends_after_thirty_days_unless_it_says_otherwise(state, tmp_path):
    config = tmp_path / "otmon.toml"
    config.write_text('[site]\ntime_zone = "Europe/Vienna"\n')
    said = run("alerts", "mute", "--state", state, "--config", config, "--until", "2026-12-24", 2)

    assert "2 is muted until 2026-12-24 23:00 UTC" in said
    assert "2 is muted: " in run("alerts", "mute", "--state", state, "--forever", 2)
    assert "2 is muted until 20" in run("alerts", "mute", "--state", state, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("alerts", "ack", "x"), "no number of an alert"),
        (("alerts", "ack", "9-3"), "no number of an alert"),
        (("alerts", "show", "99"), "There is no alert 99"),
        (("alerts", "mute", "--until", "soon", "1"), "is no time"),
        (("undo",), "nothing to take back"),
        (("undo", "5"), "no entry 5"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(state, arguments, said):
    with pytest.raises(UsageError, match=said):
        run(*arguments, "--state", state)


def test_a_state_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    with pytest.raises(StateError, match="There is no state at"):
        run("alerts", "list", "--state", tmp_path / "none.otmon")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(OtmonError, match="There is no last analysis"):
        run("alerts", "list")

    assert [] == list(tmp_path.iterdir())


def test_the_journal_says_who_did_what_and_why(state):
    assert "nobody has done anything yet\n" == run("journal", "--state", state)
    run("alerts", "ack", "--state", state, "--note", "asked Ada", "--author", "j.doe", 1, 2)
    rows = json.loads(run("journal", "--state", state, "--format", "json"))

    assert [("j.doe", "acknowledge", "2", 1), ("j.doe", "acknowledge", "1", 1)] == [
        (row["author"], row["action"], row["subject"], row["batch"]) for row in rows
    ]
    assert "asked Ada" in run("journal", "--state", state)
    assert (
        1
        == len(run("journal", "--state", state, "--format", "jsonl", "--limit", 1).split("\n")) - 1
    )


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state that knows what is normal, with the alerts of the demo."""
    path = tmp_path_factory.mktemp("learned") / "site.otmon"
    run("baseline", "learn", "--state", path, NORMAL)
    otmon.analyze(PLANT, state=path)
    return path.read_bytes()


@pytest.fixture
def enforced(learned: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "site.otmon"
    path.write_bytes(learned)
    return path


def numbered(state: Path, title: str) -> list[int]:
    rows = json.loads(run("alerts", "list", "--state", state, "--rule", title, "--format", "json"))
    return [row["id"] for row in rows]


def a_day_later(capture: Path, copy: Path) -> Path:
    """A pcapng of ours with all times moved by a day."""
    body = bytearray(capture.read_bytes())
    at = 0
    while at < len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        if body[at : at + 4] == b"\x06\0\0\0":
            high, low = (int.from_bytes(body[at + n : at + n + 4], "little") for n in (12, 16))
            time = (high << 32 | low) + 86_400 * 10**TIME_DIGITS
            body[at + 12 : at + 16] = (time >> 32).to_bytes(4, "little")
            body[at + 16 : at + 20] = (time & 0xFFFFFFFF).to_bytes(4, "little")
        at += size
    copy.write_bytes(body)
    return copy


def test_what_was_learned_of_an_alert_is_told_and_does_not_alert_again(enforced, tmp_path):
    (number,) = [
        row["id"]
        for row in json.loads(run("alerts", "list", "--state", enforced, "--format", "json"))
        if row["rule"]["title"] == CHANGE and row["protocol"] == "modbus"
    ]
    said = run("alerts", "learn", "--state", enforced, "--yes", "--note", "new HMI", number)

    assert "10.20.1.66 writes holding register 101 of 10.20.2.11 unit 1" in said
    assert f"{number} is learned" in said
    later = a_day_later(PLANT, tmp_path / "later.pcapng")
    result = otmon.analyze(later, state=enforced)
    assert ("modbus", "10.20.2.11") not in [
        (alert.protocol, alert.server) for alert in result.alerts if alert.rule.title == CHANGE
    ]
    assert number not in numbered(enforced, CHANGE)


def test_an_alert_says_what_the_baseline_held_against_it(enforced):
    """Once: what the detector of the baseline found stands among the reasons already."""
    number = numbered(enforced, CHANGE)[0]
    (row,) = json.loads(run("alerts", "show", "--state", enforced, "--format", "json", number))
    said = row["alert"]["baseline"]

    assert ("baseline", "enforcing") == (row["alert"]["provider"], said["state"])
    assert "operation" in said["novel"]
    for words in (f"normal is: {said['expected']}", f"seen was: {said['observed']} ("):
        assert any(why.startswith(words) for why in row["alert"]["why"])
    assert "What the detector found" not in run("alerts", "show", "--state", enforced, number)


def test_learning_is_taken_back_with_its_statements(enforced):
    before = run("baseline", "show", "--state", enforced, "--format", "json")
    run("alerts", "learn", "--state", enforced, "--yes", *numbered(enforced, CHANGE))
    assert before != run("baseline", "show", "--state", enforced, "--format", "json")
    run("undo", "--state", enforced)

    assert before == run("baseline", "show", "--state", enforced, "--format", "json")
    assert [] != numbered(enforced, CHANGE)


def test_nothing_is_learned_without_a_yes(enforced):
    before = enforced.read_bytes()
    number = numbered(enforced, CHANGE)[0]
    ran = invoked("alerts", "learn", "--state", enforced, number, standard_input="n\n")

    assert 0 == ran.exit_code
    assert "nothing was learned" in ran.output
    assert before == enforced.read_bytes()


def test_an_alert_that_departs_from_nothing_has_nothing_to_learn(enforced):
    (number,) = numbered(enforced, "Malformed industrial messages")
    with pytest.raises(UsageError, match="nothing to learn"):
        run("alerts", "learn", "--state", enforced, "--yes", number)
