"""`otmon rules`: what alerts, whether it is sound, and why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from commands import invoked
from places import PCAPS, ROOT

STOPPED = "rules/s7comm/s7_controller_stopped.yml"


def run(*arguments: str | Path) -> Result:
    return invoked("rules", *arguments)


@pytest.fixture
def own(tmp_path) -> Path:
    """A rule of a site, in its folder."""
    path = tmp_path / "own" / "s7comm" / "s7_controller_halted.yml"
    path.parent.mkdir(parents=True)
    text = (ROOT / STOPPED).read_text(encoding="utf-8")
    text = text.replace("S7 controller stopped", "S7 controller halted").replace(
        "3d09cac6", "3d09cac7"
    )
    path.write_text(text, encoding="utf-8")
    return path


def test_the_list_fits_80_columns_and_names_every_rule():
    lines = run("list").output.splitlines()

    assert 80 >= max(map(len, lines))
    assert any(line.startswith("S7 controller stopped ") for line in lines)
    assert "rules are used" in lines[-1]


def test_the_list_says_who_switched_a_rule_off(tmp_path):
    (tmp_path / "otmon.toml").write_text('[rules]\ndisabled = ["S7 controller stopped"]')
    listed = run("list", "--off", "--format", "json", "--config", tmp_path / "otmon.toml").output
    off = {one["title"]: one["off"] for one in json.loads(listed)}

    assert "switched off in otmon.toml" == off["S7 controller stopped"]
    assert None not in off.values()


def test_shipped_rules_have_no_finding():
    ran = run("lint")
    # A capture may be there for something else than rules.
    lines = [line for line in ran.output.splitlines() if "(unused capture:" not in line]

    assert ([], 0) == (lines, ran.exit_code)


def test_a_finding_has_its_line_and_advice_and_the_exit_status_is_4(own):
    own.write_text(own.read_text(encoding="utf-8").replace("level: critical", "level: low"))
    ran = run("lint", own.parent.parent, "--captures", PCAPS)

    assert [
        f"{own}:27: error: impact x confidence is critical, not low "
        "(level: the level is the name of impact x confidence)"
    ] == ran.output.splitlines()
    assert 4 == ran.exception.exit_status


def test_fix_writes_the_canonical_form(own):
    good = own.read_text(encoding="utf-8")
    own.write_text(good.replace("status: test\n", "").replace("otmon:\n", "status: test\notmon:\n"))

    assert "not in canonical form" in run("lint", own.parent.parent, "--captures", PCAPS).output
    assert "" == run("lint", "--fix", own.parent.parent, "--captures", PCAPS).stdout
    assert good == own.read_text(encoding="utf-8")


def test_examples_of_a_rule_of_the_site_are_run_with_all_rules(own):
    assert 0 == run("test", own.parent.parent, "--captures", PCAPS).exit_code


def test_an_example_that_does_not_behave_as_told_is_exit_status_4(own):
    text = own.read_text(encoding="utf-8")
    own.write_text(text.replace("count: 1", "count: 2", 1), encoding="utf-8")
    ran = run("test", own.parent.parent, "--captures", PCAPS)

    assert "1 alerts instead of 2" in ran.output
    assert 4 == ran.exception.exit_status


def test_rules_without_captures_beside_them_ask_for_some(own):
    assert "Name them with --captures" in str(run("test", own.parent.parent).exception)


def test_a_rule_is_explained_by_the_start_of_its_title():
    lines = [line.strip() for line in run("explain", "s7 controller st").output.splitlines()]

    assert "S7 controller stopped" == lines[0]
    assert "ot.operation.class is mode_stop" in lines
    assert "control 90 x confidence 0.95 = 86, critical" in lines
    assert any(line.startswith("Microsoft Defender for IoT: An S7 Stop PLC") for line in lines)


def test_a_correlation_is_explained_with_what_it_counts():
    text = run("explain", "Many objects of a device written").output

    assert "at least 20 different values of ot.object.id within 1 minute" in text
    assert "Unit changed by a client" in text


def test_a_name_that_fits_no_rule_or_several_is_an_error():
    assert "is not one rule but none" in str(run("explain", "nothing").exception)
    assert "is not one rule but" in str(run("explain", "S7").exception)


def test_converted_rules_are_one_json_object_a_line(tmp_path):
    ran = run("convert", "--to", "kibana", "--output", tmp_path / "rules.ndjson")
    lines = (tmp_path / "rules.ndjson").read_text(encoding="utf-8").splitlines()

    assert "S7 controller stopped" in {json.loads(line)["name"] for line in lines}
    assert "left out: Many objects of a device written: it is a correlation" in ran.output


def test_a_correlation_that_is_asked_for_by_name_is_refused():
    ran = run("convert", "--to", "kibana", "Many objects of a device written")

    assert 4 == ran.exception.exit_status


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    shutil.rmtree(tmp_path)

    assert "does not exist" in str(run("lint", tmp_path).exception)
