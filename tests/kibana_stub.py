"""A Kibana in pure Python: its import and export as its documentation has them, and no more."""

from __future__ import annotations

import email.parser
import email.policy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from exception_lists import complaints


class KibanaStub:
    """A server on a free port of this machine that keeps objects and rules."""

    def __init__(self, version: str = "8.19.3", *, has_security: bool = True) -> None:
        self.version = version
        self.has_security = has_security
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        """Exception lists with their items, by id."""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of each."""
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                stub.requests.append((self.command, self.path, headers))
                status, said = stub.answer(self.command, self.path, headers, body)
                raw = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        """What Kibana says."""
        place, _, options = path.partition("?")
        place = place.removeprefix("/s/ot")
        if headers.get("authorization") == "ApiKey wrong":
            return 401, {"message": "Unauthorized"}
        if place == "/api/status":
            return 200, {"version": {"number": self.version}}
        if method == "POST" and headers.get("kbn-xsrf") is None:
            return 400, {"message": "Request must contain a kbn-xsrf header."}
        if "detection_engine" in place and not self.has_security:
            return 404, {"message": "Not Found"}
        match place:
            case "/api/saved_objects/_import":
                return self._import_objects(_upload(headers, body), "overwrite=true" in options)
            case "/api/saved_objects/_export":
                asked = [(one["type"], one["id"]) for one in json.loads(body)["objects"]]
                if any(key not in self.objects for key in asked):
                    return 400, {"message": "Error fetching objects to export"}
                return 200, _lines(self.objects[key] for key in asked)
            case "/api/detection_engine/rules/_import":
                return self._import_rules(_upload(headers, body), "overwrite=true" in options)
            case "/api/detection_engine/rules/_export":
                asked_rules = [one["rule_id"] for one in json.loads(body)["objects"]]
                return 200, _lines(self.rules[name] for name in asked_rules if name in self.rules)
        return 404, {"message": "Not Found"}

    def _import_objects(self, given: list[dict[str, Any]], overwrite: bool) -> tuple[int, Any]:
        coming = {(one["type"], one["id"]): one for one in given}
        known = set(self.objects) | set(coming)
        errors = [
            {"id": one["id"], "type": one["type"], "error": {"type": "missing_references"}}
            for one in given
            if any((ref["type"], ref["id"]) not in known for ref in one["references"])
        ]
        if not overwrite:
            errors += [
                {"id": name, "type": kind, "error": {"type": "conflict"}}
                for kind, name in coming
                if (kind, name) in self.objects
            ]
        if errors:
            count = len(given) - len(errors)
            return 200, {"success": False, "successCount": count, "errors": errors}
        self.objects |= coming
        return 200, {"success": True, "successCount": len(given)}

    def _import_rules(self, lines: list[dict[str, Any]], overwrite: bool) -> tuple[int, Any]:
        given = [one for one in lines if "rule_id" in one]
        lists = {one["list_id"]: one for one in lines if "rule_id" not in one}
        unknown = [
            {"rule_id": one["rule_id"], "error": {"status_code": 400, "message": "no such list"}}
            for one in given
            for other in one["exceptions_list"]
            if other["list_id"] not in {**self.lists, **lists}
        ]
        errors = [
            *unknown,
            *(
                {"list_id": "?", "error": {"message": said}}
                for said in complaints(lines, self.lists)
                if lists
            ),
        ] + [
            {"rule_id": one["rule_id"], "error": {"status_code": 409, "message": "exists"}}
            for one in given
            if one["rule_id"] in self.rules and not overwrite
        ]
        if not errors:
            self.rules |= {one["rule_id"]: one for one in given}
            self.lists |= {name: [] for name in lists}
            for one in lines:
                if "rule_id" not in one:
                    self.lists[one["list_id"]].append(one)
        return 200, {
            "success": not errors,
            "success_count": len(given) - len(errors),
            "rules_count": len(given),
            "errors": errors,
        }

    def __enter__(self) -> KibanaStub:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _upload(headers: dict[str, str], body: bytes) -> list[dict[str, Any]]:
    """The lines of the file in a form."""
    head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    (part,) = message.iter_parts()
    assert part.get_filename() == "otmon.ndjson"
    text = part.get_payload(decode=True)
    assert isinstance(text, bytes)
    return [json.loads(line) for line in text.splitlines() if line]


def _lines(objects: Any) -> bytes:
    return "".join(f"{json.dumps(one)}\n" for one in objects).encode()
