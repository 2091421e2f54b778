"""What a real Elasticsearch makes of templates and documents of otmon."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elastic_server import Node
from elasticsearch import AuthorizationException, BadRequestError, Elasticsearch
from places import PCAPS

from otmon.cli import main
from otmon.sinks import dead_letters, outbox
from otmon.sinks.elastic import setup
from otmon.sinks.elastic.catalogue import STREAMS, fields_of
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.sender import Sender
from otmon.sinks.outbox import Document
from otmon.state.site_file import SiteFile

PLANT = str(PCAPS / "demo" / "plant.pcapng")


@pytest.fixture
def config(tmp_path: Path, namespace: str) -> Path:
    path = tmp_path / "otmon.toml"
    path.write_text(f'[elastic]\nnamespace = "{namespace}"\n')
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    return int(ended.value.code or 0)


def stored(client: Elasticsearch, target: str, **query: Any) -> list[dict[str, Any]]:
    client.indices.refresh(index=target)
    given = query or {"query": {"match_all": {}}}
    return [
        hit["_source"] for hit in client.search(index=target, size=5000, **given)["hits"]["hits"]
    ]


def counted(client: Elasticsearch, target: str, **query: Any) -> dict[str, Any]:
    """What a search without documents says of all that was sent so far."""
    client.indices.refresh(index=target)
    return dict(client.search(index=target, size=0, **query))


def put(site: SiteFile, *documents: Document) -> None:
    with site.transaction() as db:
        outbox.put(db, documents)


def one(name: str, target: str, op: str = "create", version: int = 0, **fields: Any) -> Document:
    body = {"event": {"id": name}, "@timestamp": "2026-03-02T06:00:00.000Z", **fields}
    return Document(0, target, op, name, json.dumps(body, separators=(",", ":")).encode(), version)


def dead(site: SiteFile) -> list[tuple[int, str]]:
    with site.reading() as db:
        return [(one.status, one.kind) for one in dead_letters.dead_by_error(db)]


def test_setting_up_twice_changes_nothing_the_second_time(client):
    assert {"unchanged"} == {step.did for step in setup.install(client, "none")}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_server_maps_each_field_as_the_catalogue_says(
    client, site, es_server, namespace, stream
):
    target = f"{stream}-{namespace}"
    op = "index" if stream == "otmon-asset-latest" else "create"
    put(site, one("a" * 32, target, op, 1))
    assert Sender(site, connect(Server((es_server.url,)))).drain(30)

    mappings = client.indices.get_mapping(index=target)
    (index,) = mappings.values()
    assert "false" == str(index["mappings"]["dynamic"]).lower()
    assert dict(sorted(fields_of(stream).items())) == dict(sorted(leaves(index["mappings"])))


def leaves(mapping: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, inner in mapping.get("properties", {}).items():
        if "properties" in inner:
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, inner["type"]


def test_a_plant_is_found_by_queries_with_the_counts_of_its_result(
    client, es_server, config, namespace, capsys
):
    arguments = ("analyze", "--no-keep", "--config", config, "--format", "json",
                 "--elastic", es_server.url, PLANT)  # fmt: skip
    assert 0 == run(*arguments)
    result = json.loads(capsys.readouterr().out)

    alerts = stored(
        client, f"logs-otmon.alert-{namespace}", query={"term": {"event.kind": "alert"}}
    )
    assert Counter(one["rule"]["title"] for one in result["alerts"]) == Counter(
        one["rule"]["name"] for one in alerts
    )
    assert sorted(one["count"] for one in result["alerts"]) == sorted(
        one["otmon"]["alert"]["count"] for one in alerts
    )
    latest = stored(client, f"otmon-asset-latest-{namespace}")
    assert {one["id"] for one in result["assets"]} == {one["host"]["id"] for one in latest}
    done = counted(
        client,
        f"logs-otmon.operation-{namespace}",
        query={"term": {"ot.operation.is_write": True}},
        aggs={"count": {"sum": {"field": "otmon.behaviour.count"}}},
    )
    from otmon.fields import CHANGE_CLASSES

    assert sum(
        one["count"] for one in result["behaviours"] if one["class"] in CHANGE_CLASSES
    ) == int(done["aggregations"]["count"]["value"])
    talked = counted(
        client,
        f"logs-otmon.conversation-{namespace}",
        aggs={"packets": {"sum": {"field": "network.packets"}}},
    )
    assert sum(one["packets"] for one in result["conversations"]) == int(
        talked["aggregations"]["packets"]["value"]
    )
    stops = stored(
        client,
        f"logs-otmon.alert-{namespace}",
        query={"term": {"threat.technique.id": "T0858"}},
    )
    assert "S7 controller stopped" in [one["rule"]["name"] for one in stops]

    before = count_all(client, namespace)
    assert 0 == run(*arguments)
    assert "0 documents sent" in capsys.readouterr().err
    assert before == count_all(client, namespace)


def count_all(client: Elasticsearch, namespace: str) -> dict[str, int]:
    targets = [f"{stream}-{namespace}" for stream in STREAMS]
    counts = {}
    for target in targets:
        if client.indices.exists(index=target):
            client.indices.refresh(index=target)
            counts[target] = client.count(index=target)["count"]
    return counts


def test_a_state_ships_once_and_what_people_do_later_is_an_update(
    client, es_server, config, namespace, tmp_path, capsys
):
    state = tmp_path / "plant.otmon"
    given = ("--config", config, "--elastic", es_server.url)
    assert 0 == run("analyze", "--state", state, *given, PLANT)
    before = count_all(client, namespace)
    assert 0 == run("analyze", "--state", state, *given, PLANT)
    assert before == count_all(client, namespace)

    assert 0 == run("alerts", "ack", "--state", state, "--author", "kim", "1")
    assert 0 == run("elastic", "send", "--state", state, *given)

    (update,) = stored(client, f"logs-otmon.alert_update-{namespace}")
    assert ("event", "alert-acknowledge", "kim", "1", "acknowledged") == (
        update["event"]["kind"],
        update["event"]["action"],
        update["otmon"]["alert"]["author"],
        update["otmon"]["alert"]["id"],
        update["otmon"]["alert"]["status"],
    )


def test_a_server_that_lost_its_indices_gets_alerts_as_they_were_and_their_updates(
    client, es_server, config, namespace, tmp_path, capsys
):
    state = tmp_path / "plant.otmon"
    given = ("--state", state, "--config", config)
    shipped = (*given, "--elastic", es_server.url)
    assert 0 == run("analyze", *shipped, PLANT)
    assert 0 == run("alerts", "ack", *given, "--author", "kim", "1")
    assert 0 == run("elastic", "send", *shipped)
    streams = [f"logs-otmon.{stream}-{namespace}" for stream in ("alert", "alert_update")]
    before = {stream: as_sent(client, stream) for stream in streams}
    assert all(before.values())
    for stream in streams:
        (index,) = client.indices.get(index=stream)
        client.indices.rollover(alias=stream)
        client.indices.delete(index=index)
        assert {} == as_sent(client, stream)

    for _ in range(2):
        assert 0 == run("elastic", "replay", "--alerts", *shipped)
        assert before == {stream: as_sent(client, stream) for stream in streams}
    assert {"open"} == {one["otmon"]["alert"]["status"] for one in before[streams[0]].values()}


def as_sent(client: Elasticsearch, target: str) -> dict[str, dict[str, Any]]:
    """The documents of a stream by their id, but for when they came in."""
    found = {one["event"]["id"]: one for one in stored(client, target)}
    for one in found.values():
        del one["event"]["ingested"]
    return found


def test_files_that_went_over_a_gap_give_the_same_documents(
    client, es_server, config, namespace, tmp_path, capsys
):
    folder = tmp_path / "over"
    common = ("--no-keep", "--config", config)
    assert 0 == run("analyze", *common, "--elastic-dry-run", folder, PLANT)
    assert [] == [stream for stream, count in count_all(client, namespace).items() if count]
    assert 0 == run("elastic", "replay", "--config", config, "--elastic", es_server.url, folder)
    before = count_all(client, namespace)

    assert 310 == sum(before.values())
    assert 0 == run("analyze", *common, "--elastic", es_server.url, PLANT)
    assert before == count_all(client, namespace)
    (first, *_) = stored(client, f"logs-otmon.alert-{namespace}")
    assert "ingested" in first["event"]


def test_bytes_of_frames_come_along_where_people_wish_it_and_cannot_be_searched(
    client, es_server, config, namespace, capsys
):
    config.write_text(config.read_text() + "evidence_excerpt = true\n")
    given = ("--no-keep", "--config", config, "--format", "json", "--elastic", es_server.url)
    assert 0 == run("analyze", *given, PLANT)
    result = json.loads(capsys.readouterr().out)

    found = stored(client, f"logs-otmon.alert-{namespace}")
    evidence = {one["otmon"]["alert"]["id"]: one["otmon"]["evidence"] for one in found}
    assert {
        str(one["id"]): one["evidence"]["frames"][:10]
        for one in result["alerts"]
        if one["evidence"]["file"]
    } == {number: one["excerpt_frames"] for number, one in evidence.items() if "ref" in one}
    texts = [text for one in evidence.values() for text in one.get("excerpt_hex", ())]
    assert texts and all(bytes.fromhex(text) for text in texts)
    with pytest.raises(BadRequestError, match="not indexed"):
        client.search(
            index=f"logs-otmon.alert-{namespace}",
            query={"term": {"otmon.evidence.excerpt_hex": texts[0]}},
        )


def test_a_bad_field_never_costs_an_alert_and_a_bad_document_is_a_dead_letter(
    client, es_server, site, namespace
):
    target = f"logs-otmon.alert-{namespace}"
    put(
        site,
        one("a" * 32, target, otmon={"alert": {"first_seen_at": "no date"}}),
        one("b" * 32, target, otmon={"alert": "no object"}),
        one("c" * 32, target),
    )
    assert Sender(site, connect(Server((es_server.url,)))).drain(30)

    assert {"a" * 32, "c" * 32} == {one["event"]["id"] for one in stored(client, target)}
    assert [(400, "document_parsing_exception")] == dead(site)


def test_the_newest_state_of_a_device_is_never_replaced_by_an_older_one(
    client, es_server, site, namespace
):
    target = f"otmon-asset-latest-{namespace}"
    for version, name in ((5, "new"), (3, "old"), (5, "again")):
        put(site, one("a" * 32, target, "index", version, host={"name": name}))
        assert Sender(site, connect(Server((es_server.url,)))).drain(30)

    assert ["again"] == [one["host"]["name"] for one in stored(client, target)]
    with site.reading() as db:
        assert 1 == outbox.status(db).counts["duplicates"]


def test_after_a_rollover_a_replay_is_there_twice_but_has_one_event_id(
    client, es_server, site, namespace
):
    target = f"logs-otmon.alert-{namespace}"
    for _ in range(2):
        put(site, one("a" * 32, target))
        assert Sender(site, connect(Server((es_server.url,)))).drain(30)
        assert f"logs-otmon.alert-{namespace}" in [
            step.name for step in setup.roll_over(client, namespace)
        ]

    found = counted(client, target, aggs={"ids": {"cardinality": {"field": "event.id"}}})
    assert (2, 1) == (found["hits"]["total"]["value"], found["aggregations"]["ids"]["value"])


def test_where_no_template_fits_nothing_is_sent_and_the_command_is_named(
    client, es_server, site, namespace
):
    put(site, one("a" * 32, f"logs-otmon.nothing-{namespace}"))
    sender = Sender(site, connect(Server((es_server.url,))))
    sender.step()

    assert "paused" == sender.state
    assert "otmon elastic setup" in sender.reason


def test_a_server_that_dies_in_the_middle_and_comes_back_has_everything_once(
    client, es_server, site, namespace
):
    target = f"logs-otmon.alert-{namespace}"
    put(site, *(one(f"{n:032x}", target, message="x" * 500) for n in range(3000)))
    sender = Sender(site, connect(Server((es_server.url,), timeout_s=10)))
    assert 0.0 == sender.step()
    es_server.kill()
    try:
        assert sender.step() != 0.0
        assert "backing off" == sender.state
    finally:
        es_server.start()

    assert Sender(site, connect(Server((es_server.url,)))).drain(60)
    client.indices.refresh(index=target)
    assert 3000 == client.count(index=target)["count"]


def bulk(client: Elasticsearch, action: dict[str, dict[str, Any]], *body: str) -> None:
    """One action in a bulk request, which raises as if it were asked alone."""
    ((op, where),) = action.items()
    lines = [json.dumps({op: {**where, "_id": "a" * 32}}), *body]
    (item,) = client.bulk(operations="\n".join(lines) + "\n")["items"]
    if item[op]["status"] == 403:
        raise PermissionError


def refused(asked: Callable[[], object]) -> bool:
    """Whether a key may not do it."""
    try:
        asked()
    except (AuthorizationException, PermissionError):
        return True
    return False


class TestSecure:
    """With TLS, users and API keys."""

    @pytest.fixture
    def key(self, secure_server: Node, tmp_path: Path) -> str:
        with secure_server.client() as client:
            [*setup.install(client, "none")]
            place = tmp_path / "key"
            setup.create_key(client, "tap-1", place)
        assert 0o600 == place.stat().st_mode & 0o777
        return place.read_text().strip()

    def test_the_key_of_a_sensor_adds_but_neither_reads_nor_deletes(
        self, secure_server, site, namespace, key
    ):
        target = f"logs-otmon.alert-{namespace}"
        put(site, one("a" * 32, target))
        put(site, one("b" * 32, f"otmon-asset-latest-{namespace}", "index", 1))
        server = Server((secure_server.url,), ca_file=secure_server.ca, api_key=key)
        assert Sender(site, connect(server)).drain(30)

        latest = f"otmon-asset-latest-{namespace}"
        other = one("c" * 32, target).body.decode()
        with secure_server.client() as admin:
            (behind,) = admin.indices.get(index=target)
        with secure_server.client(api_key=key) as sensor:
            took = {
                name: refused(asked)
                for name, asked in {
                    "search": lambda: sensor.search(index=target),
                    "search of devices": lambda: sensor.search(index=latest),
                    "count": lambda: sensor.count(index=target),
                    "one document": lambda: sensor.get(index=latest, id="b" * 32),
                    "some documents": lambda: sensor.mget(index=latest, ids=["b" * 32]),
                    "mapping": lambda: sensor.indices.get_mapping(index=target),
                    "delete a document": lambda: sensor.delete(index=latest, id="b" * 32),
                    "delete an index": lambda: sensor.indices.delete(index=latest),
                    "delete a stream": lambda: sensor.indices.delete(index=behind),
                    "delete in a stream": lambda: bulk(sensor, {"delete": {"_index": behind}}),
                    "delete in bulk": lambda: bulk(sensor, {"delete": {"_index": latest}}),
                    "replace in a stream": lambda: bulk(
                        sensor,
                        {"index": {"_index": behind, "if_seq_no": 0, "if_primary_term": 1}},
                        other,
                    ),
                    "update in bulk": lambda: bulk(
                        sensor, {"update": {"_index": behind}}, '{"doc":{}}'
                    ),
                    "close": lambda: sensor.indices.close(index=latest),
                    "settings": lambda: sensor.indices.put_settings(
                        index=latest, settings={"index.blocks.write": True}
                    ),
                    "roll over": lambda: sensor.indices.rollover(alias=target),
                    "another index": lambda: sensor.index(index="else", document={}),
                    "another stream": lambda: sensor.create(
                        index="logs-other-default", id="1", document={"@timestamp": 0}
                    ),
                    "templates": lambda: sensor.indices.put_index_template(
                        name="logs-otmon.alert", index_patterns=["x"]
                    ),
                    "another key": lambda: sensor.security.create_api_key(name="more"),
                    "users": lambda: sensor.security.get_user(),
                }.items()
            }
        assert dict.fromkeys(took, True) == took
        with secure_server.client() as admin:
            assert ["a" * 32] == [one["event"]["id"] for one in stored(admin, target)]
            assert ["b" * 32] == [one["event"]["id"] for one in stored(admin, latest)]

    def test_a_wrong_key_pauses_and_loses_nothing(self, secure_server, site, namespace):
        put(site, one("a" * 32, f"logs-otmon.alert-{namespace}"))
        server = Server((secure_server.url,), ca_file=secure_server.ca, api_key="d3Jvbmc6a2V5")
        sender = Sender(site, connect(server))
        sender.step()

        assert ("paused", True) == (sender.state, "API key" in sender.reason)

    def test_a_server_of_an_unknown_ca_is_not_spoken_to(self, secure_server, site, namespace, key):
        put(site, one("a" * 32, f"logs-otmon.alert-{namespace}"))
        sender = Sender(site, connect(Server((secure_server.url,), api_key=key)))
        sender.step()

        assert "paused" == sender.state
        assert "--elastic-ca" in sender.reason
