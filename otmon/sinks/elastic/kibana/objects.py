"""Saved objects of Kibana: data views, saved searches and dashboards, as its import takes them.

Type versions are those of Kibana 8.9, or older: a Kibana brings objects forward
from any version before its own, and refuses what is newer. Shapes follow what
Elastic's own integrations ship, and Kibana's documentation of the import API
(`POST /api/saved_objects/_import`: one object a line; strings of JSON inside).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otmon._engine import version
from otmon.sinks.elastic.kibana import lens
from otmon.sinks.elastic.kibana.boards import BOARDS, SEARCHES
from otmon.sinks.elastic.kibana.panels import Board, Control, Panel, Search, Table, Words
from otmon.sinks.elastic.kibana.panels import slug as slug_of
from otmon.sinks.elastic.kibana.rules import detection_rules
from otmon.sinks.elastic.kibana.views import FORMATS, VIEWS, View

CORE_VERSION = "8.8.0"
TYPE_VERSIONS: Mapping[str, str] = {
    "dashboard": "8.9.0",
    "index-pattern": "8.0.0",
    "search": "8.0.0",
    "tag": "8.0.0",
}
"""The newest change of each type's form that is followed here."""
PANEL_VERSION = "8.9.0"
TAG = "otmon-tag"
_TAG_REFERENCE = {"type": "tag", "id": TAG, "name": f"tag-ref-{TAG}"}
_SOURCE = "kibanaSavedObjectMeta.searchSourceJSON"
_DRILLDOWN = "DASHBOARD_TO_DASHBOARD_DRILLDOWN"

SavedObject = dict[str, Any]
Reference = dict[str, str]


def saved_objects() -> Iterator[SavedObject]:
    """Everything that Kibana's import gets, what is referred to first."""
    yield _saved(
        "tag",
        TAG,
        {"name": "OTMON", "description": "Made by otmon.", "color": "#006BB4"},
        [],
    )
    for view in VIEWS:
        yield data_view(view)
    for search in SEARCHES:
        yield saved_search(search)
    for board in BOARDS:
        yield dashboard(board)


def signed(objects: Iterable[SavedObject]) -> list[SavedObject]:
    """Objects of which the tag says who made them, with a hash of them all."""
    made = list(objects)
    text = ndjson(made)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    for one in made:
        if one["id"] == TAG:
            one["attributes"]["description"] = f"otmon {version()}, {digest}"
    return made


def ndjson(objects: Iterable[Mapping[str, Any]]) -> str:
    """Objects as the file that an import takes: one in a line."""
    return "".join(f"{json.dumps(one, ensure_ascii=False, sort_keys=True)}\n" for one in objects)


def files() -> Iterator[tuple[str, str]]:
    """What `assets/` holds for a Kibana that no otmon reaches, by name."""
    yield "kibana/otmon.ndjson", ndjson(saved_objects())
    yield "kibana/promotion-rule.ndjson", ndjson(detection_rules([]))


def data_view(view: View) -> SavedObject:
    """A data view, there before its first document is."""
    formats = {name: shown for name, shown in FORMATS.items() if name in view.fields}
    attributes = {
        "title": view.pattern,
        "name": view.name,
        "allowNoIndex": True,
        "fields": "[]",
        "fieldAttrs": "{}",
        "fieldFormatMap": _text(formats),
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "typeMeta": "{}",
    }
    if view.has_time:
        attributes["timeFieldName"] = "@timestamp"
    return _saved("index-pattern", view.id, attributes, [])


