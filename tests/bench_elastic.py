"""Documents a second from outbox to server, as a ratio to bare bulk requests of the same ones.

`python tests/bench_elastic.py [DOCUMENTS] [VERSION]`, with a server as the tests start it.
Also: peak memory of the sender, and bytes of each on the server.
`python tests/bench_elastic.py --pending [DOCUMENTS]`: an outbox in which a million wait.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from elastic_server import node
from elastic_stub import Stub
from elasticsearch import Elasticsearch

from otmon.config import Config, Elastic
from otmon.runs import analyze
from otmon.sensor_identity import sensor_of
from otmon.shipping import SPOOL_AT, Shipping
from otmon.sinks import outbox
from otmon.sinks.elastic import setup
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.sender import BATCH_DOCUMENTS, Sender
from otmon.sinks.outbox import Document
from otmon.state.site_file import SiteFile

PLANT = "pcaps/demo/plant.pcapng"
TARGET = "logs-otmon.operation"
TURN = 10_000
"""Documents that go one way before as many go the other."""
WARM_UP = 40_000
"""Documents that a server takes before it is measured."""


def documents(spool: SiteFile, count: int) -> list[Document]:
    """So many documents of operations, as a plant makes them, each with an id of its own."""
    # Short intervals, so that many documents differ: how small they become depends on it.
    config = Config(elastic=Elastic(interval_seconds=1))
    analyze([PLANT], shipping=Shipping(config, sensor_of(config, [PLANT]), spool))
    with spool.reading() as db:
        rows = outbox.batch(db, at_most=10_000, max_bytes=1 << 30, now_ns=2**62)
    bodies = [one.document.body for one in rows if one.document.target.startswith(TARGET)]
    return [
        Document(3, f"{TARGET}-default", "create", f"{n:032x}", bodies[n % len(bodies)])
        for n in range(count)
    ]


def main(count: int, version: str) -> None:
    """Measure and print."""
    os.environ.setdefault("ES_JAVA_OPTS", "-Xms512m -Xmx512m")  # a server as it is, not for tests
    with tempfile.TemporaryDirectory() as folder, node(version, "plain") as server:
        with SiteFile.open(Path(folder) / "spool", durable=False) as spool:
            made = documents(spool, count)
        client = connect(Server((server.url,)))
        [*setup.install(client, "none")]
        # What is compared to: the official client, and nothing that takes time on loopback.
        bare = Elasticsearch(server.url, request_timeout=60, max_retries=0)
        with SiteFile.open(Path(folder) / "site") as site:
            site.relax()
            # A server is as quick as it gets when its code has been compiled.
            for number in range(WARM_UP // count + 1):
                for first in range(0, count, BATCH_DOCUMENTS):
                    _bulk(bare, made[first : first + BATCH_DOCUMENTS], f"warm{number}")
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            filled_s = bare_s = sent_s = 0.0
            sender = Sender(site, client)
            # In turns, so that what else the machine does meets both alike.
            for turn in range(0, count, TURN):
                some = made[turn : turn + TURN]
                began = time.perf_counter()
                with site.transaction() as db:
                    outbox.put(db, some)
                filled_s += time.perf_counter() - began
                began = time.perf_counter()
                for first in range(0, len(some), BATCH_DOCUMENTS):
                    _bulk(bare, some[first : first + BATCH_DOCUMENTS], "bare")
                between = time.perf_counter()
                if not sender.drain(0):
                    raise SystemExit(f"{sender.state}: {sender.reason}")
                bare_s += between - began
                sent_s += time.perf_counter() - between
            assert sender.tally.delivered == count
            grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
            distinct = [*{one.body: one for one in made}.values()]
            for first in range(0, len(distinct), BATCH_DOCUMENTS):
                _bulk(client, distinct[first : first + BATCH_DOCUMENTS], "size")
        index = f"{TARGET}-size"
        client.indices.forcemerge(index=index, max_num_segments=1)
        client.indices.refresh(index=index)
        stored = client.indices.stats(index=index, metric="store,docs")["_all"]["primaries"]
        size = sum(len(one.body) for one in made) / count
        print(f"documents            {count}, {size:.0f} bytes each as JSON")
        print(f"into the outbox      {count / filled_s:,.0f} a second")
        print(f"bare bulk requests   {count / bare_s:,.0f} a second")
        print(f"outbox to server     {count / sent_s:,.0f} a second, ratio {bare_s / sent_s:.2f}")
        print(f"memory while sending +{grown_kib / 1024:.0f} MiB")
        bytes_each = stored["store"]["size_in_bytes"] / stored["docs"]["count"]
        print(
            f"on the server        {bytes_each:.0f} bytes each of {len(distinct)} that differ,"
            " merged, without replica"
        )


def pending(count: int) -> None:
    """Memory, disk and time of an outbox in which very many documents wait."""
    with tempfile.TemporaryDirectory() as folder:
        with SiteFile.open(Path(folder) / "spool", durable=False) as spool:
            made = documents(spool, SPOOL_AT)
        path = Path(folder) / "site"
        with SiteFile.open(path) as site, Stub() as server:
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.perf_counter()
            for first in range(0, count, SPOOL_AT):
                with site.transaction() as db:
                    outbox.put(
                        db,
                        [replace(one, id=f"{first + n:032x}") for n, one in enumerate(made)],
                    )
            filled_s = time.perf_counter() - began
            filled_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.perf_counter()
            with site.reading() as db:
                found = outbox.status(db)
            status_s = time.perf_counter() - began
            began = time.perf_counter()
            with site.reading() as db:
                outbox.batch(db, at_most=BATCH_DOCUMENTS, now_ns=2**62)
            batch_s = time.perf_counter() - began
            site.relax()
            server.forgets = True
            sender = Sender(site, connect(Server((server.url,))))
            for _ in range(20):
                assert sender.step() == 0.0
            sent_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"waiting              {found.rows:,} documents, {found.bytes / 1e9:.2f} GB")
        print(f"on disk              {path.stat().st_size / 1e9:.2f} GB")
        print(f"into the outbox      {count / filled_s:,.0f} a second, {SPOOL_AT} at a time")
        print(f"memory               +{(filled_kib - before_kib) / 1024:.0f} MiB to fill it,"
              f" +{(sent_kib - filled_kib) / 1024:.0f} MiB to send from it")  # fmt: skip
        print(f"to look at it        {status_s * 1e3:.0f} ms; a batch {batch_s * 1e3:.1f} ms")


def _bulk(client: Elasticsearch, made: list[Document], namespace: str) -> None:
    lines = []
    for one in made:
        lines += [
            json.dumps({"create": {"_index": f"{TARGET}-{namespace}", "_id": one.id}}).encode(),
            one.body,
        ]
    answer = client.bulk(operations=lines, filter_path="errors")
    assert not answer["errors"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pending"]:
        pending(int((sys.argv[2:] or ["1000000"])[0]))
    else:
        main(int((sys.argv[1:] or ["20000"])[0]), (sys.argv[2:] or ["8.19.16"])[0])
