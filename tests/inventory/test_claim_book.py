"""Claims: which of them stand, and what contradicts them."""

from __future__ import annotations

from otmon.inventory.claim_book import MAX_DISTINCT, ClaimBook, Contradiction, Told


def told(value: str, count: int = 1, flows: int = 1, frame: int = 1, **other: object) -> Told:
    """A device's own answer, said so often since the last one."""
    facts: dict[str, object] = {"attribute": "serial", "source": "s7comm.read_szl"}
    facts |= {"confidence": 0.95, "ip": "10.0.0.1", "unit": None}
    facts |= {"first_ns": frame, "last_ns": frame, "frame": (0, frame), "last_frame": (0, frame)}
    return Told(value=value, count=count, flow_count=flows, **(facts | other))  # type: ignore[arg-type]  # each has its own


def said(*claims: Told) -> tuple[list[tuple[str, bool] | None], str]:
    """What each claim contradicts, and what stands after all of them."""
    book = ClaimBook()
    found: list[Contradiction | None] = [book.put(one) for one in claims]
    shown = book.shown("serial")

    assert shown is not None
    return [one and (one.new.value, one.replaced) for one in found], shown.value


def test_one_other_answer_is_a_conflict_and_replaces_nothing() -> None:
    assert ([None, ("B", False)], "A") == said(told("A"), told("B", frame=2))


def test_another_answer_stands_after_three_sightings_in_two_conversations() -> None:
    found, stands = said(
        told("A"),
        told("B", frame=2),
        told("B", count=2, flows=0, frame=4),
        told("B", frame=5),
    )

    assert ([None, ("B", False), None, ("B", True)], "B") == (found, stands)


def test_an_old_answer_in_between_starts_the_count_again() -> None:
    found, stands = said(
        told("A"),
        told("B", count=2, frame=2),
        told("A", frame=3),
        told("B", frame=4),
    )

    assert ([None, ("B", False), None, ("B", False)], "A") == (found, stands)


def test_a_device_that_says_two_values_in_one_message_contradicts_nothing() -> None:
    assert ([None, None], "A") == said(told("A"), told("B"))


def test_an_unsure_claim_gives_way_to_the_next() -> None:
    banner = {"confidence": 0.6, "source": "ftp.banner"}

    assert ([None, None], "B") == said(told("A", **banner), told("B", frame=2, **banner))


def test_a_banner_never_contradicts_the_devices_own_answer() -> None:
    other = {"confidence": 0.6, "source": "ftp.banner"}

    assert ([None, None], "A") == said(told("A"), told("B", frame=2, **other))


def test_distinct_claims_stay_within_their_bound() -> None:
    book = ClaimBook()
    for number in range(100):
        book.put(told(f"module {number}", attribute="module", frame=number + 1))

    assert MAX_DISTINCT == len(list(book.of("module")))
    assert 100 - MAX_DISTINCT == book.evicted_count


def test_what_two_devices_that_are_one_have_said_is_added_up() -> None:
    book, other = ClaimBook(), ClaimBook()
    book.put(told("A", count=2, past_count=10, past_flow_count=4))
    other.put(told("A", count=3, flows=2, past_count=20, past_flow_count=5))
    book.absorb(other.all())

    [own] = book.of("serial")
    counts = (own.count, own.flow_count, own.past_count, own.past_flow_count)
    assert (5, 3, 30, 9) == counts
