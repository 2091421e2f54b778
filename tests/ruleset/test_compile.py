"""Conditions hold on events as Sigma says, and as design says where Sigma is silent."""

from __future__ import annotations

import datetime

import pytest

from otmon.model.event import Event, event_of
from otmon.model.layout import Layout
from otmon.ruleset.compile import compile_condition, reasons
from otmon.ruleset.condition import (
    And,
    Compare,
    Equals,
    Exists,
    Like,
    Missing,
    Not,
    Or,
    PartOfTime,
    Regex,
    SameAs,
    Test,
    Within,
    necessary_values,
)


def event(**own: object) -> Event:
    fields = {name.replace("__", "."): value for name, value in own.items()}
    return event_of("ot_operation", "modbus", 0, None, Layout({}), fields)


def holds(criterion, value) -> bool:
    fields = {} if value is None else {"field": value}
    return compile_condition(Test("field", criterion))(event(**fields))


@pytest.mark.parametrize(
    ("criterion", "value", "expected"),
    [
        (Equals(("Stop",)), "stop", True),
        (Equals(("Stop",), cased=True), "stop", False),
        (Equals(("Stop",), cased=True), "Stop", True),
        (Equals((3,)), 3, True),
        (Equals((3,)), "3", True),
        (Equals((3,)), 3.5, False),
        (Equals(("3",)), 3, True),
        (Equals((1,)), True, False),
        (Equals((True,)), True, True),
        (Equals((True,)), 1, False),
        (Equals(("a", "b")), "b", True),
        (Like(((), ("hr",), ())), "xhr:1", True),
        (Like((("hr",), ())), "HR:1", True),
        (Like((("hr",), ()), cased=True), "HR:1", False),
        (Like(((), ("1",))), "hr:1", True),
        (Like(((), ("1",))), "hr:12", False),
        (Like((("h", None, ":1"),)), "hr:1", True),
        (Like((("h", None, ":1"),)), "hrr:1", False),
        (Like((("a",), ("b",), ("c",))), "axxbxxc", True),
        (Like((("a",), ("b",), ("c",))), "axxcxxb", False),
        (Like((("a",), ("b", None), ("c",))), "abcc", True),
        (Like(((), ("a", None), ())), "xxay", True),
        (Like(((), ("a", None), ())), "xxa", False),
        (Regex("b+c", ""), "abbc", True),
        (Regex("B+C", ""), "abbc", False),
        (Regex("B+C", "i"), "abbc", True),
        (Compare("gte", 5), 5, True),
        (Compare("gt", 5), 5, False),
        (Compare("lt", 5), 4.5, True),
        (Compare("lt", 5), True, False),
        (Compare("lt", 5), "4", False),
        (Within("10.0.0.0/8"), "10.1.2.3", True),
        (Within("10.0.0.0/8"), "11.1.2.3", False),
        (Within("10.0.0.0/8"), "fe80::1", False),
        (Within("fe80::/10"), "fe80::1", True),
        (Within("10.0.0.0/8"), "no address", False),
        (Missing(), "x", False),
        (Missing(), (), True),
        (Exists(True), "x", True),
        (Exists(False), "x", False),
    ],
)
def test_a_criterion_holds_on_a_value(criterion, value, expected):
    assert expected is holds(criterion, value)


@pytest.mark.parametrize(
    "criterion",
    [Equals(("a",)), Like((("a",), ())), Compare("lt", 5), Within("10.0.0.0/8"), Regex("", "")],
)
def test_a_missing_field_is_false_and_true_under_not(criterion):
    test = Test("field", criterion)

    assert False is compile_condition(test)(event())
    assert True is compile_condition(Not(test))(event())


def test_a_missing_field_is_missing_and_does_not_exist():
    assert True is holds(Missing(), None)
    assert True is holds(Exists(False), None)


def test_any_element_of_a_list_may_match():
    assert True is holds(Equals(("b",)), ("a", "b"))
    assert False is holds(Equals(("c",)), ("a", "b"))


def test_all_asks_each_value_of_some_element():
    both = And((Test("field", Equals(("a",))), Test("field", Equals(("b",)))))

    assert True is compile_condition(both)(event(field=("a", "b", "c")))
    assert False is compile_condition(both)(event(field=("a", "c")))


def test_two_fields_are_the_same_without_regard_to_case():
    same = compile_condition(Test("one", SameAs("other")))

    assert True is same(event(one="A", other="a"))
    assert True is same(event(one=("x", "y"), other="y"))
    assert False is same(event(one="a", other="b"))
    assert False is same(event(one="a"))
    assert False is same(event())


def test_alternatives_on_one_field_are_one_look_up_and_others_stay():
    either = Or((Test("a", Equals(("x",))), Test("a", Equals(("y",))), Test("b", Equals((1,)))))
    predicate = compile_condition(either)

    assert [True, True, True, False] == [
        predicate(event(a="x")),
        predicate(event(a="y")),
        predicate(event(b=1)),
        predicate(event(a="z", b=2)),
    ]


def test_parts_of_times_are_of_the_sites_time_zone():
    moment = 1_700_000_000 * 1_000_000_000  # 2023-11-14 22:13:20 UTC, a Tuesday
    berlin = datetime.timezone(datetime.timedelta(hours=1))

    def part(name, number, zone=datetime.UTC):
        test = Test("field", PartOfTime(name, "eq", number))
        return compile_condition(test, zone)(event(field=moment))

    assert part("minute", 13)
    assert part("hour", 22)
    assert part("hour", 23, berlin)
    assert part("day", 14)
    assert part("week", 46)
    assert part("month", 11)
    assert part("year", 2023)


def test_reasons_name_the_tests_that_held():
    condition = And(
        (
            Or((Test("a", Equals(("x",))), Test("b", Equals(("y",))))),
            Not(Test("c", Equals(("z",)))),
        )
    )

    assert ("b is y",) == reasons(condition, event(b="y", c="other"))


def test_the_necessary_values_of_a_field_bound_a_condition():
    stop, start = Test("class", Equals(("stop",))), Test("class", Equals(("start",)))
    other = Test("ip", Equals(("1",)))

    assert frozenset({"stop"}) == necessary_values(And((stop, other)), "class")
    assert frozenset({"stop", "start"}) == necessary_values(Or((stop, start)), "class")
    assert None is necessary_values(Or((stop, other)), "class")
    assert None is necessary_values(Not(stop), "class")
    assert frozenset() == necessary_values(And((stop, start)), "class")
