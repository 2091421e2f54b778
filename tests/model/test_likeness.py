"""What events have in common is worked out once."""

from __future__ import annotations

from otmon.model.layout import RELATION_FIELDS, SHAPE_FIELDS
from otmon.model.likeness import MAX_LIKENESSES, OFTEN, Likenesses
from tests.records import Transaction


def test_a_relation_has_a_likeness_of_its_own_once_it_is_usual():
    likenesses = Likenesses()
    several = [likenesses.of_transaction(Transaction(relation=1))[0] for _ in range(OFTEN + 1)]

    assert [False] * (OFTEN - 1) + [True, True] == [one.of_relation for one in several]
    assert several[-1] is several[-2]


def test_relations_of_one_shape_have_its_likeness_as_long_as_they_are_seldom():
    likenesses = Likenesses()
    one, other = (likenesses.of_transaction(Transaction(relation=of))[0] for of in (1, 2))

    assert one is other
    assert one.decided == SHAPE_FIELDS


def test_likenesses_past_the_bound_are_made_anew():
    likenesses = Likenesses()
    first = likenesses.of_transaction(Transaction(relation=0))[0]
    for relation in range(1, MAX_LIKENESSES + 1):
        likenesses.of_transaction(Transaction(relation=relation))

    assert first is not likenesses.of_transaction(Transaction(relation=0))[0]


def test_what_is_said_of_a_likeness_again_is_alike():
    like = Likenesses().of_transaction(Transaction(relation=1))[0]
    said = {"event.provider": "value", "anomaly.type": "value_set", "anomaly.observed": "7"}
    one = like.derive("ot_process", said)
    other = like.derive("ot_process", {**said, "anomaly.observed": "8"})

    assert one is other
    assert one.decided >= {"event.provider", "anomaly.type", "event.outcome"}
    assert not one.decided & (RELATION_FIELDS | {"anomaly.observed"})
