"""What goes wrong on a real Elasticsearch costs no document and doubles none."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from elastic.test_real_server import counted, dead, one, put, run, stored
from elastic_drafts import DRAFTS, SENSOR, whole
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from places import PCAPS

from otmon.evidence.excerpt import excerpts
from otmon.model.finding import FAILURE
from otmon.runs import analyze
from otmon.sinks import outbox
from otmon.sinks.elastic.catalogue import STREAMS
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.doctor import examine
from otmon.sinks.elastic.sender import Sender
from otmon.sinks.outbox import Document
from otmon.state.site_file import SiteFile, now_ns

PLANT = str(PCAPS / "demo" / "plant.pcapng")


def waiting(site: SiteFile) -> int:
    with site.reading() as db:
        return outbox.status(db).rows


@pytest.mark.parametrize("block", ["read_only_allow_delete", "read_only", "write"])
def test_a_full_disk_or_a_block_makes_everything_wait_and_nothing_is_lost(
    client, es_server, site, namespace, block
):
    target = f"logs-otmon.alert-{namespace}"
    put(site, one("a" * 32, target))
    assert Sender(site, connect(Server((es_server.url,)))).drain(30)
    client.indices.put_settings(index=target, settings={f"index.blocks.{block}": True})
    put(site, *(one(f"{n:032x}", target) for n in range(5)))
    sender = Sender(site, connect(Server((es_server.url,))))

    assert sender.step() != 0.0
    assert ("backing off", 5, []) == (sender.state, waiting(site), dead(site))
    (told,) = [
        found
        for found in examine(Server((es_server.url,)), namespace, now_ns)
        if found.check == "blocks"
    ]
    assert (FAILURE, True) == (told.status, target in told.says)

    client.indices.put_settings(index=target, settings={f"index.blocks.{block}": None})
    assert sender.drain(30)
    assert {"a" * 32, *(f"{n:032x}" for n in range(5))} == {
        found["event"]["id"] for found in stored(client, target)
    }


class Cutter:
    """A proxy before a server that takes a request and cuts its answer, so many times."""

    def __init__(self, url: str, times: int) -> None:
        self._to = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._left = times
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._to) as far:
            bulk = threading.Event()

            def forward() -> None:
                while data := near.recv(1 << 16):
                    if b"/_bulk" in data:
                        bulk.set()
                    far.sendall(data)

            threading.Thread(target=forward, daemon=True).start()
            while data := far.recv(1 << 16):
                if bulk.is_set() and self._left:
                    # The server has written it all; its answer ends in the middle.
                    self._left -= 1
                    near.sendall(data[: len(data) // 2])
                    near.shutdown(socket.SHUT_RDWR)
                    return
                bulk.clear()
                near.sendall(data)

    def close(self) -> None:
        self._listener.close()


def test_answers_that_are_cut_half_way_double_nothing(client, es_server, site, namespace):
    target = f"logs-otmon.alert-{namespace}"
    put(site, *(one(f"{n:032x}", target, message="x" * 100) for n in range(2_500)))
    cutter = Cutter(es_server.url, times=2)
    sender = Sender(site, connect(Server((cutter.url,))))
    assert sender.drain(30, sleep=lambda seconds: None)
    cutter.close()

    assert (0, []) == (waiting(site), dead(site))
    assert 1_000 <= sender.tally.duplicates
    found = counted(client, target, track_total_hits=True)
    assert 2_500 == found["hits"]["total"]["value"]


def test_a_run_without_a_server_ships_later_with_the_counts_of_its_result(
    client, es_server, tmp_path, namespace, capsys, monkeypatch
):
    monkeypatch.setattr("otmon.cli.shipments.PATIENCE_S", 0.0)
    state, config = tmp_path / "site.otmon", tmp_path / "otmon.toml"
    config.write_text(f'[elastic]\nnamespace = "{namespace}"\n')
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    given = ("--state", state, "--config", config)
    dead_end = f"http://127.0.0.1:{port}"
    assert 5 == run("analyze", *given, "--format", "json", "--elastic", dead_end, PLANT)
    result = json.loads(capsys.readouterr().out)
    with SiteFile.open(state, read_only=True) as site:
        assert waiting(site) > len(result["alerts"])

    assert 0 == run("elastic", "send", *given, "--elastic", es_server.url)
    alerts = stored(client, f"logs-otmon.alert-{namespace}")
    assert len(result["alerts"]) == len(alerts)
    latest = stored(client, f"otmon-asset-latest-{namespace}")
    assert {one["id"] for one in result["assets"]} == {one["host"]["id"] for one in latest}


Special = Callable[..., None]


@pytest.fixture
def special(client: Elasticsearch, namespace: str) -> Special:
    """Makes streams of a namespace with settings of their own."""

    def make(stream: str, **template: Any) -> None:
        (entry,) = client.indices.get_index_template(name=stream)["index_templates"]
        parts = ("composed_of", "ignore_missing_component_templates")
        body = {
            **{name: entry["index_template"][name] for name in parts},
            "data_stream": {},
            "index_patterns": [f"{stream}-{namespace}"],
            "priority": 900,
            "template": template,
        }
        name = f"{stream}-{namespace}"
        headers = {"accept": "application/json", "content-type": "application/json"}
        client.perform_request("PUT", f"/_index_template/{name}", headers=headers, body=body)

    return make


def test_in_logsdb_mode_a_plant_is_found_in_the_same_way(
    client, es_server, tmp_path, namespace, special, capsys
):
    logsdb = {"settings": {"index": {"mode": "logsdb"}}}
    for stream in STREAMS:
        if stream.startswith("logs-"):
            special(stream, **logsdb)
    config = tmp_path / "otmon.toml"
    config.write_text(f'[elastic]\nnamespace = "{namespace}"\nevidence_excerpt = true\n')
    given = ("--no-keep", "--config", config, "--format", "json", "--elastic", es_server.url)
    assert 0 == run("analyze", *given, PLANT)
    result = json.loads(capsys.readouterr().out)

    target = f"logs-otmon.alert-{namespace}"
    (mode,) = {
        index["settings"]["index"]["mode"]
        for index in client.indices.get_settings(index=target).values()
    }
    assert "logsdb" == mode
    found = stored(client, target, query={"term": {"event.kind": "alert"}})
    assert sorted(one["rule"]["title"] for one in result["alerts"]) == sorted(
        one["rule"]["name"] for one in found
    )
    # Lists and objects are as they were sent, though the source is made anew.
    assert {"event", "rule", "otmon", "threat", "observer"} <= set(found[0])
    carried = excerpts(analyze(PLANT).alerts, [])
    assert sorted((list(one.frames), list(one.hex)) for one in carried.values()) == sorted(
        (one["otmon"]["evidence"]["excerpt_frames"], one["otmon"]["evidence"]["excerpt_hex"])
        for one in found
        if "excerpt_hex" in one["otmon"]["evidence"]
    )
    done = counted(
        client,
        f"logs-otmon.operation-{namespace}",
        aggs={"count": {"sum": {"field": "otmon.behaviour.count"}}},
    )
    assert sum(one["count"] for one in result["behaviours"]) == int(
        done["aggregations"]["count"]["value"]
    )


def everything(namespace: str, most: int) -> list[Document]:
    """Documents of every builder, with whatever values they can have, each once."""
    sensor = dataclasses.replace(SENSOR, namespace=namespace)
    made: dict[tuple[str, str], Document] = {}

    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(DRAFTS)
    def collect(draft: Any) -> None:
        document = whole(draft, sensor=sensor)
        made[document.target, document.id] = document

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return [*made.values()]


def test_no_document_that_otmon_can_make_conflicts_with_its_mapping(
    client, es_server, site, namespace
):
    made = everything(namespace, 400)
    put(site, *made)
    assert Sender(site, connect(Server((es_server.url,)))).drain(30)

    assert [] == dead(site)
    streams = {target.rpartition("-")[0] for target in {each.target for each in made}}
    assert set(STREAMS) == streams
    for target in {each.target for each in made}:
        # A field that does not fit would be left out of the index, and named here.
        ignored = stored(client, target, query={"exists": {"field": "_ignored"}})
        assert [] == ignored
        found = counted(client, target, track_total_hits=True)
        assert sum(each.target == target for each in made) == found["hits"]["total"]["value"]
