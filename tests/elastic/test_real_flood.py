"""The disk of a real Elasticsearch fills until it blocks writing by itself, and is freed again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elastic.test_real_faults import waiting
from elastic.test_real_server import dead, one, put
from elastic_server import VERSIONS, Node, node
from places import absent

from otmon.model.finding import FAILURE
from otmon.sinks.elastic import setup
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.doctor import examine
from otmon.sinks.elastic.sender import Sender
from otmon.state.site_file import SiteFile, now_ns

DISK_MB = 128
FLOOD_MB = 48
"""Free room below which the server blocks writing."""
PATIENCE_S = 150
"""The server looks at its disk every ten seconds."""
WATERMARKS = {
    "cluster.routing.allocation.disk.threshold_enabled": "true",
    "cluster.routing.allocation.disk.watermark.low": f"{FLOOD_MB + 2}mb",
    "cluster.routing.allocation.disk.watermark.high": f"{FLOOD_MB + 1}mb",
    "cluster.routing.allocation.disk.watermark.flood_stage": f"{FLOOD_MB}mb",
    "cluster.info.update.interval": "10s",
}


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk that the server, who is nobody, may read the way to and write to."""
    with tempfile.TemporaryDirectory(prefix="otmon-disk-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        size = f"size={DISK_MB}m,mode=755"
        given = ["mount", "-t", "tmpfs", "-o", size, "otmon-test", folder]
        if os.getuid() != 0 or subprocess.run(given, check=False).returncode != 0:
            absent("the right to make a small disk (root, and `mount`)", "OTMON_REQUIRE_NETNS")
        try:
            (place / "data").mkdir()
            shutil.chown(place / "data", 65534, 65534)
            yield place
        finally:
            subprocess.run(["umount", folder], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[Node]:
    """The newest server, with its data on that disk."""
    data = {"path.data": str(disk / "data")}
    with node(VERSIONS[-1], "plain", **WATERMARKS, **data) as running:
        yield running


def fill(disk: Path) -> Path:
    """Takes room until the server has too little."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - (FLOOD_MB - 16) * 1_000_000)))
    return filler


def test_a_disk_that_fills_blocks_writing_and_costs_no_document_once_it_is_freed(
    server: Node, disk: Path, tmp_path: Path
) -> None:
    target = "logs-otmon.alert-flood"
    numbers = iter(range(1_000_000))

    def sent(site: SiteFile, count: int) -> None:
        put(site, *(one(f"{next(numbers):032x}", target) for _ in range(count)))

    with (
        server.client() as client,
        SiteFile.open(tmp_path / "site.otmon", durable=False) as site,
    ):
        [*setup.install(client, "none")]
        there = Server((server.url,))
        sender = Sender(site, connect(there))
        sent(site, 100)
        assert sender.drain(30)
        filler = fill(disk)
        until_s = time.monotonic() + PATIENCE_S
        while sender.state == "sending" and time.monotonic() < until_s:
            sent(site, 10)
            sender.step()
            time.sleep(0.5)
        # Nobody but the server has set a block.
        (index,) = client.indices.get_settings(index=target).values()
        assert {"read_only_allow_delete": "true"} == index["settings"]["index"]["blocks"]
        assert "backing off" == sender.state
        sent(site, 200)
        sender.step()
        assert 200 <= waiting(site)
        told = {found.check: found for found in examine(there, "flood", now_ns)}
        assert FAILURE == told["blocks"].status

        filler.unlink()
        until_s = time.monotonic() + PATIENCE_S
        while waiting(site) and time.monotonic() < until_s:
            # It would wait for up to a minute; the server is asked more often here.
            if sender.step() != 0.0:
                time.sleep(1)
        assert 0 == waiting(site)
        client.indices.refresh(index=target)
        assert next(numbers) == client.count(index=target)["count"]
        assert [] == dead(site)
