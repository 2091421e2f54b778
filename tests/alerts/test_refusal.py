"""What a device refused was only tried: it is told so, and weighs less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alerts.test_aggregate import RULE, alerts_of, stop

from otmon.alerts.aggregate import Aggregator
from otmon.alerts.message import message_of
from otmon.alerts.severity import severity_of
from otmon.model.alert import ends_of, how_often, in_a_sentence
from otmon.model.rule import Match
from tests.records import SECOND

TOLD = (("client.address", "10.0.0.66"), ("server.address", "10.0.0.11"))
OK, REFUSED = "ok", "access_denied"
STORY = replace(RULE, message="{client} stopped {server} and started it")
ABOUT = replace(RULE, is_about_refusals=True)
"""A rule that refusals are the finding of."""


def steps(*statuses: str, at_s: float = 0, rule=STORY) -> Match:
    """A stop and a start that hold together, refused or not."""
    *members, last = (
        stop(at_s + number, status=status, operation_class=kind, operation=kind)
        for number, (status, kind) in enumerate(
            zip(statuses, ("mode_stop", "mode_start"), strict=True)
        )
    )
    return last._replace(rule=rule, members=tuple(one.event for one in members), group=TOLD)


def times(*statuses: str, rule=RULE) -> Match:
    """The same stop so often, counted."""
    *members, last = (stop(number, status=status) for number, status in enumerate(statuses))
    return last._replace(
        rule=rule,
        members=tuple(one.event for one in members),
        group=TOLD,
        event_count=len(statuses),
    )


@pytest.mark.parametrize(
    ("statuses", "score"), [((OK, OK), 86), ((REFUSED, OK), 60), ((REFUSED, REFUSED), 60)]
)
def test_steps_of_which_one_was_refused_weigh_less_than_all_that_were_done(statuses, score):
    assert score == severity_of(steps(*statuses)).score


def test_the_steps_that_were_refused_are_counted_among_the_factors():
    assert "server refused 1 of 2 steps 0.7" in severity_of(steps(REFUSED, OK)).factors


@pytest.mark.parametrize(
    ("statuses", "score"), [((OK,) * 3, 86), ((OK, REFUSED, OK), 86), ((REFUSED,) * 3, 68)]
)
def test_what_was_done_often_weighs_less_where_it_was_refused_each_time(statuses, score):
    assert score == severity_of(times(*statuses)).score


def test_a_refusal_is_no_excuse_where_refusals_are_the_finding():
    alone = stop(status=REFUSED)._replace(rule=ABOUT)

    assert 86 == severity_of(alone).score
    assert 86 == severity_of(times(REFUSED, REFUSED, rule=ABOUT)).score


def test_a_question_has_been_asked_though_it_was_refused():
    question = stop(status=REFUSED, operation_class="identify").event
    asked = times(REFUSED, REFUSED)._replace(event=question, members=(question,))

    assert 86 == severity_of(asked).score


@pytest.mark.parametrize(
    ("match", "end"),
    [
        (steps(OK, OK), "and started it (S7comm)"),
        (steps(REFUSED, OK), "and started it (S7comm), but mode_stop was refused"),
        (steps(REFUSED, REFUSED), "and started it (S7comm), but was refused each time"),
        (times(REFUSED, REFUSED, rule=STORY), "(S7comm), but was refused each time"),
        (times(REFUSED, OK, rule=STORY), "(S7comm), part of it refused"),
        (times(REFUSED, REFUSED, rule=replace(STORY, is_about_refusals=True)), "it (S7comm)"),
    ],
)
def test_a_group_is_told_with_what_came_of_it(match: Match, end: str):
    assert message_of(match, "10.0.0.66", "10.0.0.11", 2).endswith(end)


def test_an_alert_weighs_what_its_steps_weigh_when_they_come_again_and_are_done():
    (alert,) = alerts_of(steps(REFUSED, OK), steps(OK, OK, at_s=600))

    assert (86, 2) == (alert.severity, alert.count)
    assert "refused" not in alert.message


def test_an_alert_that_goes_on_weighs_more_once_something_was_done():
    refused = times(REFUSED, REFUSED)
    done = stop(5, status=OK)._replace(group=TOLD, continues=True)
    (alert,) = alerts_of(refused, done)

    assert (86, 3) == (alert.severity, alert.count)
    assert alert.last_seen - alert.first_seen == 5 * SECOND


@pytest.mark.parametrize(
    ("matches", "often"),
    [
        ((stop(status=OK),), "once"),
        ((stop(status=OK), stop(1, 3, status=OK)), "2 times"),
        (
            (stop(status=OK), stop(1, 3, status=REFUSED), stop(2, 5, status=OK)),
            "3 times, 1 of them refused",
        ),
        ((stop(status=REFUSED), stop(1, 3, status=REFUSED)), "2 times"),
        ((times(OK, REFUSED, REFUSED),), "3 times, 2 of them refused"),
        ((steps(REFUSED, OK), steps(OK, OK, at_s=600)), "2 times"),
        ((times(REFUSED, REFUSED, OK, rule=ABOUT),), "3 times"),
    ],
)
def test_how_often_says_how_often_in_vain(matches: tuple[Match, ...], often: str):
    (alert,) = alerts_of(*matches)

    assert often == how_often(alert)


def test_refusals_that_are_the_finding_are_not_counted_and_accepted_questions_neither():
    question = stop(status=OK, operation_class="identify").event
    asked = times(OK, OK)._replace(event=question, members=(question,))
    ((told,), (many,)) = alerts_of(times(REFUSED, OK, rule=ABOUT)), alerts_of(asked)

    assert (0, 0) == (told.refused, many.refused)


def test_a_sentence_does_not_say_accepted_of_what_was_refused_in_part():
    (alert,) = alerts_of(stop(status=OK), stop(1, 3, status=REFUSED))

    assert in_a_sentence(alert).endswith(", accepted, 2 times, 1 of them refused")


def test_a_request_that_is_taken_back_is_no_refusal_either():
    aggregator = Aggregator()
    refused = stop(1, 3, status=REFUSED)
    aggregator.add_all([stop(status=OK), refused])
    aggregator.take_back(refused)
    (alert,) = aggregator.alerts()

    assert (1, 0) == (alert.count, alert.refused)


def test_the_same_done_to_other_stations_is_told_by_station():
    (alert,) = alerts_of(stop(unit="1"), stop(1, 3, unit="2"))

    assert [("unit", ["1", "2"])] == ends_of(alert.violations)
