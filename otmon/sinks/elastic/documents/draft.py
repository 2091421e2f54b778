"""The form of every document: its id, what stands on each, and how it is written.

The same input gives the same id: nothing in here looks at a clock or a file.
A document never holds a list of objects, only parallel lists.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from otmon import _engine
from otmon.model.internet import PLAIN, Outside
from otmon.sinks.elastic.catalogue import LATEST
from otmon.sinks.outbox import Document, Failure

ECS_VERSION = "9.4.0"
PRIORITIES: Mapping[str, int] = {
    "alert": 0,
    "alert_update": 0,
    "asset": 1,
    "asset-latest": 1,
    "vulnerability": 1,
    "sensor": 2,
    "operation": 3,
    "conversation": 4,
}
"""What goes first, and is dropped last, by stream."""
MAX_DOCUMENT_BYTES = 256 << 10
MAX_LISTED = 100
"""Entries of a list in a document."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """Who sends."""

    id: str
    """Site and sensor, or what stands for the captures of a run."""
    site: str
    name: str
    namespace: str = "default"
    hostname: str | None = None
    interfaces: tuple[str, ...] = ()
    mac: tuple[str, ...] = ()
    """Of those interfaces, as ECS writes them."""
    ip: tuple[str, ...] = ()
    """Of the machine: what it watches with has none."""
    tags: tuple[str, ...] = ()
    """The site's own words for it."""
    is_outside: Outside = PLAIN
    """Whether an address is none of the site."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it gets its number among those of its stream."""

    stream: str
    """`alert`, `asset-latest`, ..."""
    id: str
    fields: Mapping[str, Any]
    """By names with dots."""
    version: int = 0
    about: int | None = None
    """The number of the alert that it tells of, if any."""


def draft(
    sensor: Sensor,
    stream: str,
    key: tuple[object, ...],
    time_ns: int,
    *,
    kind: str,
    category: list[str],
    kinds: list[str],
    fields: Mapping[str, Any],
) -> Draft:
    """A document with what stands on every one of its stream.

    Args:
        sensor: Who sends.
        stream: `alert`, `asset-latest`, ...
        key: What is the same for the same thing, and for nothing else of the stream.
        time_ns: When it was so, by packet time.
        kind: `event.kind`.
        category: `event.category`.
        kinds: `event.type`.
        fields: What only this document has, by names with dots.
    """
    natural = "|".join(map(str, (sensor.id, stream, *key)))
    identity = hashlib.sha256(natural.encode("utf-8", "replace")).hexdigest()[:32]
    dataset = "asset_latest" if stream == "asset-latest" else stream
    whole: dict[str, Any] = {
        "event.kind": kind,
        "event.category": category,
        "event.type": kinds,
        "event.module": "otmon",
        "event.dataset": f"otmon.{dataset}",
        "event.id": identity,
        "@timestamp": Moment(time_ns),
        "ecs.version": ECS_VERSION,
        "tags": [*sensor.tags],
        "observer.type": "sensor",
        "observer.vendor": "otmon",
        "observer.product": "otmon",
        "observer.version": _engine.version(),
        "observer.name": sensor.name,
        "observer.hostname": sensor.hostname,
        "observer.serial_number": sensor.id,
        "observer.ingress.interface.name": [*sensor.interfaces],
        "observer.mac": [*sensor.mac],
        "observer.ip": [*sensor.ip],
        "observer.geo.name": sensor.site,
        **fields,
    }
    if stream != "asset-latest":
        whole["data_stream.type"] = "metrics" if stream == "sensor" else "logs"
        whole["data_stream.dataset"] = f"otmon.{stream}"
        whole["data_stream.namespace"] = sensor.namespace
    whole |= _related(whole)
    return Draft(stream, identity, whole)


def _related(fields: Mapping[str, Any]) -> dict[str, Any]:
    ips: dict[str, None] = {}
    for name in ("source.ip", "destination.ip", "host.ip"):
        value = fields.get(name)
        for ip in value if isinstance(value, list) else [value]:
            if ip:
                ips[ip] = None
    # By the id of a device one filter finds its alerts, its operations and its history.
    named = ("source.asset.id", "destination.asset.id", "host.id", "host.name", "host.hostname")
    hosts = unlike(fields.get(name) for name in named)
    return {"related.ip": [*ips], "related.hosts": hosts}