def saved_search(search: Search) -> SavedObject:
    """A saved search: documents, newest first, with the columns that matter."""
    filter_name = f"{_SOURCE}.filter[0].meta.index"
    one = lens.dataset_filter(search.view, filter_name)
    one["meta"]["indexRefName"] = one["meta"].pop("index")
    source = {
        "query": {"language": "kuery", "query": search.query},
        "filter": [one],
        "indexRefName": f"{_SOURCE}.index",
    }
    attributes = {
        "title": search.title,
        "description": search.description,
        "columns": list(search.columns),
        "sort": [["@timestamp", "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }
    references = [_view_reference(f"{_SOURCE}.index", search.view)]
    references.append(_view_reference(filter_name, search.view))
    return _saved("search", search.id, attributes, [*references, _TAG_REFERENCE])


def dashboard(board: Board) -> SavedObject:
    """A dashboard with its panels by value."""
    panels, references = [], []
    top = 0
    for one in board.rows:
        left = 0
        for width, panel in one.panels:
            place = {"x": left, "y": top, "w": width, "h": one.height}
            written, needed = _panel(panel, place)
            panels.append(written)
            references += needed
            left += width
        top += one.height
    controls = dict(map(_control, range(len(board.controls)), board.controls))
    references += [
        _view_reference(f"controlGroup_{name}:optionsListDataView", board.view) for name in controls
    ]
    settings = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
    attributes = {
        "title": board.title,
        "description": board.question,
        "panelsJSON": _text(panels),
        "optionsJSON": _text(
            {
                "useMargins": True,
                "hidePanelTitles": False,
                "syncColors": True,
                "syncCursor": True,
                "syncTooltips": False,
            }
        ),
        "controlGroupInput": {
            "chainingSystem": "HIERARCHICAL",
            "controlStyle": "oneLine",
            "ignoreParentSettingsJSON": _text(dict.fromkeys(settings, False)),
            "panelsJSON": _text(controls),
        },
        "timeRestore": True,
        "timeFrom": board.since,
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 60_000},
        "version": 1,
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _text({"query": {"language": "kuery", "query": ""}, "filter": []})
        },
    }
    return _saved("dashboard", board.id, attributes, [*references, _TAG_REFERENCE])


def panel_id(panel: Panel) -> str:
    """The id of a panel within its dashboard."""
    return f"panel-{slug_of(panel.title)}"


def _panel(panel: Panel, place: Mapping[str, int]) -> tuple[dict[str, Any], list[Reference]]:
    """A panel at its place, and what it refers to, by the names that its dashboard uses."""
    name = panel_id(panel)
    written: dict[str, Any] = {
        "panelIndex": name,
        "gridData": {**place, "i": name},
        "version": PANEL_VERSION,
        "title": panel.title,
    }
    references: list[Reference] = []
    match panel:
        case Words(text=text):
            written |= {"type": "visualization", "embeddableConfig": _markdown(text)}
        case _:
            inner = lens.attributes(panel)
            opens = panel.opens if isinstance(panel, Table) else None
            written |= {
                "type": "lens",
                "embeddableConfig": {
                    "attributes": inner,
                    "enhancements": {} if opens is None else _opens(name),
                    "hidePanelTitles": False,
                },
            }
            references = [{**one, "name": f"{name}:{one['name']}"} for one in inner["references"]]
            if opens is not None:
                target = f"{name}:drilldown:{_DRILLDOWN}:{name}-opens:dashboardId"
                references.append({"type": "dashboard", "id": opens, "name": target})
    return written, references


def _opens(name: str) -> dict[str, Any]:
    """An entry in the menu of a value: open another dashboard with the filter of that value."""
    config = {"openInNewTab": False, "useCurrentDateRange": True, "useCurrentFilters": True}
    action = {"factoryId": _DRILLDOWN, "name": "Investigate", "config": config}
    event = {"eventId": f"{name}-opens", "triggers": ["FILTER_TRIGGER"], "action": action}
    return {"dynamicActions": {"events": [event]}}


def _markdown(text: str) -> dict[str, Any]:
    source = {"query": {"language": "kuery", "query": ""}, "filter": []}
    return {
        "enhancements": {},
        "hidePanelTitles": True,
        "savedVis": {
            "id": "",
            "title": "",
            "description": "",
            "type": "markdown",
            "params": {"fontSize": 12, "markdown": text, "openLinksInNewTab": False},
            "uiState": {},
            "data": {"aggs": [], "searchSource": source},
        },
    }


def _control(order: int, control: Control) -> tuple[str, dict[str, Any]]:
    name = f"control-{slug_of(control.title)}"
    return name, {
        "type": "optionsListControl",
        "order": order,
        "width": "medium",
        "grow": True,
        "explicitInput": {
            "id": name,
            "fieldName": control.field,
            "title": control.title,
            "selectedOptions": [],
            "enhancements": {},
        },
    }


def _view_reference(name: str, view: View) -> Reference:
    return {"type": "index-pattern", "id": view.id, "name": name}


def _saved(
    kind: str, name: str, attributes: Mapping[str, Any], references: list[Reference]
) -> SavedObject:
    return {
        "type": kind,
        "id": name,
        "attributes": dict(attributes),
        "references": references,
        "coreMigrationVersion": CORE_VERSION,
        "typeMigrationVersion": TYPE_VERSIONS[kind],
        "managed": False,
    }


def _text(value: object) -> str:
    """JSON inside JSON, as Kibana keeps it; the same bytes for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
