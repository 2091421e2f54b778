"""`otmon elastic doctor` and `status`: what keeps documents from being sent, and what to do."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elastic_stub import Answer, Stub, error
from kibana_stub import KibanaStub

from otmon.cli import main
from otmon.model.finding import Finding
from otmon.sinks import dead_letters, outbox
from otmon.sinks.dead_letters import Buried
from otmon.sinks.elastic import backlog, templates
from otmon.sinks.elastic.connection import Server
from otmon.sinks.elastic.doctor import examine
from otmon.sinks.elastic.kibana.objects import saved_objects
from otmon.sinks.outbox import Bounds, Document, Failure
from otmon.state.site_file import SiteFile

NOW_NS = 1_800_000_000_000_000_000
STAMP_MS = NOW_NS // 1_000_000
KEY = "a2V5OmtleQ=="


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server with which all is well."""
    with Stub() as stub:
        stub.others = well()
        yield stub


def well() -> dict[str, Answer]:
    answers = {}
    for one in templates.templates():
        group = one.kind.removeprefix("_")
        entry = {"name": one.name, group: one.body}
        answers[one.path] = Answer(body={f"{group}s": [entry]})
    # The longer path first: one is found by a part of what is asked.
    answers = dict(sorted(answers.items(), key=lambda pair: -len(pair[0])))
    total = {"total_in_bytes": 1000_000_000_000, "available_in_bytes": 500_000_000_000}
    node = {"name": "n1", "timestamp": STAMP_MS, "fs": {"total": total}}
    return answers | {
        "/_license": Answer(body={"license": {"type": "basic", "status": "active"}}),
        "/_nodes/stats": Answer(body={"nodes": {"x": node}}),
        "/_cluster/settings": Answer(body={}),
        "/_cluster/state/blocks": Answer(body={"blocks": {}}),
        "/_has_privileges": Answer(body=rights()),
    }


def rights(*beyond: str, without: str | None = None) -> dict[str, Any]:
    streams = [one for one in templates.STREAMS if one != templates.LATEST]
    may = {"auto_configure": True, "create_doc": True, **dict.fromkeys(beyond, True)}
    index = {f"{one}-default": {k: v for k, v in may.items() if k != without} for one in streams}
    index[f"{templates.LATEST}-default"] = dict.fromkeys(
        ("auto_configure", "create_index", "index"), True
    )
    return {"cluster": {"monitor": True}, "index": index}


def found(stub: Stub, **more: Any) -> dict[str, Finding]:
    server = Server((stub.url,), **{"api_key": KEY, **more})
    worst = {"failure": 0, "warning": 1, "ok": 2}
    everything = [*examine(server, "default", lambda: NOW_NS)]
    return {one.check: one for one in sorted(everything, key=lambda one: -worst[one.status])}


def test_where_all_is_well_everything_is_ok_but_that_nothing_is_encrypted(stub):
    assert {
        "TLS": "warning", "server": "ok", "licence": "ok", "privileges": "ok",
        "templates": "ok", "clock": "ok", "disk": "ok", "blocks": "ok",
    } == {name: one.status for name, one in found(stub).items()}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "status"),
    [("7.17.0", "failure"), ("8.12.2", "warning"), ("8.13.0", "ok"), ("9.5.3", "ok"),
     ("10.0.0", "failure"), ("odd", "failure")],
)  # fmt: skip
def test_versions_8_and_9_are_spoken_to(stub, number, status):
    stub.info = Answer(body={"version": {"number": number}})

    assert status == found(stub)["server"].status


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (error(401), "failure", "--create-key"),
        (error(403), "warning", "monitor"),
        (error(503), "failure", "log of the server"),
        (Answer(body=b"<html/>", headers={"Content-Type": "text/html"}), "failure", "proxy"),
    ],
)
def test_a_server_that_does_not_say_who_it_is_is_explained(stub, answer, status, word):
    stub.info = answer
    one = found(stub)["server"]

    assert status == one.status
    assert word in f"{one.says} {one.advice}"


def test_a_server_that_is_not_there_is_told_and_nothing_more_is_asked():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    server = Server((f"http://127.0.0.1:{port}",), api_key=KEY)

    told = [(one.check, one.status) for one in examine(server, "default", lambda: NOW_NS)]
    assert [("TLS", "warning"), ("server", "failure")] == told


