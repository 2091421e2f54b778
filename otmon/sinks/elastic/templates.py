"""Component and index templates, made from the catalogue of fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from otmon._engine import version
from otmon.sinks.elastic.catalogue import (
    ECS,
    LATEST,
    MOST_FIELDS,
    STREAMS,
    UNINDEXED,
    common,
    fields_of,
)

LIFECYCLES = ("ilm", "dsl", "none")
"""What may delete old data: policies, data stream lifecycles, or nothing."""
PRIORITY = 501
"""Above the built-in templates (100) and those of Fleet (200 to 250)."""
RETENTION_DAYS: Mapping[str, int] = {
    "logs-otmon.alert": 365,
    "logs-otmon.alert_update": 365,
    "logs-otmon.operation": 90,
    "logs-otmon.conversation": 90,
    "logs-otmon.asset": 365,
    "logs-otmon.vulnerability": 365,
    "metrics-otmon.sensor": 30,
}
"""After how many days data goes, by stream."""
ROLLOVER = {"max_age": "30d", "max_primary_shard_size": "25gb"}
_SETTINGS: Mapping[str, Any] = {
    "index.mapping.ignore_malformed": True,
    "index.mapping.total_fields.limit": MOST_FIELDS,
    "index.codec": "best_compression",
}
_STRICT: Mapping[str, Any] = {"dynamic": False, "date_detection": False}
_LONGEST = 1024
"""Characters of a keyword that are indexed."""
_KINDS: Mapping[str, dict[str, Any]] = {
    "keyword": {"type": "keyword", "ignore_above": _LONGEST},
    "flattened": {"type": "flattened", "depth_limit": 5, "ignore_above": 512},
}
_ASIDE: Mapping[str, Any] = {"index": False, "doc_values": False}


@dataclass(frozen=True, slots=True)
class Template:
    """One thing to install: where it goes, and its body."""

    kind: str
    """`_component_template`, `_index_template` or `_ilm/policy`."""
    name: str
    body: dict[str, Any]

    @property
    def path(self) -> str:
        """Where it is put."""
        return f"/{self.kind}/{self.name}"


def mapping(fields: Mapping[str, str]) -> dict[str, Any]:
    """Fields with dots in their names as the properties of a mapping."""
    root: dict[str, Any] = {}
    for name, kind in sorted(fields.items()):
        *outer, last = name.split(".")
        properties = root
        for part in outer:
            properties = properties.setdefault(part, {"properties": {}})["properties"]
        known = {"type": kind, **_ASIDE} if name in UNINDEXED else _KINDS.get(kind, {"type": kind})
        properties[last] = dict(known)
    return root


def mapped_count(properties: Mapping[str, Any]) -> int:
    """How many fields a mapping has, as Elasticsearch counts: objects are fields, too."""
    return sum(1 + mapped_count(one.get("properties", {})) for one in properties.values())


def templates(lifecycle: str = "none") -> Iterator[Template]:
    """Everything to install, in order.

    Args:
        lifecycle: `ilm`, `dsl` or `none`.
    """
    parts = {"otmon-ecs": ECS, "otmon-common": common()}
    for stream, own in STREAMS.items():
        parts[_part(stream)] = own
    for name, fields in parts.items():
        yield _component(name, {"mappings": {"properties": mapping(fields)}})
    yield _component("otmon-settings", {"settings": _SETTINGS, "mappings": _STRICT})
    if lifecycle == "ilm":
        yield from _policies()
    for stream in STREAMS:
        yield _index(stream, lifecycle)


def policy_of(stream: str) -> str:
    """The lifecycle policy of a stream: streams that live as long share one."""
    return f"otmon-{RETENTION_DAYS[stream]}d"


def retention(stream: str) -> int:
    """After how many days the data of a stream goes."""
    return RETENTION_DAYS[stream]


def policy(days: int) -> dict[str, Any]:
    """A lifecycle policy that deletes after some days."""
    phases = {
        "hot": {"actions": {"rollover": ROLLOVER}},
        "delete": {"min_age": f"{days}d", "actions": {"delete": {}}},
    }
    return {"policy": {"phases": phases}}


def self_contained(stream: str) -> dict[str, Any]:
    """The index template of a stream without parts, for a server that has none of them."""
    return {
        "index_patterns": [f"{stream}-*"],
        "priority": PRIORITY,
        "template": {
            "settings": _SETTINGS,
            "mappings": {**_STRICT, "properties": mapping(fields_of(stream))},
        },
    }


def _policies() -> Iterator[Template]:
    for days in sorted(set(RETENTION_DAYS.values())):
        body = _signed(policy(days), inside="policy")
        yield Template("_ilm/policy", f"otmon-{days}d", body)


def _part(stream: str) -> str:
    """The component template of what only one stream has."""
    return f"otmon-{stream.rpartition('.')[2].removeprefix('otmon-')}"


def _index(stream: str, lifecycle: str) -> Template:
    custom = f"{stream}@custom"
    parts = ["otmon-ecs", "otmon-common", _part(stream), "otmon-settings"]
    body: dict[str, Any] = {"index_patterns": [f"{stream}-*"], "priority": PRIORITY}
    optional = [custom]
    if stream != LATEST:
        kind = stream.partition("-")[0]
        built_in = [f"{kind}@mappings", f"{kind}@settings"]
        # What comes later wins: otmon's own over what the server brings.
        parts = [*built_in, *parts]
        optional = [*built_in, custom]
        body["data_stream"] = {}
        own: dict[str, Any] = {}
        if lifecycle == "ilm":
            own["settings"] = {"index.lifecycle.name": policy_of(stream)}
        elif lifecycle == "dsl":
            days = RETENTION_DAYS[stream]
            own["lifecycle"] = {"data_retention": f"{days}d"}
            own["settings"] = {"index.lifecycle.prefer_ilm": False}
        if own:
            body["template"] = own
    body["composed_of"] = [*parts, custom]
    body["ignore_missing_component_templates"] = optional
    return Template("_index_template", stream, _signed(body))


def _component(name: str, template: dict[str, Any]) -> Template:
    return Template("_component_template", name, _signed({"template": template}))


def _signed(body: dict[str, Any], inside: str | None = None) -> dict[str, Any]:
    """A body with who made it, and a hash by which a later set-up sees whether it differs."""
    text = json.dumps(body, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    meta = {"otmon_version": version(), "content_hash": digest, "managed_by": "otmon"}
    if inside is not None:
        return {**body, inside: {**body[inside], "_meta": meta}}
    return {**body, "_meta": meta}


def files() -> Iterator[tuple[str, str]]:
    """The templates as the files that `assets/` holds, by name."""
    for one in templates():
        folder = one.kind.removeprefix("_")
        yield f"{folder}/{one.name}.json", json.dumps(one.body, indent=1, sort_keys=True) + "\n"
