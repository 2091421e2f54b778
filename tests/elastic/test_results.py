"""What answers of Elasticsearch mean."""

from __future__ import annotations

import pytest

from otmon.sinks.elastic.results import (
    Action,
    alone_wait_s,
    is_hopeless,
    of_item,
    of_items,
    of_status,
)

PER_ITEM = [
    (200, "", "", Action.ACKNOWLEDGE),
    (201, "", "", Action.ACKNOWLEDGE),
    (409, "version_conflict_engine_exception", "", Action.DUPLICATE),
    (429, "cluster_block_exception", "flood-stage", Action.RETRY),
    (429, "es_rejected_execution_exception", "", Action.RETRY),
    (408, "", "", Action.RETRY),
    (502, "", "", Action.RETRY),
    (503, "unavailable_shards_exception", "", Action.RETRY),
    (504, "", "", Action.RETRY),
    (500, "es_rejected_execution_exception", "", Action.RETRY),
    (403, "cluster_block_exception", "read-only", Action.RETRY),
    (401, "security_exception", "", Action.PAUSE),
    (403, "security_exception", "", Action.PAUSE),
    (404, "index_not_found_exception", "no such index", Action.PAUSE),
    (400, "illegal_argument_exception", "[require_data_stream] is true", Action.PAUSE),
    (400, "document_parsing_exception", "bad date", Action.DEAD),
    (400, "mapper_parsing_exception", "", Action.DEAD),
    (400, "illegal_argument_exception", "", Action.DEAD),
    (400, "strict_dynamic_mapping_exception", "", Action.DEAD),
    (400, "never_heard_of_exception", "", Action.RETRY_ALONE),
    (500, "null_pointer_exception", "", Action.RETRY_ALONE),
    (418, "", "", Action.RETRY_ALONE),
]
REQUEST = [
    (400, Action.SPLIT),
    (401, Action.PAUSE),
    (403, Action.PAUSE),
    (404, Action.PAUSE),
    (301, Action.PAUSE),
    (307, Action.PAUSE),
    (413, Action.SHRINK),
    *((status, Action.RETRY) for status in (408, 429, 500, 502, 503, 504, 599)),
]


@pytest.mark.parametrize(("status", "kind", "reason", "action"), PER_ITEM)
def test_each_document_is_judged_by_status_and_error(status, kind, reason, action):
    error = {"error": {"type": kind, "reason": reason}} if kind else {}

    assert action is of_item({"status": status, **error}).action


@pytest.mark.parametrize(("status", "action"), REQUEST)
def test_a_whole_request_is_judged_by_its_status(status, action):
    assert action is of_status(status).action


def test_a_missing_template_names_the_command_that_makes_it():
    verdict = of_item(
        {"status": 404, "error": {"type": "index_not_found_exception", "reason": "x"}}
    )

    assert "otmon elastic setup" in verdict.reason


def test_success_in_the_failure_store_is_told():
    assert of_item({"status": 201, "failure_store": "used"}).fallen


@pytest.mark.parametrize(
    "answer",
    [
        None, "<html>", [], {}, {"items": None}, {"items": "ab"}, {"items": [1, 2]},
        {"items": [{"create": {"status": 201}}]},
        {"items": [{"create": {"status": 201}}, {"create": {}}]},
        {"items": [{"create": {"status": 201}}, {}]},
        {"items": [{"create": {"status": 201}}] * 3},
    ],
)  # fmt: skip
def test_an_answer_that_does_not_tell_of_each_document_tells_nothing(answer):
    assert of_items(answer, 2) is None


def test_a_document_is_given_up_after_ten_tries_that_take_hours():
    assert not is_hopeless(9)
    assert is_hopeless(10)
    assert 1 < sum(map(alone_wait_s, range(1, 10))) / 3600 < 3
