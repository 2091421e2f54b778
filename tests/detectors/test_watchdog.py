"""Silence is told when it is certain: seen well, controlled, and long enough."""

from __future__ import annotations

import json

import pytest

from otmon.detectors.quality import Quality
from otmon.detectors.watchdog import Watchdog
from otmon.detectors.watchers import Watchers
from otmon.model.observed import (
    event_from_health,
    event_from_loss,
    event_from_no_reply,
    event_from_rhythm,
)
from tests.detectors.seeing import at
from tests.records import Flow, Health, NoReply, Rhythm


class Plant:
    """Five controllers that a station reads; what the watchdog says of them."""

    def __init__(self, watchdog: Watchdog | None = None) -> None:
        quality = Quality()
        self.watchdog = watchdog or Watchdog(quality=quality)
        self.watchers = Watchers([self.watchdog], quality)
        self.said: list[str] = []
        for number in range(5):
            self.rhythm(30, number, kind="periodic")

    def show(self, event) -> None:
        """Time goes on to the event, and the detector is shown it.

        What was missed is known before time passes, as in a run.
        """
        found = list(self.watchers.show(event)) if event.category == "ot_sensor" else []
        found += self.watchers.advance(event.time_ns)
        if event.category != "ot_sensor":
            found += self.watchers.show(event)
        self.said += [str(one.get("anomaly.type")) for one in found]

    def rhythm(self, seconds: float, number: int, **facts) -> None:
        server = f"10.0.0.{number}"
        self.show(
            event_from_rhythm(
                Rhythm(server_ip=server, id=f"r{number}", time_ns=at(seconds), **facts)
            )
        )

    def call(self, seconds: float, number: int, since: float = 90, **facts) -> None:
        self.show(
            event_from_no_reply(
                NoReply(
                    server_ip=f"10.0.0.{number}",
                    time_ns=at(seconds),
                    since_ns=at(since),
                    last_answer_ns=at(since - 2),
                    **facts,
                )
            )
        )

    def overdue(self, number: int, **facts) -> None:
        self.rhythm(102, number, kind="overdue", last_seen_ns=at(90), **facts)

    def health(self, start: float, end: float, **facts) -> None:
        self.show(event_from_health(Health(from_ns=at(start), until_ns=at(end), **facts)))

    def wait(self, seconds: float) -> list[str]:
        """What was said by then; time passes second by second."""
        for second in range(102, round(seconds) + 1):
            found = self.watchers.advance(at(second))
            self.said += [str(one.get("anomaly.type")) for one in found]
        return self.said


def test_calls_in_vain_are_told_after_one_more_deadline():
    plant = Plant()
    plant.call(106, 2)

    assert [] == plant.wait(115)
    assert ["device_silent"] == plant.wait(170)


def test_a_server_that_others_hear_does_not_reply():
    plant = Plant()
    plant.call(106, 2, server_last_seen_ns=at(105))

    assert ["no_reply"] == plant.wait(170)


def test_who_never_answered_has_not_fallen_silent():
    plant = Plant()
    plant.show(event_from_no_reply(NoReply(time_ns=at(106), since_ns=at(90), last_answer_ns=None)))

    assert [] == plant.wait(170)


def test_an_answer_in_time_is_no_news():
    plant = Plant()
    plant.call(106, 2)
    plant.call(112, 2, answered=True)

    assert [] == plant.wait(170)


def test_its_return_is_told_if_its_silence_was():
    plant = Plant()
    plant.call(106, 2)
    plant.wait(170)
    plant.call(180, 2, answered=True)

    assert ["device_silent", "returned"] == plant.said


def test_a_client_that_stops_asking_while_both_live_is_a_stopped_poll():
    plant = Plant()
    plant.overdue(2, client_last_seen_ns=at(101), server_last_seen_ns=at(101))

    assert ["poll_stopped"] == plant.wait(170)


def test_a_channel_of_which_neither_end_is_heard_is_silent():
    plant = Plant()
    plant.overdue(2, client_last_seen_ns=at(90), server_last_seen_ns=at(90))

    assert ["channel_silent"] == plant.wait(170)


