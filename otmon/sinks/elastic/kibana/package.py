"""The same as an integration package: what Kibana's Integrations page takes as an upload.

The form is that of Elastic's package-spec, as a built package: JSON inside JSON
stands as a string. Nothing is written twice: fields, retention, dashboards and
rules come from where set-up has them.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from otmon._engine import version
from otmon.fields import FIELDS
from otmon.sinks.elastic.catalogue import LATEST, MOST_FIELDS, STREAMS, UNINDEXED, fields_of
from otmon.sinks.elastic.kibana.boards import BOARDS
from otmon.sinks.elastic.kibana.objects import saved_objects
from otmon.sinks.elastic.kibana.rules import detection_rules, is_rule
from otmon.sinks.elastic.templates import ROLLOVER, policy, retention, self_contained

NAME = "otmon"
SPEC = "3.0.0"
"""The format: old enough for Kibana 8.13."""
KIBANA = "^8.13.0 || ^9.0.0"
_POLICY = "otmon"
_STREAM_TITLES: Mapping[str, str] = {
    "alert": "Alerts, as they were raised",
    "alert_update": "What became of alerts",
    "operation": "Who did what to whom, by the minute",
    "conversation": "Who talked to whom, by the minute",
    "asset": "History of devices",
    "vulnerability": "Known weaknesses of devices",
    "sensor": "How sensors are, by the minute",
}
_CONSTANT = {"data_stream.type", "data_stream.dataset", "data_stream.namespace"}
_BASE = (*sorted(_CONSTANT), "@timestamp")
_OF_AN_INSTALLED_RULE = {"enabled", "immutable", "actions", "exceptions_list", "meta"}
"""What a rule of a package does not say: whether it is on is for whoever installs it."""
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64">'
    '<rect width="64" height="64" rx="10" fill="#0b3954"/>'
    '<path d="M6 34h14l6-16 10 30 7-20 4 6h11" fill="none" stroke="#8fd694" stroke-width="4"'
    ' stroke-linejoin="round" stroke-linecap="round"/></svg>\n'
)


def package(event_rules: Iterable[Mapping[str, Any]]) -> bytes:
    """The zip; the same bytes for the same otmon.

    Args:
        event_rules: As `otmon rules convert` makes them.
    """
    written = io.BytesIO()
    # Not compressed: what a compressor makes of it is another thing on another machine.
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(files(event_rules)):
            entry = zipfile.ZipInfo(f"{NAME}-{version()}/{name}", (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text.encode())
    return written.getvalue()


def files(event_rules: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every file of the package, by its name in it."""
    yield "manifest.yml", _yaml(_manifest())
    yield "changelog.yml", _yaml(_changelog())
    yield "docs/README.md", readme()
    yield "img/otmon.svg", _ICON
    for stream in STREAMS:
        if stream != LATEST:
            yield from _data_stream(stream)
    for one in saved_objects():
        folder = one["type"].replace("-", "_")
        yield f"kibana/{folder}/{one['id']}.json", _json(one)
    # A package has no exception lists, and a rule without its exceptions says something else.
    carried = [one for one in event_rules if is_rule(one) and not one["exceptions_list"]]
    for rule in detection_rules(carried):
        name = rule["rule_id"]
        attributes = {key: value for key, value in rule.items() if key not in _OF_AN_INSTALLED_RULE}
        asset = {"attributes": attributes, "id": name, "type": "security-rule"}
        yield f"kibana/security_rule/{name}.json", _json(asset)


def _manifest() -> dict[str, Any]:
    return {
        "format_version": SPEC,
        "name": NAME,
        "title": "OTMON",
        "version": version(),
        "description": "Alerts, devices, operations and conversations of industrial networks, "
        "as otmon sends them.",
        "type": "integration",
        "categories": ["security", "network_security"],
        "conditions": {
            "kibana": {"version": KIBANA},
            "elastic": {"subscription": "basic", "capabilities": ["security"]},
        },
        "icons": [
            {"src": "/img/otmon.svg", "title": "OTMON", "size": "64x64", "type": "image/svg+xml"}
        ],
        "owner": {"github": "otmon", "type": "community"},
    }


