"""A question to Elasticsearch whose refusal is an answer, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

_HEADERS = {"accept": "application/json", "content-type": "application/json"}


def ask(client: Elasticsearch, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What the server says; its status where it refuses."""
    method = "GET" if body is None else "POST"
    try:
        return client.perform_request(method, path, headers=_HEADERS, body=body).body
    except ApiError as error:
        return error.meta.status
    except TransportError:
        return 0