@pytest.mark.parametrize(
    ("start", "end", "facts"),
    [
        (80, 90, {"kind": "dropped", "dropped_packets": 10}),
        (100, 110, {"gap_bytes": 50_000}),
        (104, 116, {"kind": "silent"}),
        (95, 97, {"kind": "hole"}),
        (100, 110, {"one_sided_frames": 900}),
        (112, 114, {"kind": "end"}),
    ],
)
def test_where_the_sensor_did_not_see_well_nothing_is_silent(start, end, facts):
    plant = Plant()
    plant.call(106, 2)
    plant.health(start, end, **facts)

    assert ["watchdog_suspended"] == plant.wait(170)


def test_loss_of_the_conversation_itself_counts_as_well():
    class Loss(Flow):
        from_ns, until_ns, gap_count, gap_bytes = at(100), at(110), 1, 10

    plant = Plant()
    plant.call(106, 2)
    plant.show(event_from_loss(Loss(server_ip="10.0.0.2")))

    assert ["watchdog_suspended"] == plant.wait(170)


def test_bad_times_long_before_do_not_count():
    plant = Plant()
    plant.health(40, 50, dropped_packets=10)
    plant.call(106, 2)

    assert ["device_silent"] == plant.wait(170)


def test_if_most_stop_together_it_is_the_tap():
    plant = Plant()
    for number in range(3):
        plant.overdue(number, client_last_seen_ns=at(101), server_last_seen_ns=at(90))

    assert ["watchdog_suspended"] == plant.wait(170)


def test_without_anybody_else_nothing_can_be_said():
    quality = Quality()
    watchers = Watchers([Watchdog(quality=quality)], quality)
    list(watchers.advance(at(0)))
    watchers.show(event_from_no_reply(NoReply(time_ns=at(106), since_ns=at(90))))

    assert ["watchdog_suspended"] == [one.get("anomaly.type") for one in watchers.advance(at(170))]


def test_several_devices_that_fall_silent_together_are_told_as_one():
    plant = Plant()
    for number in range(3):
        plant.call(106 + number, number)

    assert ["fleet_silent"] == plant.wait(170)


def test_all_stations_of_a_gateway_are_told_as_one():
    plant = Plant()
    for unit in (2, 3):
        plant.rhythm(40, 9, kind="periodic", unit=unit)
    plant.call(106, 9, server_last_seen_ns=at(105), unit=2)
    plant.call(107, 9, server_last_seen_ns=at(106), unit=3)

    assert ["gateway_silent"] == plant.wait(170)


def test_a_rhythm_of_a_few_seconds_is_no_habit():
    plant = Plant()
    plant.overdue(2, count=20, client_last_seen_ns=at(101), server_last_seen_ns=at(101))

    assert [] == plant.wait(170)


def restarted(plant: Plant) -> Plant:
    """The same plant, watched by one that goes on with what was written down."""
    other = Plant()
    other.watchers.restore(json.loads(json.dumps(plant.watchers.memories())))
    other.watchers.resume(json.loads(json.dumps(plant.watchers.pending(str))), int)
    return other


def test_a_silence_that_is_certain_is_told_after_a_restart():
    plant = Plant()
    plant.call(106, 2)
    before = plant.wait(120)

    assert ([], ["device_silent"]) == (before, restarted(plant).wait(170))


def test_a_rhythm_that_is_steady_again_after_a_restart_is_a_return():
    plant = Plant()
    plant.overdue(2, deadline_ns=10 * 10**9, count=100, period_ns=10**9)
    plant.wait(170)
    other = restarted(plant)
    other.rhythm(300, 2, kind="periodic")

    assert (["channel_silent"], ["returned"]) == (plant.said, other.said)


def test_a_device_that_came_back_unseen_can_fall_silent_again():
    plant = Plant()
    plant.call(106, 2)
    plant.wait(170)
    other = restarted(plant)
    other.call(400, 2, since=390)

    assert (["device_silent"], ["device_silent"]) == (plant.said, other.wait(500))
