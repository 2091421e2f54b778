"""When what is seen becomes normal, and what never does by itself."""

from __future__ import annotations

from otmon.baseline.compare import Baseline
from otmon.baseline.deed import Deed
from otmon.baseline.judging import Found
from otmon.baseline.review import Word, settle
from otmon.config import Baseline as Settings
from otmon.model.statement import Key, Statement

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
START = 20_000 * DAY


def write(place: int = 4, **other: object) -> Deed:
    deed = Deed(
        "hmi", "plc", "modbus", 1, "write", "write_single_register", f"hr:{place}", (), None
    )
    return deed._replace(**other)


def read(low: int, high: int) -> Deed:
    return write(operation_class="read", operation="read_holding_registers", target="hr")._replace(
        ranges=((low, high),)
    )


def see(baseline: Baseline, deed: Deed, at: int, count: int = 1, last: int | None = None) -> Found:
    """One thing done at a time, or again and again until another."""
    found = baseline.look(deed, START + at, "day.pcap#1")
    if found.statement is not None:
        baseline.count(found.statement, count, START + at, START + (at if last is None else last))
    return found


def state_of(baseline: Baseline, deed: Deed) -> str | None:
    statement = baseline.book.get(deed.key)
    return None if statement is None else statement.state


def learned() -> Baseline:
    """A baseline that knows one register to be written."""
    baseline = Baseline()
    see(baseline, write(), 0)
    baseline.enforce_all()
    return baseline


def test_an_edge_enforces_after_a_day_of_use_without_anything_new():
    baseline = Baseline()
    see(baseline, write(), 0, count=25 * 60, last=25 * HOUR)
    baseline.enforce_saturated()

    assert "learned" == state_of(baseline, write())
    assert ("object",) == see(baseline, write(5), 26 * HOUR).verdict.novel


def test_something_new_makes_the_quiet_time_begin_again():
    baseline = Baseline()
    see(baseline, write(), 0, count=25 * 60, last=25 * HOUR)
    see(baseline, write(5), 25 * HOUR)
    baseline.enforce_saturated()

    assert "learning" == state_of(baseline, write(5))


def test_time_in_which_both_ends_are_silent_does_not_count():
    baseline = Baseline()
    for day in range(3):
        see(baseline, write(), day * DAY, count=20)
    baseline.enforce_saturated()

    assert "learning" == state_of(baseline, write())


def test_each_edge_learns_for_itself():
    baseline = Baseline()
    see(baseline, write(), 0, count=25 * 60, last=25 * HOUR)
    other = write(client="ews")
    see(baseline, other, 24 * HOUR, count=60, last=25 * HOUR)
    baseline.enforce_saturated()

    assert ("learned", "learning") == (state_of(baseline, write()), state_of(baseline, other))


def test_after_two_weeks_an_edge_has_to_enforce_and_says_so():
    baseline = Baseline()
    for day in range(15):
        see(baseline, write(day), day * DAY)
    verdict = see(baseline, write(99), 15 * DAY).verdict

    assert (("object",), True) == (verdict.novel, verdict.unsaturated)


def test_a_conversation_that_appears_after_the_learning_is_a_deviation():
    baseline = Baseline()
    see(baseline, write(), 0)
    found = see(baseline, write(client="laptop"), 15 * DAY)

    assert ("asset", "peer", "service", "operation") == found.verdict.novel
    assert ("novel_peer", "novel_operation") == found.tell


def test_dangerous_operations_are_never_learned_by_themselves():
    stop = write(operation_class="mode_stop", operation="plc_stop")
    baseline = Baseline()
    see(baseline, stop, 0)
    baseline.enforce_all()

    assert "pending" == state_of(baseline, stop)
    assert () == see(baseline, stop, HOUR).verdict.novel


def test_what_comes_from_outside_waits_for_a_person():
    baseline = Baseline()
    baseline.look(write(), START, "day.pcap#1", may_learn=False)

    assert {"pending"} == {one.state for one in baseline.book.statements()}


def test_a_log_in_from_outside_waits_for_a_person_and_one_from_inside_is_learned():
    baseline = Baseline()
    see(baseline, write(), 0)
    outside, inside = (
        Key("session", "hmi", "plc", "modbus", None, "", "user", name) for name in ("eve", "ann")
    )
    baseline.fact(outside, START, "day.pcap#1", may_learn=False)
    baseline.fact(inside, START, "day.pcap#1", may_learn=True)

    states = {one.key.target: one.state for one in baseline.book.statements()}
    assert ("pending", "learning") == (states["eve"], states["ann"])


