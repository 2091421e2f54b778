"""Lens panels of the shipped dashboards as the aggregations that Kibana makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kql

MISSING = "__missing__"
"""What Kibana calls documents without the field."""
LAYER_REFERENCE = "indexpattern-datasource-layer-"


@dataclass(frozen=True)
class LensPanel:
    """A Lens panel as it is shipped."""

    board: str
    id: str
    title: str
    view: str
    """The id of its data view."""
    attributes: Mapping[str, Any]

    @property
    def layer(self) -> Mapping[str, Any]:
        """Its only layer."""
        (layer,) = self.attributes["state"]["datasourceStates"]["formBased"]["layers"].values()
        return dict(layer)

    @property
    def columns(self) -> Mapping[str, Mapping[str, Any]]:
        """What it counts by and what it counts, in order."""
        layer = self.layer
        return {name: layer["columns"][name] for name in layer["columnOrder"]}

    @property
    def queries(self) -> Iterator[str]:
        """Every KQL in it."""
        yield self.attributes["state"]["query"]["query"]
        for column in self.columns.values():
            if "filter" in column:
                yield column["filter"]["query"]

    def request(self) -> dict[str, Any]:
        """The search that Kibana sends for it, but for the time range."""
        filters = [one["query"] for one in self.attributes["state"]["filters"]]
        query = kql.dsl(self.attributes["state"]["query"]["query"])
        columns = self.columns
        buckets = [name for name, column in columns.items() if column["isBucketed"]]
        metrics = [name for name in columns if name not in buckets]
        made = {name: _metric(columns[name]) for name in metrics}
        made = {name: one for name, one in made.items() if one is not None}
        aggregations: dict[str, Any] = made
        for name in reversed(buckets):
            ordered = {**_bucket(columns[name], columns, made)}
            # A metric by which an outer bucket is ordered has to be worked out there, too.
            inner = aggregations if name == buckets[-1] else {**aggregations, **made}
            aggregations = {name: {**ordered, "aggs": inner}}
        return {"size": 0, "query": {"bool": {"filter": [*filters, query]}}, "aggs": aggregations}


def panels(objects: list[Mapping[str, Any]]) -> Iterator[LensPanel]:
    """Every Lens panel of the dashboards among saved objects."""
    for one in objects:
        if one["type"] != "dashboard":
            continue
        for panel in json.loads(one["attributes"]["panelsJSON"]):
            if panel["type"] != "lens":
                continue
            attributes = panel["embeddableConfig"]["attributes"]
            (view,) = (
                reference["id"]
                for reference in attributes["references"]
                if reference["name"].startswith(LAYER_REFERENCE)
            )
            yield LensPanel(one["id"], panel["panelIndex"], panel["title"], view, attributes)


def _bucket(
    column: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]], made: Mapping[str, Any]
) -> dict[str, Any]:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        return {"date_histogram": {"field": field, "fixed_interval": "1m", "min_doc_count": 1}}
    assert column["operationType"] == "terms"
    order = params["orderBy"]
    key = "_key" if order["type"] == "alphabetical" else order["columnId"]
    if order["type"] == "column":
        target = columns[key]
        if target["operationType"] == "count" and "filter" not in target:
            key = "_count"
        elif "filter" in target:
            inner = "._count" if target["operationType"] == "count" else ">metric"
            key = f"{key}{inner}"
    missing = {"missing": MISSING} if params["missingBucket"] else {}
    return {
        "terms": {
            "field": field,
            "size": params["size"],
            "order": {key: params["orderDirection"]},
            **missing,
        }
    }


def _metric(column: Mapping[str, Any]) -> dict[str, Any] | None:
    operation, field = column["operationType"], column["sourceField"]
    made: dict[str, Any] | None
    match operation:
        case "count":
            made = None
        case "unique_count":
            made = {"cardinality": {"field": field}}
        case "last_value":
            sort = [{column["params"]["sortField"]: "desc"}]
            made = {"top_hits": {"size": 1, "sort": sort, "_source": False, "fields": [field]}}
        case "sum" | "max" | "min":
            made = {operation: {"field": field}}
        case _:
            raise AssertionError(f"no aggregation is known for {operation}")
    if "filter" not in column:
        return made
    inner = {} if made is None else {"aggs": {"metric": made}}
    return {"filter": kql.dsl(column["filter"]["query"]), **inner}


def figure(column: Mapping[str, Any], name: str, bucket: Mapping[str, Any]) -> Any:
    """The value of a metric in an answer, or in a bucket of it."""
    if column["operationType"] == "count" and "filter" not in column:
        return bucket["doc_count"] if "doc_count" in bucket else bucket["hits"]["total"]["value"]
    found = bucket[name] if "aggregations" not in bucket else bucket["aggregations"][name]
    if "filter" in column:
        if column["operationType"] == "count":
            return found["doc_count"]
        found = found["metric"]
    if column["operationType"] == "last_value":
        hits = found["hits"]["hits"]
        return hits[0]["fields"].get(column["sourceField"]) if hits else None
    return found["value"]


def rows(panel: LensPanel, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An answer as rows: each label with its value."""
    columns = panel.columns
    buckets = [name for name, column in columns.items() if column["isBucketed"]]
    metrics = [name for name in columns if name not in buckets]
    return list(_rows(columns, buckets, metrics, answer, answer["aggregations"] if buckets else {}))


def _rows(
    columns: Mapping[str, Mapping[str, Any]],
    buckets: list[str],
    metrics: list[str],
    level: Mapping[str, Any],
    inside: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    if not buckets:
        yield {columns[name]["label"]: figure(columns[name], name, level) for name in metrics}
        return
    first, *further = buckets
    for bucket in inside[first]["buckets"]:
        key = bucket.get("key_as_string", bucket["key"])
        for row in _rows(columns, further, metrics, bucket, bucket):
            yield {columns[first]["label"]: key, **row}
