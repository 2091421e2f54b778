"""The integration package: what is in it, and what Elastic's own validator says of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from places import absent

from otmon.cli.elastic_setup import event_rules
from otmon.config import load
from otmon.sinks.elastic.catalogue import LATEST, STREAMS, fields_of
from otmon.sinks.elastic.kibana.objects import saved_objects
from otmon.sinks.elastic.kibana.package import package
from otmon.sinks.elastic.templates import RETENTION_DAYS

LINT = Path(__file__).parent / "package_lint"
CACHE = Path(os.environ.get("OTMON_GO_CACHE", "/var/tmp/otmon-go"))
SWITCH = "OTMON_REQUIRE_GO"
OLDEST_GO = (1, 24)


@pytest.fixture(scope="module")
def archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(package(event_rules(load(None)))))


@pytest.fixture(scope="module")
def lint() -> Path:
    """Elastic's validator, built once for each of its versions."""
    go = shutil.which("go")
    said = subprocess.run([go, "version"], capture_output=True, text=True).stdout if go else ""
    number = re.search(r"go(\d+)\.(\d+)", said)
    if go is None or number is None or (int(number[1]), int(number[2])) < OLDEST_GO:
        absent("Go 1.24, which Elastic's validator of packages needs,", SWITCH)
    digest = hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(LINT.iterdir()))
    ).hexdigest()[:16]
    program = CACHE / f"package_lint-{digest}"
    if not program.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        built = CACHE / f"{program.name}.{os.getpid()}"
        # The public checksum database has no entry for the validator; go.sum pins it.
        environment = {
            **os.environ,
            "GONOSUMDB": "github.com/elastic/*",
            "GOFLAGS": "-buildvcs=false",
        }
        done = subprocess.run(
            [go, "build", "-o", built, "."],
            cwd=LINT,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            absent(f"Elastic's validator of packages ({done.stderr.strip()[-300:]})", SWITCH)
        built.replace(program)
    return program


def test_the_validator_of_elastic_finds_nothing(archive, lint, tmp_path):
    archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    done = subprocess.run([lint, folder], capture_output=True, text=True)

    assert "valid\n" == done.stdout
    # The same tool does find a fault: a field that is there twice with two types.
    (folder / "data_stream" / "alert" / "fields" / "more.yml").write_text(
        "- name: event.severity\n  type: keyword\n"
    )
    assert "event.severity" in subprocess.run([lint, folder], capture_output=True, text=True).stdout


def test_the_same_otmon_makes_the_same_bytes():
    rules = event_rules(load(None))

    assert package(rules) == package(rules)


def test_it_has_every_stream_with_its_fields_and_how_long_it_is_kept(archive):
    top = archive.namelist()[0].partition("/")[0]
    for stream in STREAMS:
        if stream == LATEST:
            continue
        name = stream.rpartition(".")[2]
        folder = f"{top}/data_stream/{name}"
        fields = {
            field["name"]: field["type"]
            for part in ("base-fields", "fields")
            for field in yaml.safe_load(archive.read(f"{folder}/fields/{part}.yml"))
        }
        constant = {one for one, kind in fields.items() if kind == "constant_keyword"}
        assert {f"data_stream.{one}" for one in ("type", "dataset", "namespace")} == constant
        assert {**fields, **dict.fromkeys(constant, "keyword")} == fields_of(stream)
        policy = json.loads(archive.read(f"{folder}/elasticsearch/ilm/otmon.json"))
        delete = policy["policy"]["phases"]["delete"]
        assert f"{RETENTION_DAYS[stream]}d" == delete["min_age"]


def test_it_has_the_same_objects_as_an_import_and_every_rule(archive):
    kibana = {}
    rules = 0
    for name in archive.namelist():
        if "/kibana/security_rule/" in name:
            rule = json.loads(archive.read(name))
            assert rule["id"] == rule["attributes"]["rule_id"] == Path(name).stem
            assert not {"enabled", "actions"} & set(rule["attributes"])
            rules += 1
        elif "/kibana/" in name:
            one = json.loads(archive.read(name))
            assert one["id"] == Path(name).stem
            kibana[one["type"], one["id"]] = one

    assert {(one["type"], one["id"]): one for one in saved_objects()} == kibana
    assert 1 + len(event_rules(load(None))) == rules


def test_its_readme_has_the_request_for_the_index_that_a_package_cannot_bring(archive):
    (name,) = (one for one in archive.namelist() if one.endswith("docs/README.md"))
    text = archive.read(name).decode()
    _, _, rest = text.partition(f"PUT _index_template/{LATEST}\n")
    body = json.loads(rest.partition("\n```")[0])

    assert [f"{LATEST}-*"] == body["index_patterns"]
    assert body["template"]["mappings"]["dynamic"] is False


def test_its_request_for_the_newest_states_is_taken_by_a_server(archive, es_server, namespace):
    (name,) = (one for one in archive.namelist() if one.endswith("docs/README.md"))
    text = archive.read(name).decode()
    _, _, rest = text.partition(f"PUT _index_template/{LATEST}\n")
    body = json.loads(rest.partition("\n```")[0])
    # Of its own name and a higher priority, so that other tests keep theirs.
    body["index_patterns"] = [f"{LATEST}-{namespace}"]
    body["priority"] += 1
    with es_server.client() as client:
        client.indices.put_index_template(name=f"test-{namespace}", **body)
        client.index(index=f"{LATEST}-{namespace}", document={"otmon": {"asset": {"id": "a"}}})
        mapping = client.indices.get_mapping(index=f"{LATEST}-{namespace}")
    properties = mapping[f"{LATEST}-{namespace}"]["mappings"]["properties"]

    assert "keyword" == properties["otmon"]["properties"]["asset"]["properties"]["id"]["type"]
