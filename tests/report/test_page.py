"""The page of a report, with what a large site or a poor capture has in it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from otmon.report.content import Content
from otmon.report.page import MAX_FILES, html
from otmon.report.zone_map import MAX_DEVICES, svg

FILE = {"path": "a.pcap", "format": "pcap", "packets": 1, "bytes": 60}
RECT = re.compile(
    r'<rect class="(zone|device)" x="(\d+)" y="(\d+)"(?: rx="6")? width="(\d+)" height="(\d+)"'
)


def device(place: int, zone: str, **facts: Any) -> dict[str, Any]:
    own = {"id": f"a-{place}", "ip": [f"10.0.{place}.1"], "mac": [], "zone": zone, "gateway": None}
    blank = dict.fromkeys(("vendor", "model", "order_code", "firmware", "serial", "hostname"))
    lists = {"roles": ["plc"], "role_candidates": [], "modules": [], "advisories": []}
    return {**blank, **lists, **own, "purdue_level": 1.0, "evidence": [], **facts}


def talk(client: str, server: str, **facts: Any) -> dict[str, Any]:
    ends = {"client": client, "server": server, "client_ip": None, "server_ip": None}
    line = {"protocol": "modbus", "transport": "tcp", "port": 502}
    counts = {"classes": {"read": 1}, "pdus": 2, "failures": 0, "bytes": 120}
    return {**ends, **line, **counts, **facts}


def report(**parts: Any) -> Content:
    capture = {
        "files": [FILE],
        "first_seen": 0,
        "last_seen": 10**9,
        "packets": 1,
        "bytes": 60,
        "pdus": 0,
        "remarks": [],
        "rule_errors": [],
    }
    nothing = Content("Title", "0.1.0", capture, (), (), (), (), (), (), {})
    return replace(nothing, **parts)


def test_the_frame_of_a_zone_holds_its_devices_and_no_others() -> None:
    # Zones of one to twelve devices, so that lines end within some of them.
    zones = [f"zone {size}" for size in range(1, 11) for _ in range(size)]
    assets = [device(place, zone) for place, zone in enumerate(zones[:MAX_DEVICES])]
    talks = [talk(assets[0]["id"], asset["id"]) for asset in assets[1:]]
    drawn = svg(report(assets=assets, conversations=talks))
    found = [(kind, *map(int, place)) for kind, *place in RECT.findall(drawn)]
    frames = [box for kind, *box in found if kind == "zone"]
    boxes = [box for kind, *box in found if kind == "device"]

    assert len(assets) == len(boxes)
    assert [1] * len(boxes) == [sum(holds(frame, box) for frame in frames) for box in boxes]
    assert [] == [(a, b) for a in frames for b in frames if a is not b and overlap(a, b)]


def holds(frame: list[int], box: list[int]) -> bool:
    inside = frame[0] <= box[0] and box[0] + box[2] <= frame[0] + frame[2]
    return inside and frame[1] <= box[1] and box[1] + box[3] <= frame[1] + frame[3]


def overlap(one: list[int], other: list[int]) -> bool:
    across = one[0] < other[0] + other[2] and other[0] < one[0] + one[2]
    return across and one[1] < other[1] + other[3] and other[1] < one[1] + one[3]


def test_a_conversation_names_the_address_that_spoke() -> None:
    twofold = device(1, "z", ip=["10.0.1.1", "10.0.1.2"])
    spoken = talk("a-1", "a-2", client_ip="10.0.1.2", server_ip="10.0.2.1")
    page = html(report(assets=[twofold, device(2, "z")], conversations=[spoken]))

    assert '<td class="k">10.0.1.2</td><td class="k">10.0.2.1</td>' in page


def test_many_files_are_folded() -> None:
    few, many = ({**report().capture, "files": [FILE] * n} for n in (MAX_FILES, MAX_FILES + 1))

    assert "<summary>" not in html(report(capture=few))
    assert f"<summary>{MAX_FILES + 1} files</summary>" in html(report(capture=many))


def test_a_capture_that_begins_in_1970_says_so() -> None:
    assert "1970-01-01 00:00:00.000 to 1970-01-01 00:00:01.000 UTC" in html(report())


def test_what_the_capture_cannot_show_stands_where_quality_would() -> None:
    poor = html(report(quality=("one-sided: check the mirror port",)))

    assert '<p class="warn">one-sided: check the mirror port</p>' in poor
    assert "no gaps" not in poor
    assert "no gaps, no duplicates, nothing left undecoded" in html(report())


def test_empty_tables_are_not_shown() -> None:
    page = html(report())

    assert "<table" not in page
    assert "No device was seen." in page
    assert "<b>0</b> devices" in page
    assert "<b>1</b> device<" in html(report(assets=[device(1, "z")]))
