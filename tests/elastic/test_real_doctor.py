"""What `otmon elastic doctor` says of a real server: whether what a sensor sends arrives."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from elastic_server import Node
from places import PCAPS

from otmon.cli import main
from otmon.model.finding import Finding
from otmon.sinks.elastic import setup
from otmon.sinks.elastic.catalogue import STREAMS
from otmon.sinks.elastic.connection import Server
from otmon.sinks.elastic.doctor import examine

PLANT = str(PCAPS / "demo" / "plant.pcapng")
SENSOR = "hall:tap-1"


def ship(server: Node, place: Path, namespace: str) -> None:
    """Sends what the plant of the demo is to a server, as one sensor."""
    config = place / "otmon.toml"
    trust = "" if server.ca is None else f'ca_file = "{server.ca}"\n'
    config.write_text(
        f'[site]\nname = "hall"\n[elastic]\nsensor = "tap-1"\nnamespace = "{namespace}"\n{trust}'
    )
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "--no-keep", "--config", str(config), "--elastic", server.url, PLANT])
    assert not ended.value.code


def newest(server: Server, namespace: str, sensor: str = SENSOR, late_s: int = 0) -> Finding:
    """What the doctor says of the newest documents, so long after they were sent."""
    told = examine(server, namespace, lambda: time.time_ns() + late_s * 10**9, sensor)  # noqa: TID251  # the clock of the machine
    (one,) = [one for one in told if one.check == "newest documents"]
    return one


def test_the_newest_document_of_each_stream_is_as_old_as_it_is(es_server, namespace, tmp_path):
    with es_server.client() as client:
        [*setup.install(client, "none")]
    place = Server((es_server.url,))
    assert "there is none of hall:tap-1" in newest(place, namespace).says

    ship(es_server, tmp_path, namespace)
    with es_server.client() as client:
        client.indices.refresh(index=f"*-{namespace}")
    told = newest(place, namespace, late_s=7_200)
    sent = {"alert", "operation", "conversation", "asset", "asset-latest"}
    assert {
        stream for stream in STREAMS if f"2 hours ago to {stream}" in told.says
    } == {f"otmon-{one}" if "-" in one else f"logs-otmon.{one}" for one in sent}  # fmt: skip
    assert "ok" == told.status
    assert "there is none" in newest(place, namespace, "hall:tap-2").says


def test_the_key_of_a_sensor_searches_nothing_and_a_user_that_may_read_sees(
    secure_server, namespace, tmp_path, monkeypatch
):
    key = tmp_path / "key"
    with secure_server.client() as client:
        [*setup.install(client, "none")]
        setup.create_key(client, "tap-1", key)
    monkeypatch.setenv("OTMON_ELASTIC_API_KEY", key.read_text().strip())
    ship(secure_server, tmp_path, namespace)

    given = {"hosts": (secure_server.url,), "ca_file": secure_server.ca}
    blind = newest(Server(**given, api_key=key.read_text().strip()), namespace)
    assert ("ok", True) == (blind.status, "may not read" in blind.says)
    with secure_server.client() as client:
        client.indices.refresh(index=f"*-{namespace}")
    seen = newest(Server(**given, user=secure_server.user), namespace)
    assert ("ok", True) == (seen.status, "ago to logs-otmon.alert" in seen.says)
