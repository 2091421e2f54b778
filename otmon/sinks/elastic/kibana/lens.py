"""Panels as Lens keeps them in a dashboard: by value, with a form-based data source.

The shape is that of the dashboards in Elastic's own integrations (for instance
`network_traffic` and `corelight`), and of Kibana's `LensAttributes`: a layer has
columns, and the visualisation says where each goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otmon.sinks.elastic.kibana.panels import (
    Bars,
    Bucket,
    Chart,
    Heat,
    Latest,
    Metric,
    Number,
    Table,
    Terms,
    Time,
    latest,
    slug,
)
from otmon.sinks.elastic.kibana.views import View

LAYER = "layer"
"""The only layer of a panel."""
LAYER_REFERENCE = f"indexpattern-datasource-layer-{LAYER}"
FILTER_REFERENCE = "otmon-dataset"
"""What the filter of a panel calls its data view."""
RECORDS = "___records___"
"""Lens's name for "the document itself"."""
_DATA_TYPES: Mapping[str, str] = {
    "keyword": "string",
    "ip": "ip",
    "date": "date",
    "boolean": "boolean",
    "long": "number",
    "float": "number",
    "double": "number",
}


def attributes(panel: Chart) -> dict[str, Any]:
    """The attributes of a Lens panel."""
    columns = dict(_columns(panel))
    kind, visualization = _visualization(panel, columns)
    view = panel.view
    return {
        "title": "",
        "description": "",
        "visualizationType": kind,
        "type": "lens",
        "references": [
            {"type": "index-pattern", "id": view.id, "name": LAYER_REFERENCE},
            {"type": "index-pattern", "id": view.id, "name": FILTER_REFERENCE},
        ],
        "state": {
            "adHocDataViews": {},
            "datasourceStates": {
                "formBased": {
                    "layers": {
                        LAYER: {
                            "columnOrder": list(columns),
                            "columns": columns,
                            "incompleteColumns": {},
                            "sampling": 1,
                            "ignoreGlobalFilters": isinstance(panel, Number) and panel.everywhere,
                        }
                    }
                }
            },
            "filters": [dataset_filter(view, FILTER_REFERENCE)],
            "internalReferences": [],
            "query": {"language": "kuery", "query": panel.query},
            "visualization": visualization,
        },
    }


def dataset_filter(view: View, index: str) -> dict[str, Any]:
    """A filter for the documents of one dataset, as Kibana's filter bar writes it."""
    field = view.dataset_field
    return {
        "$state": {"store": "appState"},
        "meta": {
            "alias": None,
            "disabled": False,
            "index": index,
            "key": field,
            "negate": False,
            "params": {"query": view.dataset},
            "type": "phrase",
        },
        "query": {"match_phrase": {field: view.dataset}},
    }


def _parts(panel: Chart) -> tuple[Sequence[Bucket], Sequence[Metric]]:
    """What a panel counts by, outermost first, and what it counts."""
    match panel:
        case Number(metric=metric):
            return (), (metric,)
        case Bars(by=by, metrics=metrics, split=split):
            # The values are chosen over the whole range, not anew in each stretch of time.
            return (by,) if split is None else (split, by), metrics
        case Table(by=by, metrics=metrics):
            return by, metrics
        case Heat(across=across, down=down, metric=metric):
            return (down, across), (metric,)
        case Latest(columns=columns, key=key, size=size):
            told = (latest(label, field) for field, label in columns)
            return (Terms(key, "Id", size),), (Metric("Time", "max", "@timestamp"), *told)


def _columns(panel: Chart) -> Iterator[tuple[str, dict[str, Any]]]:
    buckets, metrics = _parts(panel)
    first = _metric_id(metrics[0])
    for bucket in buckets:
        yield _bucket_id(bucket), _bucket(bucket, panel.view, first)
    for metric in metrics:
        yield _metric_id(metric), _metric(metric, panel)


def _bucket_id(bucket: Bucket) -> str:
    return f"by-{slug(bucket.label)}"


def _metric_id(metric: Metric) -> str:
    return f"metric-{slug(metric.label)}"


