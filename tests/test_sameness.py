"""The same attack raises the same alerts however it looks on the wire; what is none raises none.

Made from every capture on which a shipped rule fires.
"""

from __future__ import annotations

import functools
import importlib.util
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from places import PCAPS
from sameness.changes import (
    SAME,
    answers_alone,
    as_reads,
    moved,
    moved_hosts,
    six,
    swapped,
)
from sameness.protocols import other_units, refused
from sameness.wire import Frame, read, write

from otmon.model.alert import Alert
from otmon.ruleset.examples import examples
from otmon.ruleset.load import load_rules

pytestmark = [
    pytest.mark.usefixtures("rules_are_read_once"),
    pytest.mark.skipif(
        importlib.util.find_spec("otmon._engine") is None, reason="the engine is not built"
    ),
]

CAPTURES = sorted(
    {
        one.capture
        for one in examples(load_rules())
        if one.count
        and one.config is None
        and one.baseline is None
        and one.capture.split("/")[0] not in ("network", "inventory", "baseline")
    }
)
"""Those that show operations: what is about hosts and addresses changes with them."""
CHANGES = {**SAME, "with other units": other_units}
"""What must raise the same alerts, by name."""
OF_REFUSALS = {one.rule.title for one in load_rules().rules if one.rule.is_about_refusals}
"""Rules of which refusals are the finding."""
Name = Callable[[str], str]
Said = Counter[tuple[object, ...]]


@functools.cache
def frames_of(capture: str) -> list[Frame]:
    return read(PCAPS / capture)


def alerts(*paths: Path) -> tuple[Alert, ...]:
    from otmon import analyze

    return tuple(analyze(paths).alerts)


@functools.cache
def expected(capture: str) -> tuple[Alert, ...]:
    return alerts(PCAPS / capture)


def said(found: Iterable[Alert], name: Name = str) -> Said:
    """What alerts say, but for their frames, times and belief; `name` gives other addresses."""
    return Counter(
        (
            alert.rule.title,
            alert.client and name(alert.client),
            alert.server and name(alert.server),
            alert.protocol,
            alert.count,
            tuple(
                (row.operation, row.target, row.value, row.status, row.count)
                for row in alert.violations
            ),
        )
        for alert in found
    )


WITHOUT_EQUAL = {
    ("at another time", "dnp3/clock_ahead.pcapng"): "the time that is written is not moved with it",
    ("over IPv6", "tristation/broadcast.pcapng"): "there is no broadcast in IPv6",
    ("on other ports", "modbus/answered_units.pcapng"): "the first read is told by its odd port",
    ("on other ports", "modbus/exception_storm.pcapng"): "the first refusal is told one by one",
    (
        "on other ports",
        "modbus/function_sweep.pcapng",
    ): "function 0 is not held before Modbus is known",
    ("on other ports", "modbus/quirk.pcapng"): "answers that are a byte too long prove nothing",
    ("on other ports", "modbus/task_list.pcapng"): "the first read shows its values",
    ("on other ports", "s7comm/slot_sweep.pcapng"): "COTP without S7comm has no mark of its own",
}
"""What has no equal on the wire, or is not told from chance there, by change and capture."""


def named(change: str) -> Name:
    """What an address is called after a change."""
    return {"over IPv6": six, "between other hosts": moved}.get(change, str)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("change", CHANGES)
def test_the_same_attack_raises_the_same_alerts(change: str, capture: str, tmp_path: Path):
    found = alerts(write(tmp_path / "changed.pcap", CHANGES[change](frames_of(capture))))

    same = said(expected(capture), named(change)) == said(found)
    assert same is ((change, capture) not in WITHOUT_EQUAL)


@pytest.mark.parametrize("capture", ["modbus/diagnostics.pcapng", "dnp3/restart.pcapng"])
def test_other_units_are_others(capture: str, tmp_path: Path):
    from otmon import pdus

    before, after = (
        {one["unit"] for one in pdus(write(tmp_path / "units.pcap", frames))}
        for frames in (frames_of(capture), other_units(frames_of(capture)))
    )
    assert before
    assert before.isdisjoint(after)


@pytest.mark.parametrize("capture", CAPTURES)
def test_the_same_frames_in_another_file_raise_the_same_alerts(capture: str, tmp_path: Path):
    frames = frames_of(capture)
    half = len(frames) // 2
    fine = write(tmp_path / "fine.pcap", frames, nanoseconds=True)
    first, second = (
        write(tmp_path / "1.pcap", frames[:half]),
        write(tmp_path / "2.pcap", frames[half:]),
    )

    assert said(expected(capture)) == said(alerts(fine))
    assert said(expected(capture)) == said(alerts(first, second))


ALONE = ("s7comm/slot_sweep.pcapng",)
"""When its refusals are given up depends on what else a sensor sees."""


def test_benign_traffic_around_it_changes_nothing(tmp_path: Path):
    benign = moved_hosts(frames_of("demo/plant_normal.pcapng"))
    for capture in CAPTURES:
        if capture.startswith("demo/") or capture in ALONE:
            continue
        frames = frames_of(capture)
        if frames[-1].time_ns > benign[-1].time_ns:
            continue
        # After its end the capture's own devices would be silent, which is told.
        around = [one for one in benign if one.time_ns <= frames[-1].time_ns]
        found = alerts(write(tmp_path / "mixed.pcap", [*around, *frames]))

        assert said(expected(capture)) == said(found), capture


