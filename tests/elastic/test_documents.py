"""Documents fit the templates, whatever is found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from elastic_drafts import DRAFTS, SENSOR, an_alert, said, whole
from hypothesis import HealthCheck, given, settings
from records import START

from otmon.model.alert import (
    Excerpt,
)
from otmon.sinks.elastic import documents
from otmon.sinks.elastic.catalogue import fields_of
from otmon.sinks.elastic.documents import Draft


def leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner


def fits(kind: str, value: Any) -> bool:
    if isinstance(value, list):
        return all(fits(kind, one) for one in value)
    match kind:
        case "keyword" | "text" | "ip":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "long":
            return (
                isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
            )
        case "float" | "double":
            most = 3.4028234e38 if kind == "float" else float("inf")
            return (
                isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < most
            )
        case "date":
            return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(value)))
    return False


def stream_of(draft: Draft) -> str:
    return documents.target(draft.stream, "").removesuffix("-")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAFTS)
def test_every_field_is_in_the_template_of_its_stream_with_a_fitting_type(draft):
    known = fields_of(stream_of(draft))
    roots = {name for name, kind in known.items() if kind == "flattened"}
    body = said(draft)

    assert [] == [
        (name, known.get(name), value)
        for name, value in leaves(body)
        if name.partition(".")[0] not in roots and not fits(known.get(name, ""), value)
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DRAFTS)
def test_the_same_thing_has_the_same_id_and_event_stands_in_front(draft):
    document = whole(draft)
    body = json.loads(document.body)

    assert document.id == body["event"]["id"]
    assert re.fullmatch(r"[0-9a-f]{32}", document.id)
    assert document.body.startswith(b'{"event":{"')
    assert {"alert", "event", "asset", "metric"} >= {body["event"]["kind"]}


def test_a_document_that_is_too_big_loses_what_matters_least_and_says_so():
    draft = documents.alert(SENSOR, an_alert(triage=("x" * 5000,)), lambda _: None)
    made = documents.finished(SENSOR, draft, 1, START, most_bytes=4000)

    assert not isinstance(made, tuple)
    body = json.loads(made.body)
    assert body["otmon"]["trimmed"] is True
    assert "triage" not in body["otmon"]["alert"]


def test_a_document_that_is_too_big_loses_its_bytes_before_its_words():
    excerpt = Excerpt((1,), ("00" * 4000,))
    draft = documents.alert(SENSOR, an_alert(), lambda _: None, excerpt)
    made = documents.finished(SENSOR, draft, 1, START, most_bytes=4000)

    assert not isinstance(made, tuple)
    body = json.loads(made.body)
    assert (True, {"ref": "a.pcapng", "frame_numbers": [1, 2]}, ["Look."]) == (
        body["otmon"]["trimmed"],
        body["otmon"]["evidence"],
        body["otmon"]["alert"]["triage"],
    )


def test_a_document_that_stays_too_big_is_a_dead_letter_with_a_reason():
    draft = documents.alert(SENSOR, an_alert(message="x" * 5000), lambda _: None)

    _, failure = documents.finished(SENSOR, draft, 1, START, most_bytes=4000)
    assert "too_big" == failure.kind