def test_of_several_servers_each_is_looked_at(stub):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    server = Server((f"http://127.0.0.1:{port}", stub.url), api_key=KEY)

    told = [*examine(server, "default", lambda: NOW_NS)]
    assert ["failure", "ok"] == [one.status for one in told if one.check == "server"]
    assert "templates" in {one.check for one in told}


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (rights(without="create_doc"), "failure", "create_doc on logs-otmon.alert-default"),
        (rights("read", "delete"), "warning", "delete, read"),
        ({**rights(), "cluster": {"monitor": True, "manage": True}}, "warning", "manage"),
        ({**rights(), "cluster": {"monitor": False}}, "warning", "monitor"),
    ],
)
def test_a_key_may_do_what_a_sensor_has_to_and_no_more(stub, answer, status, word):
    stub.others["/_has_privileges"] = Answer(body=answer)
    one = found(stub)["privileges"]

    assert status == one.status
    assert word in one.says


def test_a_server_without_users_is_warned_of(stub):
    stub.others["/_has_privileges"] = error(400)

    assert "whoever reaches it" in found(stub)["privileges"].says


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        (None, "failure", "missing: logs-otmon.asset"),
        ({}, "failure", "not otmon's"),
        ({"otmon_version": "0.0.1", "content_hash": "x"}, "warning", "of an older otmon"),
        ({"otmon_version": "99.0.0", "content_hash": "x"}, "warning", "of a newer otmon"),
        ({"otmon_version": templates.version(), "content_hash": "x"}, "warning", "not as otmon"),
    ],
)
def test_templates_are_there_and_of_this_otmon(stub, change, status, word):
    path = "/_index_template/logs-otmon.asset"
    body = {} if change is None else {"_meta": change}
    entry = {"name": "logs-otmon.asset", "index_template": body}
    stub.others[path] = error(404) if change is None else Answer(body={"index_templates": [entry]})
    one = found(stub)["templates"]

    assert status == one.status
    assert word in one.says
    assert one.advice


def test_any_lifecycle_of_setup_is_right(stub):
    for one in templates.templates("dsl"):
        group = one.kind.removeprefix("_")
        stub.others[one.path] = Answer(body={f"{group}s": [{group: one.body}]})

    assert "ok" == found(stub)["templates"].status


@pytest.mark.parametrize(
    ("off_ms", "status"), [(0, "ok"), (4_000, "ok"), (60_000, "warning"), (-60_000, "warning")]
)
def test_clocks_that_differ_are_told(stub, off_ms, status):
    stub.others["/_nodes/stats"].body["nodes"]["x"]["timestamp"] = STAMP_MS + off_ms

    assert status == found(stub)["clock"].status


@pytest.mark.parametrize(
    ("free", "settings", "status"),
    [
        (500e9, {}, "ok"),
        (60e9, {}, "warning"),
        (40e9, {}, "failure"),
        (40e9, {"flood_stage": "99%"}, "ok"),
        (40e9, {"flood_stage.max_headroom": "1GB"}, "ok"),
    ],
)
def test_a_disk_is_full_at_the_flood_stage_of_the_server(stub, free, settings, status):
    node = stub.others["/_nodes/stats"].body["nodes"]["x"]
    node["fs"]["total"]["available_in_bytes"] = int(free)
    disk = {"watermark": settings}
    stub.others["/_cluster/settings"] = Answer(
        body={"persistent": {"cluster": {"routing": {"allocation": {"disk": disk}}}}}
    )

    assert status == found(stub)["disk"].status


def test_a_block_on_an_index_of_otmon_is_told_and_one_on_others_is_not(stub):
    block = {"12": {"description": "disk usage exceeded", "levels": ["write"]}}
    blocks = {"indices": {".ds-logs-otmon.alert-default-000001": block, "other": block}}
    stub.others["/_cluster/state/blocks"] = Answer(body={"blocks": blocks})
    one = found(stub)["blocks"]

    assert "failure" == one.status
    assert "disk usage exceeded" in one.says
    assert "other" not in one.says


def newest(stub: Stub, ages_s: dict[str, float | None], may_read: bool = True) -> Finding:
    """What is said where the newest document of each stream is so old."""
    index = rights()["index"]
    for name in index:
        index[name] = {**index[name], "read": may_read}
    stub.others["/_has_privileges"] = Answer(body={**rights(), "index": index})
    for stream in templates.STREAMS:
        age = ages_s.get(stream)
        value = None if age is None else STAMP_MS - age * 1_000
        answer = Answer(body={"aggregations": {"newest": {"value": value}}})
        stub.others[f"/{stream}-default/_search"] = answer
    server = Server((stub.url,), api_key=KEY)
    (one,) = [one for one in examine(server, "default", lambda: NOW_NS, "plant:tap-1")
              if one.check == "newest documents"]  # fmt: skip
    return one


