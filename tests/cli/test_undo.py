"""Everything that a command puts into the journal can be taken back, as a whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings, strategies
from places import PCAPS

import otmon
from otmon.baseline.book import statement_id
from otmon.baseline_memory import BaselineMemory
from otmon.cli import group
from otmon.config import Baseline as Settings
from otmon.model.statement import Key, Statement
from otmon.runs import learn_into
from otmon.state import baseline, journal
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


SAID: Sequence[Sequence[str]] = [
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
]
"""Everything that people can say of a site, by the commands that say it."""


@pytest.mark.parametrize(
    "command", SAID, ids=lambda command: "-".join(word.strip("-") for word in command[:3])
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


def seen(state: Path, keys: Sequence[Key], count: int, time_ns: int) -> None:
    """What a sensor writes that has seen these so often until then; what is gone is new."""
    with SiteFile.open(state) as site:
        memory = BaselineMemory(site, Settings())
        book = memory.baseline.book
        for key in keys:
            for one in (Key("edge", *key[1:4]), key):
                if book.get(one) is None:
                    novel = ("operation",)
                    book.add(
                        Statement(statement_id(one), one, "pending", time_ns, time_ns, novel=novel)
                    )
            statement = book.get(key)
            assert statement is not None
            memory.baseline.count(statement, count, time_ns, time_ns)
        with site.transaction() as db:
            memory.save(db)


OTHER = (
    ("baseline", "import", "EXPORT"),
    ("baseline", "approve", "ID"),
    ("baseline", "reject", "ID"),
    ("baseline", "mute", "ID"),
    ("baseline", "forget", "ID"),
    ("assets", "set", "10.20.2.11", "--archive"),
)
"""The same for one statement that is drawn, and for all of them at once."""
WATCHED = 3600 * 1_000_000_000


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=strategies.lists(
        strategies.one_of(
            strategies.sampled_from([*SAID, *OTHER]),
            strategies.tuples(strategies.integers(0, 2**16), strategies.integers(1, 60)),
        ),
        min_size=2,
        max_size=6,
    ),
    drawn=strategies.integers(0, 2**16),
)
def test_what_is_taken_back_leaves_what_was_seen_meanwhile(
    learned: Path, tmp_path: Path, steps: list[Any], drawn: int
) -> None:
    """Whatever people say while a sensor watches: taken back, it is as if nobody had spoken."""
    exported = tmp_path / "export.yml"
    if not exported.exists():
        say("baseline", "export", str(PCAPS / "baseline" / "habits.pcapng"), "-o", str(exported))
    state, unspoken = tmp_path / "site.otmon", tmp_path / "unspoken.otmon"
    for path in (state, unspoken):
        shutil.copy(learned, path)
    with SiteFile.open(state) as site:
        known = [one for one in baseline.load_statements(site.db) if one.key.kind != "asset"]
    known.sort(key=lambda one: one.id)
    end_ns = max(one.last_seen_ns for one in known)
    named = {"EXPORT": str(exported), "ID": known[drawn % len(known)].id}
    spoken = 0
    for number, step in enumerate(steps, 1):
        if isinstance(step[0], int):
            place, count = step
            keys = [known[(place + at * 7) % len(known)].key for at in range(3)]
            for path in (state, unspoken):
                seen(path, keys, count, end_ns + number * WATCHED)
            continue
        words = [named.get(word, word) for word in step]
        ran = CliRunner().invoke(group, [*words, "--state", str(state)])
        # An earlier step may have taken away what this one is about.
        spoken += ran.exit_code == 0 and took_place(state, spoken)
    for _ in range(spoken):
        say("undo", "--state", str(state))

    assert but_for_pauses(content(unspoken)) == but_for_pauses(content(state))


def test_what_a_command_did_not_touch_stays_as_traffic_made_it(
    learned: Path, tmp_path: Path
) -> None:
    """Approved, then read more widely, then taken back: it is learned again, as wide as it is."""
    state = tmp_path / "site.otmon"
    shutil.copy(learned, state)
    with SiteFile.open(state) as site:
        read = min(
            (one for one in baseline.load_statements(site.db) if one.key.kind == "read"),
            key=lambda one: one.id,
        )
    say("baseline", "approve", read.id, "--state", str(state))
    with SiteFile.open(state) as site:
        memory = BaselineMemory(site, Settings())
        now = memory.baseline.book.get(read.key)
        assert now is not None
        now.ranges = (*now.ranges, (60_000, 60_010))
        memory.baseline.book.changed[now.key] = None
        with site.transaction() as db:
            memory.save(db)
    say("undo", "--state", str(state))
    with SiteFile.open(state) as site:
        after = baseline.find(site.db, read.id)

    assert after is not None
    assert (read.state, (*read.ranges, (60_000, 60_010))) == (after.state, after.ranges)


def test_who_an_import_brought_stays_where_something_new_was_seen_of_them(
    learned: Path, tmp_path: Path
) -> None:
    state, exported = tmp_path / "site.otmon", tmp_path / "export.yml"
    shutil.copy(learned, state)
    say("baseline", "export", str(PCAPS / "tristation" / "workstation.pcapng"), "-o", str(exported))
    before = content(state)
    with SiteFile.open(state) as site:
        known = {edge.client for edge in baseline.load_edges(site.db)}
    say("baseline", "import", str(exported), "--state", str(state))
    with SiteFile.open(state) as site:
        brought = [
            one
            for one in baseline.load_statements(site.db)
            if one.key.kind == "read" and one.key.client not in known
        ]
    key = brought[0].key._replace(kind="change", operation_class="write", target="coils:7")
    seen(state, [key], 3, brought[0].last_seen_ns + WATCHED)
    say("undo", "--state", str(state))
    with SiteFile.open(state) as site:
        around = baseline.surroundings(site.db)
        new = baseline.find(site.db, statement_id(key))
    edges = {(one["client"], one["server"], one["protocol"]) for one in around["edges"]}
    parties = {party["id"] for party, _ in around["parties"]}

    assert new is not None
    assert key[1:4] in edges
    assert {key.client, key.server} <= parties
    assert len(before["statements"]) + 1 == len(content(state)["statements"])


def but_for_pauses(found: dict[str, list[tuple[object, ...]]]) -> dict[str, Any]:
    """The same without the time in which conversations were used.

    How long the pause was after which one was seen again is not known of one that was
    forgotten in between.
    """
    (row,) = found["surroundings"][0]
    around = json.loads(str(row))
    for edge in around["edges"]:
        del edge["active_ns"], edge["quiet_ns"]
    around["edges"].sort(key=lambda one: (one["client"], one["server"], one["protocol"]))
    around["parties"].sort(key=lambda one: one[0]["id"])
    return {**found, "surroundings": around}


def took_place(state: Path, before: int) -> bool:
    """Whether there is one more command in the journal."""
    with SiteFile.open(state) as site:
        return len({one.batch for one in journal.entries(site.db)}) > before


def test_an_import_waits_for_a_sensor_to_end(learned: Path, tmp_path: Path) -> None:
    """A sensor goes on with the baseline that it has: it would write into another one."""
    state, exported = tmp_path / "site.otmon", tmp_path / "export.yml"
    shutil.copy(learned, state)
    say("baseline", "export", "--state", str(state), "-o", str(exported))
    before = content(state)
    with SiteFile.open(state) as sensor:
        sensor.claim()
        ran = CliRunner().invoke(
            group, ["baseline", "import", str(exported), "--state", str(state)]
        )

    assert "is writing what it sees" in str(ran.exception)
    assert before == content(state)


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
