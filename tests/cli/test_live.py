"""What `otmon monitor` shows fits its screen, and a log is told once of what is wrong."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from places import PCAPS
from rich.console import Console

from otmon.cli.live import Lines, drawn
from otmon.live_view import News, Progress, View, faults_of
from otmon.model.notice import Sight
from otmon.runs import analyze

SIGHT = Sight("eth1", True, 12_345_678, 1_234.0, 8e6, 0, None, 0, 0.0)
VIEW = View(
    site="waterworks",
    state="/var/lib/otmon/eth1.sqlite",
    uptime_s=90_061,
    interfaces=(SIGHT,),
    device_count=34,
    conversation_count=56,
    learning_count=3,
    enforcing_count=9,
    protocols=(("modbus", 1_000), ("s7comm", 10), ("dnp3", 3), ("cotp", 2), ("umas", 1)),
    learned={"modbus": (6, 8), "s7comm": (3, 4)},
    edges=(Progress("HMI 1", "PLC 2", "modbus", 0.5, 1_772_431_200_000_000_000),),
    confined=True,
    open_by_level={"high": 2},
    latest=(),
    left_out=0,
    remarks=(),
    problems=(),
)


def seen(**changes: object) -> View:
    """The view with other facts about its interface."""
    return dataclasses.replace(VIEW, interfaces=(dataclasses.replace(SIGHT, **changes),))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 30), (120, 40)])
def test_the_screen_fits_and_says_what_matters(width: int, height: int) -> None:
    console = Console(file=io.StringIO(), width=width, markup=False)
    console.print(drawn(VIEW, width, height))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()

    assert (True, True) == (max(map(len, lines)) <= width, len(lines) <= height)
    text = "\n".join(lines)
    for words in (
        "up 1 d 01:01:01",
        "12.3 M",
        "34 devices",
        "9 of 12 edges (75%)",
        "6 of 8",
        "changes no file but its own",
        "2 high",
        "No alert yet",
    ):
        assert words in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_alerts_with_long_sentences_fit_and_say_their_count_once(width: int, height: int) -> None:
    (alert,) = analyze(PCAPS / "dnp3" / "restart.pcapng").alerts[:1]
    long = dataclasses.replace(alert, message="asked again and again " * 12, count=7)
    told = dataclasses.replace(alert, message="restarted 3 times", count=3)
    latest = tuple(
        News("raised", dataclasses.replace(one, id=number), None)
        for number, one in enumerate([told, *[long] * 19], start=1)
    )
    console = Console(file=io.StringIO(), width=width, markup=False)
    console.print(drawn(dataclasses.replace(VIEW, latest=latest), width, height))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()

    assert (True, True) == (max(map(len, lines)) <= width, len(lines) <= height)
    assert any(line.rstrip().endswith("restarted 3 times") for line in lines)
    assert any(line.rstrip().endswith("…") for line in lines)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"running": False}, "eth1 has no link"),
        ({"quiet_s": 11.0}, "eth1 shows no frame"),
        ({"quiet_s": None}, "eth1 shows no frame"),
        ({"dropped": 5}, "eth1 lost frames: 5 of 12,345,683"),
        ({"sent": 1}, "eth1 sends"),
    ],
)
def test_what_is_wrong_with_an_interface_is_said(changes: dict[str, object], words: str) -> None:
    (complaint,) = faults_of(seen(**changes)).values()

    assert words in complaint


def test_what_python_was_too_slow_for_is_said() -> None:
    view = dataclasses.replace(VIEW, left_out=1_234)
    assert ["1,234 observations were left out: this machine is too slow"] == [
        *faults_of(view).values()
    ]


def test_a_log_is_told_once_when_something_begins_and_once_when_it_ends() -> None:
    file = io.StringIO()
    lines = Lines(Console(file=file, width=200, markup=False), journal=True)
    for view in (seen(dropped=1), seen(dropped=2), seen(dropped=3), VIEW, VIEW):
        lines.show(view)

    told = [line for line in file.getvalue().splitlines() if "status:" not in line]
    assert ["<4>sensor: eth1 lost frames", "<6>sensor: no longer: eth1 lost frames"] == [
        re.sub(r": \d.*", "", line) for line in told
    ]
