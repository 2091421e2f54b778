"""A real Elasticsearch on this machine, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elasticsearch import ApiError, Elasticsearch
from places import ROOT, absent

VERSIONS = tuple(os.environ.get("OTMON_ES_VERSIONS", "8.19.16 9.5.3").split())
"""Of the servers that tests run against."""
SWITCH = "OTMON_REQUIRE_ES"
PATIENCE_S = 60
"""How long a server that has started may take to answer as it will, in seconds."""


class Node:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], version: str) -> None:
        self._process = process
        self.version = version
        self.url = ""
        self.ca: Path | None = None
        self.user: tuple[str, str] | None = None

    def client(self, **more: Any) -> Elasticsearch:
        """A client for tests to look with."""
        given: dict[str, Any] = {"request_timeout": 60, "max_retries": 0}
        if self.ca is not None:
            given["ca_certs"] = str(self.ca)
        if self.user is not None and "api_key" not in more:
            given["basic_auth"] = self.user
        return Elasticsearch(self.url, **{**given, **more})

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._say("kill")
        assert self._process.stdout
        self._process.stdout.readline()

    def start(self) -> None:
        """Starts it again, with what it had."""
        self._say("start")
        self.reach()

    def _say(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def reach(self) -> None:
        """Waits until it is there."""
        assert self._process.stdout and self._process.stderr and self._process.stdin
        line = self._process.stdout.readline()
        if not line:
            self._process.stdin.close()
            reason = self._process.stderr.read().strip().splitlines()[-1:]
            absent(f"Elasticsearch {self.version}: {' '.join(reason)}", SWITCH)
        said = json.loads(line)
        self.url = said["url"]
        self.user = (said["user"], said["password"]) if "user" in said else None
        self.ca = Path(said["ca"]) if "ca" in said else None
        with self.client() as client:
            for attempt in range(PATIENCE_S):
                try:
                    client.cluster.health(wait_for_status="yellow", timeout="30s")
                    return
                except ApiError as error:
                    # A secure server says 401 until it has read its own users, then 503; one that
                    # was killed says 408 while it still reads its many indices.
                    if error.status_code not in (401, 408, 503) or attempt == PATIENCE_S - 1:
                        raise
                    time.sleep(1)


@contextlib.contextmanager
def node(version: str, lane: str, **settings: str) -> Iterator[Node]:
    """A server of its own, which is stopped at the end; skips by name where none can run."""
    environment = {**os.environ, "OTMON_ES_SETTINGS": json.dumps(settings)}
    # A test ends before the better of the two compilers of Java has paid for itself.
    environment.setdefault("ES_JAVA_OPTS", "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1")
    process = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "elastic" / "node.py", version, lane],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdin
    try:
        running = Node(process, version)
        running.reach()
        yield running
    finally:
        process.stdin.close()
        process.wait(120)
