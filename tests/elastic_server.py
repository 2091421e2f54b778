"""A real Elasticsearch on this machine, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from places import ROOT, absent

VERSIONS = tuple(os.environ.get("OTMON_ES_VERSIONS", "8.19.16").split())
"""Of the servers that tests run against."""
SWITCH = "OTMON_REQUIRE_ES"


@dataclass
class Node:
    """A running server."""

    url: str
    version: str
    pid: int
    ca: Path | None = None
    user: tuple[str, str] | None = None

    def client(self, **more: Any) -> Elasticsearch:
        given: dict[str, Any] = {"request_timeout": 60, "max_retries": 0}
        if self.ca is not None:
            given["ca_certs"] = str(self.ca)
        if self.user is not None and "api_key" not in more:
            given["basic_auth"] = self.user
        return Elasticsearch(self.url, **{**given, **more})

    def kill(self) -> None:
        """Ends it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)


@contextlib.contextmanager
def node(version: str, lane: str, **settings: str) -> Iterator[Node]:
    """A server of its own, which is stopped at the end; skips by name where none can run."""
    environment = {**os.environ, "OTMON_ES_SETTINGS": json.dumps(settings)}
    process = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "elastic" / "node.py", version, lane],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdin and process.stdout and process.stderr
    try:
        line = process.stdout.readline()
        if not line:
            process.stdin.close()
            reason = process.stderr.read().strip().splitlines()[-1:]
            absent(f"Elasticsearch {version} ({lane}): {' '.join(reason)}", SWITCH)
        said = json.loads(line)
        user = (said["user"], said["password"]) if "user" in said else None
        ca = Path(said["ca"]) if "ca" in said else None
        running = Node(said["url"], version, said["pid"], ca, user)
        with running.client() as client:
            client.options(
                request_timeout=60, retry_on_status=(503,), max_retries=20
            ).cluster.health(wait_for_status="yellow", timeout="30s")
        yield running
    finally:
        process.stdin.close()
        process.wait(60)
