"""The result as people read it, and where it leads."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from pathlib import Path

from cutting import halves, turned
from places import PCAPS
from rich.console import Console

import otmon
from otmon.cli import tables
from otmon.cli.next_steps import next_steps
from otmon.cli.quality import warnings
from otmon.model.result import Result

PLANT = PCAPS / "demo" / "plant.pcapng"
STOPPED = PCAPS / "s7comm" / "stop_start.pcapng"
READS = PCAPS / "modbus" / "functions.pcapng"


@cache
def result_of(*paths: Path) -> Result:
    return otmon.analyze(paths)


def nothing(found: Result) -> Result:
    """The same without anything industrial in it."""
    return replace(found, assets=(), conversations=(), protocols=(), alerts=())


def printed(document: Result) -> list[str]:
    text = io.StringIO()
    tables.result(Console(file=text, width=80), document, everything=True)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_path_of_a_capture_is_never_broken() -> None:
    found = result_of(STOPPED)
    path = f"/captures/{'long/' * 30}plant.pcapng"
    (file,) = found.capture.files
    capture = replace(found.capture, files=(replace(file, path=path),))

    assert f"Capture: {path}" == printed(replace(found, capture=capture))[0]


def test_one_frame_is_one_frame() -> None:
    found = result_of(STOPPED)
    lines = printed(replace(found, capture=replace(found.capture, packets=1)))

    assert lines[1].startswith("  1 frame, ")


def test_a_conversation_names_the_address_that_spoke() -> None:
    found = result_of(STOPPED)
    (talk, *_) = (one for one in found.conversations if one.protocol)
    (client,) = (one for one in found.assets if one.id == talk.client)
    twofold = replace(client, ip=(*client.ip, "10.99.0.9"))
    assets = tuple(twofold if one is client else one for one in found.assets)
    lines = printed(
        replace(found, assets=assets, conversations=(replace(talk, client_ip="10.99.0.9"),))
    )

    assert ["  10.99.0.9"] == [line for line in lines if line == "  10.99.0.9"]
    assert [] != [line for line in lines if line.startswith(f"  10.99.0.9  {talk.server_ip}")]


def test_conversations_of_the_same_two_are_told_apart_by_their_port() -> None:
    found = result_of(STOPPED)
    (talk, *_) = (one for one in found.conversations if one.protocol)
    lines = printed(replace(found, conversations=(talk, replace(talk, transport="udp", port=103))))

    assert ["tcp/102", "udp/103"] == [
        word for line in lines for word in line.split() if word in ("tcp/102", "udp/103")
    ]


def test_a_table_of_nothing_says_none() -> None:
    lines = printed(nothing(result_of(STOPPED)))

    assert "  none" == lines[lines.index("Devices (0)") + 1]
    assert "  none" == lines[lines.index("Industrial conversations (0)") + 1]


def test_an_alert_on_several_files_names_its_file(tmp_path: Path) -> None:
    one, other = halves(PLANT, tmp_path, 3_000)
    lines = printed(result_of(one, other))

    assert any(f"frames 1940, 1942 of {other.name}" in line for line in lines)
    assert not any(" of plant" in line for line in printed(result_of(PLANT)))


def test_alerts_of_several_days_say_their_date() -> None:
    found = result_of(STOPPED)
    day_ns = 86_400 * 10**9
    first = found.capture.first_seen
    assert first is not None
    longer = replace(found, capture=replace(found.capture, last_seen=first + 2 * day_ns))
    date = tables.clock(found.alerts[0].first_seen)

    assert any(line.startswith(f"      {date} UTC") for line in printed(longer))
    assert any(line.startswith(f"      {date[11:]} UTC") for line in printed(found))


def test_commands_fit_what_was_found(tmp_path: Path) -> None:
    writes, reads, stopped = (result_of(path) for path in (PLANT, READS, STOPPED))
    many = replace(reads.capture, files=reads.capture.files * 5)

    assert f"otmon pdus {PLANT} | jq 'select(.class == \"write\")'" in next_steps(
        writes, None, kept=False
    )
    assert [f"otmon analyze --format json {STOPPED}"] == next_steps(
        nothing(stopped), None, kept=False
    )
    assert [] == next_steps(replace(reads, capture=many), None, kept=False)
    assert f"otmon analyze --format json {READS} {READS}" in next_steps(
        replace(reads, capture=replace(many, files=many.files[:2])), None, kept=False
    )


def test_commands_on_what_was_kept_name_the_state() -> None:
    commands = next_steps(result_of(STOPPED), "site of ours.otmon", kept=False)

    assert "otmon explain 1 --state 'site of ours.otmon'" == commands[0]
    assert "otmon baseline show --state 'site of ours.otmon'" in commands


def test_a_capture_whose_second_half_comes_first_says_so(tmp_path: Path) -> None:
    plain, other = otmon.analyze(READS), otmon.analyze(turned(READS, tmp_path, 30))
    said = [line for line in warnings(other.capture) if line.startswith("order:")]

    assert not any(line.startswith("order:") for line in warnings(plain.capture))
    assert plain.capture.pdus == other.capture.pdus
    assert ["order: 30 frames (46.2%) came after one that is more than a second newer"] == said
