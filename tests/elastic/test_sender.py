"""What the sender does when things go wrong, against a server that does as told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elastic_stub import Answer, Stub, error, items
from elastic_transport import TlsError
from elasticsearch import Elasticsearch

from otmon.sinks import dead_letters, outbox
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.documents import Sensor
from otmon.sinks.elastic.sender import PAUSE_S, Sender, health_probe
from otmon.sinks.outbox import Document
from otmon.state.site_file import SiteFile

SENSOR = Sensor("plant:tap-1", "plant", "tap-1")


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as stub:
        yield stub


class Clock:
    """A clock that only goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000_000_000_000
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Sender]


@pytest.fixture
def make(site: SiteFile, stub: Stub, clock: Clock) -> Make:
    def make(*urls: str, timeout_s: float = 5.0) -> Sender:
        return Sender(
            site,
            connect(Server(urls or (stub.url,), timeout_s=timeout_s)),
            probe=health_probe(SENSOR, clock),
            clock_ns=clock,
            chance=lambda: 1.0,
        )

    return make


def fill(
    site: SiteFile,
    *names: str,
    op: str = "create",
    target: str = "logs-otmon.alert-default",
    priority: int = 0,
) -> None:
    documents = [
        Document(priority, target, op, name, b'{"event":{"id":"%s"}}' % name.encode())
        for name in names
    ]
    with site.transaction() as db:
        outbox.put(db, documents)


def waiting(site: SiteFile) -> list[str]:
    with site.reading() as db:
        return [row.document.id for row in outbox.batch(db, now_ns=2**62)]


def dead(site: SiteFile) -> list[tuple[int, str]]:
    with site.reading() as db:
        return [(one.status, one.kind) for one in dead_letters.dead_by_error(db)]


def counts(site: SiteFile) -> dict[str, int]:
    with site.reading() as db:
        return outbox.status(db).counts


def test_what_is_accepted_leaves_the_queue_with_the_time_of_sending(site, stub, make):
    fill(site, "a", "b")

    assert make().drain(0)
    assert [["a", "b"]] == stub.requests
    assert [] == waiting(site)
    assert "2027-01-15T08:00:00.000Z" == stub.bodies["a"]["event"]["ingested"]
    assert {"delivered": 2} == counts(site)


def test_the_latest_state_of_devices_goes_in_a_request_of_its_own(site, stub, make):
    fill(site, "a")
    fill(site, "b", op="index", target="otmon-asset-latest-default")

    assert make().drain(0)
    assert [["a"], ["b"]] == stub.requests
    assert ["require_data_stream=true" in path for path in stub.paths] == [True, False]


def test_while_a_request_is_answered_the_next_is_read_and_only_one_is_on_its_way(
    site, stub, make, monkeypatch
):
    monkeypatch.setattr("otmon.sinks.elastic.sender.BATCH_DOCUMENTS", 2)
    fill(site, *"abcdefg")
    sender = make()
    sender._limit = 2
    lock, ahead = threading.Lock(), threading.Event()
    together = []
    real = outbox.batch

    def batch(*given: Any, **more: Any) -> list[outbox.Row]:
        rows = real(*given, **more)
        if more.get("besides"):
            ahead.set()
        return rows

    def judge(ids: list[str]) -> None:
        together.append(lock.acquire(blocking=False))
        # The answer is held back until the next request has been read.
        assert ahead.wait(5)
        lock.release()

    monkeypatch.setattr(outbox, "batch", batch)
    stub.judge = judge

    assert sender.step() == 0.0
    assert list("cdefg") == waiting(site)
    assert sender.drain(0)
    assert [["a", "b"], ["c", "d"], ["e", "f"], ["g"]] == stub.requests
    assert [True] * 4 == together


def test_what_is_more_urgent_overtakes_what_waits(site, stub, make, monkeypatch):
    monkeypatch.setattr("otmon.sinks.elastic.sender.BATCH_DOCUMENTS", 1)
    fill(site, *"abc", priority=3)
    sender = make()
    sender._limit = 1
    assert sender.step() == 0.0
    fill(site, "alert")
    assert sender.drain(0)

    # One request had been made ready before the alert came.
    assert [["a"], ["b"], ["alert"], ["c"]] == stub.requests


def test_a_request_that_fails_takes_nothing_along_that_was_made_ready(
    site, stub, make, monkeypatch, clock
):
    monkeypatch.setattr("otmon.sinks.elastic.sender.BATCH_DOCUMENTS", 2)
    fill(site, *"abcd")
    sender = make()
    sender._limit = 2
    stub.script = [error(503)]

    assert sender.step() == 1.0
    assert [["a", "b"]] == stub.requests
    assert sender.drain(100, clock.sleep)
    assert [["a", "b"], ["a", "b"], ["c", "d"]] == stub.requests


