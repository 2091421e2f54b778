"""Installs templates and lifecycle, says what changed, and changes nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from otmon._engine import version
from otmon.errors import OptionsError, SinkError
from otmon.sinks.elastic.connection import in_words
from otmon.sinks.elastic.roles import roles, writer_key
from otmon.sinks.elastic.templates import LIFECYCLES, Template, templates

LEFT = "left alone"
"""What was done with a template that the integration package brought."""
_HEADERS = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was to be installed."""

    name: str
    did: str
    """`installed`, `updated`, `unchanged`, or `left alone` where the package brought it;
    `rolled over` of a stream."""


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
        if is_of_package(meta):
            yield Step(one.name, LEFT)
            continue
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

    Which lifecycle was chosen at set-up makes no difference, nor whether Kibana's
    Integrations page did it.

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
        if is_of_package(meta):
            said = "same"
        elif not number:
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
    body = writer_key(sensor)
    try:
        answer = _ask(client, "POST", "/_security/api_key", body)
        place.write_text(f"{answer['encoded']}\n", "ascii")
    except BaseException:
        place.unlink()
        raise


def is_of_package(meta: Mapping[str, Any] | None) -> bool:
    """Whether Kibana's Integrations page installed something, by what it wrote there."""
    package = (meta or {}).get("package")
    return isinstance(package, Mapping) and package.get("name") == "otmon"


def install_roles(client: Elasticsearch) -> Iterator[Step]:
    """Put in the roles of people, where they are missing or differ."""
    for name, body in roles():
        path = f"/_security/role/{name}"
        there = _ask(client, "GET", path, absent=True)
        if there is not None and there[name].get("metadata") == body["metadata"]:
            yield Step(name, "unchanged")
            continue
        _ask(client, "PUT", path, body)
        yield Step(name, "installed" if there is None else "updated")


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
            "Use a user or key with manage_index_templates and manage_ilm; for roles and keys, "
            "manage_security."
        ) from error
    except TransportError as error:
        raise SinkError(
            f"Elasticsearch cannot be reached: {in_words(error)}. "
            "Check the address and the CA file."
        ) from error
