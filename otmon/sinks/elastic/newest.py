"""How old the newest document of a sensor is, in each stream: does what it sends arrive?

The key of a sensor may not read, and then it cannot be asked: that is said,
with where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from otmon.model.finding import OK, WARNING, Finding
from otmon.sinks.elastic.asking import ask
from otmon.sinks.elastic.backlog import spell
from otmon.sinks.elastic.catalogue import STREAMS

HEALTH = "metrics-otmon.sensor"
"""Gets a document each minute while a sensor watches."""
SILENT_S = 600.0
"""After so long without one, somebody should look why."""
_CHECK = "newest documents"
_SENT = "event.ingested"


def examine(
    client: Elasticsearch, namespace: str, clock_ns: Callable[[], int], sensor: str
) -> Iterator[Finding]:
    """What of a sensor arrived last, as far as this key may see it.

    Args:
        client: Of a server that answers.
        namespace: Of the streams.
        clock_ns: The clock of this machine.
        sensor: Its id: `observer.serial_number` of what it sends.
    """
    targets = {f"{one}-{namespace}": one for one in STREAMS}
    rights = ask(
        client,
        "/_security/user/_has_privileges",
        {"index": [{"names": [*targets], "privileges": ["read"]}]},
    )
    # A server without users does not know the question, and lets everybody read.
    may = {} if isinstance(rights, int) else rights.get("index", {})
    readable = [one for one in targets if isinstance(rights, int) or may.get(one, {}).get("read")]
    if not readable:
        yield _unseen("this key may not read, as is right for a sensor", sensor)
        return
    ages: dict[str, float] = {}
    for target in readable:
        found = ask(client, f"/{target}/_search?ignore_unavailable=true", _question(sensor))
        if isinstance(found, int):
            yield _unseen(f"the server answers {found} to a search in {target}", sensor)
            return
        sent_ms = found.get("aggregations", {}).get("newest", {}).get("value")
        if sent_ms is not None:
            ages[targets[target]] = max(0.0, clock_ns() / 1e9 - sent_ms / 1e3)
    yield _told(ages, sensor)


def _question(sensor: str) -> Mapping[str, Any]:
    return {
        "size": 0,
        "query": {"term": {"observer.serial_number": sensor}},
        "aggs": {"newest": {"max": {"field": _SENT}}},
    }


def _told(ages: Mapping[str, float], sensor: str) -> Finding:
    if not ages:
        return Finding(
            _CHECK,
            WARNING,
            f"there is none of {sensor}",
            "Nothing was sent yet, or under another name: see [site] name and [elastic] sensor, "
            "and `otmon elastic status`.",
        )
    says = "sent " + ", ".join(
        f"{spell(age)} ago to {stream}" for stream, age in sorted(ages.items(), key=_by_age)
    )
    health = ages.get(HEALTH)
    if health is not None and health > SILENT_S:
        return Finding(
            _CHECK,
            WARNING,
            f"{sensor}: {says}. While it watches, one of its health comes each minute",
            "See whether `otmon monitor` and its sender run, and `otmon elastic status`.",
        )
    return Finding(_CHECK, OK, f"{sensor}: {says}")


def _by_age(pair: tuple[str, float]) -> float:
    return pair[1]


def _unseen(why: str, sensor: str) -> Finding:
    return Finding(
        _CHECK,
        OK,
        f"not looked for: {why}",
        'In Kibana, "[OTMON] Sensor health" and Discover show them, newest first: '
        f'observer.serial_number: "{sensor}".',
    )
