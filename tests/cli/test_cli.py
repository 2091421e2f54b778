"""What the command line promises to people and scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from cutting import halves
from places import PCAPS, ROOT

from otmon.model.document import json_schema
from otmon.model.result import Result

OTMON = str(Path(sys.executable).with_name("otmon"))
STOPPED = PCAPS / "s7comm" / "stop_start.pcapng"
NORMAL = PCAPS / "modbus" / "operator_writes.pcapng"


def run(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run otmon to its end."""
    return subprocess.run(
        [OTMON, *map(str, arguments)], input=stdin, capture_output=True, cwd=ROOT, timeout=60
    )


def test_help_loads_nothing_heavy() -> None:
    heavy = "sigma rich scapy pyshark elasticsearch yaml sqlite3 otmon.pipeline"
    code = (
        "import sys\nfrom otmon.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy.split()!r} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "[]" == ran.stderr.strip()
    assert "analyze" in ran.stdout


@pytest.mark.parametrize("name", ["alerts", "assets", "baseline", "elastic", "rules"])
def test_the_help_of_a_group_cuts_no_sentence(name: str) -> None:
    listed = run(name, "--help").stdout.decode().partition("\nCommands:\n")[2]

    assert listed
    assert "..." not in listed


def test_json_is_one_document_that_its_schema_allows() -> None:
    document = json.loads(run("analyze", "--format", "json", STOPPED).stdout)

    schema = json_schema(Result, "Result of otmon analyze")
    assert [] == list(jsonschema.Draft202012Validator(schema).iter_errors(document))
    assert "S7 controller stopped" in [alert["rule"]["title"] for alert in document["alerts"]]


def test_the_same_input_gives_the_same_bytes() -> None:
    first, again = (run("analyze", "--format", "json", PCAPS / "demo").stdout for _ in range(2))

    assert first == again


@pytest.mark.parametrize("case", sorted(PCAPS.rglob("*.pcapng")), ids=lambda path: path.stem)
def test_tables_fit_eighty_columns(case: Path) -> None:
    printed = run("analyze", "--all", case.relative_to(ROOT)).stdout.decode()

    tables, _, commands = printed.partition("\nNext\n")
    assert [] == [line for line in tables.splitlines() if len(line) > 80]
    assert all(line.lstrip().startswith("otmon ") for line in commands.splitlines() if line)


def test_commands_to_go_on_with_are_never_cut(tmp_path: Path) -> None:
    long = tmp_path / ("a-rather-long-name-" * 5 + ".pcapng")
    long.write_bytes(STOPPED.read_bytes())
    printed = run("analyze", long).stdout.decode()

    assert f"  otmon analyze --format json {long}\n" in printed


def test_colour_never_reaches_a_pipe() -> None:
    assert b"\x1b" not in run("analyze", STOPPED).stdout


def test_the_exit_status_says_whether_there_was_an_alert() -> None:
    assert 0 == run("analyze", STOPPED).returncode
    assert 1 == run("analyze", "--fail-on", "high", STOPPED).returncode
    assert 0 == run("analyze", "--fail-on", "high", NORMAL).returncode


def test_a_missing_file_is_two_sentences_and_status_3() -> None:
    ran = run("analyze", "no-such-file.pcapng")

    assert 3 == ran.returncode
    assert b"no-such-file.pcapng" in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"" == ran.stdout


def test_what_is_no_capture_says_what_it_is_and_what_to_do() -> None:
    ran = run("analyze", "README.md")

    assert 3 == ran.returncode
    assert b"README.md" in ran.stderr


def test_a_wrong_option_is_a_usage_error() -> None:
    assert 2 == run("analyze", "--no-such-option", STOPPED).returncode
    assert 2 == run("analyze").returncode
    assert 2 == run("no-such-command").returncode


def test_standard_input_is_a_capture_like_any_other() -> None:
    piped = json.loads(run("analyze", "--format", "json", "-", stdin=STOPPED.read_bytes()).stdout)
    named = json.loads(run("analyze", "--format", "json", STOPPED).stdout)

    assert named["alerts"][0]["message"] == piped["alerts"][0]["message"]
    assert named["assets"] != []


def test_one_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(STOPPED.read_bytes()[:-37])
    ran = run("analyze", "--format", "json", cut, NORMAL)
    files = json.loads(ran.stdout)["capture"]["files"]

    assert 0 == ran.returncode
    assert {True, False} == {file["truncated"] for file in files}
    assert b"cut short" in ran.stderr


def test_several_files_are_one_timeline(tmp_path: Path) -> None:
    whole = json.loads(run("analyze", "--format", "json", PCAPS / "demo/plant.pcapng").stdout)
    parts = halves(PCAPS / "demo" / "plant.pcapng", tmp_path, 3_000)
    split = json.loads(run("analyze", "--format", "json", *parts).stdout)

    assert whole["capture"]["pdus"] == split["capture"]["pdus"]
    assert [_told(alert) for alert in whole["alerts"]] == [_told(a) for a in split["alerts"]]


def _told(alert: dict[str, object]) -> tuple[object, ...]:
    return alert["message"], alert["count"], alert["severity"], alert["first_seen"]


def test_every_line_of_pdus_is_one_object() -> None:
    lines = run("pdus", PCAPS / "modbus" / "functions.pcapng").stdout.splitlines()
    rows = [json.loads(line) for line in lines]

    assert 38 == len(rows)
    assert [row["frame"] for row in rows] == sorted(row["frame"] for row in rows)


def test_pdus_can_be_narrowed_to_frames_protocol_and_number() -> None:
    path = PCAPS / "modbus" / "functions.pcapng"
    row = json.loads(run("pdus", "--frame", "6", path).stdout)

    assert (6, "read_coils") == (row["frame"], row["operation"])
    assert 3 == len(run("pdus", "--limit", "3", path).stdout.splitlines())
    assert b"" == run("pdus", "--protocol", "dnp3", path).stdout


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--since", "2026-03-02T06:00:19"], [60, 61]),
        (["--until", "2026-03-02T06:00:01Z"], [6]),
        (["--since", "2026-03-02T07:00:19+01:00", "--until", "2026-03-02T06:00:19Z"], [60]),
        (["--since", "2026-03-02T06:00:19", "--limit", "1"], [60]),
        (["--since", "2026-03-02", "--until", "2026-03-02", "--frame", "61"], [61]),
        (["--until", "2026-03-01"], []),
    ],
)
def test_pdus_can_be_narrowed_to_a_time(given: list[str], expected: list[int]) -> None:
    lines = run("pdus", *given, PCAPS / "modbus" / "functions.pcapng").stdout.splitlines()

    assert expected == [json.loads(line)["frame"] for line in lines]