SYMMETRIC = {
    "modbus/many_writes.pcapng": "a write of one register and its answer are the same bytes",
    "modbus/odd_order.pcapng": "a write of one register and its answer are the same bytes",
    "modbus/odd_values.pcapng": "a write of one register and its answer are the same bytes",
    "s7comm/slot_sweep.pcapng": "a refused connection has no direction but that of its flow",
}
"""What looks the same from both sides, by capture."""


@pytest.mark.parametrize(
    "capture", [one for one in CAPTURES if not one.startswith("demo/") and one not in SYMMETRIC]
)
def test_messages_from_the_wrong_side_are_told_as_such(capture: str, tmp_path: Path):
    found = alerts(write(tmp_path / "swapped.pcap", swapped(frames_of(capture))))
    askers = {alert.client for alert in expected(capture)}
    answering = {alert.server for alert in expected(capture)}

    reversed_ = any(one.rule.title == "Roles of client and server reversed" for one in found)
    assert reversed_ or {alert.client for alert in found} <= answering - askers


@pytest.mark.parametrize("capture", [one for one in CAPTURES if not one.startswith("demo/")])
def test_answers_alone_raise_nothing_that_is_not_raised_with_their_requests(
    capture: str, tmp_path: Path
):
    found = alerts(write(tmp_path / "answers.pcap", answers_alone(frames_of(capture))))

    # Answers to S7 downloads do not name the block.
    whole = {one.rule.title for one in expected(capture)} | {"S7 program block downloaded"}
    assert {one.rule.title for one in found} <= whole


MODBUS = [
    one
    for one in CAPTURES
    if one.startswith("modbus/") and one.split("/")[1][:4] not in ("rtu_", "requ")
]
"""Those with requests and answers over TCP."""
READS = {"Very many stations behind a device asked"}
"""Rules that reads alone are enough for."""


@pytest.mark.parametrize("capture", MODBUS)
def test_operations_turned_into_answered_reads_raise_nothing(capture: str, tmp_path: Path):
    found = alerts(write(tmp_path / "reads.pcap", as_reads(frames_of(capture))))

    assert {one.rule.title for one in found} <= READS


NOT_DONE = {
    "DNP3 reports switched off and not on again": "they go on",
    "Value written that was never written before": "no such value was written",
    "Same value written for far longer than ever": "no such value was written",
    "Value reads back differently from what was written": "no value was accepted",
    "Change without the authentication it always had": "it is not carried out",
    "Blocks of a controller are others than before": "it does not say which it holds",
    "Variables of a controller addressed by another project": "it does not take those places",
    "Log-in to a device accepted after many failures": "it is not accepted",
    "S7 password given to a controller": "it is not accepted",
    "Registers read and written in one go, as FrostyGoop does": "so looks a test of functions",
}
"""What is not there where the device refuses, with the reason."""
LEFT_OUT = {
    "modbus/stream_overwritten.pcapng": "bytes are sent twice and differ",
    "modbus/quirk.pcapng": "a refusal follows the specification",
}
"""What cannot be refused in the same way, with the reason."""
NO_ANSWER = {
    "DNP3 command to all outstations at once",
    "Modbus device put in listen only mode",
    "Safety controllers looked for by broadcast",
    "Flood of open requests",
}
"""Nobody answers these, so nobody refuses."""
ABOUT_DEVICES = {
    "Mode switch of a device turned",
    "Operating mode of a device is another than before",
    "Protection of a device is less than before",
    "Project of a controller is another than before",
    "Points of a device were forced when the watch began",
    "Points of a device are not measured any more",
    "Points of a device are forced",
    "DNP3 outstation reports corrupt configuration",
    "Device lost events",
    "Device reports trouble",
    "Regular transfer did not take place",
    "Stations behind a gateway no longer answer",
    "Sensor had no room for all that passed",
}
"""What devices, networks or sensors show by themselves."""
ASKED_OR_SENT = {
    "DNP3 master asks for confirmations",
    "DNP3 operate without select",
    "Function code that should not occur",
    "Malformed industrial messages",
    "Many devices asked what they are",
    "Modbus device asked in both ways what it is, as nmap does",
    "Program for computers transferred to or from a device",
    "Program of a controller is another than before",
    "Reserved bits set in industrial messages",
    "Roles of client and server reversed",
    "S7 controller asked what it is, with the messages of nmap",
    "State of a safety controller asked very often",
    "Test file of virus scanners transferred",
    "Very many stations behind a device asked",
}
"""What was asked or sent all the same, and is the finding."""
REFUSED_ALREADY = {
    ("tristation/run_refused.pcapng", "Safety controller changed over TriStation"),
    ("tristation/malformed.pcapng", "Safety controller changed over TriStation"),
}
"""What is refused, or not answered, in the capture itself."""


@pytest.mark.parametrize("capture", [one for one in CAPTURES if one not in LEFT_OUT])
def test_what_is_refused_is_told_and_weighs_less(capture: str, tmp_path: Path):
    found = alerts(write(tmp_path / "refused.pcap", refused(frames_of(capture))))
    weights = {one.rule.title: one.severity for one in found}
    wanted = [one for one in expected(capture) if one.rule.title not in NOT_DONE]

    assert {one.rule.title for one in wanted} <= weights.keys()
    assert [] == [
        (one.rule.title, one.severity)
        for one in wanted
        if weights[one.rule.title] >= one.severity
        and one.rule.title not in NO_ANSWER | ABOUT_DEVICES | ASKED_OR_SENT | OF_REFUSALS
        and (capture, one.rule.title) not in REFUSED_ALREADY
    ]
    assert NOT_DONE.keys().isdisjoint(weights)
