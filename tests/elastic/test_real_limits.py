"""A real Elasticsearch with little room: what is too large or too much, and a death on the way."""

from __future__ import annotations

import itertools
import random
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from elastic.test_real_faults import waiting
from elastic.test_real_server import dead, one, put
from elastic_server import VERSIONS, Node, node

from otmon.sinks import outbox
from otmon.sinks.elastic import setup
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.sender import Sender
from otmon.sinks.outbox import Document
from otmon.state.site_file import SiteFile

LIMITS = {"http.max_content_length": "1mb", "indexing_pressure.memory.limit": "256kb"}
"""A request larger than the first gets 413, one larger than the second 429."""
STEPS = 500
"""More requests than all of it takes."""


@pytest.fixture(scope="module")
def server() -> Iterator[Node]:
    """The newest server, with these limits."""
    with node(VERSIONS[-1], "plain", **LIMITS) as running:
        with running.client() as client:
            [*setup.install(client, "none")]
        yield running


def large(target: str, count: int, size: int) -> list[Document]:
    """Documents that no compression makes small."""
    noise = random.Random(7)
    return [
        one(f"{n:032x}", target, message=noise.randbytes(size // 2).hex()) for n in range(count)
    ]


def delivered(sender: Sender, site: SiteFile) -> None:
    """Sends until nothing waits, without the waits between."""
    for _ in range(STEPS):
        if not waiting(site):
            return
        sender.step()
    raise AssertionError(f"{waiting(site)} documents still wait: {sender.state}, {sender.reason}")


def counted(server: Node, target: str) -> int:
    with server.client() as client:
        client.indices.refresh(index=target)
        return int(client.count(index=target)["count"])


def test_what_is_too_large_or_too_much_goes_in_smaller_parts_and_all_arrives_once(
    server: Node, site: SiteFile
) -> None:
    target = "logs-otmon.alert-limits"
    put(site, *large(target, 600, 8_000))
    answers: set[int] = set()
    client = connect(Server((server.url,)))
    ask = client.transport.perform_request

    def spy(*given: object, **more: object) -> object:
        answer = ask(*given, **more)  # type: ignore[arg-type]  # as it was given
        answers.add(answer.meta.status)
        return answer

    client.transport.perform_request = spy  # type: ignore[method-assign,assignment]  # to see them
    delivered(Sender(site, client), site)

    assert {413, 429, 200} <= answers
    assert (600, []) == (counted(server, target), dead(site))


def test_one_document_that_is_too_large_costs_no_other(server: Node, site: SiteFile) -> None:
    target = "logs-otmon.alert-large"
    put(site, *large(target, 20, 1_000))
    whole = one("f" * 32, target, message="x" * (1 << 21))
    put(site, whole)
    delivered(Sender(site, connect(Server((server.url,)))), site)

    assert (20, [(413, "too_big")]) == (counted(server, target), dead(site))


class OnTheWay:
    """A proxy before a server that does something when so much of a bulk request went over it."""

    def __init__(self, url: str, at_byte: int, do: Callable[[], None]) -> None:
        self._to = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._at_byte = at_byte
        self._do = do
        self._done = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            near, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._to) as far:
            back = threading.Thread(target=self._answer, args=(far, near), daemon=True)
            back.start()
            bulk, over = False, 0
            while data := near.recv(4096):
                far.sendall(data)
                bulk = bulk or b"/_bulk" in data
                over += len(data) if bulk else 0
                if over >= self._at_byte and self._done.acquire(blocking=False):
                    self._do()
                    return

    @staticmethod
    def _answer(far: socket.socket, near: socket.socket) -> None:
        try:
            while data := far.recv(1 << 16):
                near.sendall(data)
        except OSError:
            return


def test_a_server_killed_while_a_request_is_on_its_way_has_everything_once(
    server: Node, site: SiteFile
) -> None:
    target = "logs-otmon.alert-killed"
    documents = iter(large(target, 200, 1_000))
    first = [*itertools.islice(documents, 50)]
    put(site, *first)
    delivered(Sender(site, connect(Server((server.url,)))), site)
    put(site, *documents)
    between = OnTheWay(server.url, 40_000, server.kill)
    sender = Sender(site, connect(Server((between.url,), timeout_s=10)))
    try:
        assert sender.step() != 0.0
        assert ("backing off", 150) == (sender.state, waiting(site))
    finally:
        server.start()

    delivered(Sender(site, connect(Server((server.url,)))), site)
    with site.reading() as db:
        counts = outbox.status(db).counts
    assert (200, []) == (counted(server, target), dead(site))
    assert 200 == counts["delivered"] + counts.get("duplicates", 0)
