"""What a run puts into the outbox, and when it forgets it."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

import pytest
from places import PCAPS
from records import START, Transaction

from otmon.config import Config, Elastic
from otmon.model.asset import Asset
from otmon.runs import analyze
from otmon.sensor_identity import sensor_of
from otmon.shipping import MOST_DRAFTS, Shipping
from otmon.sinks import outbox
from otmon.state.site_file import SiteFile

STOPPED = str(PCAPS / "s7comm" / "stop_start.pcapng")


def waiting(site: SiteFile) -> list[dict[str, Any]]:
    with site.reading() as db:
        rows = outbox.batch(db, at_most=100_000, max_bytes=1 << 30, now_ns=2**62)
    return [json.loads(row.document.body) for row in rows]


def shipping(**elastic: Any) -> Shipping:
    config = Config(elastic=Elastic(**elastic))
    return Shipping(config, sensor_of(config))


def write(one: Shipping, site: SiteFile, *assets: Asset) -> None:
    with site.transaction() as db:
        one.write(db, (lambda: assets) if assets else None, START, ended=True)
    one.saved()


def test_what_a_failed_transaction_did_not_keep_is_written_again(site):
    one = shipping()
    one.health(START, {"packets": 1})
    with pytest.raises(ZeroDivisionError), site.transaction() as db:
        one.write(db, None, START)
        raise ZeroDivisionError
    assert [] == waiting(site)

    write(one, site)
    assert ["otmon.sensor"] == [document["event"]["dataset"] for document in waiting(site)]


def test_what_was_kept_is_not_written_again_when_it_has_been_sent(site):
    one = shipping()
    one.health(START, {"packets": 1})
    write(one, site)
    with site.transaction() as db:
        outbox.acknowledge(db, outbox.batch(db, now_ns=2**62))
    write(one, site)

    assert [] == waiting(site)


def test_memory_has_a_bound_while_nothing_can_be_written_and_what_goes_is_counted(site):
    one = shipping()
    for number in range(MOST_DRAFTS + 1):
        one.health(START + number, {})
    write(one, site)

    kept = MOST_DRAFTS + 1 - MOST_DRAFTS // 4
    with site.reading() as db:
        found = outbox.status(db)
    assert (kept, MOST_DRAFTS // 4) == (found.rows, found.counts["dropped.memory.2"])


def notable(one: Shipping, site: SiteFile) -> list[dict[str, Any]]:
    write(one, site)
    return [found for found in waiting(site) if found["event"]["action"] == "operation"]


def test_each_notable_operation_of_a_flow_and_time_has_an_id_of_its_own(site):
    one = shipping(operations="notable")
    written = Transaction(operation_class="write", values=[7], client_port=4000)
    for each in (written, written, dataclasses.replace(written, time_ns=START + 1)):
        one.transaction(each, "b-1")
    found = notable(one, site)

    assert 3 == len({each["event"]["id"] for each in found})
    assert [7.0] * 3 == [each["ot"]["value_number"] for each in found]
    assert [4000] * 3 == [each["source"]["port"] for each in found]
    assert ["b-1"] * 3 == [each["otmon"]["behaviour"]["id"] for each in found]


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 0),
        ({"operation_class": "write"}, 1),
        ({"status": "illegal_function"}, 1),
        ({"status": None}, 1),
        ({"anomalies": ("length",)}, 1),
    ],
)
def test_a_plain_read_is_not_sent_alone_and_what_is_odd_is(site, change, count):
    one = shipping(operations="notable")
    one.transaction(dataclasses.replace(Transaction(), **change), None)

    assert count == len(notable(one, site))


def actions(site: SiteFile, config: Config) -> Counter[str]:
    analyze([STOPPED], shipping=Shipping(config, sensor_of(config, [STOPPED]), site))
    return Counter(found["event"]["action"] for found in waiting(site))


def test_operations_are_sent_alone_only_where_people_wish_it(tmp_path):
    found = []
    for mode in ("summary", "notable"):
        with SiteFile.open(tmp_path / mode, durable=False) as site:
            found.append(actions(site, Config(elastic=Elastic(operations=mode))))
    summary, each = found

    assert 0 == summary["operation"] < each["operation"]
    assert summary == each - Counter(operation=each["operation"])


def test_an_unknown_way_to_send_operations_is_refused():
    with pytest.raises(ValueError, match="summary or notable"):
        Elastic(operations="all")


def deviating(site: SiteFile, capture: str) -> set[tuple[str, ...]]:
    """What the documents of a capture say that is not as `habits` has it: objects and function."""
    folder = PCAPS / "baseline"
    path = str(folder / f"{capture}.pcapng")
    config = Config()
    sent = Shipping(config, sensor_of(config, [path]), site)
    analyze([path], baseline=folder / "habits.pcapng", shipping=sent)
    return {
        (*one["ot"].get("object", {}).get("id", ()), one["ot"]["function"]["name"])
        for one in waiting(site)
        if "deviating" in one["otmon"].get("behaviour", {}).get("state", ())
    }


def test_what_the_baseline_does_not_have_for_normal_is_told_as_deviating(site):
    assert {
        ("hr:102", "write_single_register"),
        ("hr:200-201", "write_multiple_registers"),
    } <= deviating(site, "departures")


def test_what_is_normal_is_told_as_known_or_new(site):
    assert set() == deviating(site, "habits")