@pytest.mark.parametrize(
    ("ages_s", "sort", "words"),
    [
        ({"metrics-otmon.sensor": 60, "logs-otmon.alert": 7_200.0}, "ok",
         ["60 s ago to metrics-otmon.sensor, 2 hours ago to logs-otmon.alert"]),
        ({"logs-otmon.alert": 864_000.0}, "ok", ["10 days ago to logs-otmon.alert"]),
        ({"metrics-otmon.sensor": 7_200.0, "logs-otmon.alert": 7_200.0}, "warning",
         ["each minute", "otmon monitor"]),
        ({}, "warning", ["none of plant:tap-1", "[elastic] sensor"]),
    ],
)  # fmt: skip
def test_how_old_the_newest_document_of_each_stream_is(stub, ages_s, sort, words):
    one = newest(stub, ages_s)

    assert sort == one.status
    assert [] == [word for word in words if word not in f"{one.says} {one.advice}"]
    assert len(templates.STREAMS) == len([path for path in stub.paths if "_search" in path])


def test_a_key_that_may_not_read_is_told_where_to_look_and_searches_nothing(stub):
    one = newest(stub, {"metrics-otmon.sensor": 60}, may_read=False)

    assert ("ok", True) == (one.status, "may not read" in one.says)
    assert 'observer.serial_number: "plant:tap-1"' in (one.advice or "")
    assert [] == [path for path in stub.paths if "_search" in path]


def test_a_search_that_is_refused_is_no_lack_of_documents(stub):
    newest(stub, {})
    for stream in templates.STREAMS:
        stub.others[f"/{stream}-default/_search"] = error(503)
    told = examine(Server((stub.url,), api_key=KEY), "default", lambda: NOW_NS, "plant:tap-1")
    (one,) = [one for one in told if one.check == "newest documents"]

    assert ("ok", True) == (one.status, "answers 503" in one.says)


# The outbox, and the commands


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    return int(ended.value.code or 0)


Filled = Callable[..., Path]


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    """A state with a dead letter of an error."""

    def fill(failure: Failure) -> Path:
        path = tmp_path / "site.otmon"
        with SiteFile.open(path, durable=False) as site, site.transaction() as db:
            one = Document(0, "logs-otmon.alert-default", "create", "a" * 32, b'{"event":{"id":1}}')
            outbox.put(db, [one])
            rows = outbox.batch(db, now_ns=2**62)
            dead_letters.bury(db, [(rows[0], failure)])
        return path

    return fill


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(400, "document_parsing_exception", "bad date"), ("mapping", "--rollover")),
        (Failure(400, "illegal_argument_exception", "no"), ("setting of the index", "@custom")),
        (Failure(400, "parse_exception", "odd"), ("every request", "proxy")),
        (Failure(413, "too_big", "x"), ("http.max_content_length", "Raise that limit")),
        (Failure(0, "too_big", "300000 bytes"), ("300000 bytes", "max_document_kib")),
        (Failure(201, "failure_store", ""), ("failure store", "::failures")),
        (Failure(500, "odd", "?"), ("again and again", "log of the server")),
    ],
)
def test_a_dead_letter_says_what_it_is_why_and_what_to_do(filled, capsys, failure, words):
    assert 0 == run("elastic", "status", "--state", filled(failure))
    printed = capsys.readouterr().out

    assert "1 of logs-otmon.alert-default" in printed
    assert "otmon elastic replay --dead-letter" in printed
    assert [] == [word for word in words if word not in printed]


def test_the_status_is_there_for_programs_too(filled, capsys):
    path = filled(Failure(400, "document_parsing_exception", "bad date"))
    assert 0 == run("elastic", "status", "--state", path, "--format", "json")
    (dead,) = json.loads(capsys.readouterr().out)["dead_letters"]

    assert (400, "document_parsing_exception", "bad date", 1, "a" * 32) == tuple(
        dead[name] for name in ("status", "error", "reason", "count", "example")
    )
    assert dead["advice"]


def test_the_doctor_exits_with_3_when_something_fails_and_with_0_else(
    stub, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("OTMON_ELASTIC_API_KEY", KEY)
    stub.others["/_nodes/stats"].body["nodes"]["x"]["timestamp"] = time.time_ns() // 1_000_000  # noqa: TID251  # the command asks the clock
    given = ("elastic", "doctor", "--elastic", stub.url, "--format", "json")
    assert 0 == run(*given)
    told = json.loads(capsys.readouterr().out)
    assert {"check", "status", "says", "advice"} == set(told[0])

    stub.others["/_index_template/logs-otmon.alert"] = error(404)
    assert 3 == run(*given)


def test_the_doctor_says_what_is_wrong_with_the_configuration(tmp_path, capsys):
    config = tmp_path / "otmon.toml"
    config.write_text('[elastic]\nhosts = ["https://es:9200"]\napi_key_file = "no.key"\n')
    assert 3 == run("elastic", "doctor", "--config", config)
    assert "no.key cannot be read" in " ".join(capsys.readouterr().out.split())

    assert 3 == run("elastic", "doctor")
    assert "no Elasticsearch is named" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("answer", "sort", "words"),
    [
        (None, "ok", "was taken"),
        (error(403), "failure", "privileges"),
    ],
)
def test_the_doctor_writes_a_document_only_where_it_is_told_to(
    stub, capsys, monkeypatch, answer, sort, words
):
    monkeypatch.setenv("OTMON_ELASTIC_API_KEY", KEY)
    given = ("elastic", "doctor", "--elastic", stub.url, "--format", "json")
    run(*given)
    assert ({}, []) == (stub.bodies, stub.requests)
    capsys.readouterr()

    stub.script = [] if answer is None else [answer]
    run(*given, "--write")
    last = json.loads(capsys.readouterr().out)[-1]
    assert ("writing", sort, True) == (last["check"], last["status"], words in last["says"])
    assert (answer is None) is bool(stub.bodies)
    assert {"otmon.sensor"} >= {one["event"]["dataset"] for one in stub.bodies.values()}


