"""A sender that follows outlives what is wrong with the state, and ends when it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from elastic_stub import Stub

from otmon.cli.elastic import BUSY_WAIT_S, _follow
from otmon.config import Config
from otmon.sensor_identity import sensor_of
from otmon.sinks import outbox
from otmon.sinks.elastic.connection import Server, connect
from otmon.sinks.elastic.sender import Sender
from otmon.sinks.outbox import Document
from otmon.state import advice
from otmon.state.site_file import SiteFile


def test_a_state_that_another_process_holds_is_waited_for_and_nothing_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(advice, "BUSY_S", 0.05)
    path, known = tmp_path / "site.otmon", Config()
    names = [f"{n:032x}" for n in range(3)]
    with SiteFile.open(path, durable=False) as site, site.transaction() as db:
        outbox.put(
            db,
            [
                Document(0, "logs-otmon.alert-default", "create", name, b'{"event":{"id":"%s"}}'
                         % name.encode())
                for name in names
            ],
        )  # fmt: skip
    other = SiteFile.open(path)
    holds = other.transaction()
    holds.__enter__()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 2:
            holds.__exit__(None, None, None)
        return len(waits) < 4

    with Stub() as stub, SiteFile.open(path) as site:
        sender = Sender(site, connect(Server((stub.url,))))
        _follow(site, known, sender, sensor_of(known), wait)
        with site.reading() as db:
            found = outbox.status(db)

    assert [BUSY_WAIT_S, BUSY_WAIT_S] == waits[:2]
    assert "another process" in capsys.readouterr().err
    # The server had them the first time; that it was not noted costs a repetition.
    assert (0, 3, set(names)) == (found.rows, found.counts["duplicates"], set(stub.bodies))
    other.close()
