"""`otmon elastic setup` towards Kibana, into a folder, and beside the integration package."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elastic_server import Node
from elasticsearch import AuthorizationException
from kibana_stub import KibanaStub

from otmon.cli import main
from otmon.sinks.elastic import setup
from otmon.sinks.elastic.kibana import importer
from otmon.sinks.elastic.kibana.objects import saved_objects
from otmon.sinks.elastic.kibana.rules import PROMOTION_ID
from otmon.sinks.elastic.templates import templates


@pytest.fixture
def kibana() -> Iterator[KibanaStub]:
    with KibanaStub() as stub:
        yield stub


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTMON_ELASTIC_USER", "OTMON_ELASTIC_API_KEY", "OTMON_KIBANA_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["elastic", "setup", *map(str, arguments)])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


def test_a_second_set_up_of_kibana_changes_nothing(kibana, capsys):
    first = run(capsys, "--kibana", kibana.url)
    assert 0 == first[0]
    assert len(list(saved_objects())) == len(kibana.objects)
    assert PROMOTION_ID in kibana.rules and 40 < len(kibana.rules)
    assert {False} == {one["enabled"] for one in kibana.rules.values()}
    before = (dict(kibana.objects), dict(kibana.rules))
    kibana.requests.clear()

    code, said = run(capsys, "--kibana", kibana.url)

    assert (0, before) == (code, (kibana.objects, kibana.rules))
    assert 2 == said.count("unchanged") and "installed" not in said
    assert [] == [path for _, path, _ in kibana.requests if "_import" in path]


def test_a_dashboard_that_somebody_deleted_comes_back_and_one_that_was_changed_stays(
    kibana, capsys
):
    run(capsys, "--kibana", kibana.url)
    overview = kibana.objects["dashboard", "otmon-overview"]
    overview["attributes"]["title"] = "ours"
    run(capsys, "--kibana", kibana.url)
    assert "ours" == kibana.objects["dashboard", "otmon-overview"]["attributes"]["title"]

    del kibana.objects["dashboard", "otmon-attack"]
    run(capsys, "--kibana", kibana.url)
    assert ("dashboard", "otmon-attack") in kibana.objects


def test_a_rule_that_was_switched_on_stays_on_when_it_is_updated(kibana, capsys):
    run(capsys, "--kibana", kibana.url)
    kibana.rules[PROMOTION_ID] |= {
        "enabled": True,
        "actions": [{"id": "mail"}],
        "query": "event.kind:nothing",
        "meta": {"otmon": {"content_hash": "of an older otmon"}},
    }
    code, said = run(capsys, "--kibana", kibana.url)

    rule = kibana.rules[PROMOTION_ID]
    assert (0, True) == (code, "1 rules" in said and "updated" in said)
    assert (True, [{"id": "mail"}]) == (rule["enabled"], rule["actions"])
    assert "event.module:otmon" in rule["query"]


FILTER = """\
title: The engineering station stops controllers
logsource: {product: otmon, service: s7comm, category: ot_operation}
filter:
    rules: [S7 controller stopped]
    engineering: {source.ip: %s}
    condition: not engineering