def finished(
    sensor: Sensor, draft: Draft, sequence: int, now_ns: int, most_bytes: int = MAX_DOCUMENT_BYTES
) -> Document | tuple[Document, Failure]:
    """A draft as it goes into the queue; with why not, where it is too big for any.

    Args:
        sensor: Who sends.
        draft: The document.
        sequence: Its number among those of its stream.
        now_ns: When it is written, by the clock of the sensor.
        most_bytes: Beyond which the least important fields are left out.
    """
    given = {"event.created": Moment(now_ns), "event.sequence": sequence}
    body = encode({**draft.fields, **given})
    gone: frozenset[str] = frozenset()
    for step in _FIRST_TO_GO:
        if len(body) <= most_bytes:
            break
        gone |= step
        left = {"otmon.trimmed": True, **given}
        left |= {name: v for name, v in draft.fields.items() if name not in gone}
        body = encode(left)
    latest = draft.stream == "asset-latest"
    document = Document(
        priority=PRIORITIES[draft.stream],
        target=target(draft.stream, sensor.namespace),
        op="index" if latest else "create",
        id=draft.id,
        body=body,
        version=draft.version,
    )
    if len(body) > most_bytes:
        return document, Failure(0, "too_big", f"{len(body)} bytes; {most_bytes} are allowed")
    return document


_FIRST_TO_GO = (
    frozenset(("otmon.evidence.excerpt_hex", "otmon.evidence.excerpt_frames")),
    frozenset(
        (
            "otmon.detail",
            "otmon.evidence.frame_numbers",
            "otmon.alert.triage",
            "otmon.alert.false_positives",
            "otmon.alert.why",
            "otmon.asset.identified_by",
            "otmon.asset.modules",
            "ot.value",
        )
    ),
)
"""What a document that is too big is told without, one step after the other."""


def target(stream: str, namespace: str) -> str:
    """The data stream or index of a stream."""
    if stream == "asset-latest":
        return f"{LATEST}-{namespace}"
    kind = "metrics" if stream == "sensor" else "logs"
    return f"{kind}-otmon.{stream}-{namespace}"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A time, which a document has in UTC with milliseconds."""

    time_ns: int

    def text(self) -> str:
        """As Elasticsearch reads it; times outside its years are the nearest that it has."""
        whole, rest = divmod(min(max(self.time_ns, _EARLIEST_NS), _LATEST_NS), 1_000_000_000)
        days, seconds = divmod(whole, 86_400)
        date = _date(days)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return f"{date}T{hour:02d}:{minute:02d}:{second:02d}.{rest // 1_000_000:03d}Z"


_EARLIEST_NS = 0
_LATEST_NS = 4_102_444_800_000_000_000  # 2100


@functools.lru_cache(maxsize=256)
def _date(days: int) -> str:
    """The date of a day since 1970, in the proleptic Gregorian calendar."""
    return datetime.date.fromordinal(719_163 + days).isoformat()


def moment(time_ns: int | None) -> Moment | None:
    """A time, where there is one."""
    return None if time_ns is None else Moment(time_ns)


def encode(fields: Mapping[str, Any]) -> bytes:
    """Fields with dots in their names as nested JSON, `event` in front.

    What is none, an empty list or no finite number is left out. The sender relies on `event` to
    add when it sent.
    """
    root: dict[str, Any] = {"event": {}}
    for name, value in fields.items():
        if value is None or value == [] or (type(value) is float and not math.isfinite(value)):
            continue
        *outer, last = name.split(".")
        inner = root
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return json.dumps(
        root, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False
    ).encode("utf-8", "replace")


def _plain(value: Any) -> Any:
    if isinstance(value, Moment):
        return value.text()
    raise TypeError(f"{value!r} cannot stand in a document")


def unlike(values: Iterable[str | None]) -> list[str]:
    """Each of the first values once, in their order."""
    return [*dict.fromkeys(value for value in values if value)][:MAX_LISTED]
