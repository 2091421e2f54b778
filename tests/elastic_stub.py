"""A server in pure Python that answers as a script says, and keeps what it was sent."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRODUCT = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}


@dataclass
class Answer:
    """What the server says to one request."""

    status: int = 200
    body: Any = None
    """JSON, or bytes as they are."""
    headers: dict[str, str] = field(default_factory=lambda: dict(PRODUCT))
    cut: int | None = None
    """Bytes of the body after which the connection ends."""
    close: str | None = None
    """`before` the request is read, or `after`."""


def items(*statuses: int | tuple[int, str, str], op: str = "create", **more: Any) -> Answer:
    """An answer to a bulk request, with each document's status, and error if it has one."""
    rows = []
    for one in statuses:
        status, kind, reason = one if isinstance(one, tuple) else (one, "", "")
        row: dict[str, Any] = {"status": status, **more}
        if kind:
            row["error"] = {"type": kind, "reason": reason}
        rows.append({op: row})
    return Answer(body={"took": 1, "errors": True, "items": rows})


def error(status: int, kind: str = "some_exception", reason: str = "so", **headers: str) -> Answer:
    """An answer that refuses a whole request."""
    given = {**PRODUCT, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Answer(status, {"error": {"type": kind, "reason": reason}, "status": status}, given)


Script = Callable[[list[str]], Answer | None]
"""Gives the answer to a bulk request by the ids in it; none to accept all."""


class Stub:
    """A server on a free port of this machine.

    Each bulk request takes the next answer of `script`; where there is none, it
    is accepted as Elasticsearch would, and an id that is known is a conflict.
    """

    def __init__(self, *answers: Answer, context: ssl.SSLContext | None = None) -> None:
        self.script: list[Answer] = list(answers)
        self.judge: Script | None = None
        self.forgets = False
        """Whether it keeps nothing of what it takes, for those that look at memory."""
        self.info = Answer(body={"version": {"number": "8.19.3"}, "tagline": "stub"})
        self.template = Answer(body={"index_templates": []})
        self.others: dict[str, Answer] = {}
        """Answers to whatever else is asked, by a part of its path."""
        self.requests: list[list[str]] = []
        """The ids in each bulk request."""
        self.paths: list[str] = []
        self.bodies: dict[str, dict[str, Any]] = {}
        """What was accepted."""
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if self._say_other():
                    return
                self._say(stub.template if "_index_template" in self.path else stub.info)

            do_HEAD = do_GET

            def _say_other(self) -> bool:
                found = [one for part, one in stub.others.items() if part in self.path]
                if found:
                    self._say(found[0])
                return bool(found)

            def do_PUT(self) -> None:
                stub.paths.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self._say_other():
                    return
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                lines = [json.loads(line) for line in body.splitlines() if line]
                pairs = [*zip(lines[::2], lines[1::2], strict=True)]
                ids = [next(iter(action.values()))["_id"] for action, _ in pairs]
                if not stub.forgets:
                    stub.requests.append(ids)
                judged = stub.judge(ids) if stub.judge is not None else None
                answer = stub.script.pop(0) if stub.script else judged
                if answer is None:
                    answer = stub.accept(pairs)
                elif answer.status == 200 and isinstance(answer.body, dict):
                    for (_, document), item in zip(
                        pairs, answer.body.get("items", ()), strict=False
                    ):
                        ((_, result),) = item.items()
                        if result["status"] in (200, 201):
                            stub.bodies[document["event"]["id"]] = document
                self._say(answer)

            do_POST = do_PUT

            def _say(self, answer: Answer) -> None:
                if answer.close is not None:
                    self._break()
                    return
                body = answer.body
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                if answer.cut is not None:
                    self.wfile.write(raw[: answer.cut])
                    self.wfile.flush()
                    self._break()
                    return
                if self.command != "HEAD":
                    self.wfile.write(raw)

            def _break(self) -> None:
                self.close_connection = True
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.shutdown(socket.SHUT_RDWR)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # broken off on purpose, it would print each
        scheme = "http"
        if context is not None:
            scheme = "https"
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def accept(self, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> Answer:
        """Answers as Elasticsearch does where nothing is wrong."""
        rows: list[Any] = []
        for action, document in pairs:
            ((op, place),) = action.items()
            if self.forgets:
                rows.append(201)
            elif op == "create" and place["_id"] in self.bodies:
                rows.append((409, "version_conflict_engine_exception", "there already"))
            else:
                self.bodies[place["_id"]] = document
                rows.append(201)
        return items(*rows)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
