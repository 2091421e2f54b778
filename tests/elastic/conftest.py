"""A real Elasticsearch for a whole test session; tests are kept apart by namespace."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from elastic_server import VERSIONS, Node, node


@pytest.fixture(scope="session", params=VERSIONS)
def es_server(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A plain server."""
    with node(request.param, "plain") as running:
        yield running


@pytest.fixture(scope="session", params=VERSIONS)
def secure_server(request: pytest.FixtureRequest) -> Iterator[Node]:
    """A server with TLS, users and API keys."""
    with node(request.param, "secure") as running:
        yield running


_numbers = itertools.count(1)


@pytest.fixture
def namespace() -> str:
    """One of its own for each test."""
    return f"t{os.getpid()}x{next(_numbers)}"