def test_what_a_maintenance_window_named_first_is_learned_outside_it():
    baseline = Baseline()
    baseline.look(write(), START, "day.pcap#1", may_learn=False)
    see(baseline, write(), HOUR)

    assert "learning" == state_of(baseline, write())


def test_a_deviation_is_told_once_and_counted_each_time():
    baseline = learned()
    told = [see(baseline, write(5), HOUR * n).tell for n in range(1, 4)]
    (deviation,) = baseline.deviations()

    assert [("novel_object",), (), ()] == told
    assert 3 == deviation.count


def test_reads_near_each_other_are_one_range():
    baseline = Baseline()
    see(baseline, read(100, 103), 0)
    see(baseline, read(108, 110), 0)
    see(baseline, read(200, 210), 0)

    assert ((100, 110), (200, 210)) == baseline.book.get(read(0, 0).key).ranges


def test_a_read_inside_the_ranges_is_no_news_and_one_outside_is():
    baseline = Baseline()
    see(baseline, read(100, 110), 0)
    baseline.enforce_all()

    assert () == see(baseline, read(104, 104), HOUR).verdict.novel
    assert ("read_range",) == see(baseline, read(90, 104), HOUR).verdict.novel


def test_a_new_refusal_is_news_and_a_known_one_is_not():
    refused = write(failure="illegal_address")
    baseline = Baseline()
    see(baseline, write(), 0)
    see(baseline, refused, 0)
    baseline.enforce_all()

    assert () == see(baseline, refused, HOUR).verdict.novel
    assert ("exception",) == see(baseline, write(failure="busy"), HOUR).verdict.novel


def test_a_request_whose_answer_was_lost_may_have_been_refused_as_always():
    baseline = Baseline()
    see(baseline, write(failure="illegal_address"), 0)
    baseline.enforce_all()

    assert () == see(baseline, write(9, answered=False), HOUR).verdict.novel
    assert ("object",) == see(baseline, write(9), HOUR).verdict.novel


def test_what_was_not_seen_for_ninety_days_is_news_when_it_returns():
    baseline = learned()
    for day in range(1, 92):
        see(baseline, read(0, 1), day * DAY)
    found = see(baseline, write(), 92 * DAY)

    assert ("returned_after_absence",) == found.tell
    assert "expired" == state_of(baseline, write())


def test_days_on_which_nobody_watched_do_not_make_a_thing_absent():
    baseline = learned()

    assert () == see(baseline, write(), 200 * DAY).tell


def test_an_approval_with_an_end_ends():
    baseline = learned()
    see(baseline, write(5), HOUR)
    statement = baseline.book.get(write(5).key)
    settle(baseline.book, [statement], Word("approve", "j.doe", START, None, START + 2 * DAY))

    assert () == again(baseline, write(5), DAY).verdict.novel
    assert ("object",) == again(baseline, write(5), 3 * DAY).verdict.novel


def again(baseline: Baseline, deed: Deed, at: int) -> Found:
    """The same as a new run sees it."""
    baseline.begin_run()
    return see(baseline, deed, at)


def test_a_device_that_was_accepted_has_its_conversations_learned():
    baseline = learned()
    see(baseline, write(client="new"), HOUR)
    head = baseline.book.get(Key("edge", "new", "plc", "modbus"))
    asset = Statement("b-x", Key("asset", "new", "", ""), "pending", START, START)
    baseline.book.add(asset)
    settle(baseline.book, [asset], Word("approve", "j.doe", START + HOUR))

    assert "learning" == head.state
    assert () == again(baseline, write(7, client="new"), 2 * HOUR).verdict.novel


def test_what_a_person_says_is_normal_is_learned_whatever_it_was():
    baseline = learned()
    see(baseline, write(5), HOUR)
    baseline.said_normal = True
    again(baseline, write(5), 2 * HOUR)
    baseline.enforce_all()

    assert "learned" == state_of(baseline, write(5))


def test_settings_say_how_long_things_are_learned():
    baseline = Baseline(settings=Settings(quiet_hours=1))
    see(baseline, write(), 0, count=120, last=2 * HOUR)
    baseline.enforce_saturated()

    assert "learned" == state_of(baseline, write())
