"""Documents and their schema come from the same types."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated

import jsonschema
import pytest

from otmon.model.document import (
    Deferred,
    Key,
    Time,
    json_schema,
    json_text,
    pack,
    render_time,
    to_document,
    unpack,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part."""

    name: str
    seen: Time | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole."""

    operation_class: Annotated[str, Key("class")]
    parts: tuple[Part, ...]
    counts: dict[str, int]
    ratio: float | None
    names: tuple[str, ...]


WHOLE = Whole("write", (Part("a", Time(1)), Part("b", None)), {"x": 2}, None, ("n",))


def test_a_dataclass_becomes_plain_json_types_in_the_order_of_declaration() -> None:
    document = to_document(WHOLE)

    assert {
        "class": "write",
        "parts": [
            {"name": "a", "seen": "1970-01-01T00:00:00.000000001Z"},
            {"name": "b", "seen": None},
        ],
        "counts": {"x": 2},
        "ratio": None,
        "names": ["n"],
    } == document
    assert ["class", "parts", "counts", "ratio", "names"] == list(document)


def test_the_schema_accepts_what_is_rendered_and_nothing_more() -> None:
    validator = jsonschema.Draft202012Validator(json_schema(Whole, "whole"))

    document = to_document(WHOLE)
    assert [] == list(validator.iter_errors(document))
    document["parts"][0]["extra"] = 1
    assert 1 == len(list(validator.iter_errors(document)))


def test_a_time_has_nine_digits_and_a_broken_clock_stays_a_time() -> None:
    assert "2026-03-02T06:00:00.123456789Z" == render_time(1_772_431_200_123_456_789)
    assert "1969-12-31T23:59:59.999999999Z" == render_time(-1)
    assert "2262-04-11T23:47:16.854775807Z" == render_time(2**63 - 1)
    assert render_time(-(2**63)).startswith("1677-09-21T")


@pytest.mark.parametrize(
    "whole",
    [
        WHOLE,
        replace(WHOLE, parts=(), counts={}, names=()),
        replace(WHOLE, ratio=0.1, counts={"x": 2, "\u00e9\n\u2028": -1}, names=('"', "\x1f\\")),
        replace(WHOLE, ratio=1e300, names=("", "\ud7ff")),
    ],
)
def test_the_text_of_a_document_is_the_one_of_the_standard_library(whole: Whole) -> None:
    assert json.dumps(to_document(whole), ensure_ascii=False, indent=1) == "".join(json_text(whole))


def test_deferred_items_are_made_when_they_are_looked_at() -> None:
    made: list[int] = []

    def make(source: int) -> str:
        made.append(source)
        return str(source)

    items: Deferred[str] = Deferred(lambda: range(5), make)

    assert (5, "1", ["3", "4"], []) == (len(items), items[1], items[3:], items[5:])
    assert [1, 3, 4] == made
    assert ["0", "1", "2", "3", "4"] == list(items)


def test_what_is_packed_is_the_same_when_it_is_unpacked() -> None:
    seen = replace(WHOLE, parts=(Part("a", Time(1_700_000_000_123_456_789)),))

    assert seen == unpack(Whole, json.loads(json.dumps(pack(seen))))
    assert 1_700_000_000_123_456_789 == pack(seen)["parts"][0]["seen"]


def test_what_was_packed_without_a_key_has_its_default() -> None:
    @dataclass(frozen=True)
    class Grown:
        name: str
        more: int = 3

    assert Grown("a") == unpack(Grown, {"name": "a", "no longer": "there"})
