"""`otmon report`: one page that needs nothing else, and a workbook that has everything."""

from __future__ import annotations

import base64
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commands import run
from places import PCAPS

import otmon
from otmon.errors import StateError, UsageError

PLANT = PCAPS / "demo" / "plant.pcapng"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "site.otmon"
    otmon.analyze(PLANT, state=path)
    return path


@pytest.fixture(scope="module")
def made(state: Path) -> tuple[str, Path]:
    """The page, and the workbook beside it."""
    page, book = state.with_name("report.html"), state.with_name("report.xlsx")
    run("report", "--state", state, "-o", page, "-o", book)
    return page.read_text(encoding="utf-8"), book


class Page(HTMLParser):
    """The elements of a page, and whether each is closed."""

    VOID = frozenset(("meta", "br", "line", "rect", "circle", "i"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def sheets(book: Path) -> dict[str, list[list[str]]]:
    """The rows of each sheet, as text."""
    with zipfile.ZipFile(book) as packed:
        strings = [
            "".join(part.text or "" for part in one.iter(f"{MAIN}t"))
            for one in ElementTree.fromstring(packed.read("xl/sharedStrings.xml"))
        ]
        names = [
            one.attrib["name"]
            for one in ElementTree.fromstring(packed.read("xl/workbook.xml")).iter(f"{MAIN}sheet")
        ]
        found = {}
        for place, name in enumerate(names, 1):
            root = ElementTree.fromstring(packed.read(f"xl/worksheets/sheet{place}.xml"))
            found[name] = [
                [
                    strings[int(value)] if cell.get("t") == "s" else value
                    for cell in row
                    if (value := cell.findtext(f"{MAIN}v")) is not None
                ]
                for row in root.iter(f"{MAIN}row")
            ]
            assert not list(root.iter(f"{MAIN}f")), "a formula"
    return found


def test_the_page_needs_nothing_but_itself(made):
    page, _ = made
    elements = Page(page).seen

    assert "://" not in page
    assert not [tag for tag, _ in elements if tag in ("script", "link", "img", "iframe", "object")]
    for tag, attributes in elements:
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "data:application/octet-stream;base64,")), (tag, href)
        assert "src" not in attributes


def test_every_element_of_the_page_is_closed_and_every_link_leads_somewhere(made):
    page = Page(made[0])

    assert [] == page.open
    ids = {attributes["id"] for _, attributes in page.seen if "id" in attributes}
    links = {(attributes.get("href") or "")[1:] for tag, attributes in page.seen if tag == "a"}
    assert {one for one in links if not one.startswith("ata:")} <= ids


def test_the_page_has_every_part(made):
    for part in ("capture", "map", "timeline", "alerts", "devices", "conversations", "transfers"):
        assert f'<h2 id="{part}">' in made[0]


def test_every_alert_is_on_the_page_and_on_the_timeline(made, state):
    page = made[0]
    alerts = otmon.analyze(PLANT).alerts

    for alert in alerts:
        assert f'id="alert-{alert.id}"' in page
        assert f'<a href="#alert-{alert.id}"><title>' in page
        assert alert.rule.title in page


def test_the_evidence_on_the_page_is_a_capture(made, tmp_path):
    found = re.search(r'download="alert-1\.pcapng" href="data:[^,]*,([^"]+)"', made[0])
    assert found
    path = tmp_path / "alert-1.pcapng"
    path.write_bytes(base64.b64decode(found[1]))

    assert "plc_stop" in {pdu["operation"] for pdu in otmon.pdus(path)}


def test_the_map_shows_devices_by_level_and_who_changes_something(made):
    found = re.search(r'<svg class="map".*?</svg>', made[0], re.S)
    assert found
    picture = found[0]

    for said in ("2 supervision", "1 control", "10.20.1.10", "10.20.2.21", "hmi"):
        assert said in picture
    assert '<path class="change"' in picture
    assert "10.20.1.66 to 10.20.2.21, s7comm: program_download" in picture


def test_what_traffic_says_never_becomes_markup_or_a_formula(state, tmp_path):
    page, book = tmp_path / "r.html", tmp_path / "r.xlsx"
    run("report", "--state", state, "--title", "=1+<b>2</b>", "-o", page, "-o", book)

    assert "<h1>=1+&lt;b&gt;2&lt;/b&gt;</h1>" in page.read_text(encoding="utf-8")
    assert ["title", "=1+<b>2</b>"] == sheets(book)["Summary"][1]


def test_the_workbook_has_every_row(made):
    found = sheets(made[1])
    result = otmon.analyze(PLANT)

    assert len(result.alerts) == len(found["Alerts"]) - 1
    assert len(result.assets) == len(found["Devices"]) - 1
    assert len(result.conversations) == len(found["Conversations"]) - 1
    assert sum(len(one.evidence) for one in result.assets) == len(found["Claims"]) - 1
    assert sum(len(one.violations) for one in result.alerts) == len(found["Violations"]) - 1
    assert len(result.contents) == len(found["Transfers"]) - 1


def test_the_same_analysis_gives_the_same_bytes(made, state, tmp_path):
    page, book = tmp_path / "again.html", tmp_path / "again.xlsx"
    run("report", "--state", state, "-o", page, "-o", book)

    assert made[0] == page.read_text(encoding="utf-8")
    assert made[1].read_bytes() == book.read_bytes()


def test_a_report_of_nothing_says_so(tmp_path):
    state, page = tmp_path / "site.otmon", tmp_path / "r.html"
    otmon.analyze(PCAPS / "tristation" / "odd_port.pcapng", state=state)
    run("report", "--state", state, "-o", page)

    assert "There are no alerts." in page.read_text(encoding="utf-8")


def test_only_its_owner_may_read_a_report(state, tmp_path):
    page = tmp_path / "r.html"
    run("report", "--state", state, "--no-frames", "-o", page)

    assert 0o600 == page.stat().st_mode & 0o777
    assert "octet-stream" not in page.read_text(encoding="utf-8")


def test_what_cannot_be_done_says_what_to_do(state, tmp_path):
    with pytest.raises(UsageError, match=r"ends neither in \.html nor in \.xlsx"):
        run("report", "--state", state, "-o", tmp_path / "r.pdf")
    with pytest.raises(StateError):
        run("report", "--state", tmp_path / "none.otmon")
