"""The statements of a site are bounded, and what people settled is safe."""

from __future__ import annotations

import pytest

from otmon.baseline.book import Book, statement_id
from otmon.baseline.ranges import merged, outside
from otmon.model.statement import Edge, Key, Party, Statement


def statement(
    place: int, state: str = "learning", count: int = 1, client: str = "hmi"
) -> Statement:
    key = Key("change", client, "plc", "modbus", 1, "write", "write_single_register", f"hr:{place}")
    novel = ("object",) if state == "pending" else ()
    return Statement(statement_id(key), key, state, 0, 0, count=count, novel=novel)


def book(*statements: Statement, most: int = 10) -> Book:
    made = Book(most)
    made.add_edge(Edge("hmi", "plc", "modbus", True, 0, 0, 0))
    for one in statements:
        made.add(one)
    return made


def test_a_flood_of_new_things_pushes_out_only_other_new_things():
    settled = [statement(n, state, 5) for n, state in enumerate(("approved", "rejected", "muted"))]
    lasting = [statement(n, "learned", 5) for n in range(3, 6)]
    full = book(*settled, *lasting)
    for place in range(100, 400):
        full.add(statement(place, "pending"))

    assert len(full) <= 10
    assert all(full.get(one.key) is one for one in (*settled, *lasting))
    assert full.evicted_count > 0


def test_what_is_seen_again_does_not_make_room():
    lasting, fleeting = statement(1, count=3), statement(2)
    full = book(lasting, fleeting, most=2)
    full.add(statement(3))

    assert (lasting, None) == (full.get(lasting.key), full.get(fleeting.key))


def test_where_everything_lasts_nothing_is_added():
    full = book(statement(1, "learned"), statement(2, "approved"), most=2)

    assert not full.add(statement(3))
    assert 1 == full.left_out_count


def test_an_id_depends_on_what_a_statement_is_about_and_on_nothing_else():
    one, other = statement(1, "learned", 7), statement(1, "pending")

    assert one.id == other.id != statement(2).id


def test_two_devices_never_have_the_same_name():
    made = Book()
    made.add_party(Party("a-1", "10.0.0.1", "10.0.0.1", None, None))
    made.add_party(Party("a-2", "10.0.0.1", "10.0.0.1", None, 7))
    made.add_party(Party("a-3", "10.0.0.1", "10.0.0.1", None, 7))

    assert ["10.0.0.1", "10.0.0.1 vlan 7", "10.0.0.1 (2)"] == [
        party.name for party in made.parties()
    ]


def test_a_device_known_by_its_hardware_address_is_called_by_its_ip_once_it_has_one():
    made = Book()
    made.add_party(Party("a-1", "00:21:c1:10:04:31", None, "00:21:c1:10:04:31", None))
    made.add_party(Party("a-1", "10.10.4.31", "10.10.4.31", "00:21:c1:10:04:31", None))

    assert [("a-1", "10.10.4.31")] == [(party.id, party.name) for party in made.parties()]
    assert None is made.named("00:21:c1:10:04:31")


def test_a_known_device_by_another_known_way_is_who_it_was():
    made = Book()
    made.add_party(Party("a-1", "10.0.0.1", "10.0.0.1", "aa", None))
    made.add_party(Party("a-2", "10.0.9.9", "10.0.9.9", "bb", None))

    assert "a-1" == made.who(("10.0.0.1", "bb", None))
    assert None is made.who(("10.0.0.1", "cc", None))


def test_what_was_said_of_two_ids_is_joined_where_they_are_one_device():
    made = book(statement(1, "learned", 5), statement(1, "learned", 2, client="old"))
    made.rename({"old": "hmi"})

    assert [("hmi", 7)] == [(one.key.client, one.count) for one in made.statements()]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(0, 3), (8, 9)], ((0, 9),)),
        ([(0, 3), (9, 10)], ((0, 3), (9, 10))),
        ([(0, 1000), (1040, 1041)], ((0, 1041),)),
        ([(5, 9), (0, 20)], ((0, 20),)),
        ([], ()),
    ],
)
def test_ranges_merge_over_holes_of_four_or_a_twentieth(ranges, expected):
    assert expected == merged(ranges)


def test_a_range_is_outside_unless_it_is_wholly_inside():
    assert ((4, 12),) == outside([(4, 12), (5, 6)], [(0, 10)])
