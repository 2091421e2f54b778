"""How two readings of a broken DNP3 message are compared."""

from __future__ import annotations

from differential.dnp3 import Broken, Halted

FIRST, BAD, NEXT = (1, 2, 0), (12, 1, 10), (0, 0, 1)


def test_both_stop_at_the_same_header_with_or_without_showing_it() -> None:
    told = Broken([FIRST], [BAD], unknown=False)

    assert [True, True] == [told == Halted(read) for read in ([FIRST], [FIRST, BAD])]


def test_a_side_that_stops_earlier_or_later_differs() -> None:
    told = Broken([FIRST], [BAD], unknown=False)

    assert [True, True] == [told != Halted(read) for read in ([], [FIRST, BAD, NEXT])]


def test_a_message_that_only_tshark_calls_broken_differs() -> None:
    assert Broken([FIRST], [BAD], unknown=False) != (FIRST, BAD)


def test_otmon_may_read_on_after_an_object_that_tshark_does_not_know() -> None:
    assert Broken([FIRST], [BAD], unknown=True) == (FIRST, BAD, NEXT)