otmon: {reason: "it is their work", author: J. Doe, expires: 2099-01-01}
"""


@pytest.fixture
def exempting(tmp_path: Path) -> Path:
    """The configuration of a site that makes an exception."""
    (tmp_path / "filter.yml").write_text(FILTER % "10.0.0.5")
    path = tmp_path / "otmon.toml"
    path.write_text('[rules]\nfilters = ["filter.yml"]\n')
    return path


def stop_of(kibana: KibanaStub) -> dict[str, Any]:
    (rule,) = (one for one in kibana.rules.values() if one["name"] == "S7 controller stopped")
    return rule


def test_exceptions_of_a_site_come_along_and_those_of_people_stay(kibana, capsys, exempting):
    assert 0 == run(capsys, "--kibana", kibana.url, "--config", exempting)[0]
    ((name, (about, item)),) = kibana.lists.items()
    assert [name] == [one["list_id"] for one in stop_of(kibana)["exceptions_list"]]
    assert ("detection", "10.0.0.5") == (about["type"], item["entries"][0]["value"])
    code, said = run(capsys, "--kibana", kibana.url, "--config", exempting)
    assert (0, 2) == (code, said.count("unchanged"))

    theirs = {"id": "x", "list_id": "ours", "type": "detection", "namespace_type": "single"}
    kibana.lists["ours"] = []
    stop_of(kibana)["exceptions_list"].insert(0, theirs)
    exempting.with_name("filter.yml").write_text(FILTER % "10.0.0.6")
    code, said = run(capsys, "--kibana", kibana.url, "--config", exempting)
    assert (0, True) == (code, "updated    1 rules" in said)
    assert ["ours", name] == [one["list_id"] for one in stop_of(kibana)["exceptions_list"]]
    assert "10.0.0.6" == kibana.lists[name][1]["entries"][0]["value"]


def test_a_package_goes_without_rules_that_have_exceptions_and_says_so(capsys, tmp_path, exempting):
    code, said = run(capsys, "--package", tmp_path / "otmon.zip", "--config", exempting)

    assert (0, True) == (code, "not in the package, which has no exceptions: S7 co" in said)
    with zipfile.ZipFile(tmp_path / "otmon.zip") as archive:
        rules = [name for name in archive.namelist() if "security_rule" in name]
        assert not any("S7 controller stopped" in archive.read(name).decode() for name in rules)


def test_what_a_newer_otmon_brought_is_replaced_only_by_force(kibana, capsys):
    run(capsys, "--kibana", kibana.url)
    tag = kibana.objects["tag", "otmon-tag"]["attributes"]
    tag["description"] = "otmon 99.0.0, 0123456789abcdef"

    code, said = run(capsys, "--kibana", kibana.url)
    assert (3, True) == (code, "newer" in said)
    assert 0 == run(capsys, "--kibana", kibana.url, "--force")[0]
    assert "99.0.0" not in kibana.objects["tag", "otmon-tag"]["attributes"]["description"]


def test_the_path_of_a_space_is_kept_and_the_key_comes_from_the_environment(
    kibana, capsys, monkeypatch
):
    monkeypatch.setenv("OTMON_KIBANA_API_KEY", "secret")
    assert 0 == run(capsys, "--kibana", f"{kibana.url}/s/ot", "--rules", "promotion")[0]

    assert {"/s/ot/api"} == {path[:9] for _, path, _ in kibana.requests}
    assert {"ApiKey secret"} == {headers["authorization"] for _, _, headers in kibana.requests}
    assert [PROMOTION_ID] == [*kibana.rules]


@pytest.mark.parametrize(
    ("version", "key", "word"),
    [("8.12.2", "", "too old"), ("8.19.3", "wrong", "OTMON_KIBANA_API_KEY"), ("", "", "no Kibana")],
)
def test_a_kibana_that_will_not_do_is_named_with_what_to_do(
    capsys, monkeypatch, version, key, word
):
    monkeypatch.setenv("OTMON_KIBANA_API_KEY", key)
    with KibanaStub(version) as stub:
        code, said = run(capsys, "--kibana", stub.url)

    assert (5, True) == (code, word in said)
    assert {} == stub.objects


def test_a_kibana_that_is_away_is_said(capsys):
    with KibanaStub() as stub:
        url = stub.url
    code, said = run(capsys, "--kibana", url)

    assert (5, True) == (code, "cannot be reached" in said)


def test_a_key_is_not_sent_in_the_clear(capsys):
    code, said = run(capsys, "--kibana", "http://kibana.example:5601")

    assert (3, True) == (code, "not be encrypted" in said)


def test_rules_are_left_out_where_kibana_has_no_security(capsys):
    with KibanaStub(has_security=False) as stub:
        assert 0 == run(capsys, "--kibana", stub.url, "--rules", "none")[0]
        code, said = run(capsys, "--kibana", stub.url)

    assert (5, True) == (code, "--rules none" in said)


def test_objects_that_kibana_refuses_are_named(kibana):
    one = importer.Importer(importer.Kibana(kibana.url))
    kibana._import_objects = lambda *_: (  # type: ignore[method-assign]  # the answer of a refusal
        200,
        {"success": False, "errors": [{"id": "otmon-attack", "error": {"type": "unknown"}}]},
    )
    with pytest.raises(importer.SinkError, match="otmon-attack"):
        [*one.install_objects()]


def requests_of(text: str) -> Iterator[tuple[str, str, str]]:
    """Each request that a README names: method, path, file."""
    for line in text.splitlines():
        if line.startswith(("PUT /", "POST /")):
            method, path, _, name, *_ = line.split()
            yield method, path, name


class TestAirGap:
    """What `--dry-run` writes is all that an administrator without otmon needs."""

    def test_two_runs_write_the_same_bytes(self, tmp_path, capsys):
        folders = (tmp_path / "a", tmp_path / "b")
        for folder in folders:
            assert 0 == run(capsys, "--dry-run", folder)[0]
        first, second = (
            {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
            for folder in folders
        )

        assert first == second
        assert {"README.md", "otmon.ndjson", "rules.ndjson", "writer-key.json"} <= {
            path.name for path in first
        }

    def test_its_requests_set_up_a_server_as_otmon_does(self, secure_server, tmp_path, capsys):
        folder = tmp_path / "for-the-soc"
        run(capsys, "--dry-run", folder, "--lifecycle", "none")
        with secure_server.client() as client:
            named = [*requests_of((folder / "README.md").read_text())]
            for method, path, name in named:
                client.perform_request(
                    method,
                    path,
                    headers={"content-type": "application/json", "accept": "application/json"},
                    body=json.loads((folder / name).read_text()),
                )
            assert {"unchanged"} == {step.did for step in setup.install(client, "none")}
            assert {"unchanged"} == {step.did for step in setup.install_roles(client)}
        there = {f"elasticsearch/{path.name}" for path in (folder / "elasticsearch").iterdir()}
        assert there == {name for _, _, name in named}

    def test_its_objects_are_those_that_set_up_imports(self, tmp_path, capsys, kibana):
        run(capsys, "--dry-run", tmp_path)
        run(capsys, "--kibana", kibana.url)
        lines = (tmp_path / "kibana" / "otmon.ndjson").read_text().splitlines()

        assert [*kibana.objects.values()] == [json.loads(line) for line in lines]
        lines = (tmp_path / "kibana" / "rules.ndjson").read_text().splitlines()
        assert [*kibana.rules.values()] == [json.loads(line) for line in lines]
        assert {"event.ingested"} == {one["timestamp_override"] for one in kibana.rules.values()}


def test_an_analyst_reads_and_changes_nothing(secure_server: Node, namespace: str):
    with secure_server.client() as admin:
        [*setup.install(admin, "none")]
        [*setup.install_roles(admin)]
        assert {"unchanged"} == {step.did for step in setup.install_roles(admin)}
        index = f"logs-otmon.alert-{namespace}"
        admin.index(index=index, document={"@timestamp": "2026-03-02T06:00:00Z"}, refresh=True)
        admin.security.put_user(username="kim", password="otmon-test-only", roles=["otmon_analyst"])
        reader = admin.options(basic_auth=("kim", "otmon-test-only"))
        assert 1 == reader.count(index=index)["count"]
        with pytest.raises(AuthorizationException):
            reader.index(index=index, document={"@timestamp": "2026-03-02T06:00:00Z"})
        with pytest.raises(AuthorizationException):
            reader.delete(index=index, id="any")


def test_the_role_for_set_up_is_enough_for_it(secure_server: Node, namespace: str):
    with secure_server.client() as admin:
        [*setup.install(admin, "none")]
        [*setup.install_roles(admin)]
        index = f"logs-otmon.alert-{namespace}"
        admin.index(index=index, document={"@timestamp": "2026-03-02T06:00:00Z"}, refresh=True)
        admin.security.put_user(username="sam", password="otmon-test-only", roles=["otmon_setup"])
        worker = admin.options(basic_auth=("sam", "otmon-test-only"))
        (own,) = (one.body for one in templates("none") if one.name == "logs-otmon.alert")
        older = {**own, "_meta": {"otmon_version": "0.0.1"}}
        admin.indices.put_index_template(name="logs-otmon.alert", body=older)

        did = {step.name: step.did for step in setup.install(worker, "none")}
        assert "updated" == did.pop("logs-otmon.alert")
        assert {"unchanged"} == set(did.values())
        assert index in [step.name for step in setup.roll_over(worker, namespace)]
        with pytest.raises(AuthorizationException):
            worker.search(index=index)


def test_templates_of_the_integration_package_are_left_alone(es_server: Node):
    with es_server.client() as client:
        [*setup.install(client, "none")]
        path = "/_index_template/logs-otmon.alert"
        headers = {"content-type": "application/json", "accept": "application/json"}
        (own,) = (one.body for one in templates("none") if one.path == path)
        theirs = {
            "index_patterns": ["logs-otmon.alert-*"],
            "data_stream": {},
            "priority": 200,
            "_meta": {"package": {"name": "otmon"}, "managed_by": "fleet", "managed": True},
        }
        client.perform_request("PUT", path, headers=headers, body=theirs)
        try:
            did = {step.name: step.did for step in setup.install(client, "none")}
            assert "left alone" == did.pop("logs-otmon.alert")
            assert {"unchanged"} == set(did.values())
        finally:
            client.perform_request("PUT", path, headers=headers, body=own)