def test_of_a_mixed_answer_each_document_goes_its_own_way(site, stub, make, clock):
    fill(site, *"abcdef")
    stub.script = [
        items(
            201,
            (409, "version_conflict_engine_exception", ""),
            (429, "es_rejected_execution_exception", "full"),
            (400, "document_parsing_exception", "bad date"),
            (500, "strange_exception", "?"),
            (403, "cluster_block_exception", "disk full"),
        )
    ]
    sender = make()

    assert sender.step() == 1.0  # the first wait, with all the jitter there is
    assert "backing off" == sender.state
    assert ["c", "e", "f"] == waiting(site)
    assert [(400, "document_parsing_exception")] == dead(site)
    assert {"delivered": 1, "duplicates": 1, "dead_letter": 1, "retried": 3} == counts(site)
    assert sender.drain(100, clock.sleep)
    assert {"a", "c", "e", "f"} == set(stub.bodies)


@pytest.mark.parametrize("status", [429, 503, 502, 408, 500])
def test_a_busy_server_gets_one_request_a_wait_and_the_waits_double(
    site, stub, make, clock, status
):
    fill(site, "a")
    stub.script = [error(status)] * 4
    assert make().drain(1000, clock.sleep)

    assert [["a"]] * 5 == stub.requests
    assert [1.0, 2.0, 4.0, 8.0] == clock.slept


def test_what_is_too_much_at_once_comes_in_smaller_requests(site, stub, make, clock):
    fill(site, *"abcdefgh")
    stub.script = [error(429), error(429)]
    assert make().drain(1000, clock.sleep)

    assert [8, 4, 2] == [len(request) for request in stub.requests[:3]]
    assert {*"abcdefgh"} == set(stub.bodies)


def test_the_wait_that_the_server_asks_for_is_kept(site, stub, make, clock):
    fill(site, "a")
    stub.script = [error(429, Retry_After="17")]
    assert make().drain(1000, clock.sleep)

    assert [17.0] == clock.slept


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b'{"took":1,"errors":false,"items":[{"create":{"sta', cut=None),
        Answer(body={"took": 1, "items": [{"create": {"status": 201}}] * 2}, cut=30),
        items(201),
        Answer(body=b"<html>login</html>"),
        Answer(close="after"),
    ],
    ids=["cut JSON", "cut body", "fewer items", "HTML", "closed"],
)  # fmt: skip
def test_an_outcome_that_is_not_known_keeps_everything_and_sends_the_same_again(
    site, stub, make, clock, answer
):
    fill(site, "a", "b")
    stub.script = [answer]
    sender = make()

    assert sender.step() == 1.0
    assert ["a", "b"] == waiting(site)
    assert sender.drain(1000, clock.sleep)
    assert [["a", "b"]] * 2 == stub.requests


def test_a_proxy_page_pauses(site, stub, make):
    fill(site, "a")
    stub.info = Answer(body=b"<html>login</html>", headers={"Content-Type": "text/html"})
    sender = make()

    assert PAUSE_S == sender.step()
    assert "no Elasticsearch" in sender.reason
    assert ["a"] == waiting(site)


def test_a_silent_server_is_waited_for_and_nothing_is_lost(site, make, clock):
    fill(site, "a")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        sender = make(f"http://127.0.0.1:{mute.getsockname()[1]}", timeout_s=0.3)
        assert sender.step() == 1.0
    assert ["a"] == waiting(site)
    assert "backing off" == sender.state


def test_of_two_servers_the_one_that_answers_is_used(site, stub, make, clock):
    fill(site, "a")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    assert make(f"http://127.0.0.1:{port}", stub.url).drain(1000, clock.sleep)
    assert {"a"} == set(stub.bodies)


def test_a_request_that_is_too_large_is_sent_in_parts_and_later_ones_are_smaller(
    site, stub, make, clock
):
    fill(site, *map(str, range(16)))
    stub.judge = lambda ids: error(413) if len(ids) > 3 else None

    assert make().drain(1000, clock.sleep)
    assert 16 == len(stub.bodies)
    assert [] == dead(site)


def test_a_document_that_is_too_large_alone_is_a_dead_letter(site, stub, make, clock):
    fill(site, *"abcd")
    stub.judge = lambda ids: error(413) if "c" in ids else None

    assert make().drain(1000, clock.sleep)
    assert {"a", "b", "d"} == set(stub.bodies)
    assert [(413, "too_big")] == dead(site)


def test_one_document_that_spoils_a_request_is_found_and_the_others_pass(site, stub, make, clock):
    fill(site, *map(str, range(20)))
    stub.judge = lambda ids: error(400, "parse_exception") if "13" in ids else None

    assert make().drain(1000, clock.sleep)
    assert {str(number) for number in range(20)} - {"13"} <= set(stub.bodies)
    assert [(400, "parse_exception")] == dead(site)
    assert [] == waiting(site)