def _bucket(bucket: Bucket, view: View, ordered_by: str) -> dict[str, Any]:
    column: dict[str, Any] = {
        "label": bucket.label,
        "customLabel": True,
        "sourceField": bucket.field,
        "isBucketed": True,
    }
    if isinstance(bucket, Time):
        params: dict[str, Any] = {"interval": "auto", "includeEmptyRows": True}
        params["dropPartials"] = False
        return {
            **column,
            "dataType": "date",
            "operationType": "date_histogram",
            "scale": "interval",
            "params": params,
        }
    order: dict[str, Any] = {"type": "column", "columnId": ordered_by}
    if bucket.by_name:
        order = {"type": "alphabetical", "fallback": True}
    return {
        **column,
        "dataType": _DATA_TYPES[view.fields[bucket.field]],
        "operationType": "terms",
        "scale": "ordinal",
        "params": {
            "size": bucket.size,
            "orderBy": order,
            "orderDirection": "asc" if bucket.by_name else "desc",
            # Lens minds documents without the field only where it minds the rest.
            "otherBucket": bucket.rest or bucket.missing,
            "missingBucket": bucket.missing,
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }


def _metric(metric: Metric, panel: Chart) -> dict[str, Any]:
    kind = "number"
    if metric.field is not None and metric.operation != "unique_count":
        kind = _DATA_TYPES[panel.view.fields[metric.field]]
    column: dict[str, Any] = {
        "label": metric.label,
        "customLabel": True,
        "dataType": kind,
        "operationType": metric.operation,
        "scale": "ratio",
        "sourceField": metric.field or RECORDS,
        "isBucketed": False,
        # A figure that is zero says so; a bar of nothing is not drawn.
        "params": {"emptyAsNull": not isinstance(panel, Number | Table)},
    }
    where = metric.where
    if metric.operation == "last_value":
        # Every value of a list, not only the first one.
        column["params"] = {"sortField": "@timestamp", "showArrayValues": True}
        column["scale"] = "ratio" if kind in ("number", "date") else "ordinal"
        where = f"{metric.field}: *"
    if where:
        column["filter"] = {"language": "kuery", "query": where}
    return column


def _visualization(panel: Chart, columns: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    place = {"layerId": LAYER, "layerType": "data"}
    match panel:
        case Number(metric=metric):
            color = {} if metric.color is None else {"color": metric.color}
            return "lnsMetric", {**place, "metricAccessor": _metric_id(metric), **color}
        case Table() | Latest():
            shown: list[dict[str, Any]]
            shown = [{"columnId": name, "isTransposed": False} for name in columns]
            if isinstance(panel, Latest):
                # What makes the rows is of no interest itself.
                shown[0]["hidden"] = True
            elif panel.opens is not None:
                shown[0]["oneClickFilter"] = True
            more = {"rowHeight": "single", "headerRowHeight": "single", "density": "compact"}
            return "lnsDatatable", {**place, "columns": shown, **more}
        case Heat(across=across, down=down, metric=metric):
            return "lnsHeatmap", {
                **place,
                "shape": "heatmap",
                "xAccessor": _bucket_id(across),
                "yAccessor": _bucket_id(down),
                "valueAccessor": _metric_id(metric),
                "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
                "gridConfig": {
                    "type": "heatmap_grid",
                    "isCellLabelVisible": True,
                    "isXAxisLabelVisible": True,
                    "isXAxisTitleVisible": False,
                    "isYAxisLabelVisible": True,
                    "isYAxisTitleVisible": False,
                },
            }
        case Bars():
            return "lnsXY", _bars(panel, place)


def _bars(panel: Bars, place: Mapping[str, str]) -> dict[str, Any]:
    layer: dict[str, Any] = {
        **place,
        "seriesType": panel.kind,
        "position": "top",
        "showGridlines": False,
        "xAccessor": _bucket_id(panel.by),
        "accessors": [_metric_id(metric) for metric in panel.metrics],
    }
    colored = [metric for metric in panel.metrics if metric.color is not None]
    if colored:
        layer["yConfig"] = [
            {"forAccessor": _metric_id(metric), "color": metric.color} for metric in colored
        ]
    if panel.split is not None:
        layer["splitAccessor"] = _bucket_id(panel.split)
    titles = {"x": False, "yLeft": False, "yRight": False}
    return {
        "layers": [layer],
        "legend": {
            "isVisible": panel.split is not None or len(panel.metrics) > 1,
            "position": "right",
        },
        "preferredSeriesType": panel.kind,
        "valueLabels": "show" if panel.kind == "bar_horizontal" else "hide",
        "axisTitlesVisibilitySettings": titles,
    }
