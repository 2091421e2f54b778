"""The commands of docs/elastic.md, in its order, against a real server with TLS and keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from elastic.test_real_server import count_all, one, put, run
from elastic_server import Node
from places import PCAPS, ROOT

from otmon.sinks import dead_letters, outbox
from otmon.state.site_file import SiteFile

PLANT = str(PCAPS / "demo" / "plant.pcapng")
WALKED = {"setup", "send", "replay", "status", "doctor"}


def test_every_command_of_the_documentation_is_walked() -> None:
    text = (ROOT / "docs" / "elastic.md").read_text("utf8")

    assert WALKED == set(re.findall(r"`?otmon elastic ([a-z]+)", text))


def test_a_soc_sets_up_sends_looks_and_mends_as_the_documentation_says(
    secure_server: Node,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert secure_server.user is not None
    key, state = tmp_path / "es.key", tmp_path / "site.otmon"
    config = tmp_path / "otmon.toml"
    config.write_text(
        f'[elastic]\nhosts = ["{secure_server.url}"]\nca_file = "{secure_server.ca}"\n'
        f'api_key_file = "{key}"\nsensor = "hall-2"\nnamespace = "{namespace}"\n'
    )
    given = ("--config", config)
    user, password = secure_server.user
    monkeypatch.setenv("OTMON_ELASTIC_USER", user)
    monkeypatch.setenv("OTMON_ELASTIC_PASSWORD", password)
    # The test server has neither policies nor lifecycles.
    assert 0 == run("elastic", "setup", *given, "--lifecycle", "none", "--create-key", key)
    monkeypatch.delenv("OTMON_ELASTIC_USER")
    monkeypatch.delenv("OTMON_ELASTIC_PASSWORD")

    def told(*arguments: object) -> Any:
        capsys.readouterr()
        assert 0 == run(*arguments, "--format", "json")
        return json.loads(capsys.readouterr().out)

    assert {"failure"}.isdisjoint(one["status"] for one in told("elastic", "doctor", *given))
    (wrote,) = [
        one for one in told("elastic", "doctor", *given, "--write") if one["check"] == "writing"
    ]
    assert "ok" == wrote["status"]

    url = ("--elastic", secure_server.url)
    assert 0 == run("analyze", "--state", state, *given, *url, PLANT)
    # The date of a broken mapping, say, which the server refuses for good.
    target = f"logs-otmon.alert-{namespace}"
    bad = one("f" * 32, target, otmon={"alert": "no object"})
    with SiteFile.open(state) as site:
        put(site, bad)
    run("elastic", "send", "--state", state, *given)
    (dead,) = told("elastic", "status", "--state", state)["dead_letters"]
    assert "document_parsing_exception" == dead["error"]

    with SiteFile.open(state) as site, site.transaction() as db:
        # Somebody put it right.
        db.execute("UPDATE dead_letter SET body = ?", (one("f" * 32, target).body,))
    assert 0 == run("elastic", "replay", "--dead-letter", "--state", state, *given)
    assert [] == told("elastic", "status", "--state", state)["dead_letters"]
    with secure_server.client() as client:
        before = count_all(client, namespace)
        assert 15 == before[target]
        for _ in range(2):
            assert 0 == run("elastic", "send", "--state", state, *given)
            assert 0 == run("elastic", "replay", "--alerts", "--state", state, *given)
        assert before == count_all(client, namespace)
    with SiteFile.open(state) as site, site.reading() as db:
        assert outbox.is_empty(db)
        assert [] == [*dead_letters.dead_by_error(db)]
