"""The baseline as YAML: complete, sorted, checked."""

from __future__ import annotations

import pytest
from places import PCAPS

from otmon import runs
from otmon.baseline import exchange, reading
from otmon.errors import UsageError

NORMAL = PCAPS / "demo" / "plant_normal.pcapng"


@pytest.fixture(scope="module")
def text() -> str:
    known = runs.learn(NORMAL)
    return "".join(exchange.export(known.book, known.site, "waterworks"))


def again(text: str) -> str:
    """The export of what an export says."""
    known = reading.read(text, "plant.yml")
    return "".join(exchange.export(known.book, known.site, known.name))


def test_export_import_export_gives_the_same_bytes(text: str):
    assert text == again(text)


def test_what_was_settled_survives_the_exchange(text: str):
    settled = text.replace(
        ': 735 to 741, every 60 s", state: learned',
        ': 735 to 741, every 60 s", state: rejected, by: j.doe, at: "2026-03-03T07:00:00Z",'
        ' until: "2026-12-24T00:00:00Z", reason: "no: \'never\'"',
    ).replace("41 statements, all learned", "41 statements, 40 learned, 1 rejected")

    assert settled != text
    assert settled == again(settled)


def test_the_same_normal_gives_the_same_bytes(text: str):
    known = runs.learn(NORMAL)

    assert text == "".join(exchange.export(known.book, known.site, "waterworks"))


def test_an_imported_baseline_judges_as_the_learned_one(text: str, tmp_path):
    (tmp_path / "plant.yml").write_text(text)
    plant = PCAPS / "demo" / "plant.pcapng"
    learned = runs.analyze(plant, baseline=NORMAL)
    imported = runs.analyze(plant, baseline=tmp_path / "plant.yml")

    assert learned.deviations == imported.deviations


def test_each_statement_opens_with_its_sentence(text: str):
    rows = [line for line in text.splitlines() if line.startswith("  - {says")]

    assert 41 == len(rows)
    assert rows[1].startswith(
        '  - {says: "10.20.1.10 reads coils 0-9 of 10.20.2.11 unit 1, every 2 s", state: learned'
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reads coils 0-9", "reads coils 0-19", "it says '10.20.1.10 reads coils 0-19 of"),
        ('ranges: ["0-9"]', 'ranges: ["0-8"]', "its fields say '10.20.1.10 reads coils 0-8 of"),
        ("state: learned", "state: fine", "state 'fine' is none of learning, learned"),
        ("kind: change", "kind: chance", "kind 'chance' is none of asset, edge"),
        ("otmon_baseline: 3", "otmon_baseline: 4", "has form 4, and this otmon knows form 3"),
        ("unit: 1,", "unit: one,", "unit 'one' is no int"),
        ("seen: 238", "seem: 238", "seem is not known here"),
        ("2026-03-02T06:00:02Z", "2026-13-02T06:00:02Z", "month must be in 1..12"),
        ("operation: read_coils", "operation: read_coil", "the id of what its fields say is b-"),
        ("statements:", "statements: [", "no YAML: "),
    ],
)
def test_what_is_not_so_is_an_error_that_says_where(text: str, old: str, new: str, said: str):
    with pytest.raises(UsageError) as caught:
        reading.read(text.replace(old, new, 1), "plant.yml")

    assert said in str(caught.value)
    assert str(caught.value).startswith("plant.yml")


def test_an_export_of_an_older_otmon_is_read_though_its_words_were_others(text: str):
    older = text.replace("otmon_baseline: 3", "otmon_baseline: 2")
    known = reading.read(older.replace("reads coils 0-9 of", "looks at coils 0-9 of"), "old.yml")

    assert text == "".join(exchange.export(known.book, known.site, "waterworks"))


def test_another_yaml_file_is_no_export():
    with pytest.raises(UsageError, match="is no export of a baseline"):
        reading.read("title: a rule\n", "rule.yml")