def test_the_times_of_pdus_are_those_on_the_clocks_of_the_site(tmp_path: Path) -> None:
    settings = tmp_path / "otmon.toml"
    settings.write_text('[site]\ntime_zone = "Europe/Vienna"\n')
    given = ["--since", "2026-03-02T07:00:19", "--config", settings]
    lines = run("pdus", *given, PCAPS / "modbus" / "functions.pcapng").stdout.splitlines()

    assert [60, 61] == [json.loads(line)["frame"] for line in lines]


@pytest.mark.parametrize("command", [["pdus"], ["analyze"], ["analyze", "--format", "json"]])
def test_a_reader_that_has_seen_enough_is_no_error(command: list[str]) -> None:
    process = subprocess.Popen(
        [OTMON, *command, str(PCAPS / "demo" / "plant.pcapng")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stderr
    process.stdout.readline()
    process.stdout.close()

    assert b"" == process.stderr.read()
    assert 0 == process.wait(30)


def test_tables_name_what_was_full(tmp_path: Path) -> None:
    config = tmp_path / "otmon.toml"
    config.write_text("[detectors.program]\nprograms = 1\n", encoding="utf-8")
    capture = PCAPS / "s7comm" / "stuxnet_blocks.pcapng"

    printed = run("analyze", "--config", config, capture).stdout.decode()
    assert "! full tables: detector program (1); not all that passed is known" in printed
    assert "full tables" not in run("analyze", capture).stdout.decode()