def test_a_server_that_refuses_every_request_pauses_and_buries_nothing(site, stub, make):
    fill(site, *"abcd")
    stub.judge = lambda ids: error(400, "illegal_argument_exception", "unknown parameter")
    sender = make()

    assert PAUSE_S == sender.step()
    assert "every request" in sender.reason
    assert list("abcd") == waiting(site)
    assert [] == dead(site)


def test_a_document_that_is_always_refused_for_no_known_reason_is_given_up(site, stub, make, clock):
    fill(site, "a", "b")
    stub.judge = lambda ids: items(*((500, "odd", "?") if one == "a" else 201 for one in ids))
    sender = make()
    for _ in range(40):
        wait_s = sender.step()
        clock.sleep(600 if wait_s is None else wait_s)

    assert {"b"} == set(stub.bodies)
    assert [(500, "odd")] == dead(site)
    assert 10 == sum("a" in ids for ids in stub.requests)


@pytest.mark.parametrize("status", [401, 403, 404, 301])
def test_a_refusal_pauses_and_the_probe_goes_on_when_it_is_put_right(
    site, stub, make, clock, status
):
    fill(site, "a", "b")
    stub.script = [error(status)] * 2
    sender = make()

    assert [PAUSE_S, PAUSE_S] == [sender.step(), sender.step()]
    assert ("paused", [["a", "b"], ["a"]]) == (sender.state, stub.requests)
    while sender.step() is not None:
        pass
    assert ("sending", {"a", "b"}) == (sender.state, set(stub.bodies))


def test_without_templates_nothing_is_sent(site, stub, make):
    fill(site, "a")
    stub.template = error(404, "resource_not_found_exception", "index template not found")
    sender = make()

    assert PAUSE_S == sender.step()
    assert "otmon elastic setup" in sender.reason
    assert [] == stub.requests


def test_what_the_failure_store_took_is_kept_as_a_dead_letter(site, stub, make):
    fill(site, "a")
    stub.script = [items(201, failure_store="used")]

    assert make().drain(0)
    assert [(201, "failure_store")] == dead(site)


def test_a_sender_that_dies_between_answer_and_delete_sends_again_and_nothing_doubles(
    site, stub, make, clock, monkeypatch
):
    fill(site, "a", "b")
    with monkeypatch.context() as patch:
        patch.setattr(Sender, "_keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            make().step()
    assert ["a", "b"] == waiting(site)

    assert make().drain(0, clock.sleep)
    assert {"duplicates": 2} == counts(site)
    assert 2 == len(stub.bodies)


def test_a_flood_of_dead_letters_is_told_once(site, stub, clock):
    fill(site, *map(str, range(101)))
    stub.judge = lambda ids: items(*((400, "document_parsing_exception", "bad"),) * len(ids))
    lines: list[str] = []
    sender = Sender(site, connect(Server((stub.url,))), clock_ns=clock, log=lines.append)
    assert sender.drain(0)
    fill(site, "another")
    assert sender.drain(0)

    assert 1 == sum("documents a minute" in line for line in lines)
    with site.reading() as db:
        assert "many_dead_at" in outbox.status(db).facts


def test_dead_letters_are_forgotten_as_a_flood_after_a_minute(site, stub, clock):
    stub.judge = lambda ids: items(*((400, "document_parsing_exception", "bad"),) * len(ids))
    sender = Sender(site, connect(Server((stub.url,))), clock_ns=clock)
    for first in (0, 60):
        fill(site, *map(str, range(first, first + 60)))
        assert sender.drain(0)
        clock.sleep(61)

    with site.reading() as db:
        assert "many_dead_at" not in outbox.status(db).facts


def test_how_the_sender_is_stands_in_the_state(site, stub, make):
    fill(site, "a")
    stub.script = [error(401)]
    make().step()

    with site.reading() as db:
        facts = outbox.status(db).facts
    assert "paused" == facts["state"]
    assert "API key" in facts["reason"]


def test_a_certificate_that_nobody_trusts_pauses_and_says_where_its_ca_is_named(
    site, make, monkeypatch
):
    def refused(*_: object, **__: object) -> None:
        raise TlsError("self-signed certificate")

    fill(site, "a")
    monkeypatch.setattr(Elasticsearch, "info", refused)
    sender = make()
    sender.step()

    assert "paused" == sender.state
    assert "(self-signed certificate)" in sender.reason
    assert "[elastic] ca_file or with --elastic-ca" in sender.reason


def test_jitter_makes_a_wait_shorter_and_never_longer(site, stub, clock):
    fill(site, "a")
    stub.script = [error(503)]
    sender = Sender(site, connect(Server((stub.url,))), clock_ns=clock, chance=lambda: 0.0)

    assert 0.5 == sender.step()
