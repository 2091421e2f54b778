"""What is learned from one capture, and what another is against it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from places import PCAPS

from otmon import runs
from otmon.baseline.watch import Watch
from otmon.baseline.words import says
from otmon.config import Config
from otmon.model.observed import Ends, event_from_ends
from otmon.model.result import Result
from otmon.site_description import Conduit, Zone

HABITS = PCAPS / "baseline" / "habits.pcapng"
DEPARTURES = PCAPS / "baseline" / "departures.pcapng"
NORMAL = PCAPS / "demo" / "plant_normal.pcapng"
PLANT = PCAPS / "demo" / "plant.pcapng"


def _nobody(_ip: object, _mac: object, _vlan: object) -> None:
    """Nobody has an address."""


@functools.cache
def judged(normal: Path, judged_: Path) -> Result:
    """The result of one capture against another."""
    return runs.analyze(judged_, baseline=normal)


def observed(result: Result) -> list[tuple[tuple[str, ...], str]]:
    """Of each deviation in what it is new, and its words."""
    return [(one.novel, one.observed) for one in result.deviations]


@pytest.mark.parametrize("capture", [HABITS, NORMAL], ids=lambda path: path.stem)
def test_what_was_learned_is_no_deviation(capture: Path):
    assert [] == observed(judged(capture, capture))


@pytest.mark.parametrize("capture", [HABITS, NORMAL], ids=lambda path: path.stem)
def test_what_was_learned_raises_no_alert_of_the_baseline(capture: Path):
    plain = [alert.rule.title for alert in runs.analyze(capture).alerts]

    assert plain == [alert.rule.title for alert in judged(capture, capture).alerts]


def test_a_deviation_names_what_is_new_about_it():
    assert [
        (("object",), "10.20.1.10 writes holding register 102 of 10.20.2.11 unit 1"),
        (
            ("operation",),
            "10.20.1.10 writes holding registers 200-201 of 10.20.2.11 unit 1"
            " with write_multiple_registers",
        ),
    ] == observed(judged(HABITS, DEPARTURES))[:2]


def test_a_deviation_names_the_nearest_thing_that_is_normal():
    first = judged(HABITS, DEPARTURES).deviations[0]

    assert (
        "10.20.1.10 writes holding register 101 of 10.20.2.11 unit 1: 735 to 741, every 30 s"
        == first.expected
    )


def test_a_read_of_other_addresses_is_a_deviation():
    found = [one for one in judged(HABITS, DEPARTURES).deviations if one.novel == ("read_range",)]

    assert [("10.20.1.10 reads holding registers 400-407 of 10.20.2.11 unit 1", 1, (470,))] == [
        (one.observed, one.count, one.frames) for one in found
    ]


def test_a_stranger_is_an_unknown_device_and_peer():
    first = judged(NORMAL, PLANT).deviations[0]

    assert ("asset", "peer", "service") == first.novel
    assert "only 10.20.1.10 and 10.20.1.20 talk to 10.20.2.11" == first.expected


def test_every_phase_of_an_intrusion_is_a_deviation():
    said = " / ".join(words for _, words in observed(judged(NORMAL, PLANT)))

    for phase in (
        "10.20.1.66 uses ISO transport (tcp/102) of 10.20.2.11",  # looks for devices
        "10.20.1.66 asks 10.20.2.11 unit 1 what it is",
        "10.20.2.12 unit 9 refuses read_holding_registers of 10.20.1.66",  # sweeps stations
        "10.20.2.11 unit 1 refuses read_fifo of 10.20.1.66",  # sweeps functions
        "10.20.1.66 reads holding registers 100-103 of 10.20.2.11",
        "10.20.1.66 writes holding register 101 of 10.20.2.11",
        "10.20.1.66 reads program out of 10.20.2.21",
        "10.20.1.66 stops 10.20.2.21",
        "10.20.1.66 loads program into 10.20.2.21",
        "10.20.1.66 starts 10.20.2.21",
        "10.20.1.66 switches off reports of 10.20.3.31",
        "10.20.1.66 commands",
        "10.20.1.66 restarts 10.20.3.31",
    ):
        assert phase in said


def test_nothing_but_the_stranger_deviates_in_an_intrusion():
    assert [] == [
        one.observed for one in judged(NORMAL, PLANT).deviations if "10.20.1.66" not in one.observed
    ]


def test_statements_read_like_a_description():
    book = runs.learn(NORMAL).book

    assert {
        "10.20.1.10 reads holding registers 100-103 of 10.20.2.11 unit 1, every 2 s",
        "10.20.1.20 asks 10.20.2.11 unit 1 what it is (read_device_identification)",
    } <= {says(statement, book.name) for statement in book.statements()}


def test_without_a_baseline_nothing_is_said_about_it():
    result = runs.analyze(PLANT)

    assert (None, ()) == (result.baseline, result.deviations)


def test_what_no_conduit_allows_waits_for_a_person_even_if_it_is_said_to_be_normal():
    """The site lets the operators read; that they write, too, somebody has to say."""
    config = Config(
        zones=(
            Zone("supervision", subnets=("10.20.1.0/24",)),
            Zone("control", subnets=("10.20.2.0/24", "10.20.3.0/24")),
        ),
        conduits=(Conduit("supervision", "control", classes=("read",)),),
    )
    book = runs.learn(HABITS, config=config).book
    states = {
        one.state for one in book.statements() if one.key.operation_class in ("read", "write")
    }
    waits = {one.key.operation_class for one in book.statements() if one.state == "pending"}

    assert {"learned", "pending"} == states
    assert "write" in waits
    assert "read" not in waits


def test_what_detectors_know_by_habit_carries_the_word_of_the_baseline() -> None:
    """The value, the rhythm and the order of things are habits of a conversation."""
    baseline = runs.learn(HABITS)
    watch = Watch(baseline, _nobody, _nobody, str, lambda _: False)
    ends = Ends(client_ip="10.20.1.10", server_ip="10.20.2.11", protocol="modbus")
    strange = Ends(client_ip="10.20.1.99", server_ip="10.20.2.11", protocol="modbus")
    found = []
    for type, where in (("period_change", ends), ("value_set", ends), ("value_set", strange)):
        event = event_from_ends("ot_anomaly", 0, where, {"anomaly.type": type})
        watch.complete(event)
        found.append((event.get("baseline.state"), event.get("baseline.novel")))

    assert [
        ("enforcing", ("period",)),
        ("enforcing", ("value_set",)),
        ("none", None),
    ] == found
