"""Rules that were read when otmon was made are those of their files, or are read anew."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otmon._engine import protocols
from otmon.fields import FIELDS, catalogue
from otmon.ruleset import condition, shipped
from otmon.ruleset.load import load_rules, shipped_rules, written_down

RULE = shipped_rules() / "modbus" / "holding_registers_read_by_a_client.yml"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch):
    """Puts other rows in the place of those that come with otmon."""

    def put(rows: object) -> None:
        monkeypatch.setattr(shipped, "_rows", lambda: rows)

    return put


def row() -> dict[str, object]:
    return json.loads(json.dumps(shipped._rows()[shipped.digest(RULE.read_text("utf-8"))]))


def test_what_is_ready_is_what_pysigma_reads() -> None:
    ready, read = load_rules(experimental=True), load_rules(experimental=True, anew=True)
    assert repr(read.events) == repr(ready.events)
    assert repr(read.correlations) == repr(ready.correlations)
    assert (read.off, read.errors) == (ready.off, ready.errors)
    assert list(read.sources) == list(ready.sources)


def test_what_is_ready_is_what_the_files_say_today() -> None:
    place = Path(shipped.__file__).with_name(shipped.FILE)
    assert written_down(catalogue(protocols())) == place.read_text(encoding="utf-8")


def test_shipped_rules_need_no_pysigma_and_no_yaml() -> None:
    code = (
        "import sys; from otmon.ruleset.site import site_rules; from otmon.config import Config;"
        "assert len(site_rules(Config()).events) > 100;"
        "print({'sigma', 'yaml', 'pyparsing'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "set()\n" == done.stdout


def test_documents_of_ready_rules_are_those_of_their_files() -> None:
    ready, read = load_rules().sources, load_rules(anew=True).sources
    key = next(iter(read))
    assert read[key].document == ready[key].document


def test_a_rule_that_was_changed_is_read_anew(tmp_path: Path) -> None:
    text = RULE.read_text(encoding="utf-8")
    changed = tmp_path / "rule.yml"
    changed.write_text(text.replace("level: ", "level: high #"), encoding="utf-8")
    assert shipped.ready(text) is not None
    assert shipped.ready(changed.read_text(encoding="utf-8")) is None
    (found,) = load_rules([changed], experimental=True).rules
    assert ("high", "rule.yml") == (found.rule.level, found.rule.path)


def test_a_rule_that_was_broken_is_an_error_at_its_line(tmp_path: Path) -> None:
    lines = RULE.read_text(encoding="utf-8").splitlines()
    broken = tmp_path / "rule.yml"
    kept = [line for line in lines if not line.startswith("level:")]
    broken.write_text("\n".join(kept), encoding="utf-8")
    (error,) = load_rules([broken]).errors
    assert "has no level" in str(error)


def test_what_has_other_fields_to_be_held_against_is_read_anew() -> None:
    (found,) = load_rules([RULE], experimental=True).events
    asked = {test.field for test in condition.tests_of(found.condition)}
    without = {name: field for name, field in FIELDS.items() if name not in asked}
    assert load_rules([RULE], without, experimental=True).errors


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.pop("name"),
        lambda row: row["rule"].pop("title"),
        lambda row: row["rule"].update(title=7),
        lambda row: row["rule"].update(impact="none"),
        lambda row: row["rule"].update(more="x"),
        lambda row: row["rule"].update(techniques=[["T0843"]]),
        lambda row: row.update(condition=["perhaps", []]),
        lambda row: row.update(condition=["Compare", "a", "about", 3]),
        lambda row: row.update(condition=["Equals", "a", "not a list", False]),
        lambda row: row.update(condition=["Equals", 5, ["b"], False]),
        lambda row: row.update(condition="and"),
        lambda row: row.update(condition=[]),
        lambda row: row.update(counted="all"),
    ],
)
def test_a_row_that_is_not_as_it_should_be_is_not_used(spoil, written) -> None:
    text, spoiled = RULE.read_text(encoding="utf-8"), row()
    spoil(spoiled)
    written({shipped.digest(text): spoiled})
    assert shipped.ready(text) is None
    (found,) = load_rules([RULE], experimental=True).rules
    written({})
    assert (found,) == tuple(load_rules([RULE], experimental=True).rules)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99, "rules": {}}', '{"format": 1}'])
def test_a_list_that_is_no_use_leaves_every_rule_to_be_read(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / shipped.FILE).write_text(text, encoding="utf-8")
    monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path)
    assert {} == shipped._rows.__wrapped__()
