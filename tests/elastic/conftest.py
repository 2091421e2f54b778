"""A real Elasticsearch for a whole test session; tests are kept apart by namespace."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from elastic_server import VERSIONS, Node, node
from elasticsearch import Elasticsearch
from kibana_plant import Plant, shipped_plant

from otmon.sinks.elastic import setup


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


@pytest.fixture(scope="module")
def client(es_server: Node) -> Iterator[Elasticsearch]:
    """A client of a plain server that has what otmon sets up."""
    with es_server.client() as client:
        [*setup.install(client, "none")]
        yield client


_numbers = itertools.count(1)


@pytest.fixture
def namespace() -> str:
    """One of its own for each test."""
    return f"t{os.getpid()}x{next(_numbers)}"


@pytest.fixture(scope="session")
def plant(es_server: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The plant of the demo in a plain server."""
    with shipped_plant(es_server, tmp_path_factory.mktemp("kibana")) as shipped:
        yield shipped
