"""A value that reads back differently is news where its object always took what it was given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from otmon.detectors.holding import CERTAIN_NS
from otmon.detectors.quality import Quality
from otmon.detectors.readback import Readback
from otmon.detectors.watchers import Watchers
from otmon.model.observed import event_from_health, event_from_loss, event_from_readback
from otmon.thresholds import ReadbackThresholds
from tests.detectors.seeing import at
from tests.records import Flow, Health

TAKEN: list[tuple[int, float, float]] = []


@dataclass(frozen=True)
class Record(Flow):
    """How a write was read back."""

    unit: int | None = 1
    target: str = "hr:101"
    writer: str = "10.0.0.66"
    written_ns: int = 0
    time_ns: int = 0
    different: list[tuple[int, float, float]] = field(default_factory=list)
    frames: tuple[tuple[int, int], ...] = ((0, 1), (0, 5), (0, 9))


class Site:
    """One interface, and what the detector says of what is written there."""

    def __init__(self, readback: Readback | None = None) -> None:
        self.watchers = Watchers([readback or Readback()])
        self.own = self.watchers.detectors[0]
        self.own._held._quality = self.watchers.quality
        self.said: list = []

    def read(self, seconds: float, different=TAKEN, **facts) -> Site:
        """A write of some seconds before turns out so."""
        record = Record(
            written_ns=at(seconds - 10), time_ns=at(seconds), different=different, **facts
        )
        return self.show(event_from_readback(record))

    def show(self, event) -> Site:
        if event.category != "ot_sensor":
            self.said += self.watchers.advance(event.time_ns)
        self.said += self.watchers.show(event)
        return self

    def habit(self, different=TAKEN, **facts) -> Site:
        for turn in range(6):
            self.read(turn * 60, different, **facts)
        return self

    def types(self, until: float = 1_000) -> list[str]:
        self.said += self.watchers.advance(at(until))
        return [str(one.get("anomaly.type")) for one in self.said]


ODD = [(101, 740.0, 729.0)]


def test_what_always_took_its_value_and_does_not_is_told():
    site = Site().habit().read(400, ODD)

    assert ["readback_mismatch"] == site.types()
    (found,) = site.said
    assert ("740 in hr:101, as 10.0.0.66 wrote and it was accepted", "729", ("hr:101",)) == (
        found.get("anomaly.expected"),
        found.get("anomaly.observed"),
        found.get("ot.object.id"),
    )
    assert ((0, 1), (0, 5), (0, 9)) == found.frames


def test_it_is_told_when_it_is_known_what_was_missed():
    site = Site().habit().read(400, ODD)

    assert [] == site.types(400 + CERTAIN_NS / 1e9 - 1)
    assert ["readback_mismatch"] == site.types(400 + CERTAIN_NS / 1e9)


def test_the_end_of_the_input_tells_it_too():
    site = Site().habit().read(400, ODD)

    assert 1 == len(list(site.watchers.finish()))


def test_an_object_without_a_habit_is_no_news():
    assert [] == Site().read(0).read(60).read(120, ODD).types()


def test_a_command_word_that_is_always_cleared_is_a_habit():
    assert [] == Site().habit([(101, 1.0, 0.0)]).read(400, [(101, 2.0, 0.0)]).types()


def test_another_register_of_a_block_with_a_command_word_is_news():
    block = {"target": "hr:100-110"}
    site = Site().habit([(101, 1.0, 0.0)], **block).read(400, [(101, 1, 0), (105, 7, 8)], **block)
    (kind,) = site.types()

    assert ("readback_mismatch", ("hr:105",)) == (kind, site.said[0].get("ot.object.id"))


def test_a_value_that_is_right_again_before_it_is_certain_is_no_news():
    assert [] == Site().habit().read(400, ODD).read(420).types()


def test_a_hole_in_any_conversation_of_the_device_may_hide_a_write():
    @dataclass(frozen=True)
    class Loss(Flow):
        client_ip: str | None = "10.0.0.99"
        from_ns: int = at(390)
        until_ns: int = at(400)
        gap_count: int = 1
        gap_bytes: int = 30

    site = Site().habit().read(400, ODD).show(event_from_loss(Loss()))

    assert [] == site.types()


def test_an_interface_that_was_not_seen_well_says_nothing():
    hole = Health(kind="hole", from_ns=at(392), until_ns=at(395))

    assert [] == Site().habit().read(400, ODD).show(event_from_health(hole)).types()


def test_datagrams_are_left_alone():
    assert [] == Site().habit(transport="udp").read(400, ODD, transport="udp").types()


def test_the_same_object_is_told_of_once_an_hour():
    site = Site().habit()
    for turn in range(10):
        site.read(400 + turn * 60, ODD)

    assert ["readback_mismatch"] == site.types(3_000)


def test_a_site_says_how_much_is_a_habit():
    site = Site(Readback(ReadbackThresholds(habit_count=1))).read(0).read(60, ODD)

    assert ["readback_mismatch"] == site.types()


def test_habits_and_what_waits_go_on_after_a_restart():
    old = Site().habit().read(400, ODD)
    new = Site()
    new.watchers.restore(json.loads(json.dumps(old.watchers.memories())))
    new.watchers.resume(json.loads(json.dumps(old.watchers.pending(str))), int)

    assert ["readback_mismatch"] == new.types()
    assert ["readback_mismatch"] * 2 == new.read(5_000, ODD).types(6_000)
    assert isinstance(new.watchers.quality, Quality)