def test_the_doctor_looks_at_the_outbox_too(stub, filled, capsys, monkeypatch):
    monkeypatch.setenv("OTMON_ELASTIC_API_KEY", KEY)
    path = filled(Failure(400, "document_parsing_exception", "bad date"))
    run("elastic", "doctor", "--elastic", stub.url, "--state", path, "--format", "jsonl")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [("outbox", "ok"), ("sender", "ok"), ("dead letters", "warning")] == [
        (one["check"], one["status"]) for one in told[-3:]
    ]


def status(**changes: Any) -> outbox.Status:
    given = {"rows": 5, "bytes": 5_000, "oldest_ns": NOW_NS, "dead_letters": 0}
    return outbox.Status(**{**given, **changes})


@pytest.mark.parametrize(
    ("how", "check", "sort", "word"),
    [
        (status(), "outbox", "ok", "5 documents wait"),
        (status(oldest_ns=NOW_NS - 3 * 3_600 * 10**9), "outbox", "warning", "3 hours"),
        (status(bytes=9_000_000), "outbox", "warning", "outbox_mib"),
        (status(facts={"state": "sending"}), "sender", "ok", "sending"),
        (status(facts={"state": "backing off", "reason": "x"}), "sender", "warning", "x"),
        (status(facts={"state": "paused", "reason": "no key"}), "sender", "failure", "no key"),
        (status(counts={"dropped.room.4": 7}), "losses", "warning", "7 conversations"),
        (status(counts={"dropped.age.0": 1}), "losses", "warning", "replay --alerts"),
        (status(counts={"dead_letter_dropped": 3}), "losses", "warning", "3 dead letters"),
    ],
)
def test_what_is_said_of_an_outbox(how, check, sort, word):
    told = [one for one in backlog.examine(how, [], Bounds(10_000_000), NOW_NS)
            if one.check == check]  # fmt: skip

    assert [sort] == [one.status for one in told]
    assert word in f"{told[0].says} {told[0].advice}"


@pytest.mark.parametrize(("ago_s", "sorts"), [(60, ["failure"]), (7_200, [])])
def test_a_flood_of_dead_letters_is_a_failure_for_an_hour(ago_s, sorts):
    how = status(facts={"many_dead_at": str(NOW_NS - ago_s * 10**9)})
    told = [*backlog.examine(how, [], Bounds(), NOW_NS)]

    assert sorts == [one.status for one in told if "within a minute" in one.says]


def test_each_kind_of_dead_letter_is_a_finding_with_advice():
    dead = [Buried(413, "too_big", "", 3, ("logs-otmon.alert-default",), 0, 0, "a")]
    (told,) = [one for one in backlog.examine(status(), dead, Bounds(), NOW_NS)
               if one.check == "dead letters"]  # fmt: skip

    assert "warning" == told.status
    assert told.advice


@pytest.mark.parametrize(
    ("gone", "version", "sort", "word"),
    [
        (None, "8.19.3", "ok", "has all"),
        ("otmon-sensors", "8.19.3", "warning", "has not otmon-sensors"),
        (None, "7.17.0", "warning", "too old"),
    ],
)
def test_the_doctor_looks_for_the_data_views_of_kibana_where_it_is_named(
    stub, capsys, monkeypatch, gone, version, sort, word
):
    monkeypatch.setenv("OTMON_ELASTIC_API_KEY", KEY)
    with KibanaStub(version) as kibana:
        kibana.objects = {(one["type"], one["id"]): one for one in saved_objects()}
        kibana.objects.pop(("index-pattern", gone), None)
        run("elastic", "doctor", "--elastic", stub.url, "--kibana", kibana.url, "--format", "json")
    told = json.loads(capsys.readouterr().out)
    (one,) = [one for one in told if one["check"] == "data views"]

    assert (sort, True) == (one["status"], word in one["says"])
    assert [] == [path for _, path, _ in kibana.requests if "_import" in path]
