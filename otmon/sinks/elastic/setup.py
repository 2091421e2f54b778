"""Installs templates and lifecycle, says what changed, and changes nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from otmon._engine import version
from otmon.errors import OptionsError, SinkError
from otmon.sinks.elastic.templates import Template, templates

_HEADERS = {"accept": "application/json", "content-type": "application/json"}

LIFECYCLES = ("ilm", "dsl", "none")
"""What may delete old data: policies, data stream lifecycles, or nothing."""

WRITER_KEY: Mapping[str, Any] = {
    "otmon_writer": {
        "cluster": ["monitor"],
        "index": [
            {
                "names": ["logs-otmon.*-*", "metrics-otmon.*-*"],
                "privileges": ["auto_configure", "create_doc"],
            },
            {
                "names": ["otmon-asset-latest-*"],
                "privileges": ["auto_configure", "create_index", "index"],
            },
        ],
    }
}
"""What the key of a sensor may do: add documents, and neither read nor delete any."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was to be installed."""

    name: str
    did: str
    """`installed`, `updated` or `unchanged`; `rolled over` of a stream."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How something on the server is, measured by what this otmon would install."""

    name: str
    did: str
    """`same`, `missing`, `older`, `newer`, `differs`, `foreign`, or `unknown` to this key."""


def install(client: Elasticsearch, lifecycle: str, *, force: bool = False) -> Iterator[Step]:
    """Put in what is missing or differs, in order.

    Args:
        client: With a user or key that may manage templates.
        lifecycle: `ilm`, `dsl` or `none`.
        force: Put in an older version than the one that is there, too.

    Raises:
        SinkError: The server refuses something, or cannot be reached.
        OptionsError: A newer otmon installed what is there.
    """
    for one in templates(lifecycle):
        there = _there(client, one)
        meta = None if there is None else _meta(there, one.kind)
        if meta == _meta(one.body, one.kind):
            yield Step(one.name, "unchanged")
            continue
        newer = str((meta or {}).get("otmon_version", ""))
        if not force and _parts(newer) > _parts(version()):
            raise OptionsError(
                f"{one.name} was installed by otmon {newer}, which is newer than this one. "
                "Update otmon, or give --force."
            )
        _ask(client, "PUT", one.path, one.body)
        yield Step(one.name, "installed" if there is None else "updated")


def compare(client: Elasticsearch) -> Iterator[Comparison]:
    """How each template on the server is; nothing is changed.

    Which lifecycle was chosen at set-up makes no difference.

    Raises:
        SinkError: The server cannot be reached.
    """
    ways = [{one.path: one for one in templates(way)} for way in LIFECYCLES]
    for path, one in ways[-1].items():
        try:
            there = _there(client, one)
        except SinkError as error:
            if isinstance(error.__cause__, ApiError) and error.__cause__.meta.status in (401, 403):
                yield Comparison(one.name, "unknown")
                continue
            raise
        if there is None:
            yield Comparison(one.name, "missing")
            continue
        meta = _meta(there, one.kind) or {}
        wanted = [_meta(way[path].body, one.kind) or {} for way in ways]
        number = _parts(str(meta.get("otmon_version", "")))
        if not number:
            said = "foreign"
        elif meta.get("content_hash") in [each["content_hash"] for each in wanted]:
            said = "same"
        elif number != _parts(version()):
            said = "newer" if number > _parts(version()) else "older"
        else:
            said = "differs"
        yield Comparison(one.name, said)


def roll_over(client: Elasticsearch, namespace: str) -> Iterator[Step]:
    """Make every stream that exists go on with the newest mapping."""
    for one in templates():
        if one.kind != "_index_template" or "data_stream" not in one.body:
            continue
        stream = f"{one.name}-{namespace}"
        if _ask(client, "POST", f"/{stream}/_rollover", {}, absent=True) is not None:
            yield Step(stream, "rolled over")


def create_key(client: Elasticsearch, sensor: str, place: Path) -> None:
    """Make the key of a sensor and write it into a file that only its owner reads.

    Raises:
        SinkError: The server refuses.
        OptionsError: The file is there already, or cannot be written.
    """
    try:
        # Made before the key: a key that nobody has would be left on the server.
        place.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise OptionsError(
            f"{place} cannot be written: {error.strerror}. Name a file that does not exist."
        ) from error
    body = {"name": f"otmon-{sensor}", "role_descriptors": WRITER_KEY}
    try:
        answer = _ask(client, "POST", "/_security/api_key", body)
        place.write_text(f"{answer['encoded']}\n", "ascii")
    except BaseException:
        place.unlink()
        raise


def write_files(folder: Path, lifecycle: str) -> Iterator[Path]:
    """Write what would be installed, numbered, for an administrator without otmon."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Requests in order; each body is the file of the same number.", ""]
    for number, one in enumerate(templates(lifecycle), 1):
        place = folder / f"{number:02d}-{one.name.replace('@', '-')}.json"
        place.write_text(json.dumps(one.body, indent=1, sort_keys=True) + "\n", "utf8")
        lines.append(f"PUT {one.path}    < {place.name}")
        yield place
    key = folder / "writer-key.json"
    body = {"name": "otmon-SENSOR", "role_descriptors": WRITER_KEY}
    key.write_text(json.dumps(body, indent=1) + "\n", "utf8")
    yield key
    lines.append(f"POST /_security/api_key    < {key.name}")
    index = folder / "REQUESTS.txt"
    index.write_text("\n".join(lines) + "\n", "utf8")
    yield index


def _there(client: Elasticsearch, one: Template) -> dict[str, Any] | None:
    answer = _ask(client, "GET", one.path, absent=True)
    if answer is None:
        return None
    if one.kind == "_ilm/policy":
        policy: dict[str, Any] = answer[one.name]
        return policy
    (entry,) = answer[f"{one.kind.removeprefix('_')}s"]
    body: dict[str, Any] = entry[one.kind.removeprefix("_")]
    return body


def _meta(body: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    inner = body.get("policy", {}) if kind == "_ilm/policy" else body
    meta: dict[str, Any] | None = inner.get("_meta")
    return meta


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _ask(
    client: Elasticsearch,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    absent: bool = False,
) -> Any:
    """What the server says to a request; none where it says that there is no such thing.

    Raises:
        SinkError: It refuses, or cannot be reached.
    """
    try:
        return client.perform_request(method, path, headers=_HEADERS, body=body).body
    except ApiError as error:
        if absent and error.meta.status == 404:
            return None
        if path.startswith("/_ilm") and error.meta.status in (400, 405):
            raise SinkError(
                "This server has no index lifecycle management. Give --lifecycle dsl or none."
            ) from error
        raise SinkError(
            f"Elasticsearch refuses {method} {path}: {error.meta.status}, {error.message}. "
            "Use a user or key with manage_index_templates and manage_ilm."
        ) from error
    except TransportError as error:
        raise SinkError(
            f"Elasticsearch cannot be reached: {error.message}. Check the address and the CA file."
        ) from error
