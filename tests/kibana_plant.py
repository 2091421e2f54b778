"""A plant in a real Elasticsearch, and the panels that are asked about it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from elastic_server import Node
from elasticsearch import Elasticsearch
from lens import LensPanel, panels, rows
from places import PCAPS

from otmon.cli import main
from otmon.sinks.elastic import documents, setup
from otmon.sinks.elastic.documents import Sensor
from otmon.sinks.elastic.kibana.objects import ndjson, saved_objects
from otmon.sinks.elastic.kibana.views import VIEWS
from otmon.state.site_file import now_ns

PANELS = list(panels([json.loads(line) for line in ndjson(saved_objects()).splitlines()]))
VIEW = {view.id: view for view in VIEWS}
PLANT = PCAPS / "demo" / "plant.pcapng"
BASELINE = ("habits", "departures")
"""What is normal, and what is held against it."""
SITE = """
[site]
name = "waterworks"
[[zones]]
name = "office"
level = 4.0
assets = ["10.20.1.66"]
[[zones]]
name = "stations"
level = 2.0
subnets = ["10.20.1.0/24"]
[[zones]]
name = "controllers"
level = 1.0
subnets = ["10.20.2.0/24", "10.20.3.0/24"]
[[conduits]]
from = "stations"
to = "controllers"
[[assets]]
match = "10.20.2.11"
role = "safety_controller"
safety = true
[elastic]
namespace = "%s"
evidence_excerpt = true
"""


ADVISORIES = """id,vendor,model,firmware,title,cve,score
TEST-1,Siemens,CPU 315-2 PN/DP,<3.3,Made for this test,CVE-2099-0001,9.8
TEST-2,Schneider Electric,BMX P34 2020,<2.0,Made for this test,CVE-2099-0002,5.0
TEST-3,Schweitzer,SEL-3530,<1.0,Made for this test,CVE-2099-0003,
"""
"""Of weaknesses that nobody has published."""


@dataclass(frozen=True)
class Plant:
    """A plant that is in Elasticsearch."""

    client: Elasticsearch
    result: Mapping[str, Any]
    """What `analyze` said of it."""
    plain: str
    """The namespace of the capture alone."""
    rich: str
    """That of a site with zones, the internet, sensors, and things that people did."""

    @property
    def both(self) -> tuple[str, str]:
        """Both namespaces."""
        return self.plain, self.rich

    def ask(self, panel: LensPanel, *namespaces: str) -> dict[str, Any]:
        """What the server says to a panel."""
        stream = VIEW[panel.view].stream
        index = ",".join(f"{stream}-{name}" for name in namespaces)
        answer = self.client.search(index=index, ignore_unavailable=True, **panel.request())
        return dict(answer)

    def rows(self, board: str, title: str) -> list[dict[str, Any]]:
        """What a panel shows of the capture alone."""
        panel = named(board, title)
        return rows(panel, self.ask(panel, self.plain))

    def number(self, board: str, title: str) -> Any:
        """The figure of a panel of the capture alone."""
        (row,) = self.rows(board, title)
        (value,) = row.values()
        return value


def named(board: str, title: str) -> LensPanel:
    (panel,) = (one for one in PANELS if (one.board, one.title) == (board, title))
    return panel


@contextlib.contextmanager
def shipped_plant(es_server: Node, folder: Path) -> Iterator[Plant]:
    """The plant in an Elasticsearch, alone and as a site knows it."""
    plain, rich = "plain", "rich"
    with es_server.client() as client:
        [*setup.install(client, "none")]
        shipped = ("--elastic", es_server.url)
        configs = {name: folder / f"{name}.toml" for name in (plain, rich)}
        configs[plain].write_text(f'[elastic]\nnamespace = "{plain}"\n')
        configs[rich].write_text(SITE % rich)
        given = ("--no-keep", "--config", configs[plain], *shipped, PLANT)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            run("analyze", "--format", "json", *given)
        state = folder / "site.otmon"
        given = ("--state", state, "--config", configs[rich])
        for name in ("inventory/public_peer", "inventory/known", "inventory/firmware",
                     "network/remote_access"):  # fmt: skip
            run("analyze", *given, *shipped, PCAPS / f"{name}.pcapng")
        habits, departures = (PCAPS / "baseline" / f"{name}.pcapng" for name in BASELINE)
        alone = ("--no-keep", "--config", configs[rich], *shipped)
        run("analyze", *alone, "--baseline", habits, departures)
        lists = folder / "lists.csv"
        lists.write_text(ADVISORIES)
        run("analyze", *given, "--advisories", lists, *shipped, PLANT)
        run("alerts", "ack", "--state", state, "--author", "kim", "--note", "known work", "1")
        run("elastic", "send", *given, *shipped)
        for draft in further():
            made = documents.finished(Sensor("waterworks/tap-1", "waterworks", "tap-1", rich),
                                      draft, 1, now_ns())  # fmt: skip
            assert not isinstance(made, tuple)
            client.index(index=made.target, id=made.id, op_type="create", document=made.body)
        client.indices.refresh(index="_all")
        yield Plant(client, json.loads(said.getvalue()), plain, rich)


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    assert not ended.value.code


def further() -> Iterator[documents.Draft]:
    """What no capture gives: health, as a monitor writes it; weaknesses; a device of today."""
    sensor = Sensor("waterworks/tap-1", "waterworks", "tap-1", "rich")
    now = now_ns()
    figures = {
        "uptime_s": 60, "packets": 1000, "bytes": 64000, "dropped_kernel": 3, "dropped_queue": 0,
        "capture_interfaces": ["eth1"], "rss_bytes": 1 << 26, "disk_free_bytes": 1 << 34,
        "remarks": ["3 frames were lost"], "outbox_rows": 7, "outbox_bytes": 7000,
        "outbox_oldest_age_s": 9, "delivered": 100, "duplicates": 0, "retried": 0,
        "dead_letter": 1, "dropped_documents": 0, "decode_errors": 2, "flows_active": 40,
        "cpu_pct": 12.5, "clock_synchronised": True, "clock_offset_ms": -0.25,
        "clock_error_ms": 4.5, "last_ack_at": documents.Moment(now),
    }  # fmt: skip
    yield documents.sensor_health(sensor, now, figures)
    unset = {"clock_synchronised": False, "clock_offset_ms": None, "clock_error_ms": None}
    yield documents.sensor_health(sensor, now - 60_000_000_000, figures | unset)
    new = documents.sensor_health(sensor, now + 1, {})
    yield dataclasses.replace(
        new,
        stream="asset-latest",
        fields={
            **{name: value for name, value in new.fields.items() if "data_stream" not in name},
            "event.dataset": "otmon.asset_latest",
            "related.ip": ["10.20.1.99"],
            "otmon.asset.id": "a-new",
            "otmon.asset.zone": "stations",
            "otmon.asset.state": "stale",
            "otmon.asset.vendor": "Siemens",
            "otmon.asset.order_code": "6ES7 315",
            "otmon.asset.firmware": "V3.2",
            "otmon.asset.first_seen_at": documents.Moment(now),
            "otmon.asset.last_seen_at": documents.Moment(now),
        },
        version=0,
    )
