"""A change without authentication is news where its like was always authenticated."""

from __future__ import annotations

import json

from otmon.detectors.quality import Quality
from otmon.detectors.unauthenticated import Unauthenticated
from otmon.detectors.watchers import Watchers
from otmon.model.observed import event_from_loss
from tests.detectors.seeing import at, operation, said
from tests.records import SECOND, Flow


def command(seconds: float, **facts):
    """A direct operate that is answered a second later."""
    more = {
        "protocol": "dnp3",
        "operation": "direct_operate",
        "operation_class": "command",
        "function_code": 5,
        "targets": ("g12:1",),
        "unit": 10,
        "latency_ns": SECOND,
        "phase": "direct",
    }
    return operation(seconds, **(more | facts))


def reply(seconds: float, **facts):
    """A challenge is met."""
    return command(
        seconds, operation="authenticate", operation_class="auth_login", function_code=32, **facts
    )


def challenged(count: int, **facts):
    """Commands that are challenged, one a minute."""
    return [one for n in range(count) for one in (reply(n * 60 + 0.5), command(n * 60, **facts))]


def told(*events):
    """What is said of events, to the end of the input."""
    quality = Quality()
    watchers = Watchers([Unauthenticated(quality=quality)], quality)
    found = said(watchers, *events)
    return [*found, *watchers.finish()]


def test_a_command_that_is_not_challenged_as_all_before_is_told():
    (found,) = told(*challenged(3), command(600))

    assert ("unauthenticated_change", "ot_auth", at(0)) == (
        found.get("anomaly.type"),
        found.category,
        found.get("anomaly.since"),
    )


def test_two_are_no_habit():
    assert [] == told(*challenged(2), command(600))


def test_a_proof_within_the_request_is_authentication():
    proved = {"targets": ("g120", "g12:1", "g120")}

    assert [] == told(*challenged(3), command(600, **proved))
    assert 1 == len(told(*[command(n * 60, **proved) for n in range(3)], command(600)))


def test_a_challenge_that_was_met_before_is_that_of_another_command():
    assert 1 == len(told(*challenged(3), reply(600), command(601)))


def test_who_never_authenticated_is_no_news():
    assert [] == told(*[command(n * 60) for n in range(10)])


def test_a_refused_command_is_refused():
    assert [] == told(*challenged(3), command(600, status="not_authorized", status_code=9))


def test_a_command_that_wants_no_answer_is_done_all_the_same():
    alone = {"function_code": 6, "answered": False, "status": None, "latency_ns": None}

    assert 1 == len(told(*challenged(3), command(600, **alone)))


def test_a_select_that_is_never_challenged_is_another_kind():
    select = command(600, phase="select", function_code=3)

    assert [] == told(*challenged(3), select)


def test_other_masters_have_habits_of_their_own():
    assert [] == told(*challenged(3), command(600, client_ip="10.0.0.9"))


def test_a_hole_may_be_the_challenge():
    class Loss(Flow):
        protocol = "dnp3"
        from_ns, until_ns = at(600), at(610)
        gap_count, gap_bytes = 1, 30

    assert [] == told(*challenged(3), command(601), event_from_loss(Loss()))


def test_habits_and_what_waits_go_on_after_a_restart():
    old = Watchers([Unauthenticated()])
    said(old, *challenged(3), command(600))
    new = Watchers([Unauthenticated()])
    new.restore(json.loads(json.dumps(old.memories())))
    new.resume(json.loads(json.dumps(old.pending(str))), int)

    assert 1 == len([*new.advance(at(700))])
    assert 1 == len([*said(new, command(9_000)), *new.finish()])