def _changelog() -> list[dict[str, Any]]:
    change = {
        "description": f"Streams, dashboards and rules of otmon {version()}.",
        "type": "enhancement",
        "link": "CHANGELOG.md",
    }
    return [{"version": version(), "changes": [change]}]


def _data_stream(stream: str) -> Iterator[tuple[str, str]]:
    kind, _, dataset = stream.partition("-")
    name = dataset.removeprefix(f"{NAME}.")
    folder = f"data_stream/{name}"
    manifest = {
        "title": _STREAM_TITLES[name],
        "type": kind,
        "dataset": dataset,
        "ilm_policy": f"{stream}-{_POLICY}",
        "elasticsearch": {
            "index_template": {
                "mappings": {"dynamic": False, "date_detection": False},
                "settings": {
                    "index": {
                        "codec": "best_compression",
                        "mapping": {"total_fields": {"limit": MOST_FIELDS}},
                    }
                },
            }
        },
    }
    yield f"{folder}/manifest.yml", _yaml(manifest)
    known = fields_of(stream)
    base = [_field(field, known[field], stream) for field in _BASE]
    yield f"{folder}/fields/base-fields.yml", _yaml(base)
    own = [_field(field, known[field], stream) for field in sorted(known) if field not in _BASE]
    yield f"{folder}/fields/fields.yml", _yaml(own)
    yield f"{folder}/elasticsearch/ilm/{_POLICY}.json", _json(policy(retention(stream)))


def _field(name: str, kind: str, stream: str) -> dict[str, Any]:
    described = FIELDS.get(name)
    text = described.description if described is not None else f"{name} of {stream}."
    shown = "constant_keyword" if name in _CONSTANT else kind
    field: dict[str, Any] = {"name": name, "type": shown, "description": text}
    if name in UNINDEXED:
        field |= {"index": False, "doc_values": False}
    if name == "data_stream.type":
        field["value"] = stream.partition("-")[0]
    return field


def readme() -> str:
    """What somebody reads who finds the package in Kibana."""
    boards = "\n".join(f"- **{board.title}**: {board.question}" for board in BOARDS)
    streams = "\n".join(
        f"| `{stream}-*` | {_STREAM_TITLES[stream.rpartition('.')[2]]} | {retention(stream)} days |"
        for stream in STREAMS
        if stream != LATEST
    )
    return _README.format(
        version=version(),
        boards=boards,
        streams=streams,
        template=json.dumps(self_contained(LATEST), separators=(",", ":")),
        latest=LATEST,
        rollover=ROLLOVER["max_age"],
    )


_README = """# OTMON

otmon watches industrial networks passively, and sends alerts, devices, operations and
conversations to Elasticsearch. This package, made by otmon {version}, has the streams, dashboards
and rules. It has no agent: otmon sends by itself (`otmon monitor`, `otmon analyze --elastic`).

## Set up

1. Install this package.
2. The newest state of devices is a plain index, which a package cannot bring. Run in the
   Dev Tools, once (`otmon elastic setup` does it, too, and leaves the rest to this package):

```
PUT _index_template/{latest}
{template}
```

3. Make a key for each sensor: `otmon elastic setup --create-key FILE`.
4. Under Security, Rules, add *OTMON alerts* to see alerts of otmon there. Elastic's own
   *External Alerts* shows the same: switch on one of the two.

## Dashboards

{boards}

## Streams

| stream | one document for | kept |
|---|---|---|
{streams}

Indices roll over after {rollover} or 25 GB. `event.severity` is 21, 47, 73 or 99; `observer.*` is
the sensor, `host.*` the device that an alert is about. On the sensor `otmon explain ID` says why an
alert was raised; ID is `otmon.alert.id`.
"""


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
